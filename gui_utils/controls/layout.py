"""What controls share: label rows, tooltips, sections, and where things were drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import style

rects: dict[str, tuple[float, float, float, float]] = {}
"""Left, top, right, bottom in window coordinates of what this frame drew, by "Section/Label"."""

open_sections: dict[str, bool] = {}
"""Which sections are open, by title; an app may store and restore it."""

_prefix: list[str] = []

_TOOLTIP_FLAGS = imgui.HoveredFlags_.for_tooltip | imgui.HoveredFlags_.allow_when_disabled
_TOOLTIP_WIDTH = 300.0


def begin_frame() -> None:
    """Forget the rectangles of the last frame; the window calls it as a frame begins."""
    rects.clear()
    _prefix.clear()


def split_label(label: str) -> tuple[str, str]:
    """Visible text and name of a label; "Text##name" shows only Text, "##name" shows nothing."""
    visible, _, name = label.partition("##")
    return visible, name or visible


def record(name: str) -> None:
    """Remember the rectangle of the last item under the current section."""
    low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
    record_rect(name, (low.x, low.y, high.x, high.y))


def record_rect(name: str, rect: tuple[float, float, float, float]) -> None:
    """Remember a rectangle under the current section."""
    rects["/".join((*_prefix, name))] = rect


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Prefix recorded rectangles with ``name``."""
    _prefix.append(name)
    try:
        yield
    finally:
        if _prefix:
            _prefix.pop()


def ink(color: int) -> int:
    """A palette colour at the current opacity, so that disabled controls fade."""
    alpha = imgui.get_style().alpha
    return color if alpha >= 1.0 else style.with_alpha(color, alpha)


@dataclass
class Row:
    """One control's line: where its widget goes and what happened on its label."""

    name: str
    width: float
    height: float
    hovered: bool
    reset: bool
    label_cut: str = ""


def begin_row(label: str, height: float | None = None) -> Row:
    """Draw the label and put the cursor where the widget starts.

    ``height`` is the widget's, in Dear ImGui units; the label stays on the first line.
    """
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
    hovered = imgui.is_item_hovered(_TOOLTIP_FLAGS)
    reset = imgui.is_item_clicked(1)
    imgui.same_line(0.0, gap)
    width = max(available - label_width - gap, style.px(24))
    return Row(name, width, height, hovered, reset, visible if shown != visible else "")


def tooltip(row: Row | None, text: str, *facts: str) -> None:
    """Explain the last item, or the row it belongs to, after a short rest of the pointer.

    ``facts`` follow the text as dim lines.
    """
    hovered = imgui.is_item_hovered(_TOOLTIP_FLAGS) or (row is not None and row.hovered)
    lines = [fact for fact in facts if fact]
    if not hovered or not (text or lines):
        return
    imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(10), style.px(8)))
    imgui.push_style_color(imgui.Col_.popup_bg, style.palette().popup)
    if imgui.begin_tooltip():
        imgui.push_text_wrap_pos(style.px(_TOOLTIP_WIDTH))
        if row is not None and row.label_cut:
            with style.font("bold"):
                imgui.text_unformatted(row.label_cut)
        if text:
            imgui.text_unformatted(text)
        with style.font("body", style.SMALL_SIZE):
            for line in lines:
                imgui.push_style_color(imgui.Col_.text, style.palette().text_dim)
                imgui.text_unformatted(line)
                imgui.pop_style_color()
        imgui.pop_text_wrap_pos()
        imgui.end_tooltip()
    imgui.pop_style_color()
    imgui.pop_style_var()


def ellipsis(text: str, width: float) -> str:
    """``text``, shortened with … to fit ``width`` Dear ImGui units in the current font."""
    return _ellipsis(text, int(width), imgui.get_font_size(), imgui.get_font().font_id)


@lru_cache(maxsize=1024)
def _ellipsis(text: str, width: int, font_size: float, font_id: int) -> str:
    # The font is part of the key only: text is measured in the current one.
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
    imgui.push_id(title)
    colors = style.palette()
    position = imgui.get_cursor_screen_pos()
    width = max(imgui.get_content_region_avail().x, 1.0)
    height = style.px(30)
    if imgui.invisible_button("##header", (width, height)):
        is_open = open_sections[title] = not is_open
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
        size = imgui.calc_text_size(chevron)
        chevron_x = corner[0] - style.px(17) - size.x / 2
        chevron_y = position.y + (height - size.y) / 2
        draw.add_text((chevron_x, chevron_y), ink(colors.text_dim), chevron)
    try:
        with scope(title):
            if is_open:
                imgui.dummy((0.0, 0.0))
            yield is_open
    finally:
        if is_open:
            imgui.dummy((0.0, style.px(6)))
        imgui.pop_id()
