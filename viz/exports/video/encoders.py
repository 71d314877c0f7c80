"""Writers of moving pictures, fed frame by frame; their memory use does not grow.

Each is made with the first frame's shape and takes frames by `add`; `finish` completes the file.
`close` abandons it, and the caller removes its file.
"""

# PyAV's streams are not fully typed.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Protocol

import av
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from PIL import Image

from viz.exports import embedding
from viz.exports.frame_options import CODECS, VIDEO_SUFFIXES, Codec, VideoOptions
from viz.state.errors import UserError

_THREADS = 4
"""Threads of an encoder; a fixed number, as the result may depend on it."""
_BT709 = 1
"""Number of ITU-R BT.709 among primaries, transfer functions and matrices (ITU-T H.273)."""
_LIMITED = 1
_LARGEST_WEBP = 16383
_ENCODERS: dict[Codec, str] = {"h264": "libx264", "h265": "libx265", "prores": "prores_ks"}

Progress = Iterator[float]
"""Fractions of the work done, 0..1."""


class Encoder(Protocol):
    """A moving picture being written."""

    def add(self, pixels: np.ndarray) -> None:
        """Adds a frame, [H, W, C], of the first one's shape and type."""
        ...

    def finish(self) -> Progress:
        """Parts of completing the file."""
        ...

    def close(self) -> None:
        """Releases the file; the encoder cannot be used afterwards."""
        ...


def make(
    part: Path,
    path: Path,
    options: VideoOptions,
    first: np.ndarray,
    count: int,
    text: str,
    frame_rate: float | None = None,
) -> Encoder:
    """The encoder for a file.

    Args:
        part: file to write to, whatever its name.
        path: final path; its suffix selects the format.
        options: how it is encoded.
        first: the first frame, uint8 or uint16 [H, W, 3 or 4]. It is not added.
        count: number of frames that will be added.
        text: recipe that the file carries.
        frame_rate: frames a second; None for that of the options.

    Raises:
        UserError: when there is no such encoder here.
        OSError: when the file cannot be written.
    """
    rate = Fraction(frame_rate or options.movement.rate).limit_denominator(1001)
    codec = options.codec_for(path)
    if codec is not None:
        settings = _codec_options(codec, options, rate, count)
        height, width = first.shape[:2]
        size = options.file_size(path.suffix, (width, height))
        return VideoEncoder(
            part, path.suffix.lower(), codec, settings, rate, first.shape, size, text
        )
    if path.suffix.lower() == ".webp" and max(first.shape[:2]) > _LARGEST_WEBP:
        raise UserError(
            f"A WebP can have at most {_LARGEST_WEBP} pixels a side, and the frames have "
            f"{max(first.shape[:2])}: choose a smaller height, or another format."
        )
    if path.suffix.lower() == ".gif":
        return GifEncoder(part, options, rate, first.shape, text)
    return WebpEncoder(part, options, rate, first.shape, text)


def require_codec(options: VideoOptions, path: Path) -> None:
    """Checks that this machine can encode what is requested.

    Raises:
        UserError: when it cannot, with what to choose instead.
    """
    codec = options.codec_for(path)
    if codec is None or _can_encode(codec):
        return
    others = [
        f"{CODECS[other].split(':')[0]} ({suffix})"
        for suffix, known in VIDEO_SUFFIXES.items()
        for other in known
        if _can_encode(other)
    ]
    instead = ", ".join(dict.fromkeys([*others, "GIF (.gif)", "WebP (.webp)", "PNG frames"]))
    raise UserError(
        f"This machine's PyAV has no encoder for {CODECS[codec].split(':')[0]} "
        f"({_ENCODERS[codec]}): choose among {instead}."
    )


def missing() -> list[str]:
    """Names of the codecs that this machine cannot encode."""
    return [CODECS[codec].split(":")[0] for codec in _ENCODERS if not _can_encode(codec)]


def _can_encode(codec: Codec) -> bool:
    return _ENCODERS[codec] in av.codecs_available


def open_video(part: Path, suffix: str, text: str) -> OutputContainer:
    """A new MP4 or MOV that carries a text as its comment.

    Args:
        part: file to write to, whatever its name.
        suffix: ".mp4" or ".mov".
        text: the comment.
    """
    # A comment in QuickTime's own format ends at 64 KiB; the newer "metadata tags" have no limit.
    flags = "+faststart" + ("+use_metadata_tags" if suffix == ".mov" else "")
    output = av.open(str(part), "w", format=suffix[1:], options={"movflags": flags})
    output.metadata["comment"] = text
    return output


