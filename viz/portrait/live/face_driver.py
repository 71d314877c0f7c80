"""From a face in a camera's pictures to the motion code of a person."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from viz.portrait.camera.camera_fit import CameraFit, fit_camera
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.faces.face import Face
from viz.portrait.live.live_messages import SetDriving
from viz.portrait.live.one_euro import OneEuroFilter
from viz.portrait.tracks.expressions import (
    eye_opening,
    face_points,
    lifted,
    mouth_opening,
    neutral_points,
)
from viz.portrait.tracks.motion_map import MotionMap
from viz.portrait.tracks.opening_controls import OpeningControls
from viz.state.driving.motion_track import MotionTrack
from viz.state.errors import UserError
from viz.state.types import FRAME_RATE

_CALM = 9
"""Number of pictures whose median is the face at rest."""
_SAMPLES, _SAMPLE_SECONDS = 60, 0.2
"""Number of pictures, and their spacing in seconds, among which the face at rest is searched
automatically."""
_REMEMBERED = 1500
"""Number of recent pictures that show how far the eyes close and the mouth opens, about a
minute."""
_USUAL_BLINK, _USUAL_BLINKS = 0.5, 4
"""Assumed opening of closed eyes, as a fraction of that at rest, with the weight of so many
pictures, until enough are known of this face."""
_TREMBLE = 0.005
"""Change of a code's numbers, which have about unit variance, that is ignored: a face that holds
still gets its full picture."""
_LONG_GAP = 0.3
"""Seconds without a face after which frames count as not found."""
_MOST_FRAMES = 60 * 60 * 60
"""Most pictures of a recording."""


@dataclass(frozen=True, eq=False)
class FaceMotion:
    """How a face drives a person."""

    time: float
    """Clock time, seconds."""
    code: np.ndarray
    """Motion code for the clip's last frame, float32 [motion_dim]."""
    amounts: np.ndarray
    """How far the controls that close the eyes and open the mouth are applied, float32 [2]."""
    fit: CameraFit
    """Camera and crop of the head, smoothed."""
    points: np.ndarray
    """Landmarks and irises in the picture's pixels, float32 [478, 2]."""
    openings: tuple[float, float]
    """How far the eyes and the mouth are open, relative to their widths."""
    turn: tuple[float, float]
    """Yaw and pitch in degrees relative to the face at rest."""


class FaceDriver:
    """Maps faces to motion codes, relative to the face at rest; until `calibrate` is called, this
    is the calmest face of the first seconds. It takes what was learnt about the model's faces."""

    def __init__(self, template: FaceTemplate, known: MotionMap, controls: OpeningControls) -> None:
        self._template, self._known, self._controls = template, known, controls
        self._fit: CameraFit | None = None
        self._last: deque[_Lifted] = deque(maxlen=_CALM)
        self._samples: list[_Lifted] = []
        self._neutral: _Lifted | None = None
        self._calibrated = False
        self._remembered, self._noted = np.zeros((_REMEMBERED, 2)), 0
        self._code = np.zeros(0, np.float32)
        self._strength = 1.0
        self._others = OneEuroFilter(1.0, 1.0)
        # Blinks last only two pictures, so fast changes must hardly be smoothed.
        self._openings = OneEuroFilter(1.0, 10.0, speed_cutoff=8.0)
        self._heads = OneEuroFilter(1.0, 0.1)
        self.set(SetDriving(1.0, 0.5))

    @property
    def rest(self) -> np.ndarray:
        """Code of a face at rest, float32 [motion_dim]."""
        return self._known.rest

    @property
    def directions(self) -> np.ndarray:
        """Directions that close the eyes, and open the mouth, float32 [2, motion_dim]."""
        return self._controls.directions

    def set(self, how: SetDriving) -> None:
        """Sets strength and smoothing."""
        self._strength = how.strength
        least = 8.0 * 0.1**how.smoothing  # 8 Hz to 0.8 Hz
        for each in (self._others, self._openings, self._heads):
            each.cutoff = least

    def calibrate(self) -> None:
        """Uses the face of the last pictures as the one at rest."""
        if self._last:
            self._calibrated = True
            self._neutral = _middle(list(self._last))

    def drive(self, face: Face, time: float) -> FaceMotion:
        """The motion for a face at `time`, in seconds that increase from call to call."""
        fit = self._fit = fit_camera(self._template, face.landmarks, start=self._fit)
        seen = face_points(face)
        now = _Lifted(time, lifted(seen, fit, self._template), (fit.yaw, fit.pitch))
        self._last.append(now)
        neutral = self._at_rest(now)
        openings = float(eye_opening(now.points)), float(mouth_opening(now.points))
        amounts = self._amounts(openings, neutral.points, time)
        moved = self._known.codes(now.points, neutral.points) - self._known.rest
        moved = self._others(self._controls.beside(moved), time)
        moved = self._strength * (moved + amounts @ self._controls.directions)
        code = self._known.rest + moved
        if len(code) != len(self._code) or np.abs(code - self._code).max() > _TREMBLE:
            self._code = code.astype(np.float32)
        head = CameraFit.from_numbers(self._heads(np.array(fit.numbers), time))
        return FaceMotion(
            time=time,
            code=self._code,
            amounts=(self._strength * amounts).astype(np.float32),
            fit=head,
            points=seen,
            openings=openings,
            turn=(head.yaw - neutral.turn[0], head.pitch - neutral.turn[1]),
        )

    def _at_rest(self, now: _Lifted) -> _Lifted:
        """The face at rest."""
        samples = self._samples
        if self._calibrated or len(samples) == _SAMPLES:
            assert self._neutral is not None
            return self._neutral
        if not samples or now.time - samples[-1].time >= _SAMPLE_SECONDS:
            samples.append(now)
            self._neutral = _calmest(samples)
        assert self._neutral is not None
        return self._neutral

    def _amounts(
        self, openings: tuple[float, float], neutral: np.ndarray, time: float
    ) -> np.ndarray:
        """How far to apply the controls [2]."""
        self._remembered[self._noted % _REMEMBERED] = openings
        self._noted += 1
        known = self._remembered[: self._noted]
        now = self._openings(np.array(openings), time)
        eyes, mouth = np.append(known, now[None], axis=0).T
        eyes, mouth = eyes / max(float(eye_opening(neutral)), 1e-6), mouth - mouth_opening(neutral)
        known = np.append(eyes, [_USUAL_BLINK] * _USUAL_BLINKS)
        return self._controls.amounts(eyes[-1:], mouth[-1:], (known, mouth))[0]

    def lose(self) -> None:
        """Notes that the face is out of sight: it may return elsewhere."""
        self._fit = None
        self._heads.forget()


