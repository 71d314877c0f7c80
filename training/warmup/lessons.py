"""Pretrains the layers that read the codes to predict the meaning of the codes' numbers, before any
picture is rendered.

Hair or a blink depends on the numbers through thresholds, tables and products, which are learnt
slowly from pictures, as gradients reach the first layers weak and mixed. If the meaning is known,
as for synthetic heads, the layers learn it directly within a minute, from any number of random
samples. Then every trait is a linear function of the mapping's w, and the expression of a motion
layer's output.
"""

from __future__ import annotations

import math
from collections import abc
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from training.data import DatasetError
from training.networks.generator import Generator
from training.networks.layers import FullyConnected
from training.synthetic.expression import MOTION_DIM, expr_vector
from training.synthetic.traits import CHOICES, IDENTITY_DIM, PLACES, identity_from_u
from training.train.step import Draws
from training.warmup.known_codes import Codes, fusers

_BATCH = 512
_PEOPLE, _MOMENTS = 195, 117
"""Number of batches of people, and of times in motions, to draw."""
_NEAR_A_CHANGE, _HOW_NEAR = 0.4, 0.15
"""Fraction of people near a discontinuity, and how near: otherwise few samples would show that hair
has one style or another and never something in between."""
_LR, _HEAD_LR = 0.06, 0.003
"""Learning rates of weights stored with unit variance, and of other parameters."""


@dataclass(frozen=True)
class Lesson:
    """P random samples of numbers with their meanings."""

    numbers: Tensor
    """float32 [P, K]."""
    meaning: Tensor
    """float32 [P, F], each column with mean 0 and standard deviation 1."""

    @classmethod
    def of(cls, numbers: ArrayLike, meaning: ArrayLike, device: torch.device) -> Lesson:
        """A lesson from numbers [P, K] and their meanings [P, F], in any units."""
        known, meant = (
            torch.from_numpy(np.asarray(rows, np.float32)).to(device) for rows in (numbers, meaning)
        )
        spread = meant.std(dim=0).clamp_min(1e-3)
        return cls(known, (meant - meant.mean(dim=0)) / spread)


def changes() -> list[tuple[int, float]]:
    """Discontinuities of synthetic people: indices of numbers, and values where a choice
    changes."""
    return [(PLACES[name], float(at)) for name, found in CHOICES.items() for at in found]


def check(identity: int, motion: int, path: str) -> None:
    """Checks that the meaning of a data set's numbers is known.

    Raises:
        training.data.DatasetError: when they are not.
    """
    if (identity, motion) != (IDENTITY_DIM, MOTION_DIM):
        raise DatasetError(
            f"{path} describes a person by {identity} numbers and a motion by {motion}, but "
            f"`training.synthetic` uses {IDENTITY_DIM} and {MOTION_DIM}, so their meaning is not "
            "known and cannot be taught: add --teach 0."
        )


def teach(
    G: Generator, codes: Codes, identity: Lesson, motion: Lesson, steps: int, draws: Draws
) -> abc.Iterator[tuple[str, float]]:
    """Trains the mapping and the first layers of each motion layer, step by step.

    Args:
        G: a new generator.
        codes: the bases of its codes.
        identity: numbers of people with their meanings.
        motion: numbers of motions, times t, with their meanings.
        steps: training steps for each part.
        draws: random numbers for the codes' random parts and the order.

    Yields:
        the part being trained, and the fraction of the meaning's variance that a linear map of its
        output did not explain in the last step.
    """
    mapping = G.backbone.mapping

    def w(numbers: Tensor) -> Tensor:
        shape = len(numbers), G.config.z_dim
        noise = torch.randn(shape, generator=draws.local, device=numbers.device)
        return G.mapping(codes.z(numbers, noise))[:, 0]

    first = [mapping.get_submodule(f"fc{k}") for k in range(mapping.num_layers)]
    for missed in _teach(first, w, identity, steps, draws):
        codes.confine(G)
        yield "the mapping", missed
    for fuser in fusers(G):
        layers = nn.Sequential(fuser.affine, *fuser.motion_mlp)

        def moved(numbers: Tensor, layers: nn.Module = layers) -> Tensor:
            return layers(numbers @ codes.motion)

        for missed in _teach(layers, moved, motion, steps, draws):
            codes.confine(G)
            yield f"the motion at {fuser.conv.noise_const.shape[-1]} px", missed


