"""Where controls were drawn, by name: for tests, for the command palette, and for inputs that press
them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from imgui_bundle import imgui

from gui_utils.controls import keyboard, redraw, style
from gui_utils.controls.style import printable

rects: dict[str, tuple[float, float, float, float]] = {}
"""Left, top, right and bottom, in window coordinates, of the controls drawn in this frame, by
"Section/Label"."""

open_sections: dict[str, bool] = {}
"""Whether each section is open, by title; the application may store and restore it."""

Mark = Callable[[object, tuple[float, float, float, float]], None]
"""Called with what a control sets, as passed to `tag`, and with the control's rectangle."""

_prefix: list[str] = []
_marks: list[Mark] = []


@dataclass(frozen=True)
class Control:
    """A control that `indexing` has found."""

    presses: bool
    """Whether it is pressed rather than set to a value: a button or a switch."""
    about: str = ""
    """Its tooltip."""
    also: str = ""
    """Further words by which it is found: the values that it can take."""
    subject: object = None
    """What it sets, see `tag`."""


@dataclass
class _ControlSearch:
    """The search for a control."""

    sought: str = ""
    """The control that is to get the keyboard when it is drawn; empty for none."""
    section: str = ""
    """The section to scroll to when it is drawn; empty for none."""
    frames: int = 0
    """Remaining frames of the search for these two."""
    index: dict[str, Control] | None = None
    """Controls found by `indexing`; None outside of it."""
    last: str = ""
    """The control found last, to which the next tooltip belongs."""
    pressed: str = ""
    """The button that `pressing` presses."""
    menu: str = ""
    """The control for which a menu was requested; empty for none."""


_SEARCH_FRAMES = 10
_search = _ControlSearch()


def begin_frame() -> None:
    """Forgets the records of the last frame; the window calls it when a frame begins."""
    rects.clear()
    _prefix.clear()
    _marks.clear()
    _search.frames -= 1
    if _search.frames < 0:
        _search.sought = _search.section = ""
    keyboard.begin_frame()
    redraw.begin_frame()


def record(name: str, *, presses: bool = False) -> bool:
    """Records the rectangle of the last item under the current section.

    Args:
        name: of the item.
        presses: whether the item is pressed rather than set to a value.

    Returns:
        whether `pressing` presses it now.
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
    """Whether the last item is disabled."""
    flags = imgui.get_current_context().last_item_data.item_flags
    return bool(flags & imgui.ItemFlags_.disabled)


def mark_controls(mark: Mark) -> None:
    """Calls `mark` for each control that is tagged with what it sets, in the rest of this frame."""
    _marks.append(mark)


def tag(subject: object) -> None:
    """Tags the control just drawn with what it sets, for `indexing` and `mark_controls`."""
    for mark in _marks if _search.index is None and rects else ():
        mark(subject, next(reversed(rects.values())))
    note(subject=subject)


def offer(name: str, about: str, *words: object) -> bool:
    """Makes one value of the last item findable under a name of its own, as a drop-down list shows
    its values only while it is open.

    Args:
        name: of the value.
        about: its tooltip.
        words: further words by which it is found.

    Returns:
        whether the item is to be set to the value now.
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


def arrived(title: str) -> bool:
    """Whether `show_section` is searching for this section; ends the search."""
    found = title == _search.section
    if found:
        _search.section = ""
    return found


def note(**changes: Any) -> None:
    """Sets fields of the `Control` just drawn, for `indexing`."""
    if _search.index is not None and _search.last:
        _search.index[_search.last] = replace(_search.index[_search.last], **changes)


def reset_clicked() -> bool:
    """Whether the last item was clicked with the right button, without Ctrl, to reset it."""
    return imgui.is_item_clicked(1) and not imgui.get_io().key_ctrl


def take_menu() -> str:
    """The control "Section/Label" clicked with Ctrl and the right button since the last call; empty
    for none."""
    asked, _search.menu = _search.menu, ""
    return asked


def record_rect(name: str, rect: tuple[float, float, float, float]) -> None:
    """Records a rectangle under the current section."""
    rects["/".join((*_prefix, name))] = rect


def _reach_item(press: bool) -> None:
    """Gives the last item the focus ring, scrolls to it, and presses it if requested."""
    imgui.set_scroll_here_y(0.4)
    focus_item()
    if press:
        imgui.internal.activate_item_by_id(imgui.get_item_id())
    redraw.request_frame("reached control")


def focus_item() -> None:
    """Gives the last item the focus ring."""
    imgui.internal.set_focus_id(imgui.get_item_id(), imgui.internal.get_current_window())
    imgui.set_nav_cursor_visible(True)


def reach(name: str) -> None:
    """Opens the section of the control "Section/Label", and when it is drawn in one of the next
    frames, gives it the keyboard, and presses it if it is a button or a switch."""
    _search.sought, _search.frames = name, _SEARCH_FRAMES
    title = name.partition("/")[0]
    if title in open_sections:
        open_sections[title] = True
    redraw.request_frame("reached control")


def show_section(title: str) -> None:
    """Opens a section, and scrolls to it when it is drawn in one of the next frames."""
    _search.section, _search.frames = title, _SEARCH_FRAMES
    open_sections[title] = True
    redraw.request_frame("reached section")


def sought_section() -> str:
    """Title of the section that `show_section` or `reach` is searching for; empty for none."""
    return _search.section or _search.sought.partition("/")[0]


def opens_folds() -> bool:
    """Whether folded parts of the current section must be drawn, as they may contain the control
    searched for. They stay open after a search for one control, but not after indexing all."""
    return is_indexing() or (_prefix[:1] == [_search.sought.partition("/")[0]])


def is_indexing() -> bool:
    """Whether controls are drawn only to be indexed."""
    return _search.index is not None


@contextmanager
def indexing(width: float) -> Iterator[dict[str, Control]]:
    """Collects by name the controls that the block draws, without showing or operating them, in an
    area of `width` design pixels."""
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
    """Presses the button or switch "Section/Label" when the block draws it, out of sight, unless it
    is disabled."""
    _search.pressed = name
    try:
        with indexing(width):
            yield
    finally:
        _search.pressed = ""


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Prefixes recorded rectangles with `name`."""
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
    """Leaves the scopes beyond the first `depth`."""
    del _prefix[depth:]
