"""The colour maps, and what lies behind the head."""

from __future__ import annotations

import numpy as np
import pytest

from viz.state import settings
from viz.state.maps.colormaps import COLOR_MAPS, ColorMap, color_table
from viz.state.maps.map_settings import GREYS, MapSettings, background
from viz.state.types import Display

KNOWN = {
    "viridis": ("#440154", "#fde725"),
    "cividis": ("#00224e", "#fee838"),
    "magma": ("#000004", "#fcfdbf"),
    "inferno": ("#000004", "#fcffa4"),
    "grey": ("#000000", "#ffffff"),
    "turbo": ("#30123b", "#7a0403"),
}
"""The published ends."""


def lightness(colors: np.ndarray) -> np.ndarray:
    """L* of CIELAB, 0..100, of sRGB colours uint8 [..., 3]."""
    parts = colors / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    y = linear @ (0.2126, 0.7152, 0.0722)
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


def as_seen_without_red(colors: np.ndarray) -> np.ndarray:
    """As somebody with protanopia sees them (Viénot, Brettel and Mollon 1999), linear [..., 3]."""
    linear = (colors / 255) ** 2.2
    mix = [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]]
    return (linear @ np.array(mix).T).clip(0, 1)


@pytest.mark.parametrize("name", COLOR_MAPS)
def test_tables_are_the_published_ones(name: ColorMap) -> None:
    table = color_table(name)
    assert (table.shape, table.dtype) == ((256, 3), np.uint8)
    ends = tuple("#{:02x}{:02x}{:02x}".format(*table[k]) for k in (0, -1))
    assert ends == KNOWN[name]
    assert np.abs(np.diff(table.astype(int), axis=0)).max() < 12, "no colour stands out"


@pytest.mark.parametrize("name", [name for name in COLOR_MAPS if name != "turbo"])
def test_even_maps_are_even_and_safe_for_the_colour_blind(name: ColorMap) -> None:
    steps = np.diff(lightness(color_table(name))[::16])
    assert steps.min() > 0.45 * steps.mean()
    assert steps.max() < 1.6 * steps.mean()
    seen = as_seen_without_red(color_table(name))[::16]
    apart = np.linalg.norm(seen[1:] - seen[:-1], axis=1)
    assert np.diff(lightness(255 * seen ** (1 / 2.2))).min() > 0
    assert apart.min() > 0


def test_a_map_runs_from_near_and_from_empty() -> None:
    maps = MapSettings(depth_colors="viridis", opacity_colors="cividis")
    assert np.array_equal(maps.table("depth")[0], color_table("viridis")[-1]), "near is bright"
    assert np.array_equal(maps.table("opacity"), color_table("cividis"))


def test_sessions_of_before_keep_their_range() -> None:
    display = settings.read(Display, {"view": "depth", "depth_range": [2.0, 3.0]})
    assert display.maps == MapSettings(depth_range=(2.0, 3.0))
    with pytest.raises(ValueError, match="depth_colors"):
        settings.read(Display, {"depth_colors": "jet"})


def test_backgrounds() -> None:
    blue = background(MapSettings(background="color", background_color=(0.0, 0.5, 1.0)), (3, 2))
    assert np.array_equal(blue, np.broadcast_to(np.array((0, 0.5, 1), np.float32), (3, 2, 3)))
    checks = background(MapSettings(background="checkerboard"), (64, 64))
    assert np.array_equal(checks[:2, :2], np.full((2, 2, 3), np.float32(GREYS[0])))
    assert np.array_equal(checks[:2, 2:4], np.full((2, 2, 3), np.float32(GREYS[1])))
    assert np.array_equal(checks, checks.transpose(1, 0, 2))
