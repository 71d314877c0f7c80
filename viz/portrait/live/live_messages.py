"""The messages between the window and the process that looks through the camera. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

# From the window ------------------------------------------------------------------------------


@dataclass(frozen=True)
class CameraTask:
    """What the process is begun for."""

    source: str
    """As `viz.portrait.live.camera_input.CameraInput` takes it."""
    mirrored: bool
    """Whether left and right of a webcam's pictures are exchanged."""
    weights: str
    """Mark of the weights of the model that is driven: its faces have been learnt from, see
    `LearnFacesJob`."""


@dataclass(frozen=True)
class SetDriving:
    """How the face drives the person."""

    strength: float
    """Factor on how far the expression goes from the face at rest."""
    smoothing: float
    """0 follows at once, with jitter; 1 smooths most."""


@dataclass(frozen=True)
class Calibrate:
    """Takes the present face as the neutral one."""


@dataclass(frozen=True)
class Record:
    """Begins to note what is played."""


@dataclass(frozen=True)
class SaveTrack:
    """Ends that, and writes it as a motion track."""

    path: str


@dataclass(frozen=True)
class CloseCamera:
    """Closes the device and ends the process."""


# From the camera ------------------------------------------------------------------------------


@dataclass(frozen=True)
class CameraOpened:
    """The camera is open: pictures follow."""

    name: str
    """For the user."""


@dataclass(frozen=True, eq=False)
class SeenFace:
    """What the newest picture shows."""

    time: float
    """When it was seen, in seconds of `time.perf_counter`, which processes share."""
    picture: np.ndarray
    """A small one, uint8 [h, w, 3]."""
    landmarks: np.ndarray
    """float32 [468, 2], in parts of the picture's width and height; [0, 2] without a face."""
    code: np.ndarray | None = None
    """The motion code that the face asks for, for the clip's last frame, float32 [motion_dim];
    None without a face."""
    turn: tuple[float, float] = (0.0, 0.0)
    """Degrees by which the camera goes around the head, to the right and up, as the head is
    turned."""
    busy: float = 0.0
    """Seconds that it took to look at the picture."""


@dataclass(frozen=True)
class TrackSaved:
    """A recording is on disk."""

    path: str
    frames: int


@dataclass(frozen=True)
class CameraFailed:
    """The camera cannot be used, or a track not be written."""

    sentence: str
    """For the user."""
    details: str = field(default="", repr=False)
    """Traceback; empty if the sentence says it all."""
    over: bool = True
    """Whether the camera is closed by it."""


KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *(SetDriving, Calibrate, Record, SaveTrack, CloseCamera),
        *(CameraOpened, SeenFace, TrackSaved, CameraFailed),
    )
}
"""All of them by name, for `viz.render.messages.decode`."""
