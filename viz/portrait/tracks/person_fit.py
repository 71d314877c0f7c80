"""Cameras and motion codes under which a person's own pictures show a driver's landmarks.

A `MotionMap` gives all people the same codes, measured from the driver's face at rest, which suit
everyone roughly. They can be refined for one person, who may be the driver: the person's picture is
rendered, its landmarks are found as the driver's were, and camera and code are adjusted until both
agree (Levenberg-Marquardt). The Jacobian is measured once and updated from frame to frame by
Broyden's method (1965), so that a frame takes a few pictures instead of one for each direction.

The borders of closed lids are hard to see in a generator's picture, so lids count only where they
are open, and blinks are not fitted. A direction that closes the eyes at the code at rest need not
do so at a fitted code, as the generator is not linear; so the more the track closes the eyes, the
more of its own code is used, which closes the eyes of any person.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from viz.portrait.camera.camera_fit import CameraFit, complex_points, differences
from viz.portrait.camera.face_template import LIPS, FaceTemplate
from viz.portrait.camera.self_calibration import expected_face, find_template
from viz.portrait.inversion.code_space import read_directions
from viz.portrait.tracks.expressions import LIDS, POINTS, face_points
from viz.portrait.tracks.following import smoothed
from viz.portrait.tracks.pasted_video import fit_of
from viz.portrait.tracks.track_options import TrackOptions
from viz.render.renderer import Renderer
from viz.state.driving import driven
from viz.state.driving.drive import Drive, code_text
from viz.state.driving.motion_track import MotionTrack, write_track
from viz.state.errors import UserError
from viz.state.jobs import Steps
from viz.state.types import Orbit, SessionState

_ANGLES = 6.0
"""Degrees of yaw and pitch that count as much as a unit of a code's coordinate."""
_PROBE = 0.25
"""Step of a coordinate for measuring the Jacobian."""
_FIRST_ROUNDS, _ROUNDS = 10, 3
"""Steps in the first frame, which has no neighbour to start from, and in the others."""
_PRIOR = 6e-4
"""Error in crop sides that counts as much as a unit of distance from the track's coordinates."""
_AGAIN = 0.008
"""Error in crop sides above which the Jacobian is measured again."""


def fit_track(renderer: Renderer, state: SessionState, path: Path) -> Steps[Path]:
    """Steps of fitting the track of a session to its person, and of saving it at `path`, which they
    return; an existing track there is replaced.

    Raises:
        UserError: when there is no track, or it cannot be written.
    """
    if state.drive is None or not state.drive.track:
        raise UserError("No motion track drives the person: open one first.")
    track = driven.load(state.drive.track)
    template = yield from find_template(renderer.G)
    write_track(path, (yield from fitted(renderer, state, track, template)))
    return path


def fitted(
    renderer: Renderer, state: SessionState, track: MotionTrack, template: FaceTemplate
) -> Steps[MotionTrack]:
    """Steps of finding the cameras, crops and codes for which the person of a session has the
    landmarks of a track."""
    head, options = _Head(renderer, state, template), TrackOptions()
    closed = track.amounts[:, :1].clip(0, 1)
    weights = [_weights(lids=not part) for part in closed[:, 0]]
    blinking = track.codes.astype(np.float64) @ head.axes.T
    still = blinking - track.amounts[:, :1] * (head.axes @ track.controls[0].astype(np.float64))
    first = np.concatenate([track.cameras / _ANGLES, still], axis=1)
    away, slopes = np.zeros(first.shape[1]), None
    numbers, fits = [], []
    seen = [
        complex_points(fit_of(track, k).square.to_picture(points.astype(np.float64)))
        for k, points in enumerate(track.points)
    ]
    for k, observed in enumerate(seen):
        yield f"Fitting the person, frame {k + 1} of {len(track)}", 0.8 * k / len(track)
        search = _Search(head, observed, weights[k], first[k], slopes)
        search.begin(first[k] + away)
        for _ in range(_ROUNDS if k else _FIRST_ROUNDS):
            search.step()
        slopes = search.slopes
        # If the person's head is turned differently from the average one, it is so in all frames.
        away = search.x - first[k]
        numbers.append(search.x)
        fits.append(_camera(search, weights[k], fit_of(track, k)))
    codes = gaussian_filter1d(
        np.stack(numbers)[:, 2:], options.motion_smoothing, axis=0, mode="nearest"
    )
    codes += closed * (blinking - codes)
    fits = list(smoothed(fits, options.camera_smoothing))
    # The position of the head is known far better than its rotation: the crop is placed again by
    # what the smoothed cameras and codes show.
    for k, (fit, code) in enumerate(zip(fits, codes, strict=True)):
        yield f"Placing the head, frame {k + 1} of {len(track)}", 0.8 + 0.2 * k / len(track)
        shown = head.points(np.append([fit.yaw / _ANGLES, fit.pitch / _ANGLES], code))
        if shown is not None and track.found[k]:
            fits[k] = CameraFit.placed(fit.yaw, fit.pitch, shown, seen[k], weights[k])
    crops = smoothed(fits, options.motion_smoothing)
    fits = [
        replace(crop, yaw=fit.yaw, pitch=fit.pitch) for fit, crop in zip(fits, crops, strict=True)
    ]
    places = np.array([fit.numbers for fit in fits], np.float32)
    squares = [(fit_of(track, k).square, fit.square) for k, fit in enumerate(fits)]
    return replace(
        track,
        codes=(codes @ head.axes).astype(np.float32),
        cameras=places[:, :2],
        crops=places[:, 2:],
        points=np.stack(
            [
                new.from_picture(old.to_picture(points.astype(np.float64)))
                for points, (old, new) in zip(track.points, squares, strict=True)
            ]
        ).astype(np.float32),
    )