def synthetic_heads(
    device: torch.device, steps: int
) -> abc.Generator[str, None, tuple[Lesson, Lesson]]:
    """Draws numbers of people, and of motions times t, with their meanings in `training.synthetic`.

    Args:
        device: device of the lessons.
        steps: steps of `teach` that will use them; few steps need fewer samples.

    Yields:
        what is drawn next, one batch at a time.

    Returns:
        the lessons on people and on motions.
    """
    rng = np.random.default_rng(0)
    u = rng.standard_normal((_BATCH * min(_PEOPLE, steps), IDENTITY_DIM))
    _gather_near_changes(u, rng)
    m = rng.standard_normal((_BATCH * min(_MOMENTS, steps), MOTION_DIM))
    m *= rng.choice((0.25, 0.5, 0.75, 1.0), (len(m), 1), p=(0.1, 0.2, 0.1, 0.6))
    traits, expressions = [], []
    for batch in np.split(u, len(u) // _BATCH):
        yield "drawing people"
        traits += [identity_from_u(row).numbers() for row in batch]
    for batch in np.split(m, len(m) // _BATCH):
        yield "drawing motions"
        expressions += [expr_vector(row, 1.0) for row in batch]
    return Lesson.of(u, traits, device), Lesson.of(m, expressions, device)


def _gather_near_changes(u: np.ndarray, rng: np.random.Generator) -> None:
    """Moves some of the people [P, IDENTITY_DIM] close to a discontinuity."""
    places, values = map(np.array, zip(*changes(), strict=True))
    moved = np.flatnonzero(rng.random(len(u)) < _NEAR_A_CHANGE)
    chosen = rng.integers(len(places), size=len(moved))
    u[moved, places[chosen]] = values[chosen] + _HOW_NEAR * rng.standard_normal(len(moved))


def teach_heads(G: Generator, codes: Codes, steps: int, draws: Draws) -> abc.Iterator[str]:
    """Draws the lessons on synthetic heads and trains on them, see `teach`; yields a description of
    the current part, `length(G, steps)` times."""
    people, motions = yield from synthetic_heads(G.device, steps)
    for what, missed in teach(G, codes, people, motions, steps, draws):
        yield f"{what}, {missed:.0%} unexplained"


def length(G: Generator, steps: int) -> int:
    """Number of steps that `teach_heads` yields."""
    drawn = min(_PEOPLE, steps) + min(_MOMENTS, steps)
    return drawn + steps * (1 + len(list(fusers(G))))


def _teach(
    layers: abc.Iterable[nn.Module],
    run: abc.Callable[[Tensor], Tensor],
    lesson: Lesson,
    steps: int,
    draws: Draws,
) -> abc.Iterator[float]:
    """Trains fully connected layers so that a linear map of their output predicts the meaning."""
    device = lesson.numbers.device
    width = run(lesson.numbers[:2]).shape[1]
    head = nn.Linear(width, lesson.meaning.shape[1], device=device)
    nn.init.zeros_(head.weight)
    groups: list[dict] = [{"params": list(head.parameters()), "factor": _HEAD_LR}]
    for layer in layers:
        assert isinstance(layer, FullyConnected)
        groups.append({"params": [layer.weight], "factor": _LR / layer.lr_mul})
        groups.append({"params": [layer.bias], "factor": _HEAD_LR / layer.lr_mul})
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.98))
    for step in range(steps):
        rate = min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        chosen = torch.randint(len(lesson.numbers), (_BATCH,), generator=draws.local, device=device)
        loss = F.mse_loss(head(run(lesson.numbers[chosen])), lesson.meaning[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()
