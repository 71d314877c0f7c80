"""From the density field of a moment to a triangle mesh."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from skimage.measure import marching_cubes
from torch import Tensor

from training import rendering
from training.networks.generator import Generator
from viz.errors import UserError
from viz.types import MeshData

_POINTS_AT_ONCE = 2**18


def sigma_level(density: float) -> float:
    """Value of sigma, before its softplus, where the density is `density` (positive)."""
    return 1 + density + math.log(-math.expm1(-density))


def _in_parts(function: Callable[[Tensor], Tensor], points: Tensor, check) -> Tensor:
    parts = []
    for part in points.split(_POINTS_AT_ONCE):
        check()
        parts.append(function(part[None])[0])
    return torch.cat(parts)


def sigma_grid(
    G: Generator, planes: Tensor, resolution: int, check: Callable[[], None] = lambda: None
) -> np.ndarray:
    """Sigma at the corners of a cubic grid over the model's box.

    Args:
        G: the model.
        planes: [1, 3, C, H, W].
        resolution: R, points along each side; the first and the last lie on the box's faces.
        check: called between chunks; an exception from it abandons the grid.

    Returns:
        float32 [R, R, R], indexed x, y, z.
    """
    half = G.config.rendering.box_warp / 2
    axis = torch.linspace(-half, half, resolution, device=planes.device)
    slabs = []
    depth = max(1, _POINTS_AT_ONCE // resolution**2)
    for x in axis.split(depth):
        check()
        points = torch.stack(torch.meshgrid(x, axis, axis, indexing="ij"), dim=-1)
        sigma = G.sample(planes, points.reshape(1, -1, 3))[0]
        slabs.append(sigma.reshape(points.shape[:3]).float().cpu())
    return torch.cat(slabs).numpy()


def isosurface(sigma: np.ndarray, level: float, box: float) -> tuple[np.ndarray, np.ndarray]:
    """Surface of a grid over a box centred on the origin.

    Cells at the box's faces are closed, so the surface has no border.

    Args:
        sigma: float32 [R, R, R], indexed x, y, z.
        level: value on the surface.
        box: side of the box, world units.

    Returns:
        vertices float32 [V, 3] in world units and faces int32 [F, 3], counter-clockwise seen
        from outside (where sigma is lower).

    Raises:
        UserError: when nothing reaches the level.
    """
    if not sigma.min() < level < sigma.max():
        raise UserError(
            "No surface at this density: choose a level between "
            f"{np.logaddexp(0, sigma.min() - 1):.3g} and {np.logaddexp(0, sigma.max() - 1):.3g}."
        )
    outside = min(float(sigma.min()), level - 1)
    padded = np.pad(sigma, 1, constant_values=outside)
    vertices, faces, _, _ = marching_cubes(padded, level)
    resolution = sigma.shape[0]
    # A vertex at index 1 of the padded grid is the first point of the grid, on the box's face.
    world = (vertices - 1) * (box / (resolution - 1)) - box / 2
    world = np.clip(world, -box / 2, box / 2)
    return world.astype(np.float32), np.ascontiguousarray(faces[:, ::-1], np.int32)


def extract_mesh(
    G: Generator,
    planes: Tensor,
    ws: Tensor,
    *,
    resolution: int,
    density: float,
    check: Callable[[], None] = lambda: None,
) -> MeshData:
    """Mesh of one moment, coloured by the raw layer, with normals from the density gradient.

    Args:
        G: the model.
        planes: [1, 3, C, H, W].
        ws: [1, num_ws, w_dim].
        resolution: points along each side of the grid.
        density: on the surface, 1 / world units.
        check: called between chunks; an exception from it abandons the mesh.

    Raises:
        UserError: when nothing is that dense.
    """
    box = G.config.rendering.box_warp
    sigma = sigma_grid(G, planes, resolution, check)
    vertices, faces = isosurface(sigma, sigma_level(density), box)
    points = torch.from_numpy(vertices).to(planes.device)
    step = box / max(resolution, G.config.plane_resolution)

    def normals(part: Tensor) -> Tensor:
        return rendering.normals(lambda p: G.sample(planes, p)[0], part, step)

    def colors(part: Tensor) -> Tensor:
        return (G.point_colors(G.sample(planes, part)[1], ws) * 255 + 0.5).to(torch.uint8)

    return MeshData(
        vertices,
        faces,
        _in_parts(normals, points, check).float().cpu().numpy(),
        _in_parts(colors, points, check).cpu().numpy(),
    )
