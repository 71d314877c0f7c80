"""Marching cubes over a grid that need not be in memory at once.

Layers of the grid are meshed one after the other by scikit-image, and welded by the grid edges on
which vertices lie. These are integers, so that the seams leave neither cracks nor near-duplicate
vertices.
"""

from __future__ import annotations

import numpy as np
from skimage.measure import marching_cubes

from viz.render.geometry.grid import Grid
from viz.state.errors import UserError

OUTSIDE = -1.0
"""Value minus level given to points that count as outside."""
_LEAST = 1e-7

_CENTRE, _CORNER = 3, 4  # kinds of vertices, after those on edges along x, y and z


class SurfaceBuilder:
    """Collects the surface of a padded grid from slabs of neighbouring layers."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._axes = [grid.padded_axis(k) for k in range(3)]
        self._codes: list[np.ndarray] = []
        self._vertices: list[np.ndarray] = []
        self._faces: list[np.ndarray] = []
        self._count = 0

    def add(
        self, start: tuple[int, int, int], distance: np.ndarray, cells: np.ndarray | None = None
    ) -> None:
        """Meshes a part of the grid. Neighbouring parts share points, but no cells.

        Args:
            start: index of the part's first point in the padded grid.
            distance: value minus level, positive inside, float32 [X, Y, Z].
            cells: bool [X - 1, Y - 1, Z - 1], those to mesh; None for all. Points of the others
                may hold anything.
        """
        inside = distance > 0
        if inside.all() or not inside.any():
            return
        # Interpolated vertices can fall on a grid point, which hides their edge. The fourth root
        # keeps them all away from the points, while the products that decide how ambiguous faces
        # are joined compare as before. The true positions are computed afterwards.
        root = np.sqrt(np.sqrt(np.maximum(np.abs(distance), _LEAST)))
        mask = None
        if cells is not None:
            mask = np.zeros(distance.shape, bool)
            mask[1:, 1:, 1:] = cells
        try:
            found, faces, _, _ = marching_cubes(np.where(inside, root, -root), 0.0, mask=mask)
        except RuntimeError:  # no crossing within the mask
            return
        codes, vertices = self._place(np.asarray(start), distance, found)
        self._codes.append(codes)
        self._vertices.append(vertices)
        # scikit-image's faces are seen from where values are high.
        self._faces.append(faces[:, ::-1].astype(np.int64) + self._count)
        self._count += len(codes)

    def _place(
        self, start: np.ndarray, distance: np.ndarray, found: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The grid edge (or cell) of each vertex, as one integer, and its position."""
        floor = np.floor(found).astype(np.int64)
        part = found - floor
        between = part > 0
        on_edge = between.sum(axis=1) == 1
        axis = np.where(on_edge, between.argmax(axis=1), 0)
        rows = np.arange(len(found))
        end = floor.copy()
        end[rows, axis] += on_edge
        first, last = distance[tuple(floor.T)], distance[tuple(end.T)]
        gap = first.astype(np.float64) - last
        share = np.divide(first, gap, out=np.full(len(found), 0.5), where=gap != 0)
        weight = np.where(on_edge[:, None], 0.0, part).astype(np.float64)
        weight[rows[on_edge], axis[on_edge]] = share[on_edge]

        point = floor + start
        sizes = np.asarray(self.grid.padded)
        vertices = np.empty((len(found), 3), np.float32)
        for k, places in enumerate(self._axes):
            low = places[point[:, k]]
            high = places[np.minimum(point[:, k] + 1, sizes[k] - 1)]
            vertices[:, k] = low + (high - low) * weight[:, k]

        # An edge into the outer layer has no length: all that start from one point are one vertex.
        kind = np.where(on_edge, axis, _CENTRE)
        at = point[rows, axis]
        low_side = on_edge & (at == 0)
        high_side = on_edge & (at == sizes[axis] - 2)
        point[rows[low_side], axis[low_side]] += 1
        kind = np.where(low_side | high_side, _CORNER, kind)
        index = (point[:, 0] * sizes[1] + point[:, 1]) * sizes[2] + point[:, 2]
        return kind * np.prod(sizes) + index, vertices

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices float32 [V, 3] in world units and faces int32 [F, 3], counter-clockwise seen
        from outside; both empty where nothing was found."""
        if not self._codes:
            return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)
        _, first, place = np.unique(
            np.concatenate(self._codes), return_index=True, return_inverse=True
        )
        vertices = np.concatenate(self._vertices)[first]
        faces = place.reshape(-1).astype(np.int32)[np.concatenate(self._faces)]
        a, b, c = faces.T
        return vertices, np.ascontiguousarray(faces[(a != b) & (b != c) & (c != a)])


def no_surface(low: float, high: float) -> UserError:
    """The error for a level that sigma, which goes from `low` to `high`, does not cross."""
    return UserError(
        "No surface at this density: choose a level between "
        f"{np.logaddexp(0, low - 1):.3g} and {np.logaddexp(0, high - 1):.3g}."
    )
