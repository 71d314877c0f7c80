"""What codes mean is learnt before any picture is drawn."""

import copy

import numpy as np
import pytest
import torch

from training.data import DatasetError
from training.networks.generator import Generator
from training.synthetic.expression import EXPRESSIONS, expr_weights
from training.synthetic.traits import CHOICES, IDENTITY_DIM, PLACES, identity_from_u
from training.train.step import Draws
from training.warmup.known_codes import Codes, fusers, prepare
from training.warmup.lessons import Lesson, check, synthetic_heads, teach

CPU = torch.device("cpu")


def bent(count: int, numbers: int, seed: int) -> Lesson:
    """A threshold, a bump and a product."""
    rows = np.random.default_rng(seed).standard_normal((count, numbers))
    bump = np.exp(-((abs(rows[:, 0]) - 1) ** 2) / 0.1)
    return Lesson.of(rows, np.stack([rows[:, 0] > 0.3, bump, rows[:, 0] * rows[:, 1]], axis=1), CPU)


@pytest.fixture
def generator(small_generator: Generator) -> Generator:
    """One to change."""
    return copy.deepcopy(small_generator).requires_grad_(True)


def told(output: torch.Tensor, lesson: Lesson) -> float:
    """Share of the meaning that the best linear map of an output tells."""
    reads = torch.cat([output, torch.ones(len(output), 1)], dim=1)
    best = torch.linalg.lstsq(reads, lesson.meaning).solution
    return 1 - float((reads @ best - lesson.meaning).square().mean())


def test_thresholds_bumps_and_products_are_learnt(generator):
    G = generator
    codes = Codes.draw(3, 2, G)
    prepare(G, codes)
    others = {name: x.clone() for name, x in G.state_dict().items()}
    people, motions = bent(2000, 3, seed=0), bent(2000, 2, seed=1)
    noise = torch.randn(2000, 16)

    @torch.no_grad()
    def shares() -> list[float]:
        found = [told(G.mapping(codes.z(people.numbers, noise))[:, 0], people)]
        for fuser in fusers(G):
            moved = fuser.motion_mlp(fuser.affine(motions.numbers @ codes.motion))
            found.append(told(moved, motions))
        return found

    before = shares()
    steps = list(teach(G, codes, people, motions, 250, Draws((0,), CPU)))
    assert len(steps) == 250 * len(before)
    assert steps[0][0] == "the mapping"
    for start, end in zip(before, shares(), strict=True):
        assert 1 - end < 0.9 * (1 - start)
    changed = {name for name, x in G.state_dict().items() if not torch.equal(x, others[name])}
    assert changed
    assert all("mapping.fc" in name or "motion_time_fuser" in name for name in changed)
    assert not any(".conv." in name for name in changed)


def test_a_mapping_can_begin_where_choices_change(small_generator: Generator):
    """It tells a step before it has learnt anything."""
    rows = np.random.default_rng(0).standard_normal((4000, 3))
    step = Lesson.of(rows, rows[:, :1] > 0.9, CPU)
    shares = []
    for changes in ((), [(0, 0.9)]):
        G = copy.deepcopy(small_generator).requires_grad_(False)
        codes = Codes.draw(3, 2, G)
        prepare(G, codes, changes)
        fc0 = G.backbone.mapping.get_submodule("fc0")
        z = codes.z(step.numbers, torch.randn(4000, 16))
        camera = torch.zeros(4000, G.config.w_dim)
        shares.append(told(fc0(torch.cat([z, camera], dim=1)), step))
    assert shares[1] > 0.9
    assert shares[1] > shares[0] + 0.05


def test_a_taught_mapping_still_reads_nothing_of_the_random_part(generator):
    G = generator
    codes = Codes.draw(3, 2, G)
    prepare(G, codes)
    lesson = bent(200, 3, seed=0), bent(200, 2, seed=1)
    list(teach(G, codes, *lesson, 3, Draws((0,), CPU)))
    read = G.backbone.mapping.get_parameter("fc0.weight")[:, :16]
    assert torch.allclose(
        read @ codes.identity.t() @ codes.identity, read, atol=1e-3 * float(read.detach().std())
    )


def test_synthetic_heads_tell_traits_and_expressions():
    drawing = synthetic_heads(CPU, steps=1)
    assert [next(drawing), next(drawing)] == ["drawing people", "drawing motions"]
    with pytest.raises(StopIteration) as end:
        next(drawing)
    people, motions = end.value.value
    assert people.numbers.shape == (512, IDENTITY_DIM)
    assert motions.meaning.shape == (512, len(EXPRESSIONS))
    for lesson in (people, motions):
        assert lesson.meaning.isfinite().all()
        assert lesson.meaning.mean(dim=0).abs().max() < 1e-4
    persons = [identity_from_u(u) for u in people.numbers.double().numpy()]
    red = torch.tensor([float(person.shirt[0]) ** (1 / 2.2) for person in persons])
    red = (red - red.mean()) / red.std()
    assert (people.meaning - red[:, None]).abs().max(dim=0).values.min() < 1e-3
    styles = people.numbers[:, PLACES["style"], None].numpy()
    near = np.abs(styles - CHOICES["style"]).min(axis=1) < 0.02
    others = np.random.default_rng(1).standard_normal((20_000, 1))
    expected = (np.abs(others - CHOICES["style"]).min(axis=1) < 0.02).mean()
    assert near.mean() > 1.15 * expected, "more people than by chance stand near a change"
    m = motions.numbers[3].double().numpy()
    assert set(expr_weights(m, 1.0)) <= set(EXPRESSIONS)


def test_numbers_of_other_data_are_not_taught():
    check(IDENTITY_DIM, 16, "heads")
    with pytest.raises(DatasetError, match="--teach 0"):
        check(3, 2, "balls")
