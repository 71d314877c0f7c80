"""Regular grids of points over a box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Grid:
    """Evenly spaced points, with the first and the last of each axis on the box's faces."""

    low: Vector
    """Corner of the box, world units."""
    high: Vector
    """The opposite corner."""
    counts: tuple[int, int, int]
    """Points along x, y and z, at least 2."""

    @classmethod
    def cube(cls, side: float, resolution: int) -> Grid:
        """A cube centred on the origin with `resolution` points along each side."""
        half = side / 2
        return cls((-half, -half, -half), (half, half, half), (resolution, resolution, resolution))

    @classmethod
    def cropped(
        cls, side: float, resolution: int, crop: tuple[float, ...] | None = None
    ) -> Grid | None:
        """The part of that cube within a box, with points at nearly the same spacing.

        Args:
            side: of the cube, world units.
            resolution: points along each side of the whole cube.
            crop: x, y, z of the box's low corner, then of its high one; None for the cube.

        Returns:
            The grid, or None if the two do not overlap.
        """
        if crop is None:
            return cls.cube(side, resolution)
        half = side / 2
        low = [max(-half, x) for x in crop[:3]]
        high = [min(half, x) for x in crop[3:]]
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return None
        step = side / (resolution - 1)
        counts = [max(2, round((b - a) / step) + 1) for a, b in zip(low, high, strict=True)]
        return cls(
            (low[0], low[1], low[2]), (high[0], high[1], high[2]), (counts[0], counts[1], counts[2])
        )

    def axis(self, k: int) -> np.ndarray:
        """Coordinates along axis k, float64 [counts[k]]."""
        return np.linspace(self.low[k], self.high[k], self.counts[k])

    def padded_axis(self, k: int) -> np.ndarray:
        """The same with the first and the last point twice, float64 [counts[k] + 2].

        A grid is meshed with an extra layer all around that counts as outside, so that a surface is
        closed where it leaves the box. The layer's points lie on the faces, and so do the closing
        triangles.
        """
        return np.pad(self.axis(k), 1, mode="edge")

    @property
    def padded(self) -> tuple[int, int, int]:
        """Points along each axis with that layer."""
        x, y, z = self.counts
        return x + 2, y + 2, z + 2

    @property
    def step(self) -> float:
        """Largest distance between neighbouring points, world units."""
        sides = zip(self.low, self.high, self.counts, strict=True)
        return max((b - a) / (n - 1) for a, b, n in sides)

    def transform(self) -> np.ndarray:
        """Index (i, j, k, 1) to world coordinates, float64 [4, 4]."""
        matrix = np.eye(4)
        for k in range(3):
            matrix[k, k] = (self.high[k] - self.low[k]) / (self.counts[k] - 1)
            matrix[k, 3] = self.low[k]
        return matrix
