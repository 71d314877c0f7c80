"""How maps are coloured, and what lies behind the head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from viz.state.maps.colormaps import ColorMap, color_table
from viz.state.settings import Fraction, Range

Distance = Annotated[float, Range(0, 1000, slider=(0.1, 12))]
"""World units."""
MapView = Literal["depth", "opacity"]
"""Views with one number a pixel."""
Background = Literal["model", "checkerboard", "color"]
BACKGROUNDS: dict[Background, str] = {
    "model": "Model",
    "checkerboard": "Checks",
    "color": "Colour",
}
WHITE = (1.0, 1.0, 1.0)

CHECKS = 32
"""Squares of the checkerboard side by side."""
GREYS = (0.6, 0.8)
"""Grey levels of the checkerboard, 0..1."""


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """How maps are coloured, and what lies behind the head."""

    depth_colors: ColorMap = "magma"
    """Colour map of the depth: near is bright."""
    depth_range: tuple[Distance, Distance] | None = None
    """Distances at the two ends of the depth colours, in world units.

    None takes the range over which the camera sees the surface of the model's average person:
    constant while the clip plays, and following the camera.
    """
    opacity_colors: ColorMap = "grey"
    """Colour map of the opacity: opaque is bright."""
    opacity_range: tuple[Fraction, Fraction] | None = None
    """Opacities at the two ends of the colours.

    None takes 0 and 1.
    """
    background: Background = "model"
    """What lies behind the head, by the model's opacity: what the model paints, a checkerboard, or
    one colour. Pictures that are saved have it, too, unless they are transparent."""
    background_color: tuple[Fraction, Fraction, Fraction] = WHITE
    """Red, green and blue of that colour."""

    def table(self, view: MapView) -> np.ndarray:
        """The colours of a map from the first end of its range to the second, uint8 [256, 3]."""
        if view == "depth":
            return color_table(self.depth_colors)[::-1]
        return color_table(self.opacity_colors)


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
