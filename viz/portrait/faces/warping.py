"""Pictures as tensors: cutting rotated squares out of them, and putting them back."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from viz.portrait.faces.squares import Square

Outside = Literal["black", "edge"]
"""Pixels beyond the picture: black, or those of its edge."""


def to_pixels(picture: np.ndarray) -> Tensor:
    """uint8 [H, W, 3] as float32 [3, H, W] in 0..1."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255


def cut(pixels: Tensor, square: Square, size: int, outside: Outside = "black") -> Tensor:
    """The content of a square, antialiased and differentiable.

    Args:
        pixels: [C, H, W].
        square: the part to take.
        size: pixels of the result along a side.
        outside: what is shown beyond the picture.

    Returns:
        [C, size, size].
    """
    shrink = square.side / size
    whole = max(1, math.floor(shrink))
    if whole > 1:
        pixels = _reduced(pixels, whole)
    finer = 2 if shrink / whole > 1.2 else 1  # bilinear samples would skip pixels
    steps = (torch.arange(size * finer, device=pixels.device) + 0.5) / (size * finer) - 0.5
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    cos, sin = math.cos(math.radians(square.angle)), math.sin(math.radians(square.angle))
    x = (square.centre[0] + square.side * (cos * u - sin * v)) / whole
    y = (square.centre[1] + square.side * (sin * u + cos * v)) / whole
    mode = "zeros" if outside == "black" else "border"
    found = _sampled(pixels, x, y, mode)
    return found if finer == 1 else F.avg_pool2d(found, finer)


def put_back(picture: Tensor, square: Square, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The inverse of `cut`: a picture [C, s, s] where its square lies in a picture of height x
    width pixels.

    Returns:
        [C, height, width], and the share of each pixel that the square covers [height, width].
    """
    enlarge = square.side / picture.shape[-1]
    if enlarge < 1:
        picture = F.interpolate(
            picture[None], (math.ceil(square.side),) * 2, mode="bilinear", antialias=True
        )[0]
    size = picture.shape[-1]
    corners = square.corners
    left, top = (max(0, math.floor(corners[:, k].min())) for k in (0, 1))
    right = min(width, math.ceil(corners[:, 0].max()))
    bottom = min(height, math.ceil(corners[:, 1].max()))
    result = picture.new_zeros(picture.shape[0], height, width)
    covered = picture.new_zeros(height, width)
    if left >= right or top >= bottom:
        return result, covered
    y, x = torch.meshgrid(
        torch.arange(top, bottom, device=picture.device) + 0.5,
        torch.arange(left, right, device=picture.device) + 0.5,
        indexing="ij",
    )
    x, y = x - square.centre[0], y - square.centre[1]
    cos, sin = math.cos(math.radians(square.angle)), math.sin(math.radians(square.angle))
    u = (cos * x + sin * y) / square.side + 0.5
    v = (cos * y - sin * x) / square.side + 0.5
    here = (slice(top, bottom), slice(left, right))
    result[(slice(None), *here)] = _sampled(picture, u * size, v * size, "border")
    # Distance to the square's edge in the large picture's pixels: edge pixels are partly inside.
    inner = 0.5 - torch.maximum((u - 0.5).abs(), (v - 0.5).abs())
    covered[here] = (inner * square.side + 0.5).clamp(0, 1)
    return result, covered


def _reduced(pixels: Tensor, factor: int) -> Tensor:
    """Means of factor x factor pixels; the last row and column are repeated to complete them."""
    down, right = -pixels.shape[-2] % factor, -pixels.shape[-1] % factor
    if down or right:
        pixels = F.pad(pixels[None], (0, right, 0, down), mode="replicate")[0]
    return F.avg_pool2d(pixels, factor)


def _sampled(pixels: Tensor, x: Tensor, y: Tensor, mode: str) -> Tensor:
    """Bilinear samples [C, h, w] of [C, H, W] at pixel coordinates [h, w]."""
    height, width = pixels.shape[-2:]
    grid = torch.stack([x / width * 2 - 1, y / height * 2 - 1], dim=-1).to(pixels.dtype)
    return F.grid_sample(
        pixels[None], grid[None], mode="bilinear", padding_mode=mode, align_corners=False
    )[0]
