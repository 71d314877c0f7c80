"""Segmentation of the person in a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from viz.portrait.faces.face_net import face_net

_SIZE = 256


@torch.no_grad()
def matte(pixels: Tensor) -> Tensor:
    """How much of each pixel is a person, by MediaPipe's selfie segmentation.

    Heads are clean, shoulders ragged; the person should fill most of the picture, as in a crop.

    Args:
        pixels: [3, H, W] in 0..1, on any device.

    Returns:
        [H, W] in 0..1.
    """
    height, width = pixels.shape[-2:]
    small = F.interpolate(pixels[None], (_SIZE, _SIZE), mode="bilinear", antialias=True)
    (found,) = face_net("selfie_segmentation", pixels.device)(small)
    found = found.permute(0, 3, 1, 2)
    return F.interpolate(found, (height, width), mode="bicubic", antialias=True)[0, 0].clamp(0, 1)
