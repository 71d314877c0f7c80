"""Pictures of a webcam, or of a video used in its place, in real time. A thread reads them; a
reader gets the newest picture, and earlier ones are dropped. Nothing is stored."""

from __future__ import annotations

import errno
import math
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.error import FFmpegError

from viz.portrait.live.camera_sources import FORMATS, MISSING, no_pictures, webcams, why
from viz.state.errors import UserError
from viz.state.types import FRAME_RATE

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

SIDE = 480
"""Longer side of the pictures in pixels; larger ones are reduced."""


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """A picture from a camera."""

    pixels: np.ndarray
    """uint8 [H, W, 3], upright."""
    time: float
    """When it was taken, in seconds of `time.perf_counter`."""


class CameraInput:
    """An open camera, until `close` is called.

    Args:
        source: a webcam as `webcams` names it, empty for the first one, or the path of a video,
            which is played in real time, over and over.
        mirrored: whether a webcam's pictures are mirrored.

    Raises:
        UserError: when it cannot be opened.
    """

    def __init__(self, source: str, mirrored: bool = True) -> None:
        known = webcams()
        self._is_video = bool(source) and source not in known and Path(source).is_file()
        if not source and not known:
            raise UserError(MISSING)
        self._source = source or next(iter(known))
        self.name = Path(source).name if self._is_video else known.get(self._source, self._source)
        """Name for the user."""
        self._mirrored = mirrored and not self._is_video
        self._changed = threading.Condition()
        self._newest: CameraFrame | None = None
        self._failure: UserError | None = None
        self._closed = False
        self._container = self._open()
        # Width of a pixel in pixel heights.
        self._aspect = float(self._container.streams.video[0].sample_aspect_ratio or 1)
        threading.Thread(target=self._read, name="camera", daemon=True).start()

    def take(self, seconds: float) -> CameraFrame | None:
        """Waits for the next picture and returns the newest one; None after `seconds`.

        Raises:
            UserError: when the camera sends no more pictures.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._failure, seconds)
            if self._failure is not None:
                raise self._failure
            frame, self._newest = self._newest, None
            return frame

    def close(self) -> None:
        """Releases the device, once the picture being read is complete."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # On the reading thread:

    def _open(self) -> InputContainer:
        try:
            container = av.open(self._source) if self._is_video else _opened(self._source)
        except (FFmpegError, OSError, ValueError) as error:
            raise UserError(why(self.name, error, self._is_video)) from error
        if not container.streams.video:
            container.close()
            raise UserError(no_pictures(self.name))
        return container

    def _read(self) -> None:
        try:
            for frame in self._video() if self._is_video else self._webcam():
                with self._changed:
                    if self._closed:
                        return
                    self._newest = frame
                    self._changed.notify_all()
            raise UserError(f"{self.name} no longer sends pictures: open it again.")
        except UserError as error:
            self._fail(error)
        except (FFmpegError, OSError, ValueError) as error:
            self._fail(UserError(why(self.name, error, self._is_video)))
        finally:
            self._container.close()

    def _fail(self, error: UserError) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _webcam(self) -> Iterator[CameraFrame]:
        for frame in self._container.decode(video=0):
            now = time.perf_counter()
            pixels = _pixels(frame, self._aspect)
            yield CameraFrame(pixels[:, ::-1] if self._mirrored else pixels, now)

    def _video(self) -> Iterator[CameraFrame]:
        """Reads the frames of a video in real time, over and over."""
        stream = self._container.streams.video[0]
        step = 1 / float(stream.average_rate or FRAME_RATE)
        begun, last = time.perf_counter(), -step
        while not self._closed:
            shown = 0
            offset = begun + last + step
            first = None
            for frame in self._container.decode(stream):
                at = frame.time if frame.time is not None else shown * step
                first = at if first is None else first
                due = offset + at - first
                last, shown = due - begun, shown + 1
                late = time.perf_counter() - due
                if late > 1:  # the machine slept, or is too slow for this video
                    begun, offset = begun + late, offset + late
                elif late < 0:
                    with self._changed:
                        if self._changed.wait_for(lambda: self._closed, -late):
                            return
                yield CameraFrame(_pixels(frame, self._aspect), due)
            if not shown:
                raise UserError(no_pictures(self.name))
            self._container.seek(0)


def _opened(source: str) -> InputContainer:
    kind = FORMATS[sys.platform]
    name = f"video={source}" if kind == "dshow" else source
    # Not every webcam supports these; then its own default is used.
    wanted: list[dict[str, str]] = [{"video_size": "640x480", "framerate": "30"}, {}]
    for number, options in enumerate(wanted):
        try:
            return av.open(name, format=kind, options=options)
        except (FFmpegError, OSError, ValueError) as error:
            refused = getattr(error, "errno", None) in (errno.EINVAL, errno.EIO)
            if number + 1 == len(wanted) or not refused:
                raise
    raise AssertionError


def _pixels(frame: VideoFrame, aspect: float) -> np.ndarray:
    """A decoded picture as uint8 [h, w, 3], upright, with square pixels and of usual size."""
    width, height = frame.width * aspect, frame.height
    factor = min(1.0, SIDE / max(width, height))
    size = max(2, math.floor(width * factor)), max(2, math.floor(height * factor))
    array = frame.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray()
    return np.rot90(array, round(frame.rotation / 90))