class _Head:
    """Landmarks of a person as a function of yaw, pitch and code, all in comparable units."""

    def __init__(self, renderer: Renderer, state: SessionState, template: FaceTemplate) -> None:
        self.axes = read_directions(renderer.G).cpu().double().numpy()
        self._renderer, self._template = renderer, template
        self._state = replace(state, orbit=Orbit())

    def points(self, x: np.ndarray) -> np.ndarray | None:
        """Complex [478], in picture sides; None where no face is seen."""
        yaw, pitch = (float(v) * _ANGLES for v in x[:2])
        code = (x[2:] @ self.axes).astype(np.float32)
        shot = replace(self._state, drive=Drive(code_text(code), yaw, pitch)).shot("image")
        image = self._renderer.image(shot, self._state.quality)[0]
        pixels = (image.float() * 0.5 + 0.5).clamp(0, 1)
        face = expected_face(pixels, self._template, yaw, pitch)
        return None if face is None else complex_points(face_points(face)) / pixels.shape[-1]

    def slopes(self, x: np.ndarray, here: np.ndarray) -> np.ndarray:
        """Jacobian of the points, complex [478, n]."""
        columns = []
        for step in _PROBE * np.eye(len(x)):
            there = self.points(x + step)
            columns.append(np.zeros_like(here) if there is None else (there - here) / _PROBE)
        return np.stack(columns, axis=1)


class _Search:
    """Search for the yaw, pitch and code of one frame."""

    def __init__(
        self,
        head: _Head,
        observed: np.ndarray,
        weights: np.ndarray,
        prior: np.ndarray,
        slopes: np.ndarray | None,
    ) -> None:
        self._head, self.observed, self._weights, self._prior = head, observed, weights, prior
        self.slopes = slopes
        self.x, self.shown, self.cost = prior, np.zeros(POINTS, complex), math.inf
        self._damping = 1e-6
        self._fresh = False

    def begin(self, x: np.ndarray) -> None:
        for start in (x, self._prior):
            shown = self._head.points(start)
            if shown is not None:
                self.x, self.shown, self.cost = start, shown, self._cost(start, shown)
                break

    def step(self) -> None:
        """Tries one step."""
        if not math.isfinite(self.cost):
            return  # no face is seen: the frame keeps the track's camera and code
        if self.slopes is None or (self.error > _AGAIN and not self._fresh):
            self.slopes, self._fresh = self._head.slopes(self.x, self.shown), True
        move = self._move()
        if np.abs(move).max() < 0.01:
            return
        shown = self._head.points(self.x + move)
        if shown is None:
            self._damping *= 10
            return
        missed = shown - self.shown - self.slopes @ move
        self.slopes = self.slopes + np.outer(missed, move) / (move @ move)
        cost = self._cost(self.x + move, shown)
        if cost < self.cost:
            self.x, self.shown, self.cost = self.x + move, shown, cost
            self._damping /= 3
        else:
            self._damping *= 10

    @property
    def error(self) -> float:
        """Root mean square distance of the points, in crop sides."""
        return math.sqrt(float(self._weights @ abs(self._apart(self.shown)) ** 2))

    def _apart(self, shown: np.ndarray) -> np.ndarray:
        return differences(shown, self.observed, self._weights)

    def _cost(self, x: np.ndarray, shown: np.ndarray) -> float:
        away = _PRIOR**2 * float(np.square(x - self._prior).sum())
        return float(self._weights @ abs(self._apart(shown)) ** 2) + away

    def _move(self) -> np.ndarray:
        assert self.slopes is not None
        here, small = self._apart(self.shown), 1e-3
        columns = [(self._apart(self.shown + small * s) - here) / small for s in self.slopes.T]
        rows = np.stack(columns)
        square = np.real((rows * self._weights) @ rows.conj().T)
        square += (_PRIOR**2 + self._damping) * np.eye(len(square))
        down = -np.real((rows * self._weights) @ here.conj()) - _PRIOR**2 * (self.x - self._prior)
        move = np.linalg.solve(square, down)
        return move / max(1.0, float(np.abs(move).max()))


def _camera(search: _Search, weights: np.ndarray, fit: CameraFit) -> CameraFit:
    """Camera and crop under which what is shown lies on what was observed; `fit` where no face is
    shown."""
    if not math.isfinite(search.cost):
        return fit
    yaw, pitch = (float(v) * _ANGLES for v in search.x[:2])
    return CameraFit.placed(yaw, pitch, search.shown, search.observed, weights)


def _weights(lids: bool) -> np.ndarray:
    """How much each point matters [478], with or without the lids; their sum is 1."""
    weights = np.ones(POINTS)
    weights[list(LIPS)], weights[list(LIDS)], weights[468:] = 2.0, 4.0 * lids, 0.0
    return weights / weights.sum()
