"""What controls share: rows with labels, tooltips, sections, and where things were drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import keyboard, redraw, style
from gui_utils.controls.style import printable

rects: dict[str, tuple[float, float, float, float]] = {}
"""Left, top, right, bottom in window coordinates of what this frame drew, by "Section/Label"."""

open_sections: dict[str, bool] = {}
"""Which sections are open, by title; an app may store and restore it."""

Mark = Callable[[object, tuple[float, float, float, float]], None]
"""Takes what a control sets, as `tag` is given it, and the control's rectangle."""

_prefix: list[str] = []
_marks: list[Mark] = []

_TOOLTIP_FLAGS = imgui.HoveredFlags_.for_tooltip | imgui.HoveredFlags_.allow_when_disabled
_TOOLTIP_WIDTH = 300.0
_TOOLTIP_GAP = 6.0


@dataclass(frozen=True)
class Control:
    """A control that `indexing` has found."""

    presses: bool
    """Whether it is pressed, not set to a value: a button, a switch."""
    about: str = ""
    """Its tooltip."""
    also: str = ""
    """Other words that find it: the values that it can take."""
    subject: object = None
    """What it sets, see `tag`."""


@dataclass
class _Search:
    """A control that is being looked for."""

    sought: str = ""
    """The control that gets the keyboard once it is drawn; empty for none."""
    section: str = ""
    """The section that is scrolled to once it is drawn; empty for none."""
    frames: int = 0
    """How many more frames they are looked for."""
    index: dict[str, Control] | None = None
    """What `indexing` has found; None outside of it."""
    last: str = ""
    """The control found last, which a tooltip belongs to."""
    pressed: str = ""
    """The button that `pressing` presses."""
    menu: str = ""
    """The control that a menu was asked for; empty for none."""


_SEARCH_FRAMES = 10
_search = _Search()


def begin_frame() -> None:
    """Forget the records of the last frame; the window calls it as a frame begins."""
    rects.clear()
    _prefix.clear()
    _marks.clear()
    _search.frames -= 1
    if _search.frames < 0:
        _search.sought = _search.section = ""
    keyboard.begin_frame()
    redraw.begin_frame()


def split_label(label: str) -> tuple[str, str]:
    """Visible text and name of a label; "Text##name" shows only Text, "##name" shows nothing."""
    visible, _, name = printable(label).partition("##")
    return visible, name or visible


def record(name: str, *, presses: bool = False) -> bool:
    """Remember the rectangle of the last item under the current section.

    `presses` tells that the item is pressed, not set to a value.

    Returns:
        Whether `pressing` presses it now.
    """
    full = "/".join((*_prefix, name))
    if _search.index is not None:
        _search.last = full if imgui.get_item_id() else ""
        if _search.last:
            _search.index[full] = Control(presses)
        return presses and full == _search.pressed and not _is_disabled()
    if imgui.is_item_clicked(1) and imgui.get_io().key_ctrl:
        _search.menu = full
    if full == _search.sought:
        _search.sought = ""
        _reach_item(presses)
    low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
    record_rect(name, (low.x, low.y, high.x, high.y))
    return False


def _is_disabled() -> bool:
    """Whether the last item is drawn faded and takes no input."""
    flags = imgui.get_current_context().last_item_data.item_flags
    return bool(flags & imgui.ItemFlags_.disabled)


def mark_controls(mark: Mark) -> None:
    """Have `mark` called, within this frame, for each control that tells what it sets."""
    _marks.append(mark)


def tag(subject: object) -> None:
    """Note what the control just drawn sets, for `indexing` and `mark_controls`."""
    for mark in _marks if _search.index is None and rects else ():
        mark(subject, next(reversed(rects.values())))
    _note(subject=subject)


def found_by(*words: object) -> None:
    """Note other words that find the control just drawn, for `indexing`."""
    _note(also=" ".join(map(str, words)))


