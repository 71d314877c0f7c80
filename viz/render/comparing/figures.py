"""How much two pictures differ, in numbers."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
from skimage.metrics import structural_similarity

from training.perceptual import flip
from viz.state.comparing.comparison import Figures
from viz.state.comparing.differences import matched
from viz.state.jobs import Steps

_LEAST_SIDE = 7
"""Side of the window over which SSIM compares, pixels."""


def compared(first: bytes, second: bytes) -> Steps[str]:
    """Steps of `measure` on two square pictures, the bytes of uint8 [h, h, 3]; the figures as
    JSON."""
    pictures = []
    for pixels in (first, second):
        levels = np.frombuffer(pixels, np.uint8)
        side = math.isqrt(levels.size // 3)
        pictures.append(levels.reshape(side, side, 3))
    return json.dumps(asdict((yield from measure(*pictures))))


def measure(first: np.ndarray, second: np.ndarray) -> Steps[Figures]:
    """Steps of comparing two square pictures, uint8 [h, h, 3], at the side of the smaller one."""
    yield "PSNR and SSIM", 0.0
    a, b = matched(first, second)
    error = float(np.square(a.astype(np.float64) - b).mean())
    psnr = 10 * math.log10(255**2 / error) if error else math.inf
    ssim = math.nan
    if a.shape[0] >= _LEAST_SIDE:
        ssim = float(np.mean([structural_similarity(a, b, channel_axis=-1, data_range=255)]))
    yield "FLIP", 0.3
    return Figures(psnr, ssim, flip(a / 255, b / 255))
