"""The camera of a face, and the crop that goes with it.

The generators were trained on crops that show the head through one lens from one distance. A photo
is therefore described by the yaw and pitch of its camera and by a similarity transform from the
generator's picture to the photo. For given angles the best similarity has a closed form, which
leaves two numbers to search.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from training.camera import Camera
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.faces.squares import Square

_STARTS = (-30.0, 0.0, 30.0)
"""Yaws in degrees at which the search starts."""
_ROUNDS = 3
_OUTLIER = 0.012
"""Distance in picture sides at which a landmark has half its weight."""
_SCALE = 10.0
"""Scale of both angles in the search, and its largest step, degrees."""
_BOUNDS = ([-120.0, -80.0], [120.0, 80.0])
"""Smallest and largest yaw and pitch in degrees."""
_STEPS = 12
"""Most Gauss-Newton steps in a round."""
_PROBE, _CLOSE = 0.05, 0.02
"""Degrees over which slopes are measured, and step size below which a round ends."""
_SAME_SLOPES = 1.0
"""Degrees within which slopes need not be measured again."""
_DAMPING = 1e-9
"""Penalty, squared picture sides per squared degree, so that a face without information stays in
place."""


@dataclass(frozen=True)
class CameraFit:
    """How a generator's picture and a photo are aligned."""

    yaw: float
    """Degrees, as in `Camera.orbit`."""
    pitch: float
    """Degrees, as in `Camera.orbit`."""
    centre: tuple[float, float]
    """Centre of the crop in the photo's pixels."""
    side: float
    """Side of the crop in the photo's pixels."""
    angle: float
    """Clockwise rotation of the crop in the photo, degrees."""

    @classmethod
    def placed(
        cls,
        yaw: float,
        pitch: float,
        shown: np.ndarray,
        observed: np.ndarray,
        weights: np.ndarray,
    ) -> CameraFit:
        """A fit with known angles whose crop lays points of the generator's picture, complex
        [n] in picture sides, on those of a photo, complex [n] in pixels."""
        factor, shift = similarity(shown, observed, weights)
        middle = factor * (0.5 + 0.5j) + shift
        centre = float(middle.real), float(middle.imag)
        angle = math.degrees(float(np.angle(factor)))
        return cls(yaw, pitch, centre, float(abs(factor)), angle)

    @classmethod
    def from_numbers(cls, numbers: Iterable[float]) -> CameraFit:
        """The fit with these `numbers`."""
        yaw, pitch, x, y, side, angle = map(float, numbers)
        return cls(yaw, pitch, (x, y), side, angle)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Yaw, pitch, x and y of the centre, side and angle."""
        return self.yaw, self.pitch, *self.centre, self.side, self.angle

    @property
    def square(self) -> Square:
        """The crop."""
        return Square(self.centre, self.side, self.angle)

    @property
    def camera(self) -> Camera:
        """The camera that sees the generator's head as the crop shows the person's."""
        return Camera.orbit(yaw=self.yaw, pitch=self.pitch)


def fit_camera(
    template: FaceTemplate, landmarks: np.ndarray, start: CameraFit | None = None
) -> CameraFit:
    """Fits the camera and crop that project a template onto landmarks, robustly.

    Args:
        template: the face in the generator's world.
        landmarks: [468, 2 or 3] in the photo's pixels; depths are not used.
        start: the fit of the previous frame, at which the search starts; None for several starts.
    """
    observed = complex_points(landmarks)
    known = template.weights
    if start is None:
        fits = [_search(template.points, observed, known, (yaw, 0.0)) for yaw in _STARTS]
        angles = min(fits, key=lambda fit: fit[1])[0]
    else:
        angles = np.array([start.yaw, start.pitch])
    weights = known
    for _ in range(_ROUNDS):
        errors = abs(_differences(template.points, observed, weights, angles))
        weights = known / (1 + (errors / _OUTLIER) ** 2)
        angles = _nearby(template.points, observed, weights, angles)
    angles = np.array(template.corrected(float(angles[0]), float(angles[1])))
    yaw, pitch = map(float, angles)
    projected = _projected(template.points, yaw, pitch)
    return CameraFit.placed(yaw, pitch, projected, observed, weights)


def project(points: np.ndarray, yaw: float, pitch: float) -> np.ndarray:
    """Where `Camera.orbit(yaw, pitch)` sees points [n, 3], in picture sides from 0 to 1 [n, 2]."""
    return Camera.orbit(yaw=yaw, pitch=pitch).project(points)[0]


def complex_points(points: np.ndarray) -> np.ndarray:
    """Points [n, 2 or more] as complex numbers x + iy [n]."""
    return points[:, 0].astype(np.float64) + 1j * points[:, 1].astype(np.float64)


def _projected(points: np.ndarray, yaw: float, pitch: float) -> np.ndarray:
    """`project` as complex numbers [n]."""
    return complex_points(project(points, yaw, pitch))


def similarity(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> tuple[complex, complex]:
    """The factor and shift that best map complex points `source` to `target`: Procrustes."""
    weights = weights / weights.sum()
    middle, goal = (weights * source).sum(), (weights * target).sum()
    spread = (weights * abs(source - middle) ** 2).sum()
    factor = (weights * (target - goal) * np.conj(source - middle)).sum() / spread
    return factor, goal - factor * middle


def differences(shown: np.ndarray, observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Complex distances in picture sides from points that a picture shows to landmarks, which the
    best similarity lays on each other [n]."""
    factor, shift = similarity(shown, observed, weights)
    return (observed - shift) / factor - shown


def _differences(
    points: np.ndarray, observed: np.ndarray, weights: np.ndarray, angles: np.ndarray
) -> np.ndarray:
    """The same of the projected template."""
    return differences(_projected(points, *angles), observed, weights)


def _search(
    points: np.ndarray, observed: np.ndarray, weights: np.ndarray, start: tuple[float, float]
) -> tuple[np.ndarray, float]:
    """The best yaw and pitch reached downhill from `start`, robustly, and their cost."""
    roots = np.sqrt(weights)

    def residuals(angles: np.ndarray) -> np.ndarray:
        found = _differences(points, observed, weights, angles) * roots
        return np.concatenate([np.real(found), np.imag(found)])

    first = np.asarray(start, np.float64)
    found = least_squares(
        residuals, first, x_scale=_SCALE, loss="huber", f_scale=0.01, bounds=_BOUNDS
    )
    return found.x, float(found.cost)


def _nearby(
    points: np.ndarray, observed: np.ndarray, weights: np.ndarray, angles: np.ndarray
) -> np.ndarray:
    """The best yaw and pitch near `angles` by the Gauss-Newton method, which for two numbers is
    many times faster than a general search."""
    slopes, square, measured = None, np.eye(2), angles
    for _ in range(_STEPS):
        here = _differences(points, observed, weights, angles)
        if slopes is None or np.abs(angles - measured).max() > _SAME_SLOPES:
            steps = _PROBE * np.eye(2)
            moved = [_differences(points, observed, weights, angles + step) for step in steps]
            slopes, measured = (np.stack(moved) - here) / _PROBE, angles
            square = np.real((slopes * weights) @ slopes.conj().T) + _DAMPING * np.eye(2)
        step = np.linalg.solve(square, -np.real((slopes * weights) @ here.conj()))
        angles = np.clip(angles + np.clip(step, -_SCALE, _SCALE), *_BOUNDS)
        if np.abs(step).max() < _CLOSE:
            break
    return angles