def offer(name: str, about: str, *words: object) -> bool:
    """Offer to set the last item to one of its values, under a name of its own, where controls are
    indexed or one is looked for: a list that drops down shows its values only while it is open.

    Returns:
        Whether the value is to be set now.
    """
    if _search.index is None and not _search.sought:
        return False
    full = "/".join((*_prefix, name))
    if _search.index is None:
        if full == _search.sought:
            _search.sought = ""
            _reach_item(False)
            return True
        return False
    if not imgui.get_item_id():
        return False
    _search.index[full] = Control(True, printable(about), " ".join(map(str, words)))
    return full == _search.pressed and not _is_disabled()


def _note(**changes: Any) -> None:
    if _search.index is not None and _search.last:
        _search.index[_search.last] = replace(_search.index[_search.last], **changes)


def reset_clicked() -> bool:
    """Whether the last item was clicked to reset it: with the right button, without Ctrl."""
    return imgui.is_item_clicked(1) and not imgui.get_io().key_ctrl


def take_menu() -> str:
    """The control "Section/Label" that was clicked with Ctrl and the right button since the last
    call, empty for none."""
    asked, _search.menu = _search.menu, ""
    return asked


def record_rect(name: str, rect: tuple[float, float, float, float]) -> None:
    """Remember a rectangle under the current section."""
    rects["/".join((*_prefix, name))] = rect


def _reach_item(press: bool) -> None:
    """Give the last item the focus ring, scroll it into view, and press it if requested."""
    imgui.set_scroll_here_y(0.4)
    focus_item()
    if press:
        imgui.internal.activate_item_by_id(imgui.get_item_id())
    redraw.request_frame("reached control")


def focus_item() -> None:
    """Give the last item the focus ring."""
    imgui.internal.set_focus_id(imgui.get_item_id(), imgui.internal.get_current_window())
    imgui.set_nav_cursor_visible(True)


def reach(name: str) -> None:
    """Give the control "Section/Label" the keyboard once it is drawn in one of the next frames, and
    press it if it is a button or a switch. Its section is opened."""
    _search.sought, _search.frames = name, _SEARCH_FRAMES
    title = name.partition("/")[0]
    if title in open_sections:
        open_sections[title] = True
    redraw.request_frame("reached control")


def show_section(title: str) -> None:
    """Open a section, and scroll to it once it is drawn in one of the next frames."""
    _search.section, _search.frames = title, _SEARCH_FRAMES
    open_sections[title] = True
    redraw.request_frame("reached section")


def sought_section() -> str:
    """Title of the section that `show_section` or `reach` waits for; empty for none."""
    return _search.section or _search.sought.partition("/")[0]


def opens_folds() -> bool:
    """Whether folded parts of the current section must be drawn, as they may hold a wanted control.
    They stay open after a search for one control, but not after indexing all."""
    return is_indexing() or (_prefix[:1] == [_search.sought.partition("/")[0]])


def is_indexing() -> bool:
    """Whether controls are drawn only to be indexed."""
    return _search.index is not None


@contextmanager
def indexing(width: float) -> Iterator[dict[str, Control]]:
    """Find by name the controls that the block draws, without showing or operating them.

    `width` is that of the area where they are drawn, in design pixels.
    """
    found: dict[str, Control] = {}
    imgui.set_next_window_pos((-30000.0, -30000.0))
    imgui.set_next_window_size((style.px(width), style.px(20000)))
    flags = imgui.WindowFlags_.no_inputs | imgui.WindowFlags_.no_decoration
    imgui.begin(f"##index{width}", None, flags | imgui.WindowFlags_.no_saved_settings)
    _search.index = found
    try:
        yield found
    finally:
        _search.index = None
        imgui.end()


