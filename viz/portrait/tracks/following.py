"""Follows a face through a film: landmarks, irises, camera and crop of each frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from viz.portrait.camera.camera_fit import CameraFit, fit_camera
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.faces.face import Face
from viz.portrait.faces.finding import find_faces, refined
from viz.portrait.tracks.expressions import face_points
from viz.portrait.tracks.film import Film
from viz.state.errors import UserError
from viz.state.jobs import Steps

_FAR = 1.0
"""Distance in sizes of a face from which another one is another person's."""


@dataclass(frozen=True, eq=False)
class FollowedFace:
    """One face in F frames. Frames without it are filled in from their neighbours."""

    points: np.ndarray
    """Landmarks, then the right and the left iris's five points, in the film's pixels, float32
    [F, 478, 2]."""
    fits: tuple[CameraFit, ...]
    """Camera and crop of each frame, as found, not smoothed."""
    found: np.ndarray
    """Whether the face was seen, bool [F]."""
    size: tuple[int, int]
    """Width and height of the frames in pixels."""


def follow(film: Film, template: FaceTemplate, number: int = 1) -> Steps[FollowedFace]:
    """Steps of following a face.

    Args:
        film: the frames.
        template: of the generator.
        number: which face of the first frame that has any, the largest first.

    Raises:
        UserError: when there is none, or a frame cannot be read.
    """
    points, fits, found = [], [], []
    face: Face | None = None
    size = (0, 0)
    for k, pixels in enumerate(film.frames()):
        yield f"Following the face, frame {k + 1} of {film.count}", k / film.count
        size = (pixels.shape[2], pixels.shape[1])
        seen = _next(pixels, face, number)
        found.append(seen is not None)
        if seen is None:
            points.append(np.full((478, 2), np.nan, np.float32))
            fits.append(None)
            continue
        last = next((fit for fit in reversed(fits) if fit is not None), None)
        face = seen
        points.append(face_points(face))
        fits.append(fit_camera(template, face.landmarks, start=last))
    if face is None:
        raise UserError(
            f"No face was found in {film.name}: choose a video of a person's face, from the front "
            "or half from the side."
        )
    seen_frames = np.array(found)
    return FollowedFace(
        points=_filled(np.stack(points), seen_frames).astype(np.float32),
        fits=_filled_fits(fits, seen_frames),
        found=seen_frames,
        size=size,
    )


def _next(pixels: Tensor, face: Face | None, number: int) -> Face | None:
    """The face that follows `face`; the chosen one where there was none yet."""
    if face is None:
        faces = find_faces(pixels)
        return faces[min(number, len(faces)) - 1] if faces else None
    near = refined(pixels, face.square, rounds=2)
    if near is None:  # it has moved far, or was hidden
        others = [other for other in find_faces(pixels) if _distance(other, face) < _FAR]
        near = min(others, key=lambda other: _distance(other, face), default=None)
    return near


def _distance(a: Face, b: Face) -> float:
    """Between the middles of two faces, in sizes of the second."""
    apart = a.landmarks[:, :2].mean(0) - b.landmarks[:, :2].mean(0)
    return float(np.hypot(*apart)) / b.side


def smoothed(fits: Sequence[CameraFit], sigma: float) -> tuple[CameraFit, ...]:
    """Cameras and crops without the landmarks' trembling: a Gaussian in time.

    Args:
        fits: of successive frames.
        sigma: standard deviation in frames; 0 leaves them as they are.
    """
    if sigma <= 0:
        return tuple(fits)
    smooth = gaussian_filter1d(_numbers(fits), sigma, axis=0, mode="nearest")
    return tuple(_fit(smooth[k]) for k in range(len(fits)))


def _numbers(fits: Sequence[CameraFit]) -> np.ndarray:
    """Numbers that can be averaged [F, 7]: sides as logarithms, angles without jumps."""
    rows = [(f.yaw, f.pitch, *f.centre, np.log(f.side), f.angle, f.residual) for f in fits]
    values = np.array(rows, np.float64)
    values[:, 5] = np.unwrap(values[:, 5], period=360)
    return values


def _fit(row: Iterable[float]) -> CameraFit:
    yaw, pitch, x, y, side, angle, residual = (float(v) for v in row)
    angle = (angle + 180) % 360 - 180
    return CameraFit(yaw, pitch, (x, y), float(np.exp(side)), angle, residual)


def _filled(values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Values [F, ...] with those of frames that were not found drawn between their neighbours."""
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
