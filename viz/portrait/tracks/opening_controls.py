"""Two directions of the motion code, one that closes the eyes and one that opens the mouth, learnt
from the generator itself.

Expressions do not depend linearly on the code, so a regression underestimates blinks and mixes them
with the mouth. But among random codes there are some that close the eyes alone, or open the mouth
alone; from the face at rest to such a code, the opening changes steadily, and alike for all people.
This is measured on a few people, and a wanted opening is looked up.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

import numpy as np
from torch import Tensor

from training.checkpoint import weights_mark
from training.networks.generator import Generator
from viz.portrait.camera import learnt_files
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.inversion.code_space import read_directions
from viz.portrait.tracks.expressions import eye_opening, mouth_opening
from viz.portrait.tracks.motion_map import NO_FACES, OwnFaces
from viz.state.errors import UserError
from viz.state.jobs import Steps

log = logging.getLogger(__name__)

_KIND, _VERSION = "opening_controls", 2
"""Part of the cache file's name: increase it when the method changes."""
_PEOPLE, _TRIES = 3, 150
"""Number of people examined, and of random codes in total."""
_SPREADS = (0.25, 0.6)
"""Standard deviation of these codes around the code at rest."""
_CANDIDATES = 3
"""Number of codes of each kind that are measured in detail."""
_STEPS = 4
"""Number of measurements between the rest and a code."""
_BLINK, _OPEN = 0.55, 0.5
"""Targets: eyes at this fraction of their opening at rest, a mouth open by this fraction of its
width."""
_LEAST_BLINK = 0.8
"""Assumed opening of closed eyes, as a fraction of that at rest, for a video without a blink."""
_CALM_EYES, _CALM_MOUTH = 0.04, 0.02
"""Closing and opening below which eyes and mouth count as at rest, as they would tremble otherwise:
in the first half of the movement hardly anything is visible."""
_OTHERS = 0.25
"""Fraction of a map's movements that is added to those of eyes and mouth: all of it would halve the
mouth's opening again."""


