"""Tracks a face through a video: landmarks, irises, camera and crop of each frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from training.camera import wrapped
from viz.portrait.camera.camera_fit import CameraFit, fit_camera
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.faces.face import Face
from viz.portrait.faces.finding import find_faces, refined
from viz.portrait.tracks.expressions import POINTS, face_points
from viz.portrait.tracks.film import Film
from viz.state.errors import UserError
from viz.state.jobs import Steps

_FAR = 1.0
"""Distance in sizes of a face beyond which another face belongs to another person."""


@dataclass(frozen=True, eq=False)
class FollowedFace:
    """A face in F frames. Frames without it are interpolated from their neighbours."""

    points: np.ndarray
    """Landmarks, then the five points of the right and of the left iris, in the video's pixels,
    float32 [F, 478, 2]."""
    fits: tuple[CameraFit, ...]
    """Camera and crop of each frame, as found, not smoothed."""
    found: np.ndarray
    """Whether the face was seen, bool [F]."""
    size: tuple[int, int]
    """Width and height of the frames in pixels."""


@dataclass
class Trail:
    """A face being tracked: the results for the first frames of a video."""

    faces: list[Face | None] = field(default_factory=list[Face | None])
    """The faces; None for frames without one."""
    fits: list[CameraFit | None] = field(default_factory=list[CameraFit | None])
    size: tuple[int, int] = (0, 0)
    """Width and height of the frames in pixels."""


def follow(
    film: Film, template: FaceTemplate, number: int = 1, trail: Trail | None = None
) -> Steps[FollowedFace]:
    """Steps of tracking a face.

    Args:
        number: which face of the first frame with faces, the largest first.
        trail: earlier results to continue from; extended in place.

    Raises:
        UserError: when no face is found, or a frame cannot be read.
    """
    trail = trail or Trail()
    done = len(trail.faces)
    last = next((face for face in reversed(trail.faces) if face is not None), None)
    fit = next((fit for fit in reversed(trail.fits) if fit is not None), None)
    for k, pixels in enumerate(film.frames()):
        yield f"Following the face, frame {k + 1} of {film.count}", k / film.count
        if k < done:
            continue
        trail.size = (pixels.shape[2], pixels.shape[1])
        face = _next(pixels, last, number)
        if face is not None:
            last, fit = face, fit_camera(template, face.landmarks, start=fit)
        trail.faces.append(face)
        trail.fits.append(None if face is None else fit)
    if last is None:
        raise UserError(
            f"No face was found in {film.name}: choose a video of a person's face, from the front "
            "or half from the side."
        )
    found = np.array([face is not None for face in trail.faces])
    points = np.full((len(found), POINTS, 2), np.nan, np.float32)
    points[found] = [face_points(face) for face in trail.faces if face is not None]
    return FollowedFace(
        points=_filled(points, found).astype(np.float32),
        fits=_filled_fits(trail.fits, found),
        found=found,
        size=trail.size,
    )


def _next(pixels: Tensor, face: Face | None, number: int) -> Face | None:
    """The next frame's face of the same person as `face`; the chosen one if there was none yet."""
    if face is None:
        faces = find_faces(pixels)
        return faces[min(number, len(faces)) - 1] if faces else None
    near = refined(pixels, face.square, rounds=2)
    if near is None:  # it has moved far, or was hidden
        others = [o for o in find_faces(pixels) if face.distance(o.landmarks) < _FAR]
        near = min(others, key=lambda o: face.distance(o.landmarks), default=None)
    return near


def smoothed(fits: Sequence[CameraFit], sigma: float) -> tuple[CameraFit, ...]:
    """Cameras and crops of successive frames without the landmarks' jitter: smoothed by a Gaussian
    in time, whose standard deviation is `sigma` frames; 0 leaves them as they are."""
    if sigma <= 0:
        return tuple(fits)
    smooth = gaussian_filter1d(_numbers(fits), sigma, axis=0, mode="nearest")
    return tuple(_fit(smooth[k]) for k in range(len(fits)))


def _numbers(fits: Sequence[CameraFit]) -> np.ndarray:
    """Values that can be averaged [F, 6]: sides as logarithms, angles without jumps."""
    values = np.array([fit.numbers for fit in fits], np.float64)
    values[:, 4] = np.log(values[:, 4])
    values[:, 5] = np.unwrap(values[:, 5], period=360)
    return values


def _fit(row: np.ndarray) -> CameraFit:
    fit = CameraFit.from_numbers(row)
    return replace(fit, side=math.exp(fit.side), angle=wrapped(fit.angle))


def _filled(values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Values [F, ...] with those of frames without a face interpolated between their neighbours."""
    flat = values.reshape(len(values), -1)
    frames = np.arange(len(values))
    known = frames[found]
    columns = [np.interp(frames, known, column[found]) for column in flat.T]
    return np.stack(columns, axis=1).reshape(values.shape)


def _filled_fits(fits: Sequence[CameraFit | None], found: np.ndarray) -> tuple[CameraFit, ...]:
    known = _numbers([fit for fit in fits if fit is not None])
    rows = np.zeros((len(fits), known.shape[1]))
    rows[found] = known
    return tuple(_fit(row) for row in _filled(rows, found))
