"""Sliced Wasserstein distance of patches: its parts against closed forms and scipy, and whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from training.distributed import World
from training.metrics import MetricsConfig, MetricsError, evaluate
from training.metrics.metric_session import Session
from training.metrics.sliced import (
    DIRECTIONS,
    PATCH,
    QUANTILES,
    Level,
    cut,
    distance,
    measure,
    pyramid,
    quantiles,
    real_levels,
)
from training.networks.generator import Generator


@pytest.fixture(scope="module")
def config(tmp_path_factory, write_clips):
    folder = tmp_path_factory.mktemp("sliced")
    return MetricsConfig(
        folder / "G.safetensors",
        data=write_clips([16, 20, 16]),
        metrics="swd",
        pictures=12,
        batch=5,
        cache=folder / "cache",
    )


@pytest.mark.parametrize("side", [64, 48, 20, 9])
def test_a_pyramid_adds_up_to_its_picture(side):
    picture = torch.rand(2, 3, side, side)
    *finer, whole = pyramid(picture)
    for level in reversed(finer):
        doubled = torch.zeros_like(level)
        doubled[:, :, ::2, ::2] = whole
        taps = torch.tensor([1.0, 4, 6, 4, 1]) / 8
        kernel = torch.outer(taps, taps).expand(3, 1, 5, 5)
        padded = torch.nn.functional.pad(doubled, (2, 2, 2, 2), mode="reflect")
        whole = level + torch.nn.functional.conv2d(padded, kernel, groups=3)
    assert torch.allclose(whole, picture, atol=1e-6)


def test_levels_separate_scales():
    """A flat picture is all in the last level, a chequerboard all in the first."""
    sides = [level.shape[-1] for level in pyramid(torch.zeros(1, 3, 64, 64))]
    assert sides == [64, 32, 16]
    flat = pyramid(torch.full((1, 3, 64, 64), 0.7))
    assert [level.abs().max().item() > 1e-5 for level in flat] == [False, False, True]
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2 - 0.5
    fine = pyramid(board.expand(1, 3, 64, 64))
    assert fine[0].abs().min() > 0.4
    assert max(level.abs().max() for level in fine[1:]) < 1e-5


def test_patches_are_those_of_the_places():
    level = torch.arange(2 * 3 * 9 * 12.0).reshape(2, 3, 9, 12)
    places = torch.tensor([[[0.0, 0.0], [0.99, 0.99]], [[0.5, 0.5], [0.0, 0.99]]])
    found = cut(level, places).unflatten(-1, (PATCH, PATCH))
    assert torch.equal(found[0, 0], level[0, :, :7, :7])
    assert torch.equal(found[0, 1], level[0, :, 2:, 5:])
    assert torch.equal(found[1, 0], level[1, :, 1:8, 3:10])
    assert torch.equal(found[1, 1], level[1, :, :7, 5:])


def test_the_distance_of_one_direction_is_scipy_s():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=3000), rng.exponential(size=5000)
    one = torch.ones(1, 1, dtype=torch.float64)
    found = [quantiles(torch.from_numpy(x)[:, None], one) for x in (first, second)]
    ours = (found[0] - found[1]).abs().mean().item()
    assert ours == pytest.approx(wasserstein_distance(first, second), rel=0.01)


def test_the_distance_of_shifted_gaussians(tiny_generator, config):
    """A shift of every number of a patch by d moves the projection on v by d times the sum of v."""
    session = Session(tiny_generator, config, World())
    patches = torch.randn(4000, 3, PATCH**2, generator=torch.Generator().manual_seed(0))
    level = Level(torch.zeros(3), torch.ones(3), torch.zeros(DIRECTIONS, QUANTILES))
    assert distance(session, level, patches) == pytest.approx((2 / np.pi) ** 0.5, rel=0.02)
    from training.metrics.sliced import unit_directions

    directions = unit_directions(session)
    real = replace(level, quantiles=quantiles(patches.flatten(1), directions))
    assert distance(session, real, patches) == 0
    expected = 0.5 * directions.sum(dim=1).abs().mean().item()
    assert distance(session, real, patches + 0.5) == pytest.approx(expected, rel=0.01)


def test_real_pictures_are_nearer_to_themselves_than_generated_ones(config, tiny_generator):
    session = Session(tiny_generator, config, World(), quiet=True)
    result = measure(session, ["swd"])["swd"]
    assert result.value is not None
    assert result.samples == 12
    assert list(result.facts) == ["16px"]
    generator_state = torch.get_rng_state()
    again = measure(session, ["swd"])["swd"]
    assert again == result
    assert torch.equal(torch.get_rng_state(), generator_state), "it must not draw from training's"

    level = real_levels(session)[16]
    from training.metrics import sliced

    dataset = sliced.open_dataset(session)
    numbers = list(range(100, 112))
    others = cut(
        sliced.real_pictures(session, dataset, numbers).float() / 127.5 - 1, torch.rand(12, 64, 2)
    ).flatten(0, 1)
    assert distance(session, level, others) * 1000 < result.value / 3


def test_statistics_are_kept_and_a_damaged_file_is_mended(config, tiny_generator, monkeypatch):
    session = Session(tiny_generator, config, World(), quiet=True)
    first = measure(session, ["swd"])["swd"]
    (kept,) = config.cache.iterdir()
    from training.metrics import sliced

    with monkeypatch.context() as patch:
        patch.setattr(sliced, "real_pictures", None)  # nothing real is read again
        assert measure(session, ["swd"])["swd"] == first
    kept.write_bytes(kept.read_bytes()[:500])
    assert measure(session, ["swd"])["swd"] == first
    assert kept.stat().st_size > 500
    measure(replace(session, config=replace(config, seed=1)), ["swd"])
    assert len(list(config.cache.iterdir())) == 2


def test_the_command_knows_it(config, tiny_generator):
    report = evaluate(config, World(), G=tiny_generator)
    assert str(report).split("\n")[1].startswith("swd")


def test_pictures_can_be_too_small(config, tiny_generator: Generator):
    torch.manual_seed(0)
    small = replace(
        tiny_generator.config, rendering=replace(tiny_generator.config.rendering, raw_resolution=6)
    )
    session = Session(Generator(small).eval(), config, World(), quiet=True)
    with pytest.raises(MetricsError, match="at least 7 px"):
        measure(session, ["swd"])
