"""What appears over the panels: notices, the list of keys, and questions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, groupby
from typing import Literal

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.buttons import button, icon_button
from gui_utils.controls.layout import ink, record, record_rect, scope

Level = Literal["info", "success", "warning", "error"]
Buttons = Sequence[tuple[str, Callable[[], object]]]
"""Captions and what they do."""

_ICONS: dict[str, str] = {
    "info": icons.ICON_FA_CIRCLE_INFO,
    "success": icons.ICON_FA_CIRCLE_CHECK,
    "warning": icons.ICON_FA_TRIANGLE_EXCLAMATION,
    "error": icons.ICON_FA_CIRCLE_EXCLAMATION,
}
_SECONDS = {"info": 4.0, "success": 4.0, "warning": 8.0, "error": None}
_FADE_SECONDS = 0.25
_MARGIN = 14.0
_CARD_WIDTH = 340.0
_MOST = 5

_FLOATING = (
    imgui.WindowFlags_.no_title_bar
    | imgui.WindowFlags_.no_resize
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_collapse
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_docking
    | imgui.WindowFlags_.no_nav
)


@dataclass
class _Toast:
    number: int
    level: Level
    sentence: str
    details: str
    timeout: float | None
    buttons: Buttons = ()
    repeats: int = 1
    born: float = field(default_factory=time.perf_counter)
    unfolded: bool = False
    height: float = 0.0

    @property
    def left(self) -> float:
        """Seconds until it goes by itself."""
        if self.timeout is None:
            return float("inf")
        return self.born + self.timeout - time.perf_counter()


class Toasts:
    """Notices in a corner at the bottom right; :meth:`draw` once per frame, last."""

    def __init__(self) -> None:
        self._toasts: list[_Toast] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._toasts)

    def add(
        self,
        level: Level,
        sentence: str,
        details: str = "",
        timeout: float | None = None,
        buttons: Buttons = (),
    ) -> None:
        """Show a notice; one that is on show already counts up instead.

        ``timeout`` in seconds; None takes 4 for info and success, 8 for warnings, and keeps an
        error until it is dismissed. ``details`` wait behind a fold and can be copied. ``buttons``
        are captions and what they do; with some, a notice stays for 10 seconds at least.
        """
        if timeout is None:
            timeout = _SECONDS[level]
        if buttons and timeout is not None:
            timeout = max(timeout, 10.0)
        for toast in self._toasts:
            if (toast.level, toast.sentence, toast.details) == (level, sentence, details):
                toast.repeats += 1
                toast.born = time.perf_counter()
                return
        self._toasts.append(_Toast(next(self._numbers), level, sentence, details, timeout, buttons))
        # A flood would cover the window: the oldest makes room.
        del self._toasts[:-_MOST]

    def clear(self) -> None:
        """Dismiss all."""
        self._toasts.clear()

    @property
    def animating(self) -> bool:
        """Whether a notice comes or goes at present, so that frames are needed."""
        now = time.perf_counter()
        return any(min(now - t.born, t.left) < _FADE_SECONDS for t in self._toasts)

    @property
    def rest(self) -> float:
        """Seconds until a notice begins to go; infinite when none does by itself."""
        return max(min((t.left - _FADE_SECONDS for t in self._toasts), default=math.inf), 0.0)

    def draw(self, area: tuple[float, float, float, float] | None = None) -> None:
        """Draw the cards over everything, the newest at the bottom.

        ``area`` is the left, top, right and bottom that they lie in, as to leave controls free;
        None takes the window.
        """
        self._toasts = [toast for toast in self._toasts if toast.left > 0]
        if area is None:
            low, size = imgui.get_main_viewport().work_pos, imgui.get_main_viewport().work_size
            area = (low.x, low.y, low.x + size.x, low.y + size.y)
        margin = style.px(_MARGIN)
        right, bottom = area[2] - margin, area[3] - margin
        width = min(style.px(_CARD_WIDTH), area[2] - area[0] - 2 * margin)
        dismissed = []
        with scope("Toasts"):
            for toast in reversed(self._toasts):
                imgui.set_next_window_pos((right, bottom), imgui.Cond_.always, (1.0, 1.0))
                if self._draw_card(toast, max(width, style.px(80))):
                    dismissed.append(toast.number)
                bottom -= toast.height + style.px(8)
        self._toasts = [toast for toast in self._toasts if toast.number not in dismissed]

    def _draw_card(self, toast: _Toast, width: float) -> bool:
        """One card; whether it was dismissed."""
        colors = style.palette()
        tint = getattr(colors, toast.level)
        age = time.perf_counter() - toast.born
        opacity = min(max(min(age, toast.left) / _FADE_SECONDS, 0.05), 1.0)
        imgui.set_next_window_size_constraints((width, 0.0), (width, 1e6))
        imgui.push_style_var(imgui.StyleVar_.alpha, opacity)
        imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(12), style.px(10)))
        imgui.push_style_color(imgui.Col_.window_bg, colors.popup)
        flags = _FLOATING | imgui.WindowFlags_.always_auto_resize
        flags |= imgui.WindowFlags_.no_focus_on_appearing | imgui.WindowFlags_.no_scrollbar
        imgui.begin(f"##toast{toast.number}", None, flags)
        imgui.internal.bring_window_to_display_front(imgui.internal.get_current_window())
        low, size = imgui.get_window_pos(), imgui.get_window_size()
        toast.height = size.y
        record_rect(toast.sentence, (low.x, low.y, low.x + size.x, low.y + size.y))
        draw = imgui.get_window_draw_list()
        draw.add_rect_filled(
            (low.x + 1, low.y + style.px(9)),
            (low.x + 1 + style.px(3), low.y + size.y - style.px(9)),
            ink(tint),
            style.px(2),
        )
        dismissed = self._draw_text(toast, tint)
        imgui.end()
        imgui.pop_style_color()
        imgui.pop_style_var(2)
        return dismissed

    def _draw_text(self, toast: _Toast, tint: int) -> bool:
        side = imgui.get_frame_height()
        top = imgui.get_cursor_pos_y()
        text_top = top + (side - imgui.get_font_size()) / 2
        right = imgui.get_window_width() - style.px(8)
        imgui.set_cursor_pos((style.px(14), text_top))
        imgui.push_style_color(imgui.Col_.text, tint)
        imgui.text_unformatted(_ICONS[toast.level])
        imgui.pop_style_color()
        imgui.set_cursor_pos((style.px(38), text_top))
        imgui.push_text_wrap_pos(right - side - style.px(4))
        times = f"  (\u00d7{toast.repeats})" if toast.repeats > 1 else ""
        imgui.text_unformatted(toast.sentence + times)
        imgui.pop_text_wrap_pos()
        after = imgui.get_cursor_pos_y()
        imgui.set_cursor_pos((right - side, top))
        with scope(toast.sentence):
            dismissed = icon_button(icons.ICON_FA_XMARK, tooltip="Dismiss", name="Dismiss")
            imgui.set_cursor_pos((style.px(38), max(after, top + side)))
            if toast.buttons:
                self._draw_buttons(toast)
            elif toast.details:
                self._draw_details(toast)
            else:
                imgui.dummy((0.0, 0.0))
        return dismissed

    def _draw_buttons(self, toast: _Toast) -> None:
        for index, (caption, act) in enumerate(toast.buttons):
            if index:
                imgui.same_line()
            if button(caption):
                act()

    def _draw_details(self, toast: _Toast) -> None:
        fold = icons.ICON_FA_CHEVRON_DOWN if toast.unfolded else icons.ICON_FA_CHEVRON_RIGHT
        imgui.push_style_color(imgui.Col_.button, 0)
        if button("Details", icon=fold):
            toast.unfolded = not toast.unfolded
        pad = 2 * imgui.get_style().frame_padding.x + style.px(38)
        if imgui.get_content_region_avail().x > 2 * (imgui.calc_text_size("Details").x + pad):
            imgui.same_line()
        else:
            imgui.set_cursor_pos_x(style.px(38))
        if button("Copy", icon=icons.ICON_FA_COPY):
            imgui.set_clipboard_text(f"{toast.sentence}\n{toast.details}")
        imgui.pop_style_color()
        if toast.unfolded:
            imgui.push_style_color(imgui.Col_.child_bg, style.palette().raised)
            lines = min(toast.details.count("\n") + 1, 8)
            with style.font("mono", style.SMALL_SIZE):
                height = (lines + 2) * imgui.get_text_line_height_with_spacing()
                flags = imgui.ChildFlags_.always_use_window_padding
                scroll = imgui.WindowFlags_.horizontal_scrollbar
                imgui.begin_child("##details", (-1.0, height), flags, scroll)
                imgui.text_unformatted(toast.details)
                imgui.end_child()
            imgui.pop_style_color()


def key_help(rows: Sequence[tuple[str, str, str]]) -> bool:
    """The list of keys (group, keys, meaning) over a dimmed window; False once it is closed.

    Call it each frame while it is open. Escape, a click outside or the cross closes it.
    """
    area = imgui.get_main_viewport()
    center = area.get_center()
    name = "###key_help"
    if not imgui.is_popup_open(name):
        imgui.open_popup(name)
    groups = [(group, list(items)) for group, items in groupby(rows, key=lambda row: row[0])]
    columns = 2 if area.size.x > style.px(820) and len(groups) > 1 else 1
    imgui.set_next_window_pos(center, imgui.Cond_.always, (0.5, 0.5))
    limit = (area.size.x - style.px(24), area.size.y - style.px(24))
    wanted = style.px(780 if columns == 2 else 420)
    imgui.set_next_window_size((min(wanted, limit[0]), 0.0))
    imgui.set_next_window_size_constraints((0.0, 0.0), limit)
    imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(22), style.px(18)))
    flags = _FLOATING
    shown, _ = imgui.begin_popup_modal(name, None, flags)
    imgui.pop_style_var()
    if not shown:
        return False
    is_open = _key_help_header()
    _key_columns(groups, columns)
    if imgui.is_key_pressed(imgui.Key.escape, False) or _clicked_outside():
        is_open = False
    if not is_open:
        imgui.close_current_popup()
    imgui.end_popup()
    return is_open


def _key_help_header() -> bool:
    with style.font("bold", style.TITLE_SIZE):
        imgui.align_text_to_frame_padding()
        imgui.text_unformatted("Keys and mouse")
    imgui.same_line(imgui.get_content_region_avail().x - imgui.get_frame_height() * 0.2)
    with scope("Keys"):
        closed = icon_button(icons.ICON_FA_XMARK, tooltip="Close (Esc)", name="Close")
    imgui.dummy((0.0, style.px(2)))
    return not closed


def _key_columns(groups: list[tuple[str, list[tuple[str, str, str]]]], columns: int) -> None:
    """One or two columns of about equal height, groups kept whole and in order."""
    if not imgui.begin_table("##keys", columns, imgui.TableFlags_.pad_outer_x):
        return
    lines = [len(items) + 2 for _, items in groups]
    cut = len(groups)
    if columns == 2:
        cut = min(range(1, len(groups)), key=lambda k: max(sum(lines[:k]), sum(lines[k:])))
    imgui.table_next_row()
    for part in (groups[:cut], groups[cut:]):
        if part:
            imgui.table_next_column()
            for group, items in part:
                _key_group(group, items)
    imgui.end_table()


def _key_group(group: str, items: list[tuple[str, str, str]]) -> None:
    colors = style.palette()
    imgui.push_style_color(imgui.Col_.text, colors.accent)
    with style.font("bold", style.SMALL_SIZE):
        imgui.text_unformatted(group)
    imgui.pop_style_color()
    for _, keys, meaning in items:
        low = imgui.get_cursor_screen_pos()
        _key_caps(keys)
        imgui.same_line()
        imgui.set_cursor_screen_pos((low.x + style.px(128), low.y))
        imgui.align_text_to_frame_padding()
        imgui.push_text_wrap_pos(0.0)
        imgui.text_unformatted(meaning)
        imgui.pop_text_wrap_pos()
    imgui.dummy((0.0, style.px(6)))


def _key_caps(keys: str) -> None:
    """Key names as key caps: "Ctrl+S" becomes two."""
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    low = imgui.get_cursor_screen_pos()
    height = imgui.get_frame_height()
    x = low.x
    parts = keys.split("+") if len(keys) > 1 else [keys]
    with style.font("body", style.SMALL_SIZE):
        inset, pad = style.px(2), style.px(7)
        for part in parts:
            size = imgui.calc_text_size(part or "+")
            right = x + size.x + 2 * pad
            box = ((x, low.y + inset), (right, low.y + height - inset))
            draw.add_rect_filled(*box, ink(colors.frame), style.px(4))
            draw.add_rect(*box, ink(colors.border), style.px(4))
            text_y = low.y + (height - size.y) / 2
            draw.add_text((x + pad, round(text_y)), ink(colors.text), part or "+")
            x = right + style.px(4)
    imgui.dummy((x - low.x, height))


def _clicked_outside() -> bool:
    low, size = imgui.get_window_pos(), imgui.get_window_size()
    high = (low.x + size.x, low.y + size.y)
    inside = imgui.is_mouse_hovering_rect((low.x, low.y), high, False)
    return imgui.is_mouse_clicked(0) and not inside and not imgui.is_window_appearing()


def confirm(title: str, sentence: str, choices: Sequence[str]) -> str | None:
    """A question over a dimmed window: the choice taken, None while there is none.

    Call it each frame until it answers. The first choice is the one meant (Enter takes it),
    the last the safe one (Escape takes it). Raises ``ValueError`` without choices.
    """
    if not choices:
        raise ValueError("A question needs at least one choice.")
    name = f"###confirm{title}"
    if not imgui.is_popup_open(name):
        imgui.open_popup(name)
    area = imgui.get_main_viewport()
    imgui.set_next_window_pos(area.get_center(), imgui.Cond_.always, (0.5, 0.5))
    width = min(style.px(400), area.size.x - style.px(16))
    imgui.set_next_window_size((width, 0.0))
    imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(20), style.px(16)))
    shown, _ = imgui.begin_popup_modal(name, None, _FLOATING)
    imgui.pop_style_var()
    if not shown:
        return None
    with style.font("bold", style.TITLE_SIZE):
        imgui.push_text_wrap_pos(0.0)
        imgui.text_unformatted(title)
        imgui.pop_text_wrap_pos()
    imgui.dummy((0.0, 0.0))
    imgui.push_text_wrap_pos(0.0)
    imgui.text_unformatted(sentence)
    imgui.pop_text_wrap_pos()
    imgui.dummy((0.0, style.px(6)))
    answer = _choice_buttons(title, choices)
    if not imgui.is_window_appearing():  # the key that brought the question is no answer
        if imgui.is_key_pressed(imgui.Key.escape, False):
            answer = choices[-1]
        elif imgui.is_key_pressed(imgui.Key.enter, False):
            answer = choices[0]
    if answer is not None:
        imgui.close_current_popup()
    imgui.end_popup()
    return answer


def _choice_buttons(title: str, choices: Sequence[str]) -> str | None:
    """Buttons at the right end, the first choice outermost."""
    answer = None
    pad, gap = imgui.get_style().frame_padding.x, imgui.get_style().item_spacing.x
    widths = [imgui.calc_text_size(choice).x + 2 * pad for choice in choices]
    room = imgui.get_content_region_avail().x
    start = imgui.get_cursor_pos_x() + max(room - sum(widths) - gap * (len(widths) - 1), 0.0)
    imgui.set_cursor_pos_x(start)
    with scope(title):
        for index, choice in enumerate(reversed(choices)):
            if index:
                imgui.same_line()
            if button(choice, primary=choice == choices[0]):
                answer = choice
            record(choice)
    return answer
