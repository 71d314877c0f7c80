"""How two pictures differ, as a picture."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

DifferenceKind = Literal["absolute", "signed"]
_MIDDLE = 128
"""Level of equal pixels in a signed difference, of 255."""


def matched(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two square pictures [h, h, C] at the side of the smaller one; the larger one is averaged
    down (box filter)."""
    side = min(first.shape[0], second.shape[0])
    return _reduced(first, side), _reduced(second, side)


def _reduced(picture: np.ndarray, side: int) -> np.ndarray:
    if picture.shape[0] == side:
        return picture
    channels = [
        Image.fromarray(channel.astype(np.float32)).resize((side, side), Image.Resampling.BOX)
        for channel in np.moveaxis(picture, -1, 0)
    ]
    reduced = np.stack([np.asarray(channel) for channel in channels], axis=-1)
    return np.floor(reduced + 0.5).astype(np.uint8) if picture.dtype == np.uint8 else reduced


def difference(
    first: np.ndarray, second: np.ndarray, kind: DifferenceKind, gain: float
) -> np.ndarray:
    """The difference of two pictures, channel by channel, at the side of the smaller one.

    Args:
        first: uint8 [h, h, 3], or float32 in 0..1; a fourth channel, the opacity, is left out.
        second: of the same type.
        kind: "absolute" is black where they are equal, gain * |second - first|; "signed" is mid
            grey there, 128 + gain * (second - first) of 255.
        gain: factor on the difference.

    Returns:
        [h, h, 3] of the type of the pictures, opaque; what is beyond the range is clipped.
    """
    a, b = (picture[..., :3] for picture in matched(first, second))
    whole = a.dtype == np.uint8
    top = 255.0 if whole else 1.0
    change = np.float32(gain) * (b.astype(np.float32) - a.astype(np.float32))
    levels = np.abs(change) if kind == "absolute" else change + _MIDDLE / 255 * top
    levels = levels.clip(0, top)
    shown = np.floor(levels + 0.5).astype(np.uint8) if whole else levels
    if first.shape[-1] == 4:
        shown = np.concatenate([shown, np.full_like(shown[..., :1], top)], axis=-1)
    return shown
