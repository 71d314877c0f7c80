"""The colours of a map with their values, in the corner of the picture that shows it."""

from __future__ import annotations

from dataclasses import dataclass

from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.controls.layout import tooltip
from gui_utils.controls.registry import record_rect
from viz.app.viewport.overlays import MARGIN, Rect, plate
from viz.state.maps.map_settings import MapSettings, MapView
from viz.state.types import Shot

_WIDTH, _HEIGHT = 190.0, 43.0
LEGEND_SPACE = _HEIGHT + 6.0
"""Space of a legend above the margin, design pixels."""
_LEAST_WIDTH, _LEAST_TILE = 124.0, 280.0
"""Below these sizes the legend is small, with the values at both ends only."""
_SMALL_WIDTH, _SMALL_HEIGHT, _SMALL_FONT = 96.0, 24.0, 11.0
_BAR = 5.0
"""Height of the colours in a small one; all in design pixels."""
_ABOUT: dict[MapView, str] = {
    "depth": "Distance from the camera, in world units.",
    "opacity": "Opacity: 0 is empty, 1 opaque.",
}
_AXES = (("x", "#ff8080"), ("y", "#80ff80"), ("z", "#8080ff"))
"""Colours of normals along the world axes."""


@dataclass(frozen=True)
class Legend:
    """The meaning of a picture's colours."""

    view: MapView
    maps: MapSettings
    """How the picture was coloured."""
    ends: tuple[float, float]
    """Values at the ends of the colours."""

    def draw(self, tile: Rect, name: str, keep_left: float = 0.0) -> None:
        """Draws it in the bottom right corner of a tile; nothing if there is no room. Its rectangle
        is recorded as `name`; `keep_left` Dear ImGui units at the left stay free."""
        width = tile[2] - tile[0] - keep_left
        is_small = tile[2] - tile[0] < style.px(_LEAST_TILE)
        is_small |= width - style.px(2 * MARGIN) < style.px(_LEAST_WIDTH)
        if is_small:
            self._draw_small(tile, width, name)
        else:
            self._draw_large(tile, width, name)

    def _draw_large(self, tile: Rect, room: float, name: str) -> None:
        margin, inset = style.px(MARGIN), style.px(9)
        width = min(style.px(_WIDTH), room - 2 * margin)
        right, bottom = tile[2] - margin, tile[3] - margin
        low = (right - width, bottom - style.px(_HEIGHT))
        _plate(low, (right, bottom), name)
        imgui.set_cursor_screen_pos((low[0] + inset, low[1] + style.px(8)))
        bar = (width - 2 * inset) / style.scale()
        table = self.maps.table(self.view)
        controls.colorbar(table, *self.ends, size=(bar, 11), fmt="%.2f")
        tooltip(None, _ABOUT[self.view])

    def _draw_small(self, tile: Rect, room: float, name: str) -> None:
        margin, pad = style.px(3), style.px(4)
        first, last = (f"{end:.2f}" for end in self.ends)
        with style.font("body", _SMALL_FONT):
            texts = [imgui.calc_text_size(text).x for text in (first, last)]
            needed = sum(texts) + style.px(6) + 2 * pad
            width = max(min(style.px(_SMALL_WIDTH), room - 2 * margin), needed)
            if width + 2 * margin > room or tile[3] - tile[1] < style.px(2 * _SMALL_HEIGHT):
                return
            right, bottom = tile[2] - margin, tile[3] - margin
            low = (right - width, bottom - style.px(_SMALL_HEIGHT))
            _plate(low, (right, bottom), name)
            draw, color = imgui.get_window_draw_list(), style.palette().text
            draw.add_text((low[0] + pad, low[1] + style.px(1)), color, first)
            draw.add_text((right - pad - texts[1], low[1] + style.px(1)), color, last)
        top = bottom - style.px(3) - style.px(_BAR)
        controls.draw_colors(
            self.maps.table(self.view), (low[0] + pad, top, right - pad, top + style.px(_BAR))
        )


def legend_of(shot: Shot, maps: MapSettings, ends: tuple[float, float] | None) -> Legend | None:
    """The legend of a shot's picture with those values at the ends of its colours; None for other
    views."""
    if ends is None or (shot.view != "depth" and shot.view != "opacity"):
        return None
    return Legend(shot.view, maps, ends)


def draw_normals_legend(tile: Rect, name: str, keep_left: float = 0.0) -> None:
    """The colours of normals along the world axes; nothing if there is no room."""
    side, pad, margin = style.px(10), style.px(7), style.px(MARGIN)
    with style.font("body", style.SMALL_SIZE):
        texts = [imgui.calc_text_size(axis).x for axis, _ in _AXES]
        step = style.px(4)
        width = sum(texts) + 3 * (side + step) + 2 * style.px(10) + 2 * pad
        if width + 2 * margin + keep_left > tile[2] - tile[0]:
            return
        right, bottom = tile[2] - margin, tile[3] - margin
        x, top = right - width, bottom - style.px(22)
        _plate((x, top), (right, bottom), name)
        x, draw = x + pad, imgui.get_window_draw_list()
        text_y = round((top + bottom - imgui.get_font_size()) / 2)
        for (axis, code), text in zip(_AXES, texts, strict=True):
            y = round((top + bottom - side) / 2)
            draw.add_rect_filled((x, y), (x + side, y + side), style.hex_color(code), style.px(2))
            draw.add_text((x + side + step, text_y), style.palette().text, axis)
            x += side + step + text + style.px(10)


def _plate(low: tuple[float, float], high: tuple[float, float], name: str) -> None:
    plate((*low, *high), 0.9, style.px(6))
    record_rect(name, (*low, *high))
