"""Lists the webcams of this machine, and says why one cannot be used. PyAV is imported on
demand."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

from training.reasons import reason

FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's name of each system's webcams."""


def webcams() -> dict[str, str]:
    """The webcams, the system's default first: what `CameraInput` opens, and a name for the
    user."""
    import av
    from av.error import FFmpegError

    kind = FORMATS.get(sys.platform)
    if kind is None:
        return {}
    try:
        found = [d for d in av.enumerate_input_devices(kind) if "video" in d.media_types]
    except (FFmpegError, OSError, ValueError):
        return {}
    found.sort(key=lambda device: not device.is_default)
    return {device.name: device.description or device.name for device in found}


def source_problem(source: str) -> str:
    """Why a camera cannot be opened, as far as this is known without opening it; empty if no reason
    is known.

    Args:
        source: as `CameraInput` takes it.
    """
    import av
    from av.error import FFmpegError

    known = webcams()
    if source in known or (not source and known):
        return ""
    if not source:
        return MISSING
    name = Path(source).name
    if not Path(source).is_file():
        return f"{name} was not found: connect it, or choose another camera."
    try:
        with av.open(source) as container:
            return "" if container.streams.video else no_pictures(name)
    except (FFmpegError, OSError, ValueError) as error:
        return why(name, error, is_video=True)


def no_pictures(name: str) -> str:
    return f"{name} contains no pictures: choose a video or a webcam."


MISSING = "No webcam was found: connect one, or choose a video in its place."


def why(name: str, error: Exception, is_video: bool = False) -> str:
    """Why a camera cannot be used, as a sentence.

    Args:
        name: of the camera or video.
        error: what FFmpeg or the system said.
        is_video: whether it is a video.
    """
    if is_video:
        return f"{name} is not a readable video ({reason(error)}): choose another one."
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{name} was not found: connect it, or choose another camera."
    if number in (errno.EBUSY, errno.EAGAIN):
        return f"{name} is used by another program: close that one, then open the camera again."
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"{name} may not be used: allow the camera for this program in the system's settings, "
            "then open it again."
        )
    return f"{name} cannot be opened ({reason(error)}): choose another camera."
