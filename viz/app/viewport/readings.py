"""The values behind a pixel of a picture, and where points of the world lie in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.camera import Camera
from viz.state.types import PixelValues

Point = tuple[float, float, float]
"""x, y, z in world coordinates."""

HIT = 0.5
"""Opacity from which a ray counts as having hit the surface."""


@dataclass(frozen=True)
class Reading:
    """The values of one pixel. Those of the raw picture's rays are read at its own resolution, from
    the raw pixel that covers this one."""

    pixel: tuple[int, int]
    """Column and row from the top left of the picture, from 0."""
    size: tuple[int, int]
    """Width and height of the picture."""
    color: tuple[int, int, int]
    """Red, green and blue, 0..255."""
    opacity: float
    """0..1."""
    depth: float
    """Distance from the camera along the ray, world units."""
    normal: Point
    """Unit vector in world coordinates."""
    point: Point
    """Where the ray meets the surface."""

    @property
    def hit(self) -> bool:
        """Whether there is a surface; if not, depth, normal and point are meaningless."""
        return self.opacity >= HIT

    @property
    def code(self) -> str:
        """The colour as "#rrggbb"."""
        return "#{:02x}{:02x}{:02x}".format(*self.color)


def read(
    picture: np.ndarray, values: PixelValues, camera: Camera, place: tuple[float, float]
) -> Reading:
    """Reads a place of a picture.

    Args:
        picture: uint8 [H, W, 3].
        values: the values of its rays.
        camera: the picture's camera.
        place: fractions of its width and height, 0..1.
    """
    height, width = picture.shape[:2]
    x, y = _pixel(place, (width, height))
    rows, columns = values.depth.shape
    # The rays go through the centres of the raw pixels.
    column, row = _pixel(((x + 0.5) / width, (y + 0.5) / height), (columns, rows))
    direction = _ray(camera, (column + 0.5) / columns, (row + 0.5) / rows)
    depth = float(values.depth[row, column])
    red, green, blue = picture[y, x].tolist()
    return Reading(
        (x, y),
        (width, height),
        (red, green, blue),
        float(values.opacity[row, column]),
        depth,
        _point(values.normals[row, column]),
        _point(camera.position + depth * direction),
    )


def place_of(point: Point, camera: Camera) -> tuple[float, float] | None:
    """Where a camera sees a point, in fractions of the picture's width and height; None if behind
    the camera."""
    x, y, z = ((point - camera.position) @ camera.rotation).tolist()
    if z <= 1e-6:
        return None
    fx, skew, cx, _, fy, cy = camera.intrinsics[:6]
    return (fx * x + skew * y) / z + cx, fy * y / z + cy


def _ray(camera: Camera, u: float, v: float) -> np.ndarray:
    """Unit vector [3] through a point of the picture, as in `training.camera.rays`."""
    fx, skew, cx, _, fy, cy = camera.intrinsics[:6]
    y = (v - cy) / fy
    seen = np.array([(u - cx - skew * y) / fx, y, 1.0])
    return camera.rotation @ (seen / np.linalg.norm(seen))


def _pixel(place: tuple[float, float], size: tuple[int, int]) -> tuple[int, int]:
    x, y = (min(max(int(p * n), 0), n - 1) for p, n in zip(place, size, strict=True))
    return x, y


def _point(vector: np.ndarray) -> Point:
    x, y, z = vector.tolist()
    return x, y, z
