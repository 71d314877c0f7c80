"""Frames of video files by number, through PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.data.source import ClipError, DatasetError
from training.reasons import reason

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


class Video:
    """An open video whose frames are numbered in the order in which they are shown.

    The packets' times are read on opening, without decoding, so the numbering is exact even if the
    frame rate varies or the header's frame count is wrong.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        packets = [
            (packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.pts is not None and not packet.is_discard
        ]
        self._shown = np.array(sorted({pts for pts, _, _ in packets}), np.int64)
        self._keys = sorted((pts, pts if dts is None else dts) for pts, dts, key in packets if key)
        if not packets or not self._keys:
            raise ClipError("has no video frames")
        self.width, self.height = stream.width, stream.height
        """Size of the stored pictures in pixels."""
        self.pixel_aspect = float(stream.sample_aspect_ratio or 1)
        """Width of a pixel in pixel heights."""
        assert stream.time_base is not None
        self.times = (self._shown - self._shown[0]) * float(stream.time_base)
        """Seconds from the first frame, float64 [F], ascending."""

    @property
    def frame_count(self) -> int:
        return len(self._shown)

    @property
    def fps(self) -> float:
        """Mean frames a second; 0 for a single frame."""
        return (self.frame_count - 1) / self.times[-1] if self.times[-1] > 0 else 0.0

    def frames(self, numbers: Sequence[int], turned: bool = False) -> Iterator[np.ndarray]:
        """Decodes frames, uint8 [H, W, 3], RGB, from the last key frame before the first of them.

        Args:
            numbers: of the frames, in ascending order.
            turned: whether to rotate pictures that are stored rotated, as phones do, instead of
                rejecting them.

        Raises:
            ClipError: when one is missing or cannot be decoded.
        """
        from av.error import FFmpegError

        wanted = [int(self._shown[k]) for k in numbers]
        try:
            self._container.seek(self._start(wanted[0]), stream=self._stream)
            for frame in self._container.decode(self._stream):
                if frame.pts != wanted[0]:
                    continue
                if frame.is_corrupt:
                    break
                if frame.rotation and not turned:
                    raise ClipError(
                        f"is stored rotated by {frame.rotation} degrees; convert it first "
                        "(`ffmpeg -i IN OUT` does)"
                    )
                picture = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                while wanted and frame.pts == wanted[0]:
                    wanted.pop(0)
                    yield picture
                if not wanted:
                    return
        except (FFmpegError, ValueError) as error:
            raise ClipError(f"cannot be decoded ({reason(error)})") from error
        number = int(np.searchsorted(self._shown, wanted[0]))
        raise ClipError(f"frame {number} cannot be decoded")

    def _start(self, pts: int) -> int:
        """Decoding time of the last key frame that is shown no later than `pts`.

        Seeking to `pts` itself could go wrong: a key frame may be decoded before it but shown
        after.
        """
        return max((key for key in self._keys if key[0] <= pts), default=self._keys[0])[1]


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """The video at `path`, any file that FFmpeg reads, closed at the end of the block.

    Raises:
        ClipError: when it is missing or no video.
        DatasetError: when PyAV is not installed.
    """
    with _open(path) as (container, stream):
        stream.codec_context.thread_count = 1  # several workers may read at once
        from av.error import FFmpegError

        try:
            video = Video(container, stream)
        except FFmpegError as error:
            raise ClipError(f"cannot be read as a video ({reason(error)})") from error
        yield video


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video's container and its first stream of pictures; errors as in `open_video`."""
    try:
        import av
        from av.error import FFmpegError
    except ImportError as error:
        raise DatasetError(
            "Reading videos needs PyAV: run `pip install 'pv3d-visualizer[train]'`."
        ) from error

    try:
        container = av.open(str(path))
    except FileNotFoundError:
        raise ClipError(f"the video {path.name} is missing") from None
    except (FFmpegError, OSError, ValueError) as error:
        raise ClipError(f"cannot be read as a video ({reason(error)})") from error
    with container:
        if not container.streams.video:
            raise ClipError("has no video frames")
        yield container, container.streams.video[0]


def frame_count(path: Path) -> int:
    """Frames of a video by its header, or by its packets where the header does not say.

    Raises:
        ClipError: when it is missing or no video.
        DatasetError: when PyAV is not installed.
    """
    with _open(path) as (container, stream):
        return stream.frames or Video(container, stream).frame_count
