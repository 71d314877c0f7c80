"""The crop of a photo that a generator's picture is to match."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.faces.warping import cut, put_back


@dataclass(frozen=True, eq=False)
class Crop:
    """A level square of a photo, as defined by `CameraFit.square`."""

    picture: Tensor
    """[3, size, size] in 0..1; beyond the photo its edge is repeated."""
    inside: Tensor
    """How much of each pixel lies within the photo [size, size], 0 to 1."""


def crop(pixels: Tensor, fit: CameraFit, size: int) -> Crop:
    """Cuts a photo's crop.

    Args:
        pixels: [3, H, W] in 0..1.
        fit: where the crop is.
        size: pixels along a side of the result.
    """
    picture = cut(pixels, fit.square, size, "edge").clamp(0, 1)
    inside = cut(torch.ones_like(pixels[:1]), fit.square, size)[0]
    return Crop(picture, inside.clamp(0, 1))


def paste(pixels: Tensor, picture: Tensor, opacity: Tensor, fit: CameraFit) -> Tensor:
    """Puts a picture back where its crop was taken.

    Args:
        pixels: the photo [3, H, W] in 0..1.
        picture: [3, s, s] in 0..1.
        opacity: how much of it covers the photo [s, s], 0 to 1.
        fit: where the crop is.

    Returns:
        [3, H, W].
    """
    height, width = pixels.shape[-2:]
    layers = torch.cat([picture * opacity, opacity[None]])
    placed, covered = put_back(layers, fit.square, height, width)
    placed = placed * covered
    return placed[:3] + pixels * (1 - placed[3:])
