"""Geometric consistency of views: point clouds, warped pictures, flicker and depth errors.

Pure functions of rendered views. Depth is the distance along the ray, as in `training.rendering`
and the synthetic data, and lengths are in world units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial import KDTree
from torch import Tensor

from training.camera import rays

FOREGROUND = 0.5
"""Opacity above which a pixel counts as surface."""
TOLERANCE = 0.02
"""How far behind the visible surface a point may lie and still count as visible. This allows for a
surface's slope within a pixel: over one of 0.0025 (at 256 px), the depth of a surface tilted by 80
degrees changes by 0.014."""


@dataclass(frozen=True)
class View:
    """Views of M scenes by one camera each, h x w pixels."""

    image: Tensor
    """[M, 3, h, w], 0 to 1."""
    depth: Tensor
    """[M, 1, h, w], distance from the camera along the ray."""
    opacity: Tensor
    """[M, 1, h, w], 0 to 1."""
    cameras: Tensor
    """[M, 25]."""

    @property
    def foreground(self) -> Tensor:
        """Pixels that show a surface, bool [M, 1, h, w]."""
        return self.opacity > FOREGROUND


def back_project(depth: Tensor, cameras: Tensor) -> Tensor:
    """World coordinates [M, h * w, 3] of pixels with depth [M, 1, h, w] in cameras [M, 25]."""
    origins, directions = rays(cameras, (depth.shape[2], depth.shape[3]))
    return origins[:, None] + depth.flatten(1)[..., None] * directions


def project(points: Tensor, cameras: Tensor) -> tuple[Tensor, Tensor]:
    """Projects world points [M, P, 3] into cameras [M, 25]; the inverse of `back_project`.

    Returns:
        (x, y) as fractions of the picture's width and height from the upper left corner, NaN behind
        the camera [M, P, 2]; distances from the camera [M, P].
    """
    pose = cameras[:, :16].reshape(-1, 4, 4)
    lens = cameras[:, 16:].reshape(-1, 3, 3)
    offsets = points - pose[:, None, :3, 3]
    x, y, z = (offsets @ pose[:, :3, :3]).unbind(-1)  # the rotation's columns are the axes
    z = torch.where(z > 0, z, torch.nan)
    x, y = x / z, y / z
    fx, skew, cx = (lens[:, 0, k, None] for k in range(3))
    fy, cy = lens[:, 1, 1, None], lens[:, 1, 2, None]
    return torch.stack([fx * x + skew * y + cx, fy * y + cy], dim=-1), offsets.norm(dim=-1)


def warp(target: View, source: View, tolerance: float = TOLERANCE) -> tuple[Tensor, Tensor]:
    """Warps the source's picture to the target's cameras.

    Each pixel of the target is projected into the source by the target's depth and takes the colour
    there. It counts as visible if both views show a surface, and the source's surface is not more
    than `tolerance` world units in front of the point.

    Returns:
        pictures [M, 3, h, w] and whether they are visible, bool [M, 1, h, w].
    """
    count, _, height, width = target.depth.shape
    places, distance = project(back_project(target.depth, target.cameras), source.cameras)
    inside = ((places > 0) & (places < 1)).all(dim=-1)  # False for NaN
    grid = (places.nan_to_num(-1) * 2 - 1).reshape(count, height, width, 2)
    image = F.grid_sample(source.image, grid, padding_mode="border", align_corners=False)
    # Nearest neighbour: interpolated depth across an outline would lie on neither surface.
    seen = torch.cat([source.depth, source.foreground.to(source.depth)], dim=1)
    seen = F.grid_sample(seen, grid, mode="nearest", align_corners=False)  # [M, 2, h, w]
    unhidden = distance.reshape(count, 1, height, width) - seen[:, :1] < tolerance
    visible = inside.reshape(count, 1, height, width) & unhidden & (seen[:, 1:] > 0.5)
    return image, visible & target.foreground


def warping_error(target: View, source: View, tolerance: float = TOLERANCE) -> Tensor:
    """Mean absolute difference of the target's picture and the source's, warped to it.

    Args:
        target, source, tolerance: see `warp`.

    Returns:
        [M], 0 to 1, over the visible pixels and the colours; NaN where none is visible.
    """
    warped, visible = warp(target, source, tolerance)
    return masked_mean((warped - target.image).abs().mean(dim=1, keepdim=True), visible)


def flicker(orbit: Sequence[View], tolerance: float = TOLERANCE) -> Tensor:
    """How much a static scene changes between frames as the camera moves around a small circle.

    Every frame is compared with the next, warped to it, and the last with the first. What remains
    is not motion but detail that does not stick to the surface, as super-resolution produces. The
    blur of warping sets a lower bound that depends on the resolution, so compare models at the same
    one. It takes at least 2 frames; for the tolerance see `warp`.

    Returns:
        [M], 0 to 1: the mean over the pairs with visible pixels; NaN if there are none.
    """
    following = [*orbit[1:], orbit[0]]
    pairs = zip(orbit, following, strict=True)
    errors = [warping_error(view, after, tolerance) for view, after in pairs]
    return torch.stack(errors).nanmean(dim=0)


def clouds(view: View) -> list[np.ndarray]:
    """Points of each scene's foreground, M arrays float64 [P_m, 3] in world coordinates."""
    points = back_project(view.depth, view.cameras).double().cpu()
    masks = view.foreground.flatten(1).cpu()
    return [p[mask].numpy() for p, mask in zip(points, masks, strict=True)]


def chamfer_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Chamfer distance of two point clouds, world units.

    The mean (unsquared) distance of a point to the nearest one of the other cloud, averaged over
    both directions. Surfaces that only one camera sees count too, so even perfect geometry has a
    distance above 0.

    Args:
        first, second: float64 [P, 3] and [Q, 3].

    Returns:
        0 or more; NaN when one of them is empty.
    """
    if not len(first) or not len(second):
        return float("nan")
    there, _ = KDTree(second).query(first)
    back, _ = KDTree(first).query(second)
    return (float(np.mean(there)) + float(np.mean(back))) / 2


def depth_error(depth: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error of rendered depth.

    Args:
        depth: [M, 1, h, w].
        truth: likewise, of the same cameras.
        mask: where the truth shows a surface, bool [M, 1, h, w].

    Returns:
        [M], world units; NaN where the mask is empty. Times 100 / box_warp it is a percentage of
        the model's box.
    """
    return masked_mean((depth - truth).abs(), mask)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of [M, 1, h, w] where the bool mask of that shape is set, [M]; NaN where it is empty."""
    total = torch.where(mask, values, 0).sum(dim=(1, 2, 3))
    return total / mask.sum(dim=(1, 2, 3))
