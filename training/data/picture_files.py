"""Pictures as PNG bytes and as arrays: decoding, encoding, resizing."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pyspng
from PIL import Image

from training.data.source import ClipError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def check_png(data: bytes, side: int) -> None:
    """Checks that `data` is an undamaged PNG of side x side pixels.

    The size is checked before decoding, so that no header can request gigabytes. Checksums are
    verified here, as the decoder skips them and would return noise for damaged bytes.

    Raises:
        ClipError: saying what is wrong.
    """
    if len(data) < 33 or not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR":
        raise ClipError("is not a PNG file")
    width, height = (int.from_bytes(data[k : k + 4], "big") for k in (16, 20))
    if (width, height) != (side, side):
        raise ClipError(f"is {width} x {height} pixels instead of {side} x {side}")
    position = len(_SIGNATURE)
    while True:
        body = position + 8
        end = body + int.from_bytes(data[position : position + 4], "big")
        if end + 4 > len(data):
            raise ClipError("is cut off")
        checksum = int.from_bytes(data[end : end + 4], "big")
        if zlib.crc32(memoryview(data)[position + 4 : end]) != checksum:
            raise ClipError("is damaged (its checksum is wrong)")
        if data[position + 4 : body] == b"IEND":
            return
        position = end + 4


def decode_rgb(data: bytes, side: int) -> np.ndarray:
    """Colours uint8 [side, side, 3] of a PNG; grey becomes RGB, an alpha channel is dropped.

    Raises:
        ClipError: when it is damaged or of another size.
    """
    check_png(data, side)
    try:
        return pyspng.load(data, format="RGB")
    except (RuntimeError, ValueError) as error:
        raise ClipError(f"cannot be decoded ({error})") from error


def decode_gray(data: bytes, side: int) -> np.ndarray:
    """The first channel of a PNG, [side, side], uint8 or (of a 16-bit file) uint16.

    Raises:
        ClipError: when it is damaged or of another size.
    """
    check_png(data, side)
    try:
        values = pyspng.load(data)
    except (RuntimeError, ValueError) as error:
        raise ClipError(f"cannot be decoded ({error})") from error
    return values if values.ndim == 2 else values[..., 0]


def encode_png(image: np.ndarray) -> bytes:
    """PNG of uint8 [H, W, 3] or [H, W], or uint16 [H, W]."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def resize(
    image: np.ndarray, side: int, box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """uint8 [H, W, 3] or [H, W] to [side, side, ...], antialiased.

    Integer factors average each square of pixels; others use a triangle filter.

    Args:
        image: the picture.
        side: pixels of the result.
        box: (left, top, right, bottom) of the part to use, in pixels; None for all of it.
    """
    if box is None and image.shape[:2] == (side, side):
        return image
    left, top, right, bottom = box or (0, 0, image.shape[1], image.shape[0])
    picture = Image.fromarray(image)
    factor = (right - left) / side
    if factor == (bottom - top) / side and all(float(v).is_integer() for v in (factor, left, top)):
        whole = (int(left), int(top), int(right), int(bottom))
        return np.asarray(picture.reduce(int(factor), whole))  # rounds once, not per direction
    bounds = (left, top, right, bottom)
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, bounds))


def pick(values: np.ndarray, side: int) -> np.ndarray:
    """[n, H, W] to [n, side, side] by nearest neighbour, as depths of two surfaces cannot be
    averaged."""
    height, width = values.shape[1:]
    if (height, width) == (side, side):
        return values
    centres = np.arange(side) + 0.5
    rows, columns = ((centres * size / side).astype(int) for size in (height, width))
    return values[:, rows[:, None], columns]
