"""Colours of maps, and pictures with another background than the model's own.

The model composites the head over an empty background: with opacity a and foreground colour F, a
raw picture is exactly C = a F + (1 - a) B, where B is the last layer's colour for a ray that hits
nothing. So C - (1 - a) B is the head alone, and any background can be added to it.

The super-resolution is not linear. For its pictures, B is what it makes of an empty raw picture,
and a is the enlarged raw opacity, except along the outline, which the super-resolution sharpens:
there, a is the value that brings a F + (1 - a) B closest to C, where F is the head's mean colour
nearby. Depth and normals are those of the surface hit.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.generator import RawRender
from viz.state.maps.map_settings import MapSettings, background

FAINT = 1 / 255
"""Opacity below which a colour cannot be told from the background."""
_SOLID, _EMPTY = 0.95, 0.02
"""Opacities above and below which a pixel lies inside or outside the outline."""
_REACH = 7
"""Side of the square over which the head's colour at an outline is averaged, raw pixels, odd."""
_LEAST_CONTRAST = 0.15
"""Distance between the colours of head and background above which a pixel's colour determines its
opacity."""
_RESIDUE = 0.06
"""Distance of a pixel's colour from every mixture of the two above which it does not: another part
of the head contributes to it."""


def colored(place: Tensor, table: np.ndarray) -> Tensor:
    """Colours uint8 [h, w, 3] of places [h, w], 0..1, in a table uint8 [256, 3]."""
    index = (place * 255).round().long()
    return torch.tensor(table.copy(), device=index.device)[index]


def colored_finely(place: Tensor, table: np.ndarray) -> Tensor:
    """Colours [1, 3, h, w], 0..1, of places [h, w], 0..1, also between those of a table."""
    colors = torch.tensor(table.copy(), device=place.device).float() / 255
    place = place * 255
    low = place.floor().long().clamp_max(254)
    share = (place - low)[..., None]
    return torch.lerp(colors[low], colors[low + 1], share).permute(2, 0, 1)[None]


def opacity_places(raw: RawRender, maps: MapSettings) -> Tensor:
    """Each pixel's opacity as a fraction of its range, 0..1 [h, w]."""
    low, high = maps.opacity_range or (0.0, 1.0)
    return ((raw.opacity[0, 0].float() - low) / max(high - low, 1e-6)).clamp(0, 1)


def alpha_of(raw: RawRender, picture: Tensor, backdrop: Tensor) -> Tensor:
    """Opacity at the pixels of a picture [1, 1, H, W].

    Args:
        raw: the volume-rendered output.
        picture: about 0..1 [1, 3, H, W]: the raw picture or the final one.
        backdrop: the model's own background, shaped like the picture.
    """
    opacity, size = raw.opacity.float(), picture.shape[-2:]
    if opacity.shape[-2:] == size:
        return opacity

    def enlarged(x: Tensor) -> Tensor:
        return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)

    def nearby(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, _REACH, 1, _REACH // 2, count_include_pad=False)

    solid = (opacity > _SOLID).float()
    share = nearby(solid)
    head = nearby(solid * (raw.image.float() * 0.5 + 0.5)) / share.clamp_min(1e-6)
    highest, lowest = (sign * F.max_pool2d(sign * opacity, 3, 1, 1) for sign in (1, -1))
    outline = ((highest > _EMPTY) & (lowest < _SOLID) & (share > 0)).float()
    contrast = enlarged(head) - backdrop
    strength = contrast.square().sum(1, keepdim=True)
    matched = ((picture - backdrop) * contrast).sum(1, keepdim=True) / strength.clamp_min(1e-6)
    left = (picture - backdrop - matched * contrast).square().sum(1, keepdim=True)
    trust = enlarged(outline) * strength / (strength + _LEAST_CONTRAST**2)
    trust *= _RESIDUE**2 / (left + _RESIDUE**2)
    return torch.lerp(enlarged(opacity), matched.clamp(0, 1), trust)


def head_alone(picture: Tensor, alpha: Tensor, backdrop: Tensor) -> Tensor:
    """A picture without its background: colours times opacity, about 0..1 [1, 3, H, W].

    Args:
        picture: about 0..1 [1, 3, H, W].
        alpha: its opacity [1, 1, H, W].
        backdrop: the model's own background, shaped like the picture.
    """
    return torch.where(alpha < FAINT, 0.0, picture - (1 - alpha) * backdrop)


def before(head: Tensor, alpha: Tensor, maps: MapSettings) -> Tensor:
    """The head in front of the chosen background.

    Args:
        head: colours times opacity, about 0..1 [1, 3, H, W].
        alpha: opacity [1, 1, H, W].
        maps: chooses the background, other than the model's own.
    """
    height, width = head.shape[-2:]
    behind = torch.from_numpy(background(maps, (height, width))).to(head.device)
    return head + (1 - alpha) * behind.permute(2, 0, 1)[None]
