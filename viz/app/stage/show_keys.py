"""The keyboard and the clicker during a show: other keys act only with Ctrl."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import glfw
from imgui_bundle import imgui

from gui_utils import controls
from viz.app.commands import Commands

_K = imgui.Key
_TYPING = 1.0
"""Seconds after the last digit at which the number counts as complete."""


@dataclass(frozen=True)
class ShowKey:
    """A key during a show, and its action."""

    caption: str
    meaning: str
    keys: tuple[imgui.Key, ...]
    """The keys in the speaker's window."""
    codes: tuple[int, ...]
    """GLFW's key numbers in the audience's window; 0 is a click and -1 a right click."""
    act: Callable[[Commands], object]


SHOW_KEYS: tuple[ShowKey, ...] = (
    ShowKey(
        "Page Down, →, ↓, Space, Enter",
        "Next cue",
        (_K.page_down, _K.right_arrow, _K.down_arrow, _K.space),
        (glfw.KEY_PAGE_DOWN, glfw.KEY_RIGHT, glfw.KEY_DOWN, glfw.KEY_SPACE, glfw.KEY_ENTER, 0),
        lambda do: do.next_cue(),
    ),
    ShowKey(
        "Page Up, ←, ↑, Backspace",
        "Cue before",
        (_K.page_up, _K.left_arrow, _K.up_arrow, _K.backspace),
        (glfw.KEY_PAGE_UP, glfw.KEY_LEFT, glfw.KEY_UP, glfw.KEY_BACKSPACE, -1),
        lambda do: do.previous_cue(),
    ),
    ShowKey("Home", "First cue", (_K.home,), (glfw.KEY_HOME,), lambda do: do.go_to_cue(0)),
    ShowKey(
        "End",
        "Last cue",
        (_K.end,),
        (glfw.KEY_END,),
        lambda do: do.go_to_cue(len(do.state.cues) - 1),
    ),
    ShowKey(
        "B",
        "Black, and back (also .)",
        (_K.b, _K.period),
        (glfw.KEY_B, glfw.KEY_PERIOD),
        lambda do: do.blank("black"),
    ),
    ShowKey(
        "W",
        "White, and back (also ,)",
        (_K.w, _K.comma),
        (glfw.KEY_W, glfw.KEY_COMMA),
        lambda do: do.blank("white"),
    ),
    ShowKey("Z", "Freeze, and go on", (_K.z,), (glfw.KEY_Z,), lambda do: do.toggle_freeze()),
    ShowKey("P", "Pause the clock, and go on", (_K.p,), (glfw.KEY_P,), lambda do: do.pause_clock()),
    ShowKey(
        "T", "The paused clock begins again", (_K.t,), (glfw.KEY_T,), lambda do: do.restart_clock()
    ),
    ShowKey(
        "H",
        "Hide or show the speaker's view",
        (_K.h,),
        (glfw.KEY_H,),
        lambda do: do.toggle_speaker(),
    ),
    ShowKey(
        "Esc twice", "End the show", (_K.escape,), (glfw.KEY_ESCAPE,), lambda do: do.escape_show()
    ),
)
"""The keys of a show."""


def rows() -> list[tuple[str, str, str]]:
    """The keys as (group, keys, meaning)."""
    found = [("During a show", key.caption, key.meaning) for key in SHOW_KEYS]
    return [
        *found,
        ("During a show", "Number, Enter", "Go to that cue"),
        ("During a show", "Ctrl + any other key", "As without a show"),
        ("In a kiosk", "Ctrl+Shift+Q", "Quit"),
    ]


def handle(commands: Commands) -> None:
    """Acts on keys pressed in the speaker's window in this frame."""
    show, io = commands.current_show, imgui.get_io()
    if show is None or controls.wants_keyboard() or io.key_alt or io.key_super:
        return
    _jump(commands)
    if io.key_ctrl:
        return
    for key in SHOW_KEYS:
        if commands.current_show is not None and any(
            imgui.is_key_pressed(k, False) for k in key.keys
        ):
            key.act(commands)


def press(commands: Commands, code: int) -> None:
    """Acts on a key or click in the audience's window."""
    for key in SHOW_KEYS:
        if code in key.codes:
            key.act(commands)


def _jump(commands: Commands) -> None:
    """Digits form the number of a cue, which is used after Enter or after a moment; Enter alone is
    the next cue."""
    show, now = commands.current_show, time.perf_counter()
    assert show is not None
    digits = "".join(
        c for c in map(chr, imgui.get_io().input_queue_characters) if c in "0123456789"
    )
    if digits:
        show.typed, show.typed_at = (show.typed + digits)[-4:], now
        show.message = f"Go to cue {show.typed}"
    entered = any(imgui.is_key_pressed(k, False) for k in (_K.enter, _K.keypad_enter))
    if show.typed and (entered or now - show.typed_at > _TYPING):
        number, show.typed, show.message = int(show.typed), "", ""
        if 1 <= number <= len(commands.state.cues):
            commands.go_to_cue(number - 1)
        else:
            show.message = f"There is no cue {number}."
    elif entered:
        commands.next_cue()
    if show.typed:
        controls.request_frame("number of a cue", 0.2)
