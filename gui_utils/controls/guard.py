"""Draws a part of the interface so that its failure does not affect the other parts."""

from __future__ import annotations

import itertools
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imgui_bundle import imgui

from gui_utils.controls import registry

logger = logging.getLogger(__name__)

_reported: dict[str, str] = {}


def guarded(name: str, draw: Callable[[], object]) -> Exception | None:
    """Calls `draw`; if it raises an exception, restores Dear ImGui's state and returns it.

    Windows, popups, tables, groups, ids, styles, fonts, clip rectangles and indents that `draw`
    left open are closed, and popups that it opened are dismissed. The exception gets a note with
    the name, and is logged with its traceback, but only once while the same part fails in the same
    way. The caller should then close, fold or disable the part, as it would fail again.

    Args:
        name: what is drawn, as a user would call it: "the panel Camera".
        draw: draws it.

    Raises:
        RuntimeError: when called outside of a frame.
    """
    if not imgui.get_current_context().within_frame_scope:
        raise RuntimeError(f"Drawing {name} belongs between begin_frame and end_frame.")
    saved = _Saved()
    try:
        draw()
    except Exception as raised:
        # The traceback keeps the locals of `draw` alive. A list clipper among them must end now, as
        # later it would write to a window that no longer exists.
        traceback.clear_frames(raised.__traceback__)
        saved.restore()
        error = _first(raised)
        error.add_note(f"This happened while drawing {name}.")
        _report(name, error)
        return error
    _reported.pop(name, None)
    return None


def _first(error: Exception) -> Exception:
    """The original failure, if closing what it left open failed as well."""
    while "IM_ASSERT" in str(error) and isinstance(error.__context__, Exception):
        error = error.__context__
    return error


def _report(name: str, error: Exception) -> None:
    kind = f"{type(error).__name__}: {error}"
    if _reported.get(name) != kind:
        _reported[name] = kind
        logger.error("Drawing %s failed.", name, exc_info=error)


@contextmanager
def quiet_recovery() -> Iterator[None]:
    """Lets Dear ImGui close what was left open without raising or logging an error for each."""
    io = imgui.get_io()
    io.config_error_recovery_enable_assert = False
    io.config_error_recovery_enable_debug_log = False
    try:
        yield
    finally:
        io.config_error_recovery_enable_assert = True
        io.config_error_recovery_enable_debug_log = True


class _Saved:
    """The state that drawing may leave changed, as it was before."""

    def __init__(self) -> None:
        self._stacks = imgui.internal.ErrorRecoveryState()
        imgui.internal.error_recovery_store_state(self._stacks)
        window = imgui.internal.get_current_window_read()
        self._clips = window.draw_list._clip_rect_stack.size()
        self._wraps = window.dc.text_wrap_pos_stack.size()
        self._widths = window.dc.item_width_stack.size()
        self._indent = window.dc.indent.x
        self._scopes = registry.scope_depth()
        self._popups = _drawn_popups()

    def restore(self) -> None:
        context = imgui.get_current_context()
        with quiet_recovery():
            imgui.internal.error_recovery_try_to_recover_state(self._stacks)
        level = max(context.begin_popup_stack.size(), self._popups)
        if context.open_popup_stack.size() > level:
            imgui.internal.close_popup_to_level(level, True)
        # The error recovery handles whole windows, not parts of one, so the rest follows here.
        window = imgui.internal.get_current_window_read()
        while window.draw_list._clip_rect_stack.size() > self._clips:
            imgui.pop_clip_rect()
        while window.dc.text_wrap_pos_stack.size() > self._wraps:
            imgui.pop_text_wrap_pos()
        while window.dc.item_width_stack.size() > self._widths:
            imgui.pop_item_width()
        if window.dc.indent.x != self._indent:
            imgui.unindent(window.dc.indent.x - self._indent)
        context.next_window_data.clear_flags()
        context.next_item_data.clear_flags()
        registry.cut_scopes(self._scopes)


def _drawn_popups() -> int:
    """How many of the open popups, from the bottom up, have been drawn in this frame."""
    stack = imgui.get_current_context().open_popup_stack
    windows = (stack[k].window for k in range(stack.size()))
    return sum(1 for _ in itertools.takewhile(lambda w: w is not None and w.active, windows))
