"""A row of numbers as a curve whose points are pulled up and down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imgui_bundle import imgui

from gui_utils.controls import keyboard, style
from gui_utils.controls.layout import begin_row, ink, press_area, record, reset_clicked
from gui_utils.controls.layout import tooltip as explain

_HINT = "Pull a point up or down, or draw across several. Right click resets the point."
_STEP = 0.05
"""Share of the height that one press of an arrow key moves."""


def curve(
    label: str,
    values: Sequence[float],
    lo: float,
    hi: float,
    *,
    default: float,
    tooltip: str = "",
    height: float = 90.0,
    caption: Callable[[int], str] = str,
) -> tuple[bool, tuple[float, ...]]:
    """A curve through numbers between `lo` and `hi`; larger and smaller ones lie at its edges.

    The point below the mouse follows it while it is dragged. With the keyboard's focus, the left
    and right arrow choose a point, up and down move it. `height` is in design pixels; `caption`
    names a point, for the tooltip.
    """
    row = begin_row(label, style.px(height))
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
        moved = new[chosen] - down * _STEP * (hi - lo)
        new[chosen] = round(min(max(moved, lo), hi), 2)
    if reset_clicked():
        new[chosen] = default
    elif row.reset:
        new = [default] * len(new)
    if not active:
        explain(row, tooltip, f"{caption(chosen)}: {new[chosen]:.2f}", _HINT)
    places = [
        (
            low.x + pad + across * k / max(last, 1),
            low.y + row.height - pad - (row.height - 2 * pad) * _share(value, lo, hi),
        )
        for k, value in enumerate(new)
    ]
    level = low.y + row.height - pad - (row.height - 2 * pad) * _share(default, lo, hi)
    marked = chosen if hovered or active or keyboard.has_focus_ring() else -1
    _draw((low.x, low.y, low.x + row.width, low.y + row.height), places, level, marked)
    imgui.pop_id()
    return tuple(new) != tuple(values), tuple(new)


def _share(value: float, lo: float, hi: float) -> float:
    return min(max((value - lo) / (hi - lo), 0.0), 1.0)


def _draw(
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