class VideoEncoder:
    """MP4 and MOV by FFmpeg, in BT.709 colours of limited range, as players expect them.

    Where the video is larger than its frames (see `VideoOptions.file_size`), copies of their last
    row and column pad it.
    """

    def __init__(
        self,
        part: Path,
        suffix: str,
        codec: Codec,
        settings: dict[str, str],
        rate: Fraction,
        shape: tuple[int, ...],
        size: tuple[int, int],
        text: str,
    ) -> None:
        height, width, channels = shape
        self._padding = size[1] - height, size[0] - width
        self._output = open_video(part, suffix, text)
        stream: Any = self._output.add_stream(_ENCODERS[codec], rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        if codec == "prores":
            stream.pix_fmt = "yuva444p10le" if channels == 4 else "yuv444p10le"
        stream.options = settings
        context = stream.codec_context
        context.thread_count = _THREADS
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        if codec == "h265":
            context.codec_tag = "hvc1"  # the only tag that Apple's players accept
        self._stream, self._rate, self._count = stream, rate, 0

    def add(self, pixels: np.ndarray) -> None:
        """Adds a frame, uint8 or uint16 [H, W, 3 or 4]."""
        bottom, right = self._padding
        if bottom or right:
            pixels = np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="edge")
        frame = video_frame(pixels).reformat(
            format=self._stream.pix_fmt,
            dst_colorspace="ITU709",
            src_color_range="JPEG",
            dst_color_range="MPEG",
            dst_color_trc=_BT709,
            dst_color_primaries=_BT709,
        )
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        self._write(frame)

    def _write(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._output.mux(packet)

    def finish(self) -> Progress:
        """Parts of completing the file."""
        yield 0.0
        self._write(None)
        self._output.close()

    def close(self) -> None:
        """Releases the file."""
        with contextlib.suppress(OSError, ValueError):
            self._output.close()


def video_frame(pixels: np.ndarray) -> av.VideoFrame:
    """FFmpeg's frame of uint8 or uint16 [H, W, 3 or 4] pixels."""
    names = ("rgb48le", "rgba64le") if pixels.dtype == np.uint16 else ("rgb24", "rgba")
    name = names[1] if pixels.shape[2] == 4 else names[0]
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=name)


def _codec_options(
    codec: Codec, options: VideoOptions, rate: Fraction, count: int
) -> dict[str, str]:
    if codec == "prores":
        return {"profile": "4444", "vendor": "apl0"}
    seconds_2 = str(max(round(2 * rate), 1))  # interval of key frames, for scrubbing
    common = {"crf": str(options.crf), "preset": "medium", "g": seconds_2}
    if codec == "h265":
        # For videos shorter than its reordering delay, x265 leaves decoding times unset.
        short = ":bframes=0" if count < 4 else ""
        common["x265-params"] = f"log-level=error:frame-threads=2{short}"
    return common


_CONTROL = b"\x21\xf9\x04"
"""First bytes of the graphic control extension of a GIF's frame."""


def _cleared(packet: Any) -> Any:
    """A GIF frame that players clear before the next one, whose transparent parts would otherwise
    show it.

    FFmpeg does that only for frames with transparent parts of their own. Its palettes have the
    transparent colour last.
    """
    data = bytearray(bytes(packet))
    if data.startswith(_CONTROL):
        data[3] = data[3] & ~0b11100 | 2 << 2 | 1  # method 2, and there is a transparent colour
        data[6] = 255
        packet.update(bytes(data))
    return packet


class GifEncoder:
    """GIF in two passes, as its palette comes from all frames, which wait in a lossless file.

    Each colour is dithered to that palette by error diffusion.
    """

    def __init__(
        self,
        part: Path,
        options: VideoOptions,
        rate: Fraction,
        shape: tuple[int, ...],
        text: str,
    ) -> None:
        height, width, channels = shape
        self._part, self._options, self._rate, self._text = part, options, rate, text
        self._size, self._alpha = (width, height), channels == 4
        self._format = "bgra" if self._alpha else "bgr0"
        self._count = 0
        self._spool_path = part.with_name(f"{part.name}.frames")
        self._spool = av.open(str(self._spool_path), "w", format="nut")
        stream: Any = self._spool.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, self._format
        self._stream = stream

    def add(self, pixels: np.ndarray) -> None:
        """Adds a frame, uint8 [H, W, 3 or 4]."""
        frame = video_frame(pixels).reformat(format=self._format)
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        for packet in self._stream.encode(frame):
            self._spool.mux(packet)

    def finish(self) -> Progress:
        """Parts of the two passes."""
        for packet in self._stream.encode():
            self._spool.mux(packet)
        self._spool.close()
        graph, source = self._graph()
        colors = self._options.colors
        palette = graph.add(
            "palettegen", f"max_colors={colors}:reserve_transparent={int(self._alpha)}"
        )
        sink = graph.add("buffersink")
        source.link_to(palette)
        palette.link_to(sink)
        graph.configure()
        for number, frame in enumerate(self._frames()):
            source.push(frame)
            list(_pulled(sink))  # makes the filter process the frame at once
            yield 0.3 * number / self._count
        source.push(None)
        yield from self._paint(sink.pull())
        with self._part.open("rb+") as file:  # the comment goes before the last byte
            file.seek(-1, io.SEEK_END)
            file.write(embedding.gif_comment(self._text) + b"\x3b")

    def _paint(self, palette: Any) -> Progress:
        """The second pass."""
        graph, source = self._graph()
        base = 1 / self._rate
        palette.pts, palette.time_base = 0, base
        colors = graph.add_buffer(
            width=palette.width, height=palette.height, format=palette.format, time_base=base
        )
        use = graph.add("paletteuse", "dither=sierra2_4a:alpha_threshold=128")
        sink = graph.add("buffersink")
        source.link_to(use, 0, 0)
        colors.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        colors.push(palette)
        colors.push(None)
        plays = self._options.plays
        loop = {0: "0", 1: "-1"}.get(plays, str(plays - 1))
        with av.open(str(self._part), "w", format="gif", options={"loop": loop}) as output:
            stream: Any = output.add_stream("gif", rate=self._rate)
            stream.width, stream.height = self._size
            stream.pix_fmt = "pal8"
            if self._alpha:
                stream.options = {"gifflags": "0"}  # whole frames, independent of earlier ones
            painted = 0
            for number, frame in enumerate(itertools.chain(self._frames(), [None])):
                source.push(frame)
                for done in _pulled(sink):
                    done.pts, done.time_base = painted, base
                    painted += 1
                    self._write(output, stream.encode(done))
                yield 0.3 + 0.7 * number / self._count
            self._write(output, stream.encode())

    def _write(self, output: Any, packets: Iterable[Any]) -> None:
        for packet in packets:
            output.mux(_cleared(packet) if self._alpha else packet)

    def _frames(self) -> Iterator[av.VideoFrame]:
        with av.open(str(self._spool_path)) as spool:
            yield from spool.decode(video=0)

    def _graph(self) -> tuple[Graph, Any]:
        graph = Graph()
        width, height = self._size
        source = graph.add_buffer(
            width=width,
            height=height,
            format=av.VideoFormat(self._format),
            time_base=1 / self._rate,
        )
        return graph, source

    def close(self) -> None:
        """Releases the files, and removes the one with the waiting frames."""
        with contextlib.suppress(OSError, ValueError):
            self._spool.close()
        self._spool_path.unlink(missing_ok=True)


