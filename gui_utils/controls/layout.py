"""What controls share: rows with labels, tooltips and sections."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import redraw, style
from gui_utils.controls.registry import (
    arrived,
    is_indexing,
    note,
    open_sections,
    record,
    reset_clicked,
    scope,
    sought_section,
)
from gui_utils.controls.style import printable

_TOOLTIP_FLAGS = imgui.HoveredFlags_.for_tooltip | imgui.HoveredFlags_.allow_when_disabled
_TOOLTIP_WIDTH = 300.0
_TOOLTIP_GAP = 6.0


def split_label(label: str) -> tuple[str, str]:
    """Visible text and name of a label; "Text##name" shows only Text, "##name" shows nothing."""
    visible, _, name = printable(label).partition("##")
    return visible, name or visible


def press_area(name: str, size: tuple[float, float], repeats: bool = False) -> bool:
    """Places an invisible button at the cursor; returns whether it was pressed, by mouse or key.

    Unlike `imgui.invisible_button`, it can be reached with Tab. `size` is in Dear ImGui units; with
    `repeats`, holding it down presses it repeatedly.
    """
    imgui.push_item_flag(imgui.ItemFlags_.button_repeat, repeats)
    size = (max(size[0], 1.0), max(size[1], 1.0))
    pressed = imgui.invisible_button(name, size, imgui.ButtonFlags_.enable_nav)
    imgui.pop_item_flag()
    if repeats and imgui.is_item_active():
        redraw.request_frame("held button", imgui.get_io().key_repeat_rate)
    return pressed


def held_by_mouse() -> bool:
    """Whether the mouse holds the last item, or has released it in this frame, which may contain
    the last movement."""
    held = imgui.is_item_active() or imgui.is_item_deactivated()
    return held and (imgui.is_mouse_down(0) or imgui.is_mouse_released(0))


@contextmanager
def reserved(shown: bool, rows: float = 1.0) -> Iterator[bool]:
    """Reserves space for rows that come and go, so that nothing below them jumps.

    The block gets `shown`, and draws its rows only if it is True; it takes the height of at least
    `rows` controls either way.
    """
    spacing = imgui.get_style().item_spacing.y
    bottom = imgui.get_cursor_pos_y() + rows * imgui.get_frame_height_with_spacing()
    yield shown
    left = bottom - imgui.get_cursor_pos_y() - spacing
    if left > -spacing:
        imgui.dummy((0.0, max(left, 0.0)))


def ink(color: int) -> int:
    """A palette colour at the current opacity, so that disabled controls fade."""
    alpha = imgui.get_style().alpha
    return color if alpha >= 1.0 else style.with_alpha(color, alpha)


def text_in(rect: tuple[float, float, float, float], text: str, color: int) -> None:
    """Draws text or an icon in the middle of a rectangle (left, top, right, bottom)."""
    size = imgui.calc_text_size(text)
    x, y = (rect[0] + rect[2] - size.x) / 2, (rect[1] + rect[3] - size.y) / 2
    imgui.get_window_draw_list().add_text((round(x), round(y)), ink(color), text)


@dataclass
class Row:
    """The line of a control: the place of its widget, and what happened on its label."""

    name: str
    width: float
    height: float
    hovered: bool
    reset: bool
    label_cut: str = ""


def begin_row(label: str, height: float | None = None) -> Row:
    """Draws the label and moves the cursor to the widget's place. `height` is the widget's, in Dear
    ImGui units; the label is on its first line."""
    visible, name = split_label(label)
    available = imgui.get_content_region_avail().x
    line = imgui.get_frame_height()
    height = line if height is None else height
    if not visible:
        return Row(name, max(available, 1.0), height, False, False)
    gap = style.px(8)
    label_width = min(max(available * 0.36, style.px(84)), style.px(150))
    position = imgui.get_cursor_screen_pos()
    shown = ellipsis(visible, label_width)
    text_y = position.y + (line - imgui.get_font_size()) / 2
    imgui.get_window_draw_list().add_text(
        (position.x, text_y), ink(style.palette().text_dim), shown
    )
    imgui.dummy((label_width, line))
    hovered = tooltip_due()
    reset = reset_clicked()
    imgui.same_line(0.0, gap)
    width = max(available - label_width - gap, style.px(24))
    return Row(name, width, height, hovered, reset, visible if shown != visible else "")


def tooltip(row: Row | None, text: str, *facts: str) -> None:
    """Explains the last item, or the row it belongs to, once the pointer has rested on it.

    `facts` follow the text as dim lines. If there is room, the tooltip is beside the panel, so that
    it hides none of its controls, otherwise below or above the item.
    """
    if is_indexing():
        note(about=printable(text))
        return
    lines = [printable(fact) for fact in facts if fact]
    if not (text or lines):
        return
    if not (tooltip_due() or (row is not None and row.hovered)):
        return
    _place_tooltip()
    imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(10), style.px(8)))
    imgui.push_style_color(imgui.Col_.popup_bg, style.palette().popup)
    if imgui.begin_tooltip():
        if imgui.is_window_appearing():  # its first frame only measures it
            redraw.request_frame("tooltip")
        imgui.push_text_wrap_pos(style.px(_TOOLTIP_WIDTH))
        if row is not None and row.label_cut:
            with style.font("bold"):
                imgui.text_unformatted(row.label_cut)
        if text:
            imgui.text_unformatted(printable(text))
        with style.font("body", style.SMALL_SIZE), style.text_color(style.palette().text_dim):
            for line in lines:
                imgui.text_unformatted(line)
        imgui.pop_text_wrap_pos()
        imgui.end_tooltip()
    imgui.pop_style_color()
    imgui.pop_style_var()


def tooltip_due() -> bool:
    """Whether the pointer has rested on the last item; if not yet, requests a frame for when it
    will have."""
    if imgui.is_item_hovered(_TOOLTIP_FLAGS):
        return True
    if imgui.is_item_hovered(imgui.HoveredFlags_.allow_when_disabled):
        redraw.request_frame("tooltip", imgui.get_style().hover_delay_short)
    return False


def _place_tooltip() -> None:
    """Puts the next tooltip beside the panel of the last item, or below or above the item."""
    view = imgui.get_main_viewport()
    low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
    gap, needed = style.px(_TOOLTIP_GAP), style.px(_TOOLTIP_WIDTH + 20)
    left, right = _panel_edges()
    upper_half = (low.y + high.y) / 2 < view.pos.y + view.size.y / 2
    y, pivot_y = (low.y, 0.0) if upper_half else (high.y, 1.0)
    if right - left > view.size.x / 2:
        left, right = -math.inf, math.inf
    if left - view.pos.x >= needed:
        imgui.set_next_window_pos((left - gap, y), imgui.Cond_.always, (1.0, pivot_y))
    elif view.pos.x + view.size.x - right >= needed:
        imgui.set_next_window_pos((right + gap, y), imgui.Cond_.always, (0.0, pivot_y))
    else:
        x = max(min(low.x, view.pos.x + view.size.x - needed), view.pos.x)
        y = high.y + gap if upper_half else low.y - gap
        imgui.set_next_window_pos((x, y), imgui.Cond_.always, (0.0, 0.0 if upper_half else 1.0))


def _panel_edges() -> tuple[float, float]:
    """Left and right edge of the panel: the outermost window of at most half the view's width."""
    limit = imgui.get_main_viewport().size.x / 2
    window = imgui.internal.get_current_window()
    while window.parent_window is not None and window.parent_window.size.x <= limit:
        window = window.parent_window
    return window.pos.x, window.pos.x + window.size.x


