"""What lies behind the head in place of the model's own background."""

from __future__ import annotations

import numpy as np

from viz.state.maps.map_settings import MapSettings

CHECKS = 32
"""Squares of the checkerboard side by side."""
GREYS = (0.6, 0.8)
"""Of the checkerboard, 0..1."""


def background(maps: MapSettings, size: tuple[int, int]) -> np.ndarray:
    """The checkerboard or the colour, float32 [H, W, 3] in 0..1, for a size (H, W)."""
    height, width = size
    picture = np.empty((height, width, 3), np.float32)
    if maps.background == "color":
        picture[:] = maps.background_color
        return picture
    rows, columns = (np.arange(n) * CHECKS // n for n in size)
    picture[:] = np.array(GREYS)[(rows[:, None] + columns) % 2][..., None]
    return picture
