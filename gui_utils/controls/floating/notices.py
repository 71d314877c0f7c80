"""Notices in a corner of the window."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.buttons import button, icon_button
from gui_utils.controls.keyboard import focus_ring
from gui_utils.controls.layout import ink
from gui_utils.controls.redraw import request_frame
from gui_utils.controls.registry import record_rect, scope
from gui_utils.controls.style import printable

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

FLOATING = (
    imgui.WindowFlags_.no_title_bar
    | imgui.WindowFlags_.no_resize
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_collapse
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_docking
)
"""Flags of windows that neither the user nor a settings file can move or resize."""


@dataclass
class Toast:
    """A notice that is shown."""

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
        """Seconds until it disappears; infinite if it stays."""
        if self.timeout is None:
            return float("inf")
        return self.born + self.timeout - time.perf_counter()


class Toasts:
    """Notices at the bottom right; call `draw` once per frame, after all else."""

    def __init__(self) -> None:
        self._toasts: list[Toast] = []
        self._numbers = count()
        self._reached: int | None = None
        """The notice with the focus ring, through whose buttons Tab goes."""
        self._reaching = False
        self._former: str | None = None
        """Name of the window that had the keyboard before the notice."""

    def __len__(self) -> int:
        return len(self._toasts)

    def __iter__(self) -> Iterator[Toast]:
        """The notices shown, the oldest first."""
        return iter(self._toasts)

    def add(
        self,
        level: Level,
        sentence: str,
        details: str = "",
        timeout: float | None = None,
        buttons: Buttons = (),
    ) -> None:
        """Shows a notice, or counts it as a repeat if it is shown already.

        Args:
            level: determines its colour and icon.
            sentence: its text.
            details: shown when the notice is unfolded, and copied with it.
            timeout: seconds until it disappears; None means 4 for info and success, 8 for warnings,
                and never for errors.
            buttons: captions and what they do; a function that returns True dismisses the notice.
                With buttons, it stays for at least 10 seconds.
        """
        sentence, details = printable(sentence), printable(details)
        if timeout is None:
            timeout = _SECONDS[level]
        if buttons and timeout is not None:
            timeout = max(timeout, 10.0)
        for toast in self._toasts:
            if (toast.level, toast.sentence, toast.details) == (level, sentence, details):
                toast.repeats += 1
                toast.born = time.perf_counter()
                toast.buttons = buttons
                return
        self._toasts.append(Toast(next(self._numbers), level, sentence, details, timeout, buttons))
        # Many would cover the window, so the oldest ones are dropped.
        del self._toasts[:-_MOST]

    def clear(self) -> None:
        """Dismisses all."""
        self._toasts.clear()

    def reach(self) -> None:
        """Puts the focus ring on the newest notice's first button; Tab goes through the others, and
        Escape goes back. Meanwhile the notice stays."""
        if not self._toasts:
            return
        window = imgui.get_current_context().nav_window
        self._former = window.name if window is not None else None
        self._reaching = True
        self._reached = self._toasts[-1].number

    @property
    def animating(self) -> bool:
        """Whether a notice is fading in or out."""
        now = time.perf_counter()
        return any(min(now - t.born, t.left) < _FADE_SECONDS for t in self._toasts)

    @property
    def rest(self) -> float:
        """Seconds until a notice begins to fade out; infinite if none disappears by itself."""
        return max(min((t.left - _FADE_SECONDS for t in self._toasts), default=math.inf), 0.0)

    def draw(self, area: tuple[float, float, float, float] | None = None) -> None:
        """Draws the notices over everything else, the newest at the bottom. `area` is the left,
        top, right and bottom of the area for them; None takes the whole window."""
        reached = [toast for toast in self._toasts if toast.number == self._reached]
        for toast in reached:
            toast.born = time.perf_counter() - _FADE_SECONDS
        self._toasts = [toast for toast in self._toasts if toast.left > 0]
        if self._toasts:
            request_frame("notice", 0.0 if self.animating else self.rest)
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
        left = imgui.is_key_pressed(imgui.Key.escape, False) or self._reached in dismissed
        if reached and not self._reaching and (left or not focus_ring()):
            self._reached = None
            imgui.set_window_focus(self._former)
        self._reaching = False

    def _draw_card(self, toast: Toast, width: float) -> bool:
        """Draws one notice; returns whether it was dismissed."""
        colors = style.palette()
        tint = getattr(colors, toast.level)
        age = time.perf_counter() - toast.born
        opacity = min(max(min(age, toast.left) / _FADE_SECONDS, 0.05), 1.0)
        imgui.set_next_window_size_constraints((width, 0.0), (width, 1e6))
        imgui.push_style_var(imgui.StyleVar_.alpha, opacity)
        imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(12), style.px(10)))
        imgui.push_style_color(imgui.Col_.window_bg, colors.popup)
        # Dear ImGui draws tooltips over everything else; as one itself, a notice can lie over them.
        flags = FLOATING | imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.tooltip
        if toast.number != self._reached:
            flags |= imgui.WindowFlags_.no_nav
        elif self._reaching:
            imgui.set_next_window_focus()
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

    def _draw_text(self, toast: Toast, tint: int) -> bool:
        side = imgui.get_frame_height()
        top = imgui.get_cursor_pos_y()
        text_top = top + (side - imgui.get_font_size()) / 2
        right = imgui.get_window_width() - style.px(8)
        imgui.set_cursor_pos((style.px(14), text_top))
        with style.text_color(tint):
            imgui.text_unformatted(_ICONS[toast.level])
        imgui.set_cursor_pos((style.px(38), text_top))
        imgui.push_text_wrap_pos(right - side - style.px(4))
        times = f"  (\u00d7{toast.repeats})" if toast.repeats > 1 else ""
        imgui.text_unformatted(toast.sentence + times)
        imgui.pop_text_wrap_pos()
        after = imgui.get_cursor_pos_y()
        imgui.set_cursor_pos((right - side, top))
        with scope(toast.sentence):
            dismissed = icon_button(icons.ICON_FA_XMARK, tooltip="Dismiss", name="Dismiss")
            self._take_ring(toast)
            imgui.set_cursor_pos((style.px(38), max(after, top + side)))
            if toast.buttons:
                dismissed |= self._draw_buttons(toast)
            elif toast.details:
                self._draw_details(toast)
            else:
                imgui.dummy((0.0, 0.0))
        return dismissed

    def _draw_buttons(self, toast: Toast) -> bool:
        """Draws the buttons; returns whether one of them dismissed the notice."""
        done = False
        for index, (caption, act) in enumerate(toast.buttons):
            if index:
                imgui.same_line()
            if button(caption):
                done |= act() is True
            if index == 0:
                self._take_ring(toast)
        return done

    def _take_ring(self, toast: Toast) -> None:
        """Puts the focus ring on the last item if this notice should have it."""
        if self._reaching and toast.number == self._reached:
            imgui.internal.focus_item()
            imgui.set_nav_cursor_visible(True)

    def _draw_details(self, toast: Toast) -> None:
        fold = icons.ICON_FA_CHEVRON_DOWN if toast.unfolded else icons.ICON_FA_CHEVRON_RIGHT
        imgui.push_style_color(imgui.Col_.button, 0)
        if button("Details", icon=fold):
            toast.unfolded = not toast.unfolded
        self._take_ring(toast)
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
