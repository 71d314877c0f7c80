"""Where controls were drawn, by name, and how they are found: for tests, for the command palette,
and for inputs that press them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

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
    """Forgets the records of the last frame; the window calls it as a frame begins."""
    rects.clear()
    _prefix.clear()
    _marks.clear()
    _search.frames -= 1
    if _search.frames < 0:
        _search.sought = _search.section = ""
    keyboard.begin_frame()
    redraw.begin_frame()


def record(name: str, *, presses: bool = False) -> bool:
    """Remembers the rectangle of the last item under the current section.

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
    """Has `mark` called, within this frame, for each control that tells what it sets."""
    _marks.append(mark)


def tag(subject: object) -> None:
    """Notes what the control just drawn sets, for `indexing` and `mark_controls`."""
    for mark in _marks if _search.index is None and rects else ():
        mark(subject, next(reversed(rects.values())))
    note(subject=subject)


def offer(name: str, about: str, *words: object) -> bool:
    """Offers to set the last item to one of its values, under a name of its own, where controls are
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


def arrived(title: str) -> bool:
    """Whether `show_section` waits for this section, which is then no longer looked for."""
    found = title == _search.section
    if found:
        _search.section = ""
    return found


def note(**changes: Any) -> None:
    """Notes fields of the `Control` just drawn, for `indexing`."""
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
    """Remembers a rectangle under the current section."""
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
    """Gives the control "Section/Label" the keyboard once it is drawn in one of the next frames,
    and presses it if it is a button or a switch. Its section is opened."""
    _search.sought, _search.frames = name, _SEARCH_FRAMES
    title = name.partition("/")[0]
    if title in open_sections:
        open_sections[title] = True
    redraw.request_frame("reached control")


def show_section(title: str) -> None:
    """Opens a section, and scrolls to it once it is drawn in one of the next frames."""
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
    """Finds by name the controls that the block draws, without showing or operating them.

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
    """Presses the button or switch "Section/Label" when the block draws it, out of sight; one that
    is disabled is left alone."""
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
