"""Messages between the window and the process that reads the camera. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class CameraTask:
    """The task that the process is started with."""

    source: str
    """As in `viz.portrait.live.camera_input.CameraInput`."""
    mirrored: bool
    """Whether a webcam's pictures are mirrored."""
    weights: str
    """Fingerprint of the model to drive, whose faces have been learnt, see `LearnFacesJob`."""


@dataclass(frozen=True)
class SetDriving:
    """How the face drives the person."""

    strength: float
    """Factor on the expression's difference from the face at rest."""
    smoothing: float
    """0 follows at once, with jitter; 1 smooths most."""


@dataclass(frozen=True)
class Pace:
    """When the renderer can use the next motion. Looking at more of the camera's pictures would
    take CPU time from it."""

    due: float
    """In seconds of `time.perf_counter`, which processes share."""
    interval: float
    """Seconds until the one after it is due."""


@dataclass(frozen=True)
class Calibrate:
    """Takes the present face as the neutral one."""


@dataclass(frozen=True)
class Record:
    """Starts a recording, to be saved as a motion track. It is saved also if the camera fails or
    the window is gone."""

    path: str
    """The track; if it exists, a number is added to the name."""


@dataclass(frozen=True)
class SaveTrack:
    """Ends the recording and saves it."""


@dataclass(frozen=True)
class CloseCamera:
    """Closes the device and ends the process."""


@dataclass(frozen=True)
class CameraOpened:
    """The camera is open: pictures follow."""

    name: str
    """Name for the user."""


@dataclass(frozen=True, eq=False)
class SeenFace:
    """The contents of the newest picture."""

    time: float
    """When it was taken, in seconds of `time.perf_counter`, which processes share."""
    picture: np.ndarray
    """A small picture, uint8 [h, w, 3]."""
    landmarks: np.ndarray
    """float32 [468, 2], as fractions of the picture's width and height; [0, 2] without a face."""
    code: np.ndarray | None = None
    """The face's motion code, for the clip's last frame, float32 [motion_dim]; None without a
    face."""
    turn: tuple[float, float] = (0.0, 0.0)
    """Degrees by which the head's turn moves the camera, to the right and up."""
    busy: float = 0.0
    """Seconds spent on the picture."""


@dataclass(frozen=True)
class TrackSaved:
    """A recording was saved."""

    path: str
    frames: int


@dataclass(frozen=True)
class CameraFailed:
    """The camera cannot be used, or a track cannot be written."""

    sentence: str
    """Message for the user."""
    details: str = field(default="", repr=False)
    """Traceback; empty if the sentence says it all."""
    over: bool = True
    """Whether this closes the camera."""


KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *(SetDriving, Pace, Calibrate, Record, SaveTrack, CloseCamera),
        *(CameraOpened, SeenFace, TrackSaved, CameraFailed),
    )
}
"""All messages by name, for `viz.render.message_encoding.decode`."""
