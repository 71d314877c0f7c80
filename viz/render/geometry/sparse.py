"""The surface of a density field, evaluated only where it may lie.

Bounds on the density show which boxes of cells lie wholly inside or wholly outside; only the others
are evaluated and meshed, layer by layer. As the bounds are strict, the mesh equals that of the
whole grid, down to its thinnest parts.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch

from viz.render.geometry.bounds import BoxBounds
from viz.render.geometry.density_field import DensityField
from viz.render.geometry.grid import Grid
from viz.render.geometry.surface import OUTSIDE, SurfaceBuilder, no_surface

SIZE = 8
"""Cells along each side of a box."""
_COARSE = 4  # boxes along each side of the blocks tried first
_MOST_TEXELS = 13  # in larger boxes bounds decide little and cost much
_RANGE_SAMPLES = 64
_BOXES_AT_ONCE = 2**9

Mesh = tuple[np.ndarray, np.ndarray]
"""Vertices float32 [V, 3] and faces int32 [F, 3]."""


def surface_steps(
    field: DensityField, grid: Grid, level: float, *, sparse: bool = True
) -> Generator[float, None, Mesh]:
    """Steps of finding a surface; they yield the fraction done, 0..1.

    Args:
        field: density field of one moment.
        grid: points to evaluate.
        level: sigma on the surface.
        sparse: whether to skip boxes that the bounds decide; the mesh is the same either way.

    Returns:
        vertices float32 [V, 3] in world units and faces int32 [F, 3], counter-clockwise seen from
        outside; the surface is closed where it leaves the box.

    Raises:
        UserError: when nothing reaches the level.
    """
    meshed = yield from _boxes_to_mesh(field, grid, level, sparse)
    builder = SurfaceBuilder(grid)
    if meshed.any():
        layers = _Layers(field, grid, level, meshed)
        present = layers.evaluate(0)
        for x in range(meshed.shape[0]):
            yield layers.done
            following = layers.evaluate(x + 1)
            start, distance, cells = layers.slab(x, present, following)
            builder.add(start, distance, cells)
            present = following
        yield 1.0
    mesh = builder.finish()
    if not len(mesh[1]):
        coarse = (
            torch.linspace(a, b, _RANGE_SAMPLES, device=field.device)
            for a, b in zip(grid.low, grid.high, strict=True)
        )
        sigma = field.over(*coarse)
        raise no_surface(float(sigma.min()), float(sigma.max()))
    return mesh


def _boxes_to_mesh(
    field: DensityField, grid: Grid, level: float, sparse: bool
) -> Generator[float, None, np.ndarray]:
    """Which boxes of cells the surface may pass through, bool [X, Y, Z]."""
    shape = tuple(-(-(n - 1) // SIZE) for n in grid.padded)
    everything = np.ones(shape, bool)
    if not sparse:
        return everything
    axes = [grid.padded_axis(k) for k in range(3)]
    bounds = BoxBounds(field, axes, SIZE)
    if bounds.texels > _MOST_TEXELS:
        return everything
    sides = np.zeros(shape, np.int8)
    coarse = BoxBounds(field, axes, SIZE * _COARSE)
    if coarse.texels <= _MOST_TEXELS:
        found = np.zeros(tuple(-(-n // _COARSE) for n in shape), np.int8)
        yield from _decide(coarse, found, level)
        for k in range(3):
            found = found.repeat(_COARSE, axis=k)
        sides[:] = found[: shape[0], : shape[1], : shape[2]]
    yield from _decide(bounds, sides, level)
    # What is dense at the box's faces is closed there.
    rim = everything
    rim[1:-1, 1:-1, 1:-1] = False
    return (sides == 0) | ((sides > 0) & rim)


def _decide(bounds: BoxBounds, sides: np.ndarray, level: float) -> Generator[float, None, None]:
    """Fills in those sides of boxes that are still 0, int8 [X, Y, Z]; yields in between."""
    for x, layer in enumerate(sides):
        left = layer == 0
        y, z = left.nonzero()
        if len(y):
            boxes = torch.from_numpy(np.stack([np.full_like(y, x), y, z], axis=1))
            layer[left] = bounds.sides(boxes, level).cpu().numpy()
        yield 0.0


class _Layers:
    """Distances from the level at the points of layers of boxes, where they are needed.

    A box owns its points except those on its upper faces, which are its neighbours'. So each point
    is evaluated once, and cells on both sides of a seam use the same value.
    """

    def __init__(self, field: DensityField, grid: Grid, level: float, meshed: np.ndarray) -> None:
        self._field, self._level = field, level
        self._meshed = meshed
        self._padded = grid.padded
        needed = np.pad(meshed, ((0, 1),) * 3)
        for k in range(3):
            needed |= np.roll(needed, 1, axis=k)  # nothing wraps round: the last one is empty
        self._needed = needed[:, : meshed.shape[1], : meshed.shape[2]]
        self._total, self._count = int(self._needed.sum()), 0
        # Values are kept over the rectangle of boxes that the surface passes.
        y, z = np.nonzero(meshed.any(axis=0))
        self._rows = int(y.min()), int(min(y.max() + 2, meshed.shape[1]))
        self._columns = int(z.min()), int(min(z.max() + 2, meshed.shape[2]))
        self._axes = []
        for k, boxes in enumerate(needed.shape):
            axis = grid.padded_axis(k)
            axis = np.pad(axis, (0, boxes * SIZE - len(axis)), mode="edge")
            axis = torch.from_numpy(axis).float().to(field.device)
            self._axes.append(axis.reshape(boxes, SIZE))

    @property
    def done(self) -> float:
        """Fraction of the boxes evaluated, 0..1."""
        return self._count / max(self._total, 1)

    def evaluate(self, x: int) -> np.ndarray:
        """Value minus level of a layer's points, float32 [SIZE, Y, Z] over the rectangle."""
        (top, bottom), (left, right) = self._rows, self._columns
        rows, columns = bottom - top, right - left
        layer = np.full((SIZE, rows, SIZE, columns, SIZE), OUTSIDE, np.float32)
        needed = self._needed[x, top:bottom, left:right]
        y, z = needed.nonzero()
        if len(y):
            for start in range(0, len(y), _BOXES_AT_ONCE):
                some_y = y[start : start + _BOXES_AT_ONCE]
                some_z = z[start : start + _BOXES_AT_ONCE]
                sigma = self._field(self._points(x, top + some_y, left + some_z))
                layer[:, some_y, :, some_z] = (sigma - self._level).cpu().numpy()
            self._count += len(y)
        layer = layer.reshape(SIZE, rows * SIZE, columns * SIZE)
        self._close(layer, x)
        return layer

    def _points(self, x: int, y: np.ndarray, z: np.ndarray) -> torch.Tensor:
        """World coordinates of the points of boxes at y, z [K]: [K, SIZE, SIZE, SIZE, 3]."""
        points = torch.empty(len(y), SIZE, SIZE, SIZE, 3, device=self._field.device)
        points[..., 0] = self._axes[0][x][:, None, None]
        points[..., 1] = self._axes[1][torch.from_numpy(y)][:, None, :, None]
        points[..., 2] = self._axes[2][torch.from_numpy(z)][:, None, None, :]
        return points

    def _close(self, layer: np.ndarray, x: int) -> None:
        """Marks the points around the grid as outside."""
        starts = (x * SIZE, self._rows[0] * SIZE, self._columns[0] * SIZE)
        for k, (start, count) in enumerate(zip(starts, self._padded, strict=True)):
            view = np.moveaxis(layer, k, 0)
            if start == 0:
                view[0] = OUTSIDE
            view[max(count - 1 - start, 0) :] = OUTSIDE

    def slab(
        self, x: int, present: np.ndarray, following: np.ndarray
    ) -> tuple[tuple[int, int, int], np.ndarray, np.ndarray]:
        """The arguments of `SurfaceBuilder.add` for the cells of layer x."""
        (top, bottom), (left, right) = self._rows, self._columns
        distance = np.concatenate([present, following[:1]])
        distance = np.pad(distance, ((0, 0), (0, 1), (0, 1)), constant_values=OUTSIDE)
        cells = self._meshed[x, top:bottom, left:right].repeat(SIZE, 0).repeat(SIZE, 1)
        cells = np.broadcast_to(cells, (SIZE, *cells.shape))
        return (x * SIZE, top * SIZE, left * SIZE), distance, cells
