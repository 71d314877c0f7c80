"""Rasterises triangles: for painting textures and for depth maps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.camera import Camera

_AT_ONCE = 2**20
"""Most pixels tested in one step."""
_EDGE = 1e-6
"""Tolerance of barycentric weights: how far outside a triangle a pixel still counts as covered."""


def coverage(
    corners: np.ndarray, height: int, width: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pixels whose centres lie in triangles, in parts.

    Args:
        corners: corners of the triangles, [T, 3, 2] as (x, y) in pixels; pixel (i, j) has its
            centre at (j + 0.5, i + 0.5).
        height: of the picture, pixels.
        width: width of the picture, pixels.

    Yields:
        indices of triangles [n], of pixels (row * width + column) [n], and the weights of the
        triangle's corners there, float64 [n, 3]. A pixel is yielded once per triangle that covers
        it.
    """
    low = np.ceil(corners.min(axis=1) - 0.5 - 1e-6).astype(np.int64)
    high = np.floor(corners.max(axis=1) - 0.5 + 1e-6).astype(np.int64)
    low = np.maximum(low, 0)
    high = np.minimum(high, (width - 1, height - 1))
    extent = (high - low + 1).max(axis=1)
    seen = (high >= low).all(axis=1)
    least = 0
    while (sides := extent[seen & (extent > least)]).size:
        side = max(1, 2 * least)
        chosen = np.flatnonzero(seen & (extent > least) & (extent <= side))
        if sides.min() > side:
            least = side
            continue
        step = max(1, _AT_ONCE // side**2)
        rows, columns = (index.ravel() for index in np.indices((side, side)))
        for start in range(0, len(chosen), step):
            part = chosen[start : start + step]
            x = low[part, 0, None] + columns
            y = low[part, 1, None] + rows
            weights = _weights(corners[part], x + 0.5, y + 0.5)  # [n, side * side, 3]
            covered = (weights >= -_EDGE).all(axis=2)
            covered &= (x <= high[part, 0, None]) & (y <= high[part, 1, None])
            triangle, pixel = covered.nonzero()
            yield part[triangle], (y * width + x)[triangle, pixel], weights[triangle, pixel]
        least = side


def _weights(corners: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights [T, P, 3] of corners [T, 3, 2] at points [T, P]; NaN for flat triangles."""
    (ax, ay), (bx, by), (cx, cy) = (corners[:, k].T[:, :, None] for k in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / whole
        v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / whole
    return np.stack([u, v, 1 - u - v], axis=-1)


def project(camera: Camera, points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a camera sees points [P, 3] of the world in a square picture of `size` pixels: places
    (x, y) in pixels, float64 [P, 2], and depths along the viewing direction, world units [P]."""
    places, depth = camera.project(points)
    return places * size, depth


def depth_map(camera: Camera, vertices: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
    """Depths of a mesh, vertices [V, 3] in the world and faces [F, 3], as a camera sees it: float64
    [size, size], world units along the viewing direction; infinite where nothing is."""
    places, depth = project(camera, vertices, size)
    ahead = faces[(depth[faces] > 1e-3).all(axis=1)]
    nearest = np.full(size * size, np.inf)
    for triangle, pixel, weights in coverage(places[ahead], size, size):
        found = (weights * depth[ahead[triangle]]).sum(axis=1)
        np.minimum.at(nearest, pixel, found)
    return nearest.reshape(size, size)
