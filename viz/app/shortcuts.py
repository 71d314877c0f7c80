"""The keyboard: one table of all shortcuts, which also explains them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from imgui_bundle import imgui

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.control import key_inputs
from viz.app.stage import show_keys


@dataclass(frozen=True)
class Key:
    """A key or key combination, and its action."""

    group: str
    caption: str
    """As shown to the user: "Ctrl+Z"; empty for an alternative key."""
    meaning: str
    chord: int
    act: Callable[[Commands], object]
    repeats: bool = False
    """Whether holding it down repeats the action."""


_K = imgui.Key
_CTRL, _SHIFT = imgui.Key.mod_ctrl.value, imgui.Key.mod_shift.value

PALETTE = _CTRL | _K.k.value

KEYS: tuple[Key, ...] = (
    Key("Clip", "Space", "Play or pause", _K.space.value, lambda do: do.toggle_play()),
    Key("Clip", "←", "One frame back", _K.left_arrow.value, lambda do: do.step(-1), repeats=True),
    Key(
        "Clip", "→", "One frame forward", _K.right_arrow.value, lambda do: do.step(1), repeats=True
    ),
    Key("Clip", "Home", "First frame", _K.home.value, lambda do: do.go_to_start()),
    Key("Clip", "End", "Last frame", _K.end.value, lambda do: do.go_to_end()),
    Key("Path", "K", "Add a keyframe", _K.k.value, lambda do: do.add_keyframe()),
    Key(
        "Path",
        "Shift+K",
        "Update the keyframe",
        _SHIFT | _K.k.value,
        lambda do: do.update_keyframe(),
    ),
    Key("Path", "P", "Play or pause the path", _K.p.value, lambda do: do.toggle_path()),
    Key(
        "Path",
        "Ctrl+←",
        "Previous keyframe",
        _CTRL | _K.left_arrow.value,
        lambda do: do.go_to_keyframe(-1),
        repeats=True,
    ),
    Key(
        "Path",
        "Ctrl+→",
        "Next keyframe",
        _CTRL | _K.right_arrow.value,
        lambda do: do.go_to_keyframe(1),
        repeats=True,
    ),
    Key("Path", "Delete", "Delete the keyframe", _K.delete.value, lambda do: do.delete_keyframe()),
    Key("People", "R", "Random person", _K.r.value, lambda do: do.random_person()),
    Key("People", "M", "Random motion", _K.m.value, lambda do: do.random_motion()),
    Key("People", "A", "Star the person", _K.a.value, lambda do: do.star_person()),
    Key("People", "Shift+A", "Star the motion", _SHIFT | _K.a.value, lambda do: do.star_motion()),
    Key("People", "G", "Gallery", _K.g.value, lambda do: do.toggle_gallery()),
    Key("View", "C", "Reset the camera", _K.c.value, lambda do: do.reset_camera()),
    Key("View", "Shift+C", "Frame the head", _SHIFT | _K.c.value, lambda do: do.frame_head()),
    Key("View", "O", "Auto-orbit", _K.o.value, lambda do: do.toggle_orbit()),
    Key("View", "B", "Keep this picture as “before”", _K.b.value, lambda do: do.set_before()),
    Key("View", "V", "Next view", _K.v.value, lambda do: do.next_view()),
    Key("View", "Shift+V", "Previous view", _SHIFT | _K.v.value, lambda do: do.next_view(-1)),
    Key("View", "L", "Next layout", _K.l.value, lambda do: do.next_layout()),
    Key("View", "Shift+L", "Previous layout", _SHIFT | _K.l.value, lambda do: do.next_layout(-1)),
    Key("View", "I", "Values under the pointer", _K.i.value, lambda do: do.toggle_inspect()),
    Key(
        "View",
        "Shift+I",
        "Ruler between two points",
        _SHIFT | _K.i.value,
        lambda do: do.toggle_inspect("ruler"),
    ),
    Key("View", "F", "Fullscreen", _K.f.value, lambda do: do.toggle_fullscreen()),
    Key("View", "H", "Hide the interface", _K.h.value, lambda do: do.toggle_interface()),
    Key("View", "Shift+H", "Hide the panels", _SHIFT | _K.h.value, lambda do: do.toggle_panels()),
    Key(
        "View",
        "Ctrl+Tab",
        "Next group of panels",
        _CTRL | _K.tab.value,
        lambda do: do.next_group(),
    ),
    Key(
        "View",
        "Ctrl+Shift+Tab",
        "Previous group of panels",
        _CTRL | _SHIFT | _K.tab.value,
        lambda do: do.next_group(-1),
    ),
    Key("Show", "F5", "Start the show", _K.f5.value, lambda do: do.start_show()),
    Key(
        "Show",
        "Shift+F5",
        "Keep what is shown as a cue",
        _SHIFT | _K.f5.value,
        lambda do: do.add_cue(),
    ),
    Key("Program", "N", "Go to the newest notice", _K.n.value, lambda do: do.reach_notice()),
    Key("Session", "S", "Save the picture", _K.s.value, lambda do: do.capture("picture")),
    Key("Session", "Ctrl+O", "Open", _CTRL | _K.o.value, lambda do: do.open_dialog()),
    Key(
        "Session",
        "Ctrl+Shift+O",
        "Compare with another model",
        _CTRL | _SHIFT | _K.o.value,
        lambda do: do.compare_dialog(),
    ),
    Key(
        "Session",
        "Ctrl+S",
        "Save the session",
        _CTRL | _K.s.value,
        lambda do: do.save_session(),
    ),
    Key(
        "Session",
        "Ctrl+Shift+S",
        "Save the session as",
        _CTRL | _SHIFT | _K.s.value,
        lambda do: do.save_session_dialog(),
    ),
    Key("Session", "Ctrl+Q", "Quit", _CTRL | _K.q.value, lambda do: do.quit()),
    Key("Session", "Ctrl+Z", "Undo", _CTRL | _K.z.value, lambda do: do.undo(), repeats=True),
    Key(
        "Session",
        "Ctrl+Shift+Z",
        "Redo",
        _CTRL | _SHIFT | _K.z.value,
        lambda do: do.redo(),
        repeats=True,
    ),
    Key("Session", "", "Redo", _CTRL | _K.y.value, lambda do: do.redo(), repeats=True),
    Key("Program", "Ctrl+K", "Find a command or a setting", PALETTE, lambda do: do.open_palette()),
)

STEPPING = (_K.left_arrow, _K.right_arrow)
"""Keys that change the state while they are held."""

MOUSE: tuple[tuple[str, str, str], ...] = (
    ("Mouse in the picture", "Drag", "Orbit; stops once at the edge of the trained views"),
    ("Mouse in the picture", "Right drag", "Move the pivot"),
    ("Mouse in the picture", "Shift+drag", "Move the pivot"),
    ("Mouse in the picture", "Wheel", "Field of view"),
    ("Mouse in the picture", "Ctrl+wheel", "Distance"),
    ("Mouse in the picture", "Double click", "Reset the camera"),
    ("Mouse in the picture", "Click", "Copy the colour (with Values on), or set the ruler's ends"),
    ("Mouse in the panels", "Right click", "Reset a value"),
    ("Mouse in the panels", "Ctrl+right click", "Bind a knob, a stick, a button or a key"),
)


def help_rows() -> list[tuple[str, str, str]]:
    """All keys and mouse gestures as (group, keys, meaning)."""
    rows = [(key.group, key.caption, key.meaning) for key in KEYS if key.caption]
    rows += [
        ("Program", "? or F1", "This list"),
        ("Program", "Esc", "Show the interface, or leave fullscreen"),
        ("Bookmarks", "1 to 9", "Go to a bookmark"),
        ("Bookmarks", "Ctrl+1 to 9", "Store a bookmark"),
    ]
    return [*rows, *MOUSE, *show_keys.rows()]


def handle(commands: Commands) -> None:
    """Acts on the keys pressed in this frame, unless a text field has the keyboard.

    Keys that the user has bound take precedence. During a show, keys that usually need no Ctrl act
    only with it.
    """
    io = imgui.get_io()
    if io.key_alt or io.key_super or key_inputs.handle(commands.control):
        return
    ctrl = _is_held(io.key_ctrl, _K.left_ctrl, _K.right_ctrl)
    shift = _is_held(io.key_shift, _K.left_shift, _K.right_shift)
    modifiers = (_CTRL if ctrl else 0) | (_SHIFT if shift else 0)
    if commands.is_kiosk:
        if modifiers == _CTRL | _SHIFT and imgui.is_key_pressed(_K.q, False):
            commands.quitting = True
        return
    if commands.current_show is not None:
        show_keys.handle(commands)
        if not ctrl:
            return
        if not any(_chord_is(key, modifiers) for key in KEYS):
            modifiers &= ~_CTRL
    for key in KEYS:
        base = imgui.Key(key.chord & ~(_CTRL | _SHIFT))
        taken = controls.wants_keyboard(base, with_ctrl=bool(key.chord & _CTRL))
        if _chord_is(key, modifiers) and not taken:
            key.act(commands)
    if controls.wants_keyboard():
        return
    digit = controls.digit_pressed()
    if digit is not None:
        if ctrl:
            commands.store_bookmark(digit)
        else:
            commands.recall_bookmark(digit)
    # By letter, not by key: its position depends on the keyboard layout.
    if "?" in map(chr, io.input_queue_characters) or imgui.is_key_pressed(_K.f1, False):
        commands.open_help()
    if imgui.is_key_pressed(_K.escape, False):
        commands.leave()


def _chord_is(key: Key, modifiers: int) -> bool:
    """Whether a key is pressed in this frame with exactly its modifiers."""
    base = imgui.Key(key.chord & ~(_CTRL | _SHIFT))
    held = key.chord & (_CTRL | _SHIFT) == modifiers
    return held and imgui.is_key_pressed(base, key.repeats)


def _is_held(now: bool, *keys: imgui.Key) -> bool:
    """Whether a modifier belongs to the keys of this frame: in a slow frame it may have been
    released right after the key, and Ctrl+S must not become S."""
    return now or any(map(imgui.is_key_released, keys))