@dataclass(frozen=True, eq=False)
class _Lifted:
    """A face in the generator's world."""

    time: float
    points: np.ndarray
    """[478, 3]."""
    turn: tuple[float, float]
    """Yaw and pitch in degrees."""


def _middle(faces: Sequence[_Lifted]) -> _Lifted:
    yaw, pitch = np.median([face.turn for face in faces], axis=0).tolist()
    points = np.median([face.points for face in faces], axis=0)
    return _Lifted(faces[-1].time, points, (yaw, pitch))


def _calmest(faces: Sequence[_Lifted]) -> _Lifted:
    """The face at rest, with closed mouth and open eyes, among some pictures."""
    rest = neutral_points(np.stack([face.points for face in faces]))
    return replace(_middle(faces), points=rest)


class Recording:
    """Records what is played, for a motion track."""

    def __init__(self) -> None:
        self._noted: list[FaceMotion] = []

    def add(self, driven: FaceMotion) -> None:
        """Records the motion of a picture."""
        if len(self._noted) < _MOST_FRAMES:
            self._noted.append(driven)

    def track(
        self, driver: FaceDriver, size: tuple[int, int], source: str, weights: str
    ) -> MotionTrack:
        """The track, at a constant rate: values between two pictures are interpolated. Size, source
        and weights are as in `MotionTrack`.

        Raises:
            UserError: when there is nothing to save.
        """
        if len(self._noted) < 2:
            raise UserError("Nothing was recorded: no face was seen.")
        times = np.array([driven.time for driven in self._noted])
        frames = np.arange(times[0], times[-1], 1 / FRAME_RATE)
        after = np.searchsorted(times, frames).clip(1, len(times) - 1)
        gaps = times[after] - times[after - 1]
        points = [d.fit.square.from_picture(d.points) for d in self._noted]

        def even(values: Sequence[object]) -> np.ndarray:
            rows = np.asarray(values, np.float64)
            flat = rows.reshape(len(rows), -1).T
            columns = [np.interp(frames, times, column) for column in flat]
            return np.stack(columns, axis=1).reshape(-1, *rows.shape[1:]).astype(np.float32)

        places = even([d.fit.numbers for d in self._noted])
        return MotionTrack(
            codes=even([d.code for d in self._noted]),
            rest=driver.rest,
            openings=even([d.openings for d in self._noted]),
            controls=driver.directions,
            amounts=even([d.amounts for d in self._noted]),
            cameras=places[:, :2],
            crops=places[:, 2:],
            points=even(points),
            found=gaps < _LONG_GAP,
            fps=FRAME_RATE,
            size=size,
            source=source,
            first=0,
            weights=weights,
        )
