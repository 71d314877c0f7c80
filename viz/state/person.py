"""The person shown and their motion: seeds on two pads, with blends and style mixing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from training.named_directions import decoded, stepped
from viz.state.errors import UserError
from viz.state.settings import Fraction, Range

LAST_SEED = 2**32 - 1
"""The greatest seed."""
PERSON_SUFFIX = ".person"
"""Ending of person files; see `viz.render.person_file`."""
SEEDS_A_ROW = 100
"""Layout of the pads: one place to the right is the next seed, one up is this many seeds on."""

Seed = Annotated[int, Range(0, LAST_SEED)]
PadPlace = Annotated[float, Range(-(10**10), 10**10)]


def unfinished(path: Path) -> Path:
    """The file beside an unfinished person file or motion track, from which it resumes:
    NAME.person.unfinished or NAME.track.unfinished."""
    return path.with_name(f"{path.name}.unfinished")


@dataclass(frozen=True)
class Shift:
    """A step along a direction in a space of codes. It holds the direction itself, so that a
    session shows the same wherever it is opened."""

    name: str
    """The direction's name in the interface."""
    vector: str
    """The direction, with the length of one standard deviation: little-endian float32 numbers in
    base64."""
    amount: Annotated[float, Range(-100, 100, "\u03c3", slider=(-3, 3))] = 0.0
    """How far, in standard deviations."""
    layers: tuple[Annotated[int, Range(0, 1000)], ...] = ()
    """Layers whose w it shifts, in ascending order; empty for all of them, and for motions."""
    base: str = ""
    """For a motion's named direction, the code from which the amount counts, in the same encoding.
    The motion's own part along both is removed, so that all motions reach the same; see
    `training.named_directions`."""
    muted: bool = False
    """Whether it is muted."""

    @property
    def direction(self) -> tuple[str, tuple[int, ...], str]:
        """What distinguishes it from steps along other directions."""
        return self.vector, self.layers, self.base

    def added_to(self, code: np.ndarray, what: str) -> np.ndarray:
        """A code float32 [dim] after this step, or as it is where the step is muted.

        Raises:
            UserError: when the direction is damaged or belongs to another model.
        """
        if self.muted:
            return code
        base = self._decoded(self.base, len(code), what) if self.base else None
        return stepped(code, self._decoded(self.vector, len(code), what), self.amount, base)

    def _decoded(self, text: str, dim: int, what: str) -> np.ndarray:
        try:
            found = decoded(text)
        except ValueError as error:
            raise UserError(f"The direction {self.name} is damaged: clear it.") from error
        if found.shape != (dim,):
            raise UserError(
                f"The direction {self.name} has {found.size} numbers; {what} of this model has "
                f"{dim}: clear it under Directions."
            )
        return found


def with_shift(shifts: tuple[Shift, ...], new: Shift) -> tuple[Shift, ...]:
    """The shifts with a new one, which replaces the one along the same direction of the same
    layers; an amount of 0 removes it."""
    directions = [shift.direction for shift in shifts]
    place = directions.index(new.direction) if new.direction in directions else len(shifts)
    kept = (new,) if new.amount else ()
    return shifts[:place] + kept + shifts[place + 1 :]


def amount_along(shifts: tuple[Shift, ...], along: Shift) -> float:
    """How far the shifts step along the direction of another one."""
    return next((s.amount for s in shifts if s.direction == along.direction), 0.0)


