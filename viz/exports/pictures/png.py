"""PNGs of 8 and 16 bits a channel, with text."""

from __future__ import annotations

import struct
import zlib
from typing import IO

import numpy as np
from PIL import Image, PngImagePlugin

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""By the number of channels: grey, grey and alpha, RGB, RGB and alpha."""
_LEVEL = 6


def write(file: IO[bytes], pixels: np.ndarray, texts: dict[str, str]) -> None:
    """Writes a picture.

    Args:
        file: open for writing.
        pixels: uint8 or uint16 [H, W, C], C = 3 or 4, alpha last and straight.
        texts: names and texts that the file carries.
    """
    if pixels.dtype == np.uint8:
        info = PngImagePlugin.PngInfo()
        for key, text in texts.items():
            info.add_itxt(key, text)
        Image.fromarray(pixels).save(file, format="PNG", pnginfo=info)
        return
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOR_TYPES[channels], 0, 0, 0)
    file.write(_SIGNATURE + _chunk(b"IHDR", header))
    for key, text in texts.items():
        # Name, not compressed, no language, no translated name; text in UTF-8.
        file.write(_chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode()))
    file.write(_chunk(b"IDAT", zlib.compress(_filtered(pixels), _LEVEL)))
    file.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _filtered(pixels: np.ndarray) -> bytes:
    """Rows by the filter (none, sub, up, average or Paeth) that leaves the smallest numbers, each
    behind its filter's number: what the PNG specification advises for photographs."""
    rows = pixels.astype(">u2").reshape(len(pixels), -1).view(np.uint8)
    step = 2 * pixels.shape[2]
    left = np.pad(rows, ((0, 0), (step, 0)))[:, :-step]
    above = np.pad(rows, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(above, ((0, 0), (step, 0)))[:, :-step]
    mean = ((left.astype(np.uint16) + above) // 2).astype(np.uint8)
    guesses = (np.zeros_like(rows), left, above, mean, _paeth(left, above, corner))
    filtered = np.stack([rows - guess for guess in guesses])  # [5, H, bytes], modulo 256
    cost = np.abs(filtered.view(np.int8).astype(np.int16)).sum(axis=-1)
    best = cost.argmin(axis=0)  # [H]
    chosen = np.take_along_axis(filtered, best[None, :, None], axis=0)[0]
    return np.concatenate([best.astype(np.uint8)[:, None], chosen], axis=1).tobytes()


def _paeth(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Whichever neighbour lies nearest to left + above - corner."""
    a, b, c = (x.astype(np.int16) for x in (left, above, corner))
    guess = a + b - c
    near_a, near_b, near_c = abs(guess - a), abs(guess - b), abs(guess - c)
    is_a = (near_a <= near_b) & (near_a <= near_c)
    return np.where(is_a, left, np.where(near_b <= near_c, above, corner))