def _pulled(sink: Any) -> Iterator[Any]:
    """The frames that a filter graph has finished."""
    with contextlib.suppress(BlockingIOError, EOFError):
        while True:
            yield sink.pull()


class WebpEncoder:
    """Animated WebP: each frame is compressed by itself and written at once.

    The container is written here (RIFF with VP8X, ANIM, ANMF and XMP chunks, as in Google's "WebP
    Container Specification"), because libwebp's own holds all frames until the end.
    """

    _ALPHA, _XMP, _ANIMATION = 0x10, 0x04, 0x02

    def __init__(
        self,
        part: Path,
        options: VideoOptions,
        rate: Fraction,
        shape: tuple[int, ...],
        text: str,
    ) -> None:
        height, width, channels = shape
        self._options, self._rate, self._text = options, rate, text
        self._count = 0
        self._size = _uint24(width - 1) + _uint24(height - 1)
        flags = self._XMP | self._ANIMATION | (self._ALPHA if channels == 4 else 0)
        self._file: IO[bytes] = part.open("wb")
        self._file.write(b"RIFF\0\0\0\0WEBP")
        self._chunk(b"VP8X", bytes([flags, 0, 0, 0]) + self._size)
        self._chunk(b"ANIM", b"\0\0\0\0" + options.plays.to_bytes(2, "little"))

    def _chunk(self, kind: bytes, data: bytes) -> None:
        self._file.write(kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2))

    def add(self, pixels: np.ndarray) -> None:
        """Adds a frame, uint8 [H, W, 3 or 4]."""
        quality = self._options.quality
        still = io.BytesIO()
        Image.fromarray(pixels).save(
            still, "WEBP", quality=quality, lossless=quality == 100, method=4
        )
        begin, end = (round(k * 1000 / self._rate) for k in (self._count, self._count + 1))
        self._count += 1
        no_blending = b"\x02"
        head = b"\0" * 6 + self._size + _uint24(end - begin) + no_blending
        self._chunk(b"ANMF", head + _bitstream(still.getvalue()))

    def finish(self) -> Progress:
        """Parts of completing the file."""
        yield 0.0
        self._chunk(b"XMP ", embedding.xmp(self._text))
        size = self._file.tell() - 8
        if size >= 2**32:
            raise UserError("A WebP can have at most 4 GB: choose fewer frames or a lower quality.")
        self._file.seek(4)
        self._file.write(size.to_bytes(4, "little"))
        self._file.close()

    def close(self) -> None:
        """Releases the file."""
        with contextlib.suppress(OSError):
            self._file.close()


def _uint24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _bitstream(still: bytes) -> bytes:
    """The chunks of a still WebP that hold its picture: ALPH and VP8, or VP8L."""
    found, place = b"", 12
    while place + 8 <= len(still):
        size = int.from_bytes(still[place + 4 : place + 8], "little")
        whole = 8 + size + size % 2
        if still[place : place + 4] in (b"ALPH", b"VP8 ", b"VP8L"):
            found += still[place : place + whole]
        place += whole
    return found
