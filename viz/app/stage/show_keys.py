"""The keyboard, the clicker and the mouse during a show: other keys act only with Ctrl."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import glfw
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls.keyboard import is_held
from viz.app.commands import Commands
from viz.app.stage.running_show import Show

_K = imgui.Key
_CLICKER = (_K.page_down, _K.page_up)
"""Keys that clickers send, and that type nothing."""
_TYPING = 1.0
"""Seconds after the last digit at which the number counts as complete."""

_CHARACTERS = "0123456789"
_DIGITS = (
    *range(glfw.KEY_0, glfw.KEY_9 + 1),
    *range(glfw.KEY_KP_0, glfw.KEY_KP_9 + 1),
)
"""GLFW's numbers of the digits and of those of the keypad, both from 0 on."""
_TYPING_KEYS = tuple(
    imgui.Key(number)
    for first, last in ((_K._0, _K.z), (_K.apostrophe, _K.grave_accent), (_K.keypad0, _K.oem102))
    for number in range(first.value, last.value + 1)
)
"""Keys that type a character on some keyboard."""


@dataclass(frozen=True)
class ShowKey:
    """A key during a show, and its action."""

    caption: str
    meaning: str
    keys: tuple[imgui.Key, ...]
    """The keys in the speaker's window."""
    codes: tuple[int, ...]
    """GLFW's key numbers in the audience's window; 0 is a click and -1 a right click."""
    command: Callable[..., object]
    arguments: tuple[object, ...] = ()
    """Of the command, after `Commands`."""
    characters: str = ""
    """Characters that act whichever key types them, as keyboards differ."""

    def act(self, commands: Commands) -> None:
        """Runs the command."""
        self.command(commands, *self.arguments)


def _key(characters: str, meaning: str, command: Callable[..., object], *words: str) -> ShowKey:
    """A key that types any of these characters; the first is its caption."""
    marks = {".": _K.period, ",": _K.comma}
    keys = tuple(marks.get(c) or _K[c] for c in characters)
    codes = tuple(ord(c.upper()) for c in characters)  # as GLFW numbers them
    return ShowKey(characters[0].upper(), meaning, keys, codes, command, words, characters)


SHOW_KEYS: tuple[ShowKey, ...] = (
    ShowKey(
        "Page Down, →, ↓, Space, Enter",
        "Next cue",
        (_K.page_down, _K.right_arrow, _K.down_arrow, _K.space),
        (
            *(glfw.KEY_PAGE_DOWN, glfw.KEY_RIGHT, glfw.KEY_DOWN, glfw.KEY_SPACE),
            *(glfw.KEY_ENTER, glfw.KEY_KP_ENTER, 0),
        ),
        Commands.next_cue,
    ),
    ShowKey(
        "Page Up, ←, ↑, Backspace",
        "Previous cue",
        (_K.page_up, _K.left_arrow, _K.up_arrow, _K.backspace),
        (glfw.KEY_PAGE_UP, glfw.KEY_LEFT, glfw.KEY_UP, glfw.KEY_BACKSPACE, -1),
        Commands.previous_cue,
    ),
    ShowKey("Home", "First cue", (_K.home,), (glfw.KEY_HOME,), Commands.go_to_cue, (0,)),
    ShowKey("End", "Last cue", (_K.end,), (glfw.KEY_END,), Commands.go_to_last_cue),
    _key("b.", "Black screen on or off (also .)", Commands.blank, "black"),
    _key("w,", "White screen on or off (also ,)", Commands.blank, "white"),
    _key("z", "Freeze or release the picture", Commands.toggle_freeze),
    _key("p", "Pause or resume the clock", Commands.pause_clock),
    _key("t", "Restart the paused clock at 0", Commands.restart_clock),
    _key("h", "Hide or show the speaker's view", Commands.toggle_speaker),
    ShowKey("Esc twice", "End the show", (_K.escape,), (glfw.KEY_ESCAPE,), Commands.escape_show),
)
"""The keys of a show."""


def rows() -> list[tuple[str, str, str]]:
    """The keys as (group, keys, meaning)."""
    found = [("During a show", key.caption, key.meaning) for key in SHOW_KEYS]
    return [
        *found,
        ("During a show", "Number, Enter", "Go to that cue"),
        ("During a show", "Ctrl + any other key", "Works as usual"),
        ("During a show", "Ctrl + mouse", "Works as usual; without Ctrl only while frozen"),
        ("In the list of cues", "Alt+↑, Alt+↓", "Move the cue with the focus ring"),
        ("In a kiosk", "Ctrl+Shift+Q", "Quit"),
    ]


def handle(commands: Commands) -> None:
    """Acts on keys pressed in the speaker's window in this frame; of a clicker's keys also where a
    text field has the keyboard."""
    show, ctrl = commands.current_show, is_held("Ctrl")
    if show is None or is_held("Alt") or is_held("Super"):
        return
    types = controls.wants_keyboard()
    if not types:
        _jump(commands, ctrl)
    if ctrl:
        return
    labelled = [] if types else _labelled(_typed())
    for key in SHOW_KEYS:
        keys = [k for k in key.keys if not types or k in _CLICKER]
        if labelled and key.characters:
            pressed = key in labelled
        else:
            pressed = any(imgui.is_key_pressed(k, False) for k in keys)
        if pressed:
            _act(commands, key)