@contextmanager
def pressing(name: str, width: float) -> Iterator[None]:
    """Press the button or switch "Section/Label" when the block draws it, out of sight; one that
    is disabled is left alone."""
    _search.pressed = name
    try:
        with indexing(width):
            yield
    finally:
        _search.pressed = ""


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Prefix recorded rectangles with `name`."""
    depth = scope_depth()
    _prefix.append(name)
    try:
        yield
    finally:
        cut_scopes(depth)


def scope_name() -> str:
    """The open scopes, "Section/Part"."""
    return "/".join(_prefix)


def scope_depth() -> int:
    """How many scopes are open."""
    return len(_prefix)


def cut_scopes(depth: int) -> None:
    """Leave the scopes beyond the first `depth`."""
    del _prefix[depth:]


def press_area(name: str, size: tuple[float, float], repeats: bool = False) -> bool:
    """Put a button that draws nothing at the cursor; whether it was pressed, by mouse or key.

    The Tab key stops at it, unlike at `imgui.invisible_button`. `size` is in Dear ImGui units;
    with `repeats`, holding it down presses it again and again.
    """
    imgui.push_item_flag(imgui.ItemFlags_.button_repeat, repeats)
    size = (max(size[0], 1.0), max(size[1], 1.0))
    pressed = imgui.invisible_button(name, size, imgui.ButtonFlags_.enable_nav)
    imgui.pop_item_flag()
    if repeats and imgui.is_item_active():
        redraw.request_frame("held button", imgui.get_io().key_repeat_rate)
    return pressed


def held_by_mouse() -> bool:
    """Whether the mouse holds the last item, or has let it go in this very frame, which may bring
    its last move."""
    held = imgui.is_item_active() or imgui.is_item_deactivated()
    return held and (imgui.is_mouse_down(0) or imgui.is_mouse_released(0))


@contextmanager
def reserved(shown: bool, rows: float = 1.0) -> Iterator[bool]:
    """Reserve space for rows that come and go, so that nothing below them jumps.

    The block gets `shown` and draws its rows only then; it always takes the height of at least
    `rows` controls.
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
    """Draw text or an icon in the middle of a rectangle (left, top, right, bottom)."""
    size = imgui.calc_text_size(text)
    x, y = (rect[0] + rect[2] - size.x) / 2, (rect[1] + rect[3] - size.y) / 2
    imgui.get_window_draw_list().add_text((round(x), round(y)), ink(color), text)


@dataclass
class Row:
    """The line of a control: where its widget goes, and what happened on its label."""

    name: str
    width: float
    height: float
    hovered: bool
    reset: bool
    label_cut: str = ""


def begin_row(label: str, height: float | None = None) -> Row:
    """Draw the label and put the cursor where the widget starts.

    `height` is the widget's, in Dear ImGui units; the label stays on the first line.
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
    hovered = tooltip_due()
    reset = reset_clicked()
    imgui.same_line(0.0, gap)
    width = max(available - label_width - gap, style.px(24))
    return Row(name, width, height, hovered, reset, visible if shown != visible else "")


def tooltip(row: Row | None, text: str, *facts: str) -> None:
    """Explain the last item, or the row it belongs to, once the pointer has rested on it.

    `facts` follow the text as dim lines. The tooltip lies beside the panel where there is room,
    so that it hides none of its controls, else below or above the item.
    """
    if _search.index is not None:
        _note(about=printable(text))
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
    """Whether the pointer has rested on the last item; if not yet, request a frame for that
    moment."""
    if imgui.is_item_hovered(_TOOLTIP_FLAGS):
        return True
    if imgui.is_item_hovered(imgui.HoveredFlags_.allow_when_disabled):
        redraw.request_frame("tooltip", imgui.get_style().hover_delay_short)
    return False


def _place_tooltip() -> None:
    """Put the next tooltip beside the panel of the last item, or below or above the item."""
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
    """Left and right edge of the panel: the outermost window of at most half the width."""
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
    if title == _search.section:
        _search.section = ""
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
    # After an exception Dear ImGui's stacks are for `guarded` to restore: a window that the block
    # left open may be the current one, and its ids are not ours.
    if is_open:
        imgui.dummy((0.0, style.px(6)))
    imgui.pop_id()