@dataclass(frozen=True)
class Latent:
    """The person: the appearance code, as the user chooses it."""

    x: PadPlace = 0.0
    """Position on the seed pad. Whole numbers are seeds; between them the four neighbours' w
    blend."""
    y: PadPlace = 0.0
    """Position on the seed pad; one up is 100 seeds further."""
    psi: Annotated[float, Range(-10, 10, slider=(-1, 2))] = 1.0
    """Truncation: 1 is the person as drawn, 0 the average person; below 0 is the opposite, above 1
    exaggerates."""
    cutoff: Annotated[int, Range(0, 1000, "layers")] | None = None
    """How many layers ψ acts on, from the coarsest one; the finer ones stay as drawn.

    None is all of them.
    """
    mix_seed: Seed = 1
    """Seed of the person whose w the marked layers take: style mixing."""
    mix_layers: tuple[Annotated[int, Range(0, 1000)], ...] = ()
    """Layers that take the second seed's w, in ascending order."""
    blend_seed: Seed = 2
    """Seed of another person to blend with."""
    blend: Fraction = 0.0
    """How much of the other person is in the blend: 0 is this person, 1 the other; between them
    their w blend."""
    ws_file: str = ""
    """File of a person to show instead of a seed: a person file (.person), or ws [num_ws, w_dim]
    alone (.npy, or .npz with the key ws)."""
    expression: Annotated[float, Range(-10, 10, "%", slider=(0, 1.5))] = 0.0
    """How much of the photo's expression the person keeps throughout the clip: 0 is the rest pose,
    1 as in the photo. Motions come on top of it.

    Only for people from person files, which have the photo's expression.
    """
    shifts: tuple[Shift, ...] = ()
    """Steps along directions in w, added last."""
    others: tuple[LatentShare, ...] = ()
    """People blended in by their ws, as between two keyframes of a path. All shares add up to 1;
    what these leave is this person's own share."""
    layer_psi: tuple[Annotated[float, Range(-10, 10, slider=(-1, 2))], ...] = ()
    """Truncation of each layer on top of ψ: how far its w stays from the average person's, as a
    factor. Layers that are not named keep theirs."""

    @property
    def seed(self) -> int:
        """The nearest seed."""
        return lattice_seed(round(self.x), round(self.y))

    @classmethod
    def at(cls, seed: int, like: Latent | None = None) -> Latent:
        """The person of a seed and nobody else: no blend, no style mixing, no file.

        Args:
            seed: may be negative, which counts down from 2**32.
            like: the person until now, whose truncation and shifts are kept.
        """
        like = like or cls()
        return cls(
            x=float(seed),
            psi=like.psi,
            cutoff=like.cutoff,
            layer_psi=like.layer_psi,
            shifts=like.shifts,
        )

    @classmethod
    def of_file(cls, path: str) -> Latent:
        """The person of a person file as the photo shows it, or of a file of ws."""
        person = cls(ws_file=path)
        return replace(person, expression=1.0) if person.is_portrait else person

    @property
    def files(self) -> tuple[str, ...]:
        """The files of this person and of those blended in."""
        people = (self, *(other.latent for other in self.others))
        return tuple(who.ws_file for who in people if who.ws_file)

    @property
    def is_portrait(self) -> bool:
        """Whether a person file is shown."""
        return self.ws_file.lower().endswith(PERSON_SUFFIX)

    def own_part(self, num_ws: int) -> float:
        """How much of this person truncation, style mixing and blending leave, as the mean over the
        layers: 1 is all, 0 is nothing: every layer comes from the average person or from others."""
        cutoff = num_ws if self.cutoff is None else min(self.cutoff, num_ws)
        kept = min(max(self.psi, 0.0), 1.0)
        mixed = {k for k in self.mix_layers if k < num_ws}
        parts = [0.0 if k in mixed else kept if k < cutoff else 1.0 for k in range(num_ws)]
        own = zip(parts, self.layer_factors(num_ws), strict=True)
        return (1 - self.blend) * sum(p * min(max(f, 0.0), 1.0) for p, f in own) / num_ws

    def layer_factors(self, num_ws: int) -> tuple[float, ...]:
        """`layer_psi` of all layers of a model."""
        return (*self.layer_psi, *[1.0] * num_ws)[:num_ws]


@dataclass(frozen=True)
class LatentShare:
    """A person's share in a blend."""

    latent: Latent
    share: Fraction
    """Factor on the ws."""

    def __post_init__(self) -> None:
        if self.latent.others:
            raise ValueError("A person who has a share in a blend cannot be a blend as well.")


