"""Rows that are sorted by dragging, with small icons to press at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import keyboard, layout, registry, style

_ROW = 26.0
_SIGN = 24.0


@dataclass(frozen=True)
class Sign:
    """A small icon at the end of a row."""

    icon: str
    name: str
    tooltip: str
    lit: bool


@dataclass(frozen=True)
class RowEvent:
    """What the user did with a row: chose it, dragged it or pressed one of its icons."""

    row: int
    to: int | None = None
    """Index of the place that it was dragged to."""
    sign: int | None = None
    """Index of the icon that was pressed."""


def sortable_rows(
    name: str,
    captions: Sequence[str],
    chosen: int,
    signs: Sequence[Sequence[Sign]],
    on_top: int = 0,
) -> RowEvent | None:
    """Draws one row per caption, the chosen one outlined; returns what the user did in this frame.
    Rows are dragged, or moved by Alt and the arrow keys. The first `on_top` rows stay above all
    others. Rectangles are recorded as "name 1", and those of icons as "name 1/Star"."""
    if registry.is_indexing():
        return None  # rows change too much to be found by name
    height, gap = style.px(_ROW), style.px(2)
    storage, dragged = imgui.get_state_storage(), imgui.get_id(f"dragged {name}")
    top = imgui.get_cursor_screen_pos().y
    event = None
    imgui.push_style_var(imgui.StyleVar_.item_spacing, (0.0, gap))
    for k, caption in enumerate(captions):
        imgui.push_id(f"{name} {k}")
        pressed = _row(f"{name} {k + 1}", caption, k == chosen, len(signs[k]))
        hovered = imgui.is_item_hovered()
        held, steps = layout.held_by_mouse(), keyboard.row_steps()
        if imgui.is_item_activated():
            storage.set_int(dragged, k)
        under = int((imgui.get_mouse_pos().y - top) // (height + gap))
        came_from = storage.get_int(dragged)
        under = _place(came_from, under, on_top, len(captions))
        if held and under != came_from:
            event = RowEvent(came_from, to=under)
            storage.set_int(dragged, under)
        elif steps and (to := _place(k, k + steps, on_top, len(captions))) != k:
            event = RowEvent(k, to=to)
            registry.reach(f"{registry.scope_name()}/{name} {to + 1}")
        elif pressed and hovered:
            event = RowEvent(k)
        for number, sign in enumerate(signs[k]):
            imgui.same_line(0.0, 0.0)
            if _sign(f"{name} {k + 1}", sign, height):
                event = RowEvent(k, sign=number)
        imgui.pop_id()
    imgui.pop_style_var()
    imgui.dummy((0.0, gap))
    return event


def _place(row: int, to: int, on_top: int, count: int) -> int:
    """The place nearest to the one asked for that a row can take."""
    first, end = (0, on_top) if row < on_top else (on_top, count)
    return min(max(to, first), end - 1)


def _row(name: str, caption: str, chosen: bool, signs: int) -> bool:
    height = style.px(_ROW)
    width = imgui.get_content_region_avail().x - signs * style.px(_SIGN)
    low = imgui.get_cursor_screen_pos()
    pressed = layout.press_area("##row", (width, height))
    registry.record(name)
    colors, draw = style.palette(), imgui.get_window_draw_list()
    fill = colors.frame_active if imgui.is_item_hovered() else colors.frame
    high = (low.x + width, low.y + height)
    draw.add_rect_filled((low.x, low.y), high, layout.ink(fill), style.px(4))
    if chosen:
        draw.add_rect((low.x, low.y), high, layout.ink(colors.accent), style.px(4))
    y = low.y + (height - imgui.get_font_size()) / 2
    shown = layout.ellipsis(controls.printable(caption), width - style.px(16))
    draw.add_text((low.x + style.px(8), round(y)), layout.ink(colors.text), shown)
    return pressed


def _sign(name: str, sign: Sign, height: float) -> bool:
    low, width = imgui.get_cursor_screen_pos(), style.px(_SIGN)
    pressed = layout.press_area(f"##{sign.name}", (width, height))
    registry.record(f"{name}/{sign.name}", presses=True)
    layout.tooltip(None, sign.tooltip)
    colors = style.palette()
    bright = colors.text if imgui.is_item_hovered() else colors.text_dim
    tint = colors.accent if sign.lit else bright
    layout.text_in((low.x, low.y, low.x + width, low.y + height), sign.icon, tint)
    return pressed
