"""Named changes of a synthetic person, and the directions of a generator's codes that make them.

The numbers of people and motions have a known meaning, and the codes are made from them, so
directions need not be searched for: a trait's direction is the difference between the mean w of two
groups of people who differ in that trait alone, and a direction of the motion code is a combination
of rows of its basis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from training.camera import Camera
from training.networks.generator import Generator
from training.synthetic.expression import MOTION_DIM, expr_weights
from training.synthetic.head_model import HeadModel, to_world
from training.synthetic.traits import IDENTITY_DIM, PLACES, SHAPE_DIM, identity_from_u
from training.warmup.known_codes import Codes

Region = Literal["mouth", "jaw", "eyes", "brows", "glasses", "skin", "beard", "hair", "shirt", ""]
ENDS = (-2.0, 2.0)
"""Steps that reach the ends of the trained range."""
_PEOPLE = 4000
_FAR = 3.0
"""Standard deviations of a change of shape at both ends."""


@dataclass(frozen=True)
class Meaning:
    """A change that a slider makes."""

    name: str
    about: str
    """A sentence on its two ends."""
    region: Region
    """Region of the picture that changes; empty for all of it."""


@dataclass(frozen=True)
class Trait(Meaning):
    """A change of a person through numbers of the identity code."""

    low: Mapping[str, float] = field(default_factory=dict[str, float])
    """The numbers at one end, by their names in `PLACES`."""
    high: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Shape(Meaning):
    """A change of the face's shape that moves as little else as possible."""

    size: Callable[[np.ndarray], float] = lambda _: 0.0
    """The measure that changes, from the face's 68 landmarks in centimetres [68, 3]; linear."""


@dataclass(frozen=True)
class Pose(Meaning):
    """A change of the face through numbers of a motion, times t."""

    low: Mapping[int, float] = field(default_factory=dict[int, float])
    """The numbers at one end by index; see `expr_weights`."""
    high: Mapping[int, float] = field(default_factory=dict[int, float])


def _between(a: int, b: int, axis: int) -> Callable[[np.ndarray], float]:
    return lambda marks: float(marks[a, axis] - marks[b, axis])


def _openness(marks: np.ndarray) -> float:
    """How far the eyes are open."""
    upper, lower = marks[[37, 38, 43, 44], 1], marks[[41, 40, 47, 46], 1]
    return float((upper - lower).sum())


_CLOSED, _OPEN = {0: 0.0, 1: 1.5}, {0: 0.68, 1: 1.5}
POSES = (
    Pose("Smile", "From a straight mouth to a broad smile.", "mouth", {3: -0.3}, {3: 1.6}),
    Pose("Open mouth", "From a closed mouth to an open one.", "jaw", _CLOSED, _OPEN),
    Pose("Blink", "From open eyes to closed ones.", "eyes", {6: 0.22}, {6: 0.62}),
    Pose("Eyebrows", "From lowered brows to raised ones.", "brows", {10: -1.3}, {10: 1.3}),
    Pose("Look sideways", "From the picture's left to its right.", "eyes", {7: -1.05}, {7: 1.05}),
    Pose("Look up", "From a look down to a look up.", "eyes", {9: -1.05}, {9: 1.05}),
    Pose("Pucker", "From relaxed lips to a kiss.", "mouth", {2: 0}, {2: -0.92}),
    Pose("Oh", "From relaxed lips to an oh.", "mouth", {1: 1.5, 2: 0}, {1: 1.5, 2: 0.92}),
)
"""Changes made by motions."""

