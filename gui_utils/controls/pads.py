"""Surfaces to drag on: an infinite lattice of whole numbers, and a curve through numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from imgui_bundle import imgui

from gui_utils.controls import keyboard, style
from gui_utils.controls.layout import begin_row, ink, press_area
from gui_utils.controls.layout import tooltip as explain
from gui_utils.controls.registry import record, reset_clicked
from gui_utils.controls.style import printable

CELL = 60.0
_HEIGHT = 156.0
_STEP = 0.1
"""Distance in cells for one press of an arrow key."""
_HINT = "Drag to move, double click to snap to the nearest point, right click to reset."
_CURVE_HINT = "Pull a point up or down, or draw across several. Right click resets the point."
_CURVE_STEP = 0.05
"""Fraction of the height for one press of an arrow key."""
_CURVE_HEIGHT = 90.0


def pad(
    label: str,
    xy: tuple[float, float],
    *,
    tooltip: str = "",
    height: float | None = None,
    default: tuple[float, float] | None = None,
    caption: Callable[[int, int], str] | None = None,
) -> tuple[bool, tuple[float, float]]:
    """A window on the lattice, centred on `xy`; x grows to the right, y downwards.

    Dragging moves the lattice: one cell (60 design pixels) to the left adds 1 to x, one cell up
    adds 1 to y. `height` is in design pixels. `caption` names a lattice point, by default "x, y". A
    coordinate that is not finite becomes 0.
    """
    row = begin_row(label, style.px(_HEIGHT if height is None else height))
    imgui.push_id(row.name)
    low = imgui.get_cursor_screen_pos()
    press_area("##pad", (row.width, row.height))
    record(row.name)
    hovered = imgui.is_item_hovered(imgui.HoveredFlags_.no_nav_override)
    active = imgui.is_item_active() and imgui.is_mouse_down(0)
    x, y = (part if math.isfinite(part) else 0.0 for part in xy)
    right, down = keyboard.arrow_steps(vertical=True)
    x, y = x + right * _STEP, y + down * _STEP
    if hovered or active:
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_all)
    # The frame in which the button is released may contain the last movement.
    if (active and not imgui.is_item_activated()) or (
        imgui.is_item_deactivated() and imgui.is_mouse_released(0)
    ):
        delta = imgui.get_io().mouse_delta
        x, y = x - delta.x / style.px(CELL), y - delta.y / style.px(CELL)
    if hovered and imgui.is_mouse_double_clicked(0):
        x, y = float(round(x)), float(round(y))
    if (reset_clicked() or row.reset) and default is not None:
        x, y = default
    if not active:
        explain(row, tooltip, f"at {x:.2f}, {y:.2f}", _HINT)
    _draw((low.x, low.y, low.x + row.width, low.y + row.height), (x, y), caption, active)
    imgui.pop_id()
    return (x, y) != tuple(xy), (x, y)


def _draw(
    rect: tuple[float, float, float, float],
    xy: tuple[float, float],
    caption: Callable[[int, int], str] | None,
    active: bool,
) -> None:
    left, top, right, bottom = rect
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    rounding = style.px(5)
    draw.add_rect_filled((left, top), (right, bottom), ink(colors.canvas), rounding)
    draw.push_clip_rect((left + 1, top + 1), (right - 1, bottom - 1), True)
    cell = style.px(CELL)
    center_x, center_y = (left + right) / 2, (top + bottom) / 2
    columns = _visible(xy[0], (right - left) / cell)
    rows = _visible(xy[1], (bottom - top) / cell)
    for column in columns:
        draw.add_line_v(round(center_x + (column - xy[0]) * cell), top, bottom, ink(colors.grid))
    for line in rows:
        draw.add_line_h(left, right, round(center_y + (line - xy[1]) * cell), ink(colors.grid))
    with style.font("body", 12):
        for line in rows:
            for column in columns:
                point = (center_x + (column - xy[0]) * cell, center_y + (line - xy[1]) * cell)
                weight = max(0.0, 1 - abs(column - xy[0])) * max(0.0, 1 - abs(line - xy[1]))
                text = printable(caption(column, line)) if caption else f"{column}, {line}"
                # A number whose first digits are cut off at the edge would be misread.
                _draw_point(draw, point, weight, text if point[0] > left else "")
    _draw_cross(draw, (center_x, center_y))
    draw.pop_clip_rect()
    edge = colors.accent if active else colors.border
    draw.add_rect((left, top), (right, bottom), ink(edge), rounding)


def _visible(value: float, span: float) -> range:
    # One more on each side, as a point's dot is visible before its centre is.
    return range(math.floor(value - span / 2) - 1, math.ceil(value + span / 2) + 2)


def _draw_point(
    draw: imgui.ImDrawList, point: tuple[float, float], weight: float, text: str
) -> None:
    """Draws a lattice point, larger with its weight in the blend at the cross hair."""
    colors = style.palette()
    color = colors.accent if weight > 0.001 else colors.text_dim
    draw.add_circle_filled(point, style.px(2.0 + 4.0 * math.sqrt(weight)), ink(color), 16)
    at = (round(point[0] + style.px(6)), round(point[1] + style.px(4)))
    draw.add_text(at, ink(colors.text if weight > 0.001 else colors.text_dim), text)


def _draw_cross(draw: imgui.ImDrawList, center: tuple[float, float]) -> None:
    colors = style.palette()
    arm, hole = style.px(11), style.px(4)
    x, y = center
    for color, thickness in ((colors.canvas, style.px(4)), (colors.text, style.px(1.5))):
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            draw.add_line(
                (x + dx * hole, y + dy * hole), (x + dx * arm, y + dy * arm), ink(color), thickness
            )
    draw.add_circle(center, style.px(4), ink(colors.text), 0, style.px(1.5))


def curve(
    label: str,
    values: Sequence[float],
    lo: float,
    hi: float,
    *,
    default: float,
    tooltip: str = "",
    caption: Callable[[int], str] = str,
) -> tuple[bool, tuple[float, ...]]:
    """A curve through numbers between `lo` and `hi`; others are shown at its edges.

    While the mouse is dragged, the point below it follows. With the keyboard's focus, the left and
    right arrow keys choose a point, up and down move it. `caption` names a point in the tooltip.
    """
    row = begin_row(label, style.px(_CURVE_HEIGHT))
    imgui.push_id(row.name)
    low = imgui.get_cursor_screen_pos()
    press_area("##curve", (row.width, row.height))
    record(row.name)
    hovered = imgui.is_item_hovered(imgui.HoveredFlags_.no_nav_override)
    # The frame in which the button is released may contain the last movement.
    released = imgui.is_item_deactivated() and imgui.is_mouse_released(0)
    active = released or (imgui.is_item_active() and imgui.is_mouse_down(0))
    storage, key = imgui.get_state_storage(), imgui.get_id("point")
    last, new = len(values) - 1, list(values)
    mouse, pad = imgui.get_mouse_pos(), style.px(8)
    across = max(row.width - 2 * pad, 1.0)
    if hovered or active:
        chosen = round((mouse.x - low.x - pad) / across * last)
        storage.set_int(key, min(max(chosen, 0), last))
    right, down = keyboard.arrow_steps(vertical=True)
    chosen = min(max(storage.get_int(key) + right, 0), last)
    storage.set_int(key, chosen)
    if active:
        share = (low.y + row.height - pad - mouse.y) / max(row.height - 2 * pad, 1.0)
        new[chosen] = round(lo + (hi - lo) * min(max(share, 0.0), 1.0), 2)
    elif down:
        moved = new[chosen] - down * _CURVE_STEP * (hi - lo)
        new[chosen] = round(min(max(moved, lo), hi), 2)
    if reset_clicked():
        new[chosen] = default
    elif row.reset:
        new = [default] * len(new)
    if not active:
        explain(row, tooltip, f"{caption(chosen)}: {new[chosen]:.2f}", _CURVE_HINT)
    places = [
        (
            low.x + pad + across * k / max(last, 1),
            low.y + row.height - pad - (row.height - 2 * pad) * _share(value, lo, hi),
        )
        for k, value in enumerate(new)
    ]
    level = low.y + row.height - pad - (row.height - 2 * pad) * _share(default, lo, hi)
    marked = chosen if hovered or active or keyboard.has_focus_ring() else -1
    _draw_curve((low.x, low.y, low.x + row.width, low.y + row.height), places, level, marked)
    imgui.pop_id()
    return tuple(new) != tuple(values), tuple(new)


def _share(value: float, lo: float, hi: float) -> float:
    return min(max((value - lo) / (hi - lo), 0.0), 1.0)


def _draw_curve(
    rect: tuple[float, float, float, float],
    places: Sequence[tuple[float, float]],
    level: float,
    marked: int,
) -> None:
    left, top, right, bottom = rect
    colors, draw = style.palette(), imgui.get_window_draw_list()
    draw.add_rect_filled((left, top), (right, bottom), ink(colors.canvas), style.px(5))
    draw.add_line_h(left, right, round(level), ink(colors.grid))
    points: list[imgui.ImVec2Like] = list(places)
    draw.add_polyline(points, ink(colors.accent), style.px(1.5), 0)
    for k, place in enumerate(places):
        size = style.px(5 if k == marked else 3.5)
        draw.add_circle_filled(place, size, ink(colors.text if k == marked else colors.accent), 16)
    draw.add_rect((left, top), (right, bottom), ink(colors.border), style.px(5))
