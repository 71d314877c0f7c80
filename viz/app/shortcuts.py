"""The keyboard: one table of all shortcuts, which also explains them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls.keyboard import is_held
from viz.app.commands import Commands
from viz.app.control import key_inputs
from viz.app.stage import show_keys

_K = imgui.Key
_MODIFIERS = {"Ctrl": imgui.Key.mod_ctrl.value, "Shift": imgui.Key.mod_shift.value}
_ARROWS = {"←": _K.left_arrow, "→": _K.right_arrow}


@dataclass(frozen=True)
class Key:
    """A key or key combination, and its action."""

    group: str
    caption: str
    """The combination as shown to the user: "Ctrl+Z"."""
    meaning: str
    command: Callable[..., object]
    arguments: tuple[object, ...] = ()
    """Of the command, after `Commands`."""
    repeats: bool = False
    """Whether holding it down repeats the action."""
    listed: bool = True
    """False for an alternative key."""

    @cached_property
    def modifiers(self) -> int:
        """The modifiers that are held with it, as Dear ImGui's flags."""
        return sum(_MODIFIERS[name] for name in self.caption.split("+")[:-1])

    @cached_property
    def base(self) -> imgui.Key:
        """The key itself."""
        name = self.caption.rpartition("+")[2]
        return _ARROWS.get(name) or _K[name.lower()]

    def act(self, commands: Commands) -> None:
        """Runs the command."""
        self.command(commands, *self.arguments)

    def is_pressed(self, modifiers: int) -> bool:
        """Whether it is pressed in this frame with exactly these modifiers."""
        return self.modifiers == modifiers and imgui.is_key_pressed(self.base, self.repeats)