_GROWN_UP = {"style": -0.55, "made_up": 1.0, "age": 0.4}
"""Someone who may have a beard: youth and make-up, which long hair implies, exclude it."""
TRAITS = (
    Trait(
        "Skin",
        "From light to dark skin.",
        "skin",
        {"melanin": -1.1, "dark": -2.5, "iris": -2.0},
        {"melanin": 1.1, "dark": -2.5, "iris": -2.0},
    ),
    Trait(
        "Hair colour",
        "From black to fair hair.",
        "hair",
        {"dark": -2.5, "shade": -1.5},
        {"dark": 2.5, "shade": 0.18},
    ),
    Trait("Hair length", "From none to long hair.", "hair", {"style": -1.8}, {"style": 1.6}),
    Trait("Curls", "From short to curly hair.", "hair", {"style": -0.55}, {"style": 0.27}),
    Trait(
        "Waves",
        "From straight to wavy long hair.",
        "hair",
        {"style": 1.6, "wave": -2.0},
        {"style": 1.6, "wave": 2.0},
    ),
    Trait(
        "Beard",
        "From none to a full beard.",
        "beard",
        {"beard": -1.0, **_GROWN_UP},
        {"beard": 0.8, "beard_density": 1.0, **_GROWN_UP},
    ),
    Trait("Eye colour", "From brown to blue eyes.", "eyes", {"iris": -1.5}, {"iris": 0.97}),
    Trait(
        "Lips",
        "From pale to red lips.",
        "mouth",
        {"beard": -1.0, **_GROWN_UP},
        {"beard": -1.0, **_GROWN_UP, "made_up": -2.0},
    ),
    Trait(
        "Freckles",
        "From none to many, on light skin.",
        "skin",
        {"melanin": -1.1, "freckles": -2.0},
        {"melanin": -1.1, "freckles": 2.0},
    ),
    Trait("Glasses", "From none to glasses.", "glasses", {"glasses": -1.0}, {"glasses": 1.8}),
    Trait("Age", "From young to old.", "", {"age": -2.0}, {"age": 2.0}),
    Trait("Shirt", "From a dark to a light shirt.", "shirt", {"shirt": -2.0}, {"shirt": 2.0}),
    Trait(
        "Shirt red", "From a green to a red shirt.", "shirt", {"shirt_red": -2}, {"shirt_red": 2}
    ),
    Trait(
        "Shirt yellow",
        "From a blue to a yellow shirt.",
        "shirt",
        {"shirt_blue": -2},
        {"shirt_blue": 2},
    ),
    Trait("Neckline", "From high to low.", "shirt", {"collar": -2.0}, {"collar": 2.0}),
    Trait(
        "Window",
        "From its light on one side to the other.",
        "",
        {"lamps": 0.3},
        {"lamps": 0.8},
    ),
    Trait("Dusk", "From white light to a warm one.", "", {"lamps": -1.0}, {"lamps": 1.8}),
    Shape("Width", "From a narrow to a wide head.", "", _between(16, 0, 0)),
    Shape("Length", "From a short to a long face.", "", _between(27, 8, 1)),
    Shape("Big eyes", "From narrow to wide open.", "eyes", _openness),
)
"""Differences between people."""


def trait_direction(
    G: Generator, codes: Codes, head: HeadModel, meaning: Trait | Shape
) -> np.ndarray:
    """What a step of 1 adds to w, float32 [w_dim]."""
    rng = np.random.default_rng(0)
    u = rng.standard_normal((_PEOPLE, IDENTITY_DIM)).astype(np.float32)
    noise = torch.from_numpy(rng.standard_normal((_PEOPLE, G.config.z_dim)).astype(np.float32))
    ends = []
    for sign, numbers in zip((-1, 1), (_numbers(meaning, 0), _numbers(meaning, 1)), strict=True):
        changed = u.copy()
        if isinstance(meaning, Shape):
            mode = _mode(head, meaning)
            along = changed[:, :SHAPE_DIM] @ mode
            changed[:, :SHAPE_DIM] += (sign * _FAR - along)[:, None] * mode
        for name, value in numbers.items():
            changed[:, PLACES[name]] = value
        z = codes.z(torch.from_numpy(changed), noise)
        ends.append(G.mapping(z)[:, 0].mean(dim=0))
    return ((ends[1] - ends[0]) / (ENDS[1] - ENDS[0])).numpy()


def _numbers(meaning: Trait | Shape, end: int) -> Mapping[str, float]:
    return {} if isinstance(meaning, Shape) else (meaning.low, meaning.high)[end]


def _mode(head: HeadModel, meaning: Shape) -> np.ndarray:
    """The unit change of the shape [SHAPE_DIM] that changes the measure most, relative to how much
    it moves the whole face."""
    still = head.identity_vertices(np.zeros(SHAPE_DIM))
    skin = head.skin
    deltas = np.stack([head.identity_vertices(row) - still for row in np.eye(SHAPE_DIM)])
    marks = deltas[:, head.morphable.landmarks]
    gain = np.array([meaning.size(moved) for moved in marks])
    moved = deltas[:, skin].reshape(SHAPE_DIM, -1)
    moves = moved @ moved.T
    mode = np.linalg.solve(moves + 0.01 * np.trace(moves) / SHAPE_DIM * np.eye(SHAPE_DIM), gain)
    return (mode / np.linalg.norm(mode)).astype(np.float32)


def pose_direction(codes: Codes, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """The vector that a step of 1 adds to the motion code, and the code that steps are measured
    from: float32 [motion_dim] each."""
    low, high = np.zeros((2, MOTION_DIM), np.float32)
    for end, numbers in ((low, pose.low), (high, pose.high)):
        for place, value in numbers.items():
            end[place] = value
    basis = codes.motion.cpu().numpy()
    return (high - low) / (ENDS[1] - ENDS[0]) @ basis, (high + low) / 2 @ basis


def landmarks(head: HeadModel, u: np.ndarray, camera: Camera) -> np.ndarray:
    """The 68 landmarks of the person with numbers u [IDENTITY_DIM] at rest, float64 [68, 2]: 0 to 1
    across the picture, y down."""
    traits = identity_from_u(u)
    shape = head.identity_vertices(traits.shape, traits.age)
    posed = head.posed(shape, expr_weights(np.zeros(MOTION_DIM), 0))
    return camera.project(to_world(posed[head.morphable.landmarks]))[0]
