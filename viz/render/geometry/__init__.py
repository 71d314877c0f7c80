"""Triangle meshes from the density field of one moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator

import numpy as np
import torch
from torch import Tensor

from training import rendering
from training.networks import generator
from viz.render.geometry.density_field import DensityField
from viz.render.geometry.grid import Grid
from viz.render.geometry.pieces import tidy
from viz.render.geometry.sparse import surface_steps
from viz.state.types import MeshData

__all__ = [
    "DensityField",
    "Grid",
    "attributes",
    "extract_mesh",
    "sigma_level",
    "surface_colors",
    "surface_steps",
]

_POINTS_AT_ONCE = 2**14
_SKIN = 0.06
"""How far below a surface colours still count, as a fraction of the model's box."""
_SKIN_SAMPLES = 5


def sigma_level(density: float) -> float:
    """Sigma, before its softplus, at which the density is `density` (positive)."""
    return 1 + density + math.log(-math.expm1(-density))


def surface_colors(
    G: generator.Generator, planes: Tensor, ws: Tensor, points: Tensor, normals: Tensor
) -> Tensor:
    """Colours of a surface as in the raw picture, seen straight on.

    Rays pass through what is not quite opaque, so colours just below the surface are composited.
    For planes [1, 3, C, H, W], ws [1, num_ws, w_dim], points in world coordinates [P, 3] and unit
    normals that point outwards [P, 3] they are [P, 3], 0..1.
    """
    reach = _SKIN * G.config.rendering.box_warp
    depths = torch.linspace(0, reach, _SKIN_SAMPLES, device=points.device)
    below = points[:, None] - normals[:, None] * depths[:, None]  # [P, S, 3]
    sigma, features = G.sample(planes, below.reshape(1, -1, 3))
    shape = (1, len(points), _SKIN_SAMPLES)
    rays = rendering.composite(
        depths.expand(shape), sigma.reshape(shape), features.reshape(*shape, -1)
    )
    seen = (rays.features * 0.5 + 0.5) / rays.opacity[..., None].clamp_min(1e-6)
    return G.point_colors(seen, ws)[0]


def attributes(
    G: generator.Generator,
    planes: Tensor,
    ws: Tensor,
    field: DensityField,
    vertices: np.ndarray,
    step: float,
) -> Generator[float, None, tuple[np.ndarray, np.ndarray]]:
    """Steps of computing normals and colours on a surface; they yield the fraction done, 0..1.

    Args:
        G: the model.
        planes: [1, 3, C, H, W].
        ws: [1, num_ws, w_dim].
        field: density field of the same planes.
        vertices: world coordinates, float32 [V, 3].
        step: distance over which the density's slope is taken, world units.

    Returns:
        normals float32 [V, 3], unit vectors that point outwards, and colours uint8 [V, 3].
    """
    points = torch.from_numpy(vertices).to(planes.device)
    normals = np.zeros(vertices.shape, np.float32)
    colors = np.zeros(vertices.shape, np.uint8)
    for start in range(0, len(points), _POINTS_AT_ONCE):
        part = slice(start, start + _POINTS_AT_ONCE)
        yield start / len(points)
        found = rendering.normals(field, points[part], step)
        levels = surface_colors(G, planes, ws, points[part], found) * 255 + 0.5
        normals[part] = found.cpu().numpy()
        colors[part] = levels.to(torch.uint8).cpu().numpy()
    return normals, colors


def extract_mesh(
    G: generator.Generator,
    planes: Tensor,
    ws: Tensor,
    *,
    resolution: int,
    density: float,
    check: Callable[[], None] = lambda: None,
) -> MeshData:
    """Mesh of one moment with the default export options: the largest piece without its cavities,
    coloured as the raw picture, with normals from the density gradient.

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
    field = DensityField(G, planes, check)
    grid = Grid.cube(field.box, resolution)
    vertices, faces = _run(surface_steps(field, grid, sigma_level(density)), check)
    check()
    vertices, faces = tidy(vertices, faces, largest=True, fill=True)
    steps = attributes(G, planes, ws, field, vertices, normal_step(field, grid))
    normals, colors = _run(steps, check)
    return MeshData(vertices, faces, close_normals(grid, vertices, faces, normals), colors)


def normal_step(field: DensityField, grid: Grid) -> float:
    """Distance over which the density's slope is taken: a texel, or less on a finer grid."""
    return min(grid.step, field.box / field.texels)


def close_normals(
    grid: Grid, vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """Normals [V, 3] corrected on the flat parts that close a surface at the grid's faces: there
    they are those of the triangles, as the density does not define any."""
    on_face = ((vertices <= grid.low) | (vertices >= grid.high)).any(axis=1)
    if not on_face.any():
        return normals
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    flat = np.cross(b - a, c - a)
    summed = np.zeros((len(vertices), 3))
    for k in range(3):
        for axis in range(3):
            summed[:, axis] += np.bincount(faces[:, k], flat[:, axis], len(vertices))
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    usable = on_face & (length[:, 0] > 0)
    result = normals.copy()
    result[usable] = (summed[usable] / length[usable]).astype(np.float32)
    return result


def _run(steps: Generator[float, None, tuple], check: Callable[[], None]) -> tuple:
    """Runs steps to the end and returns their result."""
    while True:
        check()
        try:
            next(steps)
        except StopIteration as end:
            return end.value