KEYS: tuple[Key, ...] = (
    Key("Clip", "Space", "Play or pause", Commands.toggle_play),
    Key("Clip", "←", "One frame back", Commands.step, (-1,), repeats=True),
    Key("Clip", "→", "One frame forward", Commands.step, (1,), repeats=True),
    Key("Clip", "Home", "First frame", Commands.go_to_start),
    Key("Clip", "End", "Last frame", Commands.go_to_end),
    Key("Path", "K", "Add a keyframe", Commands.add_keyframe),
    Key("Path", "Shift+K", "Update the keyframe", Commands.update_keyframe),
    Key("Path", "P", "Play or pause the path", Commands.toggle_path),
    Key("Path", "Ctrl+←", "Previous keyframe", Commands.go_to_keyframe, (-1,), repeats=True),
    Key("Path", "Ctrl+→", "Next keyframe", Commands.go_to_keyframe, (1,), repeats=True),
    Key("Path", "Delete", "Delete the keyframe", Commands.delete_keyframe),
    Key("People", "R", "Random person", Commands.random_person),
    Key("People", "M", "Random motion", Commands.random_motion),
    Key("People", "A", "Star the person", Commands.star_person),
    Key("People", "Shift+A", "Star the motion", Commands.star_motion),
    Key("People", "G", "Gallery", Commands.toggle_gallery),
    Key("View", "C", "Reset the camera", Commands.reset_camera),
    Key("View", "Shift+C", "Frame the head", Commands.frame_head),
    Key("View", "O", "Auto-orbit", Commands.toggle_orbit),
    Key("View", "B", "Keep this picture as “before”", Commands.set_before),
    Key("View", "V", "Next view", Commands.next_view),
    Key("View", "Shift+V", "Previous view", Commands.next_view, (-1,)),
    Key("View", "L", "Next layout", Commands.next_layout),
    Key("View", "Shift+L", "Previous layout", Commands.next_layout, (-1,)),
    Key("View", "I", "Values under the pointer", Commands.toggle_inspect),
    Key("View", "Shift+I", "Ruler between two points", Commands.toggle_inspect, ("ruler",)),
    Key("View", "F", "Fullscreen", Commands.toggle_fullscreen),
    Key("View", "H", "Hide the interface", Commands.toggle_interface),
    Key("View", "Shift+H", "Hide the panels", Commands.toggle_panels),
    Key("View", "Ctrl+Tab", "Next group of panels", Commands.next_group),
    Key("View", "Ctrl+Shift+Tab", "Previous group of panels", Commands.next_group, (-1,)),
    Key("Show", "F5", "Start the show", Commands.start_show),
    Key("Show", "Shift+F5", "Keep what is shown as a cue", Commands.add_cue),
    Key("Session", "S", "Save the picture", Commands.capture, ("picture",)),
    Key("Session", "Ctrl+O", "Open", Commands.open_dialog),
    Key("Session", "Ctrl+Shift+O", "Compare with another model", Commands.compare_dialog),
    Key("Session", "Ctrl+S", "Save the session", Commands.save_session),
    Key("Session", "Ctrl+Shift+S", "Save the session as", Commands.save_session_dialog),
    Key("Session", "Ctrl+Q", "Quit", Commands.quit),
    Key("Session", "Ctrl+Z", "Undo", Commands.undo, repeats=True),
    Key("Session", "Ctrl+Shift+Z", "Redo", Commands.redo, repeats=True),
    Key("Session", "Ctrl+Y", "Redo", Commands.redo, repeats=True, listed=False),
    Key("Program", "Ctrl+K", "Find a command or a setting", Commands.open_palette),
    Key("Program", "N", "Go to the newest notice", Commands.reach_notice),
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
    rows = [(key.group, key.caption, key.meaning) for key in KEYS if key.listed]
    rows += [
        ("Program", "? or F1", "This list"),
        ("Program", "Esc", "Show the interface, or leave fullscreen"),
        ("Bookmarks", "1 to 9", "Go to a bookmark"),
        ("Bookmarks", "Ctrl+1 to 9", "Store a bookmark"),
    ]
    return [*rows, *MOUSE, *show_keys.rows()]


def explained(act: Callable[..., object], words: str = "") -> str:
    """A tooltip: what a command does, or other `words`, and the command's key."""
    key = f"Key {caption}." if (caption := caption_of(act)) else ""
    return f"{words or sentence(act)} {key}".rstrip()


def caption_of(act: Callable[..., object]) -> str:
    """A command's key as shown to the user; empty if it has none."""
    command, arguments = _parts(act)
    return next((c for a, c in _captions().get(command, ()) if a == arguments), "")


def sentence(act: Callable[..., object]) -> str:
    """What a command does: the first paragraph of its docstring."""
    return _paragraph(_parts(act)[0])


def _parts(act: Callable[..., object]) -> tuple[Callable[..., object], tuple[object, ...]]:
    """A command and its arguments from a bound method or a `partial` of one."""
    arguments = ()
    if isinstance(act, functools.partial):
        act, arguments = act.func, act.args
    return getattr(act, "__func__", act), arguments


@functools.cache
def _paragraph(command: Callable[..., object]) -> str:
    return " ".join((inspect.getdoc(command) or "").partition("\n\n")[0].split())


@functools.cache
def _captions() -> dict[Callable[..., object], list[tuple[tuple[object, ...], str]]]:
    """Arguments and captions of the keys of each command."""
    found: dict[Callable[..., object], list[tuple[tuple[object, ...], str]]] = {}
    for key in (*KEYS, *show_keys.SHOW_KEYS):
        caption = key.caption.partition(", ")[0]
        found.setdefault(key.command, []).append((key.arguments, caption))
    return found


def handle(commands: Commands) -> None:
    """Acts on the keys pressed in this frame, unless a text field has the keyboard.

    Keys that the user has bound take precedence. During a show, keys that usually need no Ctrl act
    only with it.
    """
    io = imgui.get_io()
    if is_held("Alt") or is_held("Super") or key_inputs.handle(commands.control):
        return
    ctrl, shift = is_held("Ctrl"), is_held("Shift")
    modifiers = ctrl * _MODIFIERS["Ctrl"] | shift * _MODIFIERS["Shift"]
    if commands.is_kiosk:
        if ctrl and shift and imgui.is_key_pressed(_K.q, False):
            commands.quitting = True
        return
    if commands.current_show is not None:
        show_keys.handle(commands)
        if not ctrl:
            return
        if not any(key.is_pressed(modifiers) for key in KEYS):
            modifiers &= ~_MODIFIERS["Ctrl"]
    for key in KEYS:
        with_ctrl = bool(key.modifiers & _MODIFIERS["Ctrl"])
        taken = controls.wants_keyboard(key.base, with_ctrl=with_ctrl)
        if key.is_pressed(modifiers) and not taken:
            key.act(commands)
    if controls.wants_keyboard():
        return
    digit = controls.digit_pressed()
    if digit:  # bookmarks begin at 1
        if ctrl:
            commands.store_bookmark(digit)
        else:
            commands.recall_bookmark(digit)
    # By letter, not by key: its position depends on the keyboard layout.
    if "?" in map(chr, io.input_queue_characters) or imgui.is_key_pressed(_K.f1, False):
        commands.open_help()
    if imgui.is_key_pressed(_K.escape, False):
        commands.leave()
