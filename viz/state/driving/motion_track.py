"""The motion of a face in a video, and the file that holds it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from training.reasons import reason
from viz.state.errors import UserError
from viz.state.files import write_beside

TRACK_SUFFIX = ".track"
"""Ending of motion tracks."""
_KIND = "pv3d motion track"
_VERSION = 2
_SHAPES = {
    "codes": (None,),
    "cameras": (2,),
    "crops": (4,),
    "points": (478, 2),
    "openings": (2,),
    "amounts": (2,),
    "found": (),
}
"""Sizes of each tensor's axes after that of the frames; None for any size."""

_WHOLE = ("rest", "controls")
"""Tensors without an axis of frames."""


@dataclass(frozen=True, eq=False)
class MotionTrack:
    """How a face moves in F frames of a video. It holds no pictures."""

    codes: np.ndarray
    """Motion codes for t = 1, float32 [F, motion_dim]; the driver's resting face has the code
    `rest`, not 0."""
    rest: np.ndarray
    """Code of the driver's face at rest, float32 [motion_dim]."""
    cameras: np.ndarray
    """Smoothed yaw and pitch in degrees, as in `Camera.orbit`, float32 [F, 2]."""
    crops: np.ndarray
    """Smoothed crops in the video's pixels: centre x and y, side, and degrees clockwise, float32
    [F, 4]."""
    points: np.ndarray
    """468 landmarks and 10 points of the irises as they were found, in crop sides from 0 to 1,
    float32 [F, 478, 2]: other models' codes can be made of them."""
    openings: np.ndarray
    """How far the eyes and the mouth are open, in their widths, float32 [F, 2]."""
    controls: np.ndarray
    """What closes the eyes, and what opens the mouth, parts of a motion code, float32
    [2, motion_dim]."""
    amounts: np.ndarray
    """How much of both is in the codes, float32 [F, 2]."""
    found: np.ndarray
    """Whether the face was seen; else its frame is filled in from its neighbours. bool [F]."""
    fps: float
    """Frames a second."""
    size: tuple[int, int]
    """Width and height of the video's frames in pixels."""
    source: str
    """Name of the video's file, without its folder."""
    first: int
    """Number of the track's first frame in the video."""
    weights: str
    """Fingerprint of the generator whose codes these are; see
    `training.checkpoint.weights_mark`."""

    def __len__(self) -> int:
        return len(self.codes)


def write_track(path: Path, track: MotionTrack) -> None:
    """Saves a track.

    Raises:
        UserError: when it cannot be written.
    """
    names = (*_SHAPES, *_WHOLE)
    tensors = {name: np.ascontiguousarray(getattr(track, name)) for name in names}
    others = {
        f.name: getattr(track, f.name)
        for f in dataclasses.fields(MotionTrack)
        if f.name not in tensors
    }
    metadata = {"kind": _KIND, "version": str(_VERSION), "track": json.dumps(others)}
    data = save(tensors, metadata)
    write_beside(path, lambda file: file.write(data))


def read_track(path: Path) -> MotionTrack:
    """Opens a track.

    Raises:
        UserError: when it is none, or damaged.
    """
    try:
        with cast(Any, safe_open)(path, "numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            if metadata.get("kind") != _KIND:
                raise UserError(f"{path.name} is not a motion track: choose a {TRACK_SUFFIX} file.")
            if metadata.get("version") != str(_VERSION):
                raise UserError(
                    f"{path.name} was made by another version of this program: make the track "
                    "again."
                )
            names = (*_SHAPES, *_WHOLE)
            tensors: dict[str, np.ndarray] = {name: file.get_tensor(name) for name in names}
        others: dict[str, Any] = json.loads(metadata["track"])
        width, height = others["size"]
        track = MotionTrack(
            **tensors,
            fps=float(others["fps"]),
            size=(int(width), int(height)),
            source=str(others["source"]),
            first=int(others["first"]),
            weights=str(others["weights"]),
        )
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {reason(error)}.") from error
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path.name} is not a motion track, or is damaged: make it again."
        ) from error
    _check(path, track)
    return track


def _check(path: Path, track: MotionTrack) -> None:
    """Refuses arrays that do not belong together."""
    frames = len(track.found)
    right = frames > 0 and 0 < track.fps < 1e4
    for name, shape in _SHAPES.items():
        values = getattr(track, name)
        right = right and len(values) == frames and values.ndim == 1 + len(shape)
        pairs = zip(values.shape[1:], shape, strict=False)
        right = right and all(size == wanted or wanted is None for size, wanted in pairs)
        right = right and bool(np.isfinite(values).all())
    size = track.codes.shape[1:]
    right = right and track.rest.shape == size and track.controls.shape == (2, *size)
    right = right and all(bool(np.isfinite(getattr(track, name)).all()) for name in _WHOLE)
    if not (right and bool((track.crops[:, 2] > 0).all())):
        raise UserError(f"{path.name} is damaged: make the motion track again.")
