"""From a face in a camera's pictures to the motion code of a person."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viz.portrait.camera.camera_fit import CameraFit, fit_camera
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.faces.face import Face
from viz.portrait.live.live_messages import SetDriving
from viz.portrait.live.one_euro import OneEuroFilter
from viz.portrait.tracks.expressions import eye_opening, face_points, lifted, mouth_opening
from viz.portrait.tracks.motion_map import MotionMap
from viz.state.driving.motion_track import MotionTrack
from viz.state.errors import UserError

_CALM = 9
"""Pictures whose median is the face at rest."""
_GAIN = 1.4
"""By which codes go further from the rest: the map's regression shrinks expressions."""
_TREMBLE = 0.03
"""Change of a code's numbers, which have about unit variance, that is not shown: a face that holds
still gets its full picture."""
_RECORD_FPS = 25.0
_LONG_GAP = 0.3
"""Seconds without a face after which frames count as not found."""
_MOST_FRAMES = 60 * 60 * 60
"""Pictures that a recording may have."""


@dataclass(frozen=True, eq=False)
class Driven:
    """What a face asks for."""

    time: float
    """Seconds of a clock."""
    code: np.ndarray
    """Motion code for the clip's last frame, float32 [motion_dim]."""
    fit: CameraFit
    """Camera and crop of the head, smoothed."""
    points: np.ndarray
    """Landmarks and irises in the picture's pixels, float32 [478, 2]."""
    openings: tuple[float, float]
    """How far the eyes and the mouth are open, in their widths."""
    turn: tuple[float, float]
    """Yaw and pitch in degrees from those of the face at rest."""


class FaceDriver:
    """Maps faces to motion codes, relative to the face at rest: until `calibrate` is called that is
    the first that is seen.

    Args:
        template: of the model's faces.
        known: what their motion has taught.
    """

    def __init__(self, template: FaceTemplate, known: MotionMap) -> None:
        self._template, self._known = template, known
        self._fit: CameraFit | None = None
        self._lifted: deque[tuple[np.ndarray, tuple[float, float]]] = deque(maxlen=_CALM)
        self._neutral: tuple[np.ndarray, np.ndarray] | None = None
        """Lifted points, and yaw and pitch, of the face at rest."""
        self._code = np.zeros(0, np.float32)
        self._strength = 1.0
        self._codes = OneEuroFilter(1.0, 1.0)
        self._heads = OneEuroFilter(1.0, 0.1)
        self.set(SetDriving(1.0, 0.5))

    @property
    def rest(self) -> np.ndarray:
        """Code of a face at rest, float32 [motion_dim]."""
        return self._known.rest

    def set(self, how: SetDriving) -> None:
        """Changes strength and smoothing."""
        self._strength = how.strength
        least = 8.0 * 0.1**how.smoothing  # 8 Hz to 0.8 Hz
        for each in (self._codes, self._heads):
            each.cutoff = least

    def calibrate(self) -> None:
        """Takes the face of the last pictures for the one at rest."""
        if self._lifted:
            points, turns = zip(*self._lifted, strict=True)
            self._neutral = np.median(points, axis=0), np.median(turns, axis=0)

    def drive(self, face: Face, time: float) -> Driven:
        """What a face asks for that was seen at `time`, in seconds that rise."""
        fit = self._fit = fit_camera(self._template, face.landmarks, start=self._fit)
        seen = face_points(face)
        self._lifted.append((lifted(seen, fit, self._template), (fit.yaw, fit.pitch)))
        if self._neutral is None:
            self.calibrate()
        assert self._neutral is not None
        wanted = self._known.codes(self._lifted[-1][0], self._neutral[0])
        further = _GAIN * self._strength * (wanted - self._known.rest)
        code = self._codes(self._known.rest + further, time)
        if len(code) != len(self._code) or np.abs(code - self._code).max() > _TREMBLE:
            self._code = code.astype(np.float32)
        numbers = (fit.yaw, fit.pitch, *fit.centre, fit.side, fit.angle)
        yaw, pitch, x, y, side, angle = map(float, self._heads(np.array(numbers), time))
        turn = yaw - float(self._neutral[1][0]), pitch - float(self._neutral[1][1])
        smooth = CameraFit(yaw, pitch, (x, y), side, angle)
        points = self._lifted[-1][0]
        openings = float(eye_opening(points)), float(mouth_opening(points))
        return Driven(time, self._code, smooth, seen, openings, turn)

    def lose(self) -> None:
        """Notes that the face is out of sight: it may come back elsewhere."""
        self._fit = None
        self._heads.forget()


class Recording:
    """Notes what is played, for a motion track."""

    def __init__(self) -> None:
        self._noted: list[Driven] = []

    def add(self, driven: Driven) -> None:
        """Notes what a picture asked for."""
        if len(self._noted) < _MOST_FRAMES:
            self._noted.append(driven)

    def track(
        self, rest: np.ndarray, size: tuple[int, int], source: str, weights: str
    ) -> MotionTrack:
        """The track, at a constant rate: between two pictures their numbers are interpolated.

        Args:
            rest: code of a face at rest, float32 [motion_dim].
            size: width and height of the camera's pictures.
            source: name of the camera.
            weights: mark of the model's weights.

        Raises:
            UserError: when there is nothing to save.
        """
        if len(self._noted) < 2:
            raise UserError("Nothing was recorded: no face was seen meanwhile.")
        times = np.array([driven.time for driven in self._noted])
        frames = np.arange(times[0], times[-1], 1 / _RECORD_FPS)
        after = np.searchsorted(times, frames).clip(1, len(times) - 1)
        gaps = times[after] - times[after - 1]
        cameras = [(d.fit.yaw, d.fit.pitch) for d in self._noted]
        crops = [(*d.fit.centre, d.fit.side, d.fit.angle) for d in self._noted]
        points = [d.fit.square.from_picture(d.points) for d in self._noted]

        def even(values: Sequence[object]) -> np.ndarray:
            rows = np.asarray(values, np.float64)
            flat = rows.reshape(len(rows), -1).T
            columns = [np.interp(frames, times, column) for column in flat]
            return np.stack(columns, axis=1).reshape(-1, *rows.shape[1:]).astype(np.float32)

        return MotionTrack(
            codes=even([d.code for d in self._noted]),
            rest=rest,
            openings=even([d.openings for d in self._noted]),
            # All of the expression is in the codes.
            controls=np.zeros((2, len(rest)), np.float32),
            amounts=np.zeros((len(frames), 2), np.float32),
            cameras=even(cameras),
            crops=even(crops),
            points=even(points),
            found=gaps < _LONG_GAP,
            fps=_RECORD_FPS,
            size=size,
            source=source,
            first=0,
            weights=weights,
        )