def ellipsis(text: str, width: float) -> str:
    """`text`, shortened with … to fit `width` Dear ImGui units in the current font."""
    return fitted_text(printable(text), int(width), imgui.get_font_size(), imgui.get_font().font_id)


@lru_cache(maxsize=1024)
def fitted_text(text: str, width: int, font_size: float, font_id: int) -> str:
    # The font is only part of the cache key: text is measured in the current font.
    del font_size, font_id
    if imgui.calc_text_size(text).x <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if imgui.calc_text_size(text[:middle].rstrip() + "…").x <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"


@contextmanager
def section(title: str, *, icon: str = "", default_open: bool = True) -> Iterator[bool]:
    """A foldable group; the block gets whether it is open and draws its controls only then."""
    is_open = open_sections.setdefault(title, default_open)
    if title == sought_section():
        is_open = open_sections[title] = True
    imgui.push_id(printable(title))
    colors = style.palette()
    position = imgui.get_cursor_screen_pos()
    width = max(imgui.get_content_region_avail().x, 1.0)
    height = style.px(30)
    if press_area("##header", (width, height)):
        is_open = open_sections[title] = not is_open
    if arrived(title):
        imgui.set_scroll_here_y(0.0)
    record(title)
    fill = colors.raised
    if imgui.is_item_hovered():
        fill = colors.frame_hover if imgui.is_item_active() else colors.frame
    draw = imgui.get_window_draw_list()
    corner = (position.x + width, position.y + height)
    draw.add_rect_filled((position.x, position.y), corner, ink(fill), style.px(5))
    text_y = position.y + (height - imgui.get_font_size()) / 2
    x = position.x + style.px(10)
    if icon:
        with style.font("body", style.SMALL_SIZE):
            icon_y = position.y + (height - imgui.get_font_size()) / 2
            draw.add_text((x, icon_y), ink(colors.accent), icon)
        x += style.px(25)
    with style.font("bold"):
        draw.add_text((x, text_y), ink(colors.text), ellipsis(title, corner[0] - x - style.px(28)))
    chevron = icons.ICON_FA_CHEVRON_DOWN if is_open else icons.ICON_FA_CHEVRON_RIGHT
    with style.font("body", 11):
        text_in((corner[0] - style.px(34), position.y, *corner), chevron, colors.text_dim)
    with scope(title):
        if is_open:
            imgui.dummy((0.0, 0.0))
        yield is_open
    # After an exception `guarded` restores Dear ImGui's stacks: the current window may be one that
    # the block left open, with ids that are not ours.
    if is_open:
        imgui.dummy((0.0, style.px(6)))
    imgui.pop_id()
