"""Rotated squares of a picture: what a network examines, and what a generator's picture covers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Square:
    """A square of a picture, possibly rotated and reaching beyond it. Pixel (0, 0) covers 0 to 1,
    so that its centre is at (0.5, 0.5)."""

    centre: tuple[float, float]
    """x to the right and y down, pixels."""
    side: float
    """Pixels."""
    angle: float = 0.0
    """Clockwise rotation as seen in the picture, degrees."""

    @classmethod
    def around(cls, points: np.ndarray, angle: float, scale: float) -> Square:
        """The smallest square rotated by `angle` around `points` [n, 2], enlarged by `scale`."""
        turn = _rotation(angle)
        level = points @ turn
        low, high = level.min(0), level.max(0)
        x, y = turn @ ((low + high) / 2)
        return cls((float(x), float(y)), float((high - low).max()) * scale, angle)

    def scaled(self, factor: float) -> Square:
        """The square with the same centre and `factor` times the side."""
        return Square(self.centre, self.side * factor, self.angle)

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 2] of the square, 0 to 1, in the picture's pixels."""
        return (points - 0.5) * self.side @ _rotation(self.angle).T + np.asarray(self.centre)

    def from_picture(self, points: np.ndarray) -> np.ndarray:
        """The inverse of `to_picture`."""
        return (points - np.asarray(self.centre)) @ _rotation(self.angle) / self.side + 0.5

    @property
    def corners(self) -> np.ndarray:
        """The corners in the picture's pixels [4, 2], clockwise from the square's own upper
        left."""
        return self.to_picture(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))


def _rotation(degrees: float) -> np.ndarray:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])