@dataclass(frozen=True)
class Motion:
    """The motion: the motion code, as the user chooses it."""

    x: PadPlace = 0.0
    """Position on the motion pad. Whole numbers are seeds; between them the four neighbours
    blend."""
    y: PadPlace = 0.0
    """Position on the motion pad; one up is 100 seeds further."""
    strength: Annotated[float, Range(-10, 10, "\u00d7", slider=(0, 2))] = 1.0
    """Factor on the motion code: 0 keeps the rest pose, 1 is as drawn, 2 moves most."""
    blend_seed: Seed = 1
    """Seed of another motion to blend with."""
    blend: Fraction = 0.0
    """How much of the other motion is in the blend: 0 is this motion, 1 the other."""
    shifts: tuple[Shift, ...] = ()
    """Steps along directions of the motion code; the strength acts on them as well."""
    others: tuple[MotionShare, ...] = ()
    """Motions blended in by their codes, as in `Latent.others`; the strength is this motion's."""

    @property
    def seed(self) -> int:
        """The nearest seed."""
        return lattice_seed(round(self.x), round(self.y))

    @classmethod
    def at(cls, seed: int, like: Motion | None = None) -> Motion:
        """The motion of a seed and no other.

        Args:
            seed: may be negative, which counts down from 2**32.
            like: the motion until now, whose strength and shifts are kept.
        """
        like = like or cls()
        return cls(x=float(seed), strength=like.strength, shifts=like.shifts)


@dataclass(frozen=True)
class MotionShare:
    """A motion's share in a blend."""

    motion: Motion
    share: Fraction
    """Factor on the motion code."""

    def __post_init__(self) -> None:
        if self.motion.others:
            raise ValueError("A motion that has a share in a blend cannot be a blend as well.")


def lattice_seed(column: int, row: int) -> int:
    """Seed at whole coordinates of a pad, 0 to 2**32 - 1."""
    return (column + SEEDS_A_ROW * row) % 2**32


def lattice_corners(x: float, y: float) -> list[tuple[int, float]]:
    """The seeds around a place on a pad with their bilinear weights; whole coordinates give just
    one."""
    column, row = int(np.floor(x)), int(np.floor(y))
    u, v = x - column, y - row
    corners = [
        (lattice_seed(column + i, row + j), (u if i else 1 - u) * (v if j else 1 - v))
        for j in (0, 1)
        for i in (0, 1)
    ]
    return [(seed, weight) for seed, weight in corners if weight > 0]


def parse_seeds(text: str, most: int, name: str = "The list") -> tuple[int, ...]:
    """Seeds from text such as "0-31,40", in the order given, without repeats; empty for empty text.

    Args:
        text: seeds and ranges of seeds, separated by commas or spaces.
        most: largest number of seeds allowed.
        name: what contains the text, as the subject of an error message.

    Raises:
        UserError: when it cannot be read.
    """
    found: dict[int, None] = {}
    for part in filter(None, re.split(r"[,\s]+", text)):
        match = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", part)
        if match is None:
            raise UserError(f'{name} holds "{part}": write seeds as in 0-31 or 3,5,8-11.')
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if last > LAST_SEED:
            raise UserError(f"{name} holds {part}: the largest seed is {LAST_SEED}.")
        if first > last:
            raise UserError(f"{name} holds {part}: write the smaller seed of a range first.")
        if last - first < most:
            found.update(dict.fromkeys(range(first, last + 1)))
        if last - first >= most or len(found) > most:
            raise UserError(f"{name} holds more than {most:,} seeds: choose fewer.")
    return tuple(found)


def seeds_text(seeds: tuple[int, ...]) -> str:
    """Seeds as text that `parse_seeds` reads back."""
    parts: list[str] = []
    index = 0
    while index < len(seeds):
        end = index
        while end + 1 < len(seeds) and seeds[end + 1] == seeds[end] + 1:
            end += 1
        run = end - index + 1
        parts += [f"{seeds[index]}-{seeds[end]}"] if run > 2 else map(str, seeds[index : end + 1])
        index = end + 1
    return ", ".join(parts)
