"""The shirt: a surface of rings from the neck to below the picture, fitted to each neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndimage

from training.synthetic.baking import NECK_AZIMUTHS, NECK_HEIGHTS, Baked
from training.synthetic.head_model import NECK_AXIS
from training.synthetic.traits import Traits, smooth

COLUMNS, ROWS = 96, 27
"""Vertices around the body and from the neckline down; the last row is the centre of the
underside."""

_HEIGHTS = np.array([-11.9, -13.7, -17.4, -20.5, -22.9])
_WIDTHS = np.array([10.0, 14.2, 19.5, 21.0, 21.5])
_DEPTHS = np.array([8.3, 9.4, 10.6, 11.2, 11.6])
"""Heights and half axes of the rings of the shoulders, centimetres; even the lowest lies within
the model's box."""


@dataclass(frozen=True)
class Shirt:
    """A shirt as a grid of COLUMNS (around, closed) by ROWS (down)."""

    points: np.ndarray
    """Centimetres, float32 [COLUMNS, ROWS, 3]."""
    weave: np.ndarray
    """Centimetres around and down from the neckline, float32 [COLUMNS, ROWS, 2]."""
    neckline: np.ndarray
    """Height of the neckline by column, float64 [COLUMNS]."""
    opening: np.ndarray
    """Radius of the neck there by column, float64 [COLUMNS]."""

    def tuck_in(self, vertices: np.ndarray, skin: np.ndarray) -> np.ndarray:
        """`vertices` [V, 3] with the skin below the neckline pulled inside the shirt."""
        x, z = vertices[:, 0] - NECK_AXIS[0], vertices[:, 2] - NECK_AXIS[1]
        around = np.arctan2(x, z)
        turns = _azimuths()
        below = skin & (vertices[:, 1] < np.interp(around, turns, self.neckline, period=2 * np.pi))
        limit = np.interp(around, turns, self.opening, period=2 * np.pi)
        shrink = np.where(below, np.minimum(1, limit / np.maximum(np.hypot(x, z), 1e-6)), 1)
        tucked = vertices.copy()
        tucked[:, 0] = NECK_AXIS[0] + x * shrink
        tucked[:, 2] = NECK_AXIS[1] + z * shrink
        return tucked


def _azimuths() -> np.ndarray:
    return np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False)


def _neck_profile(baked: Baked, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radii of a rest face's neck and their heights, [NECK_AZIMUTHS, NECK_HEIGHTS] each."""
    points = baked.neck.points(vertices)
    missed = baked.neck.weights.sum(-1) == 0
    radius = np.hypot(points[..., 0] - NECK_AXIS[0], points[..., 2] - NECK_AXIS[1])
    height = np.where(missed, NECK_HEIGHTS, points[..., 1])
    for row in range(len(NECK_HEIGHTS) - 2, -1, -1):  # straight down where the mesh ends
        radius[:, row] = np.where(missed[:, row], radius[:, row + 1], radius[:, row])
        height[:, row] = np.minimum(height[:, row], height[:, row + 1] - 1e-3)
    return radius, height


def fit_shirt(traits: Traits, vertices: np.ndarray, baked: Baked) -> Shirt:
    """A shirt whose neckline follows the neck of the rest face `vertices` [V, 3]."""
    turn = _azimuths()
    sin, cos = np.sin(turn), np.cos(turn)
    front, back = np.clip(cos, 0, 1) ** 1.5, np.clip(-cos, 0, 1)
    radii, heights = _neck_profile(baked, vertices)
    moved = float((heights[:, 8:12] - NECK_HEIGHTS[8:12]).mean())
    dip = 1.4 + 3.0 * traits.collar
    neckline = -11.3 + moved - dip * front + 0.8 * back
    on_rays = np.interp(np.radians(NECK_AZIMUTHS), turn, neckline, period=2 * np.pi)
    opening = [np.interp(y, h, r) for y, h, r in zip(on_rays, heights, radii, strict=True)]
    opening = np.interp(turn, np.radians(NECK_AZIMUTHS), opening, period=2 * np.pi)
    opening = ndimage.gaussian_filter1d(opening, 1.5, mode="wrap")

    # A rolled rim, then the shoulders: (radius, height) pairs along each column.
    rim = [(0.15, -0.7), (0.22, 0.0), (0.45, 0.18), (0.75, 0.08), (1.15, -0.22)]
    ring_radius = [opening + r for r, _ in rim]
    ring_height = [neckline + h for _, h in rim]
    share = np.exp(-4 * np.array([0.16, 0.34, 0.6, 0.8, 1.0]))
    for y, a, b, s in zip(_HEIGHTS, _WIDTHS, _DEPTHS, share, strict=True):
        radius = 1 / np.hypot(sin / a, cos / b) - (1.0 - 1.4 * smooth(-10, -14, y)) * cos
        ring_radius.append(np.maximum(radius, ring_radius[-1] + 0.6))
        height = y + moved * s - 0.8 * dip * front * s + 0.8 * back * s
        ring_height.append(np.minimum(height, ring_height[-1] - 0.25))
    knots = np.r_[0, 0.02, 0.04, 0.065, 0.10, 0.22, 0.40, 0.65, 0.85, 1.0]
    rows = np.r_[np.linspace(0, 0.10, 8), np.linspace(0.10, 1, ROWS - 8)[1:]]
    radius = np.stack([np.interp(rows, knots, r) for r in np.stack(ring_radius, axis=1)])
    height = np.stack([np.interp(rows, knots, h) for h in np.stack(ring_height, axis=1)])
    height = np.maximum(height, _HEIGHTS[-1])
    radius[:, 8:], height[:, 8:] = (
        ndimage.gaussian_filter1d(a, 1.0, axis=1, mode="nearest")[:, 8:] for a in (radius, height)
    )
    radius, height = np.c_[radius, np.zeros(COLUMNS)], np.c_[height, height[:, -1]]
    x, z = NECK_AXIS[0] + radius * sin[:, None], NECK_AXIS[1] + radius * cos[:, None]
    steps = np.hypot(np.diff(radius, axis=1), np.diff(height, axis=1))
    down = np.c_[np.zeros(COLUMNS), np.cumsum(steps, axis=1)]
    weave = np.stack([turn[:, None] * 8 + 0 * down, down], axis=-1)
    points = np.stack([x, height, z], axis=-1)
    return Shirt(points.astype(np.float32), weave.astype(np.float32), neckline, opening + 0.03)
