"""PNGs of 8 and 16 bits a channel, and the sessions in them."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, PngImagePlugin

from viz.exports.embedding import PNG_KEY
from viz.state.files import write_beside

_LEVEL = "6"
_HEADER = 33
"""Bytes of a PNG's signature and first chunk."""


def save(path: Path, pixels: np.ndarray, recipe: str, **texts: str) -> None:
    """Writes a picture that carries its session.

    Args:
        path: where.
        pixels: uint8 or uint16 [H, W, C], C = 3 or 4, alpha last and straight; or grey uint16
            [H, W].
        recipe: JSON of the session that is restored when the picture is opened in the program.
        texts: further text entries of the PNG.

    Raises:
        UserError: when it cannot be written; no partial file is left.
    """
    write_beside(path, lambda file: _write(file, pixels, {PNG_KEY: recipe} | texts))


def to_bytes(pixels: np.ndarray) -> bytes:
    """uint8 [H, W, 3] as a PNG without texts."""
    file = io.BytesIO()
    _write(file, pixels, {})
    return file.getvalue()


def _write(file: IO[bytes], pixels: np.ndarray, texts: dict[str, str]) -> None:
    if pixels.dtype == np.uint8 or pixels.ndim == 2:
        info = PngImagePlugin.PngInfo()
        for key, text in texts.items():
            info.add_itxt(key, text)
        Image.fromarray(pixels).save(file, format="PNG", pnginfo=info)
        return
    data = _encoded(pixels)  # FFmpeg writes no texts
    file.write(data[:_HEADER])
    for key, text in texts.items():
        # Name, not compressed, no language, no translated name; text in UTF-8.
        file.write(_chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode()))
    file.write(data[_HEADER:])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _encoded(pixels: np.ndarray) -> bytes:
    """A PNG of uint16 [H, W, 3 or 4] by FFmpeg, as Pillow writes no colours of 16 bits."""
    # Only here: it takes a tenth of the time of a whole picture to import.
    import av

    name = "rgb48" if pixels.shape[2] == 3 else "rgba64"
    encoder: Any = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt, encoder.time_base = f"{name}be", Fraction(1)
    encoder.sample_aspect_ratio = Fraction(1)
    encoder.options = {"pred": "paeth", "compression_level": _LEVEL}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=f"{name}le")
    frame = frame.reformat(format=f"{name}be")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