def _act(commands: Commands, key: ShowKey) -> None:
    """Acts on a key of the show; what was told before, and a number begun, are over."""
    if commands.current_show is not None:
        commands.current_show.typed = commands.current_show.message = ""
        key.act(commands)


def _typed() -> str:
    """The characters of keys pressed in this frame; none of a key that is held."""
    characters = "".join(map(chr, imgui.get_io().input_queue_characters))
    pressed = characters and any(imgui.is_key_pressed(key, False) for key in _TYPING_KEYS)
    return characters if pressed else ""


def _labelled(characters: str) -> list[ShowKey]:
    """The keys of a show that have characters on them."""
    return [key for key in SHOW_KEYS if any(c in key.characters for c in characters.lower())]


class MouseGuard:
    """Holds the mouse back during a show: in the speaker's window it changes what the audience sees
    only while Ctrl is held, and never while a cue arrives. While the audience's picture is held, as
    by Z, it is free."""

    def __init__(self) -> None:
        self._is_open, self._takes_ctrl = True, False
        self._show: Show | None = None
        self._cue: int | None = None

    def update(self, show: Show | None) -> None:
        """Follows the show by a frame."""
        io, self._show = imgui.get_io(), show
        down, cue = any(map(imgui.is_mouse_down, range(3))), show.index if show else None
        comes, self._cue = cue != self._cue or not (show and show.stands), cue
        if show is None or comes:
            if show is not None and self._is_open and down:
                # Ends the drag without the movement of this frame.
                imgui.internal.clear_active_id()
                imgui.get_current_context().deactivated_item_data.id_ = 0
            self._is_open, self._takes_ctrl = show is None, False
            return
        # What was begun with Ctrl held may end without it.
        if not down or any(map(imgui.is_mouse_clicked, range(3))):
            self._is_open = show.holds or io.key_ctrl
        # As without a show; Ctrl and the right button bind an input, which needs both.
        right = imgui.is_mouse_down(1) or imgui.is_mouse_released(1)
        self._takes_ctrl = not right

    @contextmanager
    def region(self, fade: bool = True) -> Iterator[None]:
        """A part of the window that the mouse is held back from, faded meanwhile if so wished."""
        io, style = imgui.get_io(), imgui.get_style()
        ctrl, alpha = io.key_ctrl, style.disabled_alpha
        style.disabled_alpha = alpha if fade else 1.0
        imgui.begin_disabled(not self._is_open)
        style.disabled_alpha = alpha
        io.key_ctrl = ctrl and not self._takes_ctrl
        try:
            yield
        finally:
            io.key_ctrl = ctrl
            imgui.end_disabled()
            self._tell()

    def _tell(self) -> None:
        """Says why nothing happens, once something was tried."""
        tried = imgui.is_mouse_clicked(0) or imgui.get_io().mouse_wheel
        refused = imgui.get_current_context().hovered_id_is_disabled
        closed = self._show is not None and self._show.stands and not self._is_open
        if tried and refused and closed and self._show is not None:
            self._show.message = (
                "During a show, hold Ctrl to use the mouse here, or freeze the picture first (Z)."
            )


def press(commands: Commands, code: int, character: str = "") -> None:
    """Acts on a key or click in the audience's window; `character` is what the key types, or ""."""
    show = commands.current_show
    if show is None:
        return
    if character and character in _CHARACTERS:
        _type(show, character)
    elif labelled := _labelled(character):
        _act(commands, labelled[0])
    elif code in _DIGITS:
        _type(show, str(_DIGITS.index(code) % 10))
    elif show.typed and code in (glfw.KEY_ENTER, glfw.KEY_KP_ENTER):
        _go_to_typed(commands, show)
    # By where the key lies only in alphabets without B and W, and for clickers that send a period.
    elif not character or not character.isascii() or code == glfw.KEY_PERIOD:
        for key in SHOW_KEYS:
            if code in key.codes:
                _act(commands, key)


def _jump(commands: Commands, ctrl: bool) -> None:
    """Digits form the number of a cue, which is used after Enter or after a moment; Enter alone is
    the next cue, but not with Ctrl."""
    show, now = commands.current_show, time.perf_counter()
    assert show is not None
    if digits := _digits():
        _type(show, digits)
    entered = not ctrl and any(imgui.is_key_pressed(k, False) for k in (_K.enter, _K.keypad_enter))
    if show.typed and (entered or now - show.typed_at > _TYPING):
        _go_to_typed(commands, show)
    elif entered:
        show.message = ""
        commands.next_cue()
    if show.typed:
        controls.request_frame("number of a cue", 0.2)


def _digits() -> str:
    """The digits typed in this frame: by the characters, or on a French keyboard, whose digits need
    Shift, by where their keys lie."""
    io = imgui.get_io()
    typed = "".join(map(chr, io.input_queue_characters))
    digits = "".join(c for c in typed if c in _CHARACTERS)
    if digits or not typed or io.key_shift or _labelled(typed):
        return digits
    digit = controls.digit_pressed()
    return "" if digit is None else str(digit)


def _type(show: Show, digits: str) -> None:
    show.typed, show.typed_at = (show.typed + digits)[-4:], time.perf_counter()
    show.message = f"Go to cue {show.typed}"


def _go_to_typed(commands: Commands, show: Show) -> None:
    number, show.typed, show.message = int(show.typed), "", ""
    if 1 <= number <= len(commands.state.cues):
        commands.go_to_cue(number - 1)
    else:
        show.message = f"There is no cue {number}."