@dataclass(frozen=True, eq=False)
class OpeningControls:
    """How to close the eyes and open the mouth of a generator's people."""

    directions: np.ndarray
    """Directions that close the eyes, and open the mouth, from the code at rest, float32 [2,
    motion_dim]."""
    eyes: np.ndarray
    """Opening of the eyes, relative to that at rest, at equal steps along the first direction,
    falling, float32 [n]."""
    mouth: np.ndarray
    """Opening of the mouth beyond rest, relative to its width, at equal steps along the second
    direction, rising, float32 [n]."""

    def amounts(
        self,
        eyes: np.ndarray,
        mouth: np.ndarray,
        among: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> np.ndarray:
        """How far to go along both directions for the openings of a driver's face.

        What the driver's eyes do between rest and the narrowest of their blinks becomes what the
        model's do between rest and closed; a mouth that opens wider than the model's can is scaled
        down as a whole.

        Args:
            eyes: openings relative to that at rest [F].
            mouth: opening beyond rest, relative to the mouth's width [F].
            among: openings of eyes and mouth in the same units that show this driver's extremes;
                None for `eyes` and `mouth`.

        Returns:
            float32 [F, 2], 0 to 1 each.
        """
        all_eyes, all_mouths = among or (eyes, mouth)
        closed = min(float(np.quantile(all_eyes, 0.01)), _LEAST_BLINK)
        part = np.clip((1 - eyes - _CALM_EYES) / (1 - closed - _CALM_EYES), 0, 1)
        wanted_eyes = 1 - part * (1 - float(self.eyes[-1]))
        widest = max(float(np.quantile(all_mouths, 0.99)), float(self.mouth[-1]))
        wanted_mouth = np.clip(mouth - _CALM_MOUTH, 0, None) * float(self.mouth[-1]) / widest
        steps = np.linspace(0, 1, len(self.eyes))
        closing = np.interp(-wanted_eyes, -self.eyes, steps)
        opening = np.interp(wanted_mouth, self.mouth, steps)
        return np.stack([closing, opening], axis=1).astype(np.float32)

    def beside(self, moved: np.ndarray) -> np.ndarray:
        """The part of a `MotionMap`'s movements [F, motion_dim] that is added to the controls'
        own: a share of it, without what lies along the controls."""
        along = moved @ np.linalg.pinv(self.directions) @ self.directions
        return _OTHERS * (moved - along)


def find_controls(G: Generator, template: FaceTemplate, rest: np.ndarray) -> Steps[OpeningControls]:
    """Steps of finding a generator's controls, around the motion code of a face at rest, float32
    [motion_dim]; none if they are known.

    Raises:
        UserError: when no faces are found on its people.
    """
    mark = weights_mark(G.state_dict())
    known = kept_controls(mark, G.config.motion_dim)
    if known is None:
        known = yield from _learn(G, template, rest)
        learnt_files.keep(_KIND, mark, _VERSION, asdict(known))
    return known


def kept_controls(mark: str, size: int) -> OpeningControls | None:
    """The controls found earlier for the generator with this fingerprint of its weights, whose
    motion codes have `size` numbers; None if none are stored."""
    stored = learnt_files.read(_KIND, mark, _VERSION)
    if stored is None or stored.keys() != {"directions", "eyes", "mouth"}:
        return None
    found = OpeningControls(**stored)
    fits = found.directions.shape == (2, size) and found.eyes.shape == found.mouth.shape
    return found if fits else None


class _People:
    """Openings of a few of a generator's people in motion, seen from the front."""

    def __init__(self, G: Generator, template: FaceTemplate) -> None:
        self._faces = OwnFaces(G, template, seed=3)
        self.pictures = self._faces.pictures
        self._people: list[Tensor] = []
        self._rests: list[tuple[float, float]] = []

    def add(self, rest: np.ndarray) -> None:
        """Adds a random person, whose openings at rest are measured."""
        self._people.append(self.pictures.person())
        found = self._openings(len(self._people) - 1, rest)
        if found is None:
            self._people.pop()
        else:
            self._rests.append(found)

    def __len__(self) -> int:
        return len(self._people)

    def changes(self, who: int, code: np.ndarray) -> tuple[float, float] | None:
        """Opening of the eyes relative to that at rest, and opening of the mouth beyond rest; None
        without a face."""
        found, (eyes, mouth) = self._openings(who, code), self._rests[who]
        return None if found is None else (found[0] / max(eyes, 1e-6), found[1] - mouth)

    def _openings(self, who: int, code: np.ndarray) -> tuple[float, float] | None:
        points = self._faces.points(self._people[who], code)
        return (
            None if points is None else (float(eye_opening(points)), float(mouth_opening(points)))
        )


def _learn(G: Generator, template: FaceTemplate, rest: np.ndarray) -> Steps[OpeningControls]:
    words = "Learning how this model blinks and opens its mouth"
    people = _People(G, template)
    for _ in range(4 * _PEOPLE):
        if len(people) < _PEOPLE:
            yield words, 0.0
            people.add(rest)
    if len(people) < _PEOPLE:
        raise UserError(NO_FACES)
    axes = read_directions(G).cpu().double().numpy()
    tried: list[tuple[np.ndarray, float, float]] = []
    for k in range(_TRIES):
        yield words, 0.6 * k / _TRIES
        spread = _SPREADS[k % len(_SPREADS)]
        step = spread * people.pictures.draws.standard_normal(len(axes)) @ axes
        found = people.changes(k % _PEOPLE, rest + step)
        if found is not None:
            tried.append((step, *found))
    if len(tried) < _TRIES / 2:
        raise UserError(NO_FACES)
    size = np.array([np.sum(step**2) for step, _, _ in tried])
    eyes, mouth = (np.array([t[k] for t in tried]) for k in (1, 2))
    blinks = 10 * (eyes - _BLINK) ** 2 + 4 * mouth**2 + 0.003 * size
    yawns = 4 * (mouth - _OPEN) ** 2 + 4 * (eyes - 1) ** 2 + 0.003 * size
    ways, curves = [], []
    for number, scores in enumerate((blinks, yawns)):
        best, least = None, float("inf")
        for k, candidate in enumerate(np.argsort(scores)[:_CANDIDATES]):
            yield words, 0.6 + 0.4 * (number * _CANDIDATES + k) / (2 * _CANDIDATES)
            step = tried[int(candidate)][0]
            curve = yield from _along(people, rest, step, words)
            fault = _fault(curve, number)
            if fault < least:
                best, least = (step, curve), fault
        assert best is not None
        ways.append(best[0])
        curves.append(best[1][:, number])
    eyes_curve = np.minimum.accumulate(np.append(1.0, curves[0]))
    mouth_curve = np.maximum.accumulate(np.append(0.0, curves[1]))
    even = 1e-4 * np.arange(_STEPS + 1)  # so that lookups are unique
    log.info("Eyes close to %.2f, the mouth opens by %.2f", eyes_curve[-1], mouth_curve[-1])
    return OpeningControls(
        np.stack(ways).astype(np.float32),
        (eyes_curve - even).astype(np.float32),
        (mouth_curve + even).astype(np.float32),
    )


def _along(people: _People, rest: np.ndarray, step: np.ndarray, words: str) -> Steps[np.ndarray]:
    """Openings between the rest and a step, means over the people [_STEPS, 2]."""
    rows = []
    for part in np.arange(1, _STEPS + 1) / _STEPS:
        yield words, None
        found = [people.changes(who, rest + part * step) for who in range(len(people))]
        seen = [changes for changes in found if changes is not None]
        rows.append(np.mean(seen, axis=0) if seen else np.array([1.0, 0.0]))
    return np.array(rows)


def _fault(curve: np.ndarray, number: int) -> float:
    """How far a movement is from one that steadily closes the eyes (0) or opens the mouth (1), and
    does nothing else."""
    eyes, mouth = curve[:, 0], curve[:, 1]
    if number == 0:
        steps = np.diff(np.append(1.0, eyes))
        return float(2 * max(eyes[-1] - _BLINK, 0) + 2 * steps.clip(0).sum() + abs(mouth).max())
    steps = np.diff(np.append(0.0, mouth))
    return float(max(_OPEN - mouth[-1], 0) + 2 * (-steps).clip(0).sum() + 2 * abs(eyes - 1).max())
