"""Bound keys: they replace the key's usual action, also during a show."""

from __future__ import annotations

import functools

from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls.keyboard import is_held
from viz.app.control.live_control import LiveControl

_K = imgui.Key
_PREFIX = "Key "
_MODIFIERS = ("Left", "Right")
_NEVER = ("Escape", "Mouse", "Gamepad", "Mod", "Reserved")
"""Prefixes of key names that cannot be bound; Escape always leaves."""


@functools.cache
def _keys() -> dict[str, imgui.Key]:
    """Keys that can be bound, by name."""
    found = {}
    for key in imgui.Key:
        if _K.named_key_begin <= key.value < _K.named_key_end:
            name = imgui.get_key_name(key)
            is_modifier = name.startswith(_MODIFIERS) and not name.endswith(("Arrow", "Bracket"))
            if not is_modifier and not name.startswith(_NEVER):
                found[name] = key
    return found


def handle(control: LiveControl) -> bool:
    """Passes on keys pressed in this frame that are bound or being learnt; returns whether their
    usual actions are to be suppressed."""
    held = "".join(f"{name}+" for name in ("Ctrl", "Shift") if is_held(name))
    if control.learning is not None:
        if imgui.is_key_pressed(_K.escape, False):
            control.learn(None)
            return True
        pressed = [name for name, key in _keys().items() if imgui.is_key_pressed(key, False)]
    else:
        bound = [b.input[len(_PREFIX) :] for b in control.bindings if b.input.startswith(_PREFIX)]
        pressed = [
            name
            for name in dict.fromkeys(word.rpartition("+")[2] for word in bound)
            if f"{held}{name}" in bound
            and name in _keys()
            and imgui.is_key_pressed(_keys()[name], False)
            and not controls.wants_keyboard(_keys()[name])
        ]
    for name in pressed[:1]:
        control.inbox.receive(f"{_PREFIX}{held}{name}", 1.0, 0.0)
    return bool(pressed) or control.learning is not None
