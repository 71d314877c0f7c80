"""Gamepads, by GLFW's standard mapping."""

from __future__ import annotations

import glfw

from viz.app.control.inbox import Inbox

_DEAD = 0.15
"""Deflection, as a fraction of the full one, below which a stick counts as released."""
_LOOK = 60
"""Calls of `poll` between checks for gamepads."""
STICKS = ("left x", "left y", "right x", "right y")
TRIGGERS = ("left trigger", "right trigger")
BUTTONS = (
    *("A", "B", "X", "Y", "left bumper", "right bumper", "back", "start", "guide"),
    *("left stick", "right stick", "D-pad up", "D-pad right", "D-pad down", "D-pad left"),
)
"""GLFW's order."""


class Gamepads:
    """Reads all gamepads that are connected; for the window's thread."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._connected: list[int] = []
        self._calls = 0
        self._before: dict[str, float] = {}

    @property
    def state(self) -> str:
        """A sentence on what is connected."""
        names = [glfw.get_gamepad_name(pad) for pad in self._connected]
        words = [n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in names if n]
        return f"Gamepad: {', '.join(words)}." if words else "No gamepad is connected."

    def poll(self) -> bool:
        """Passes on what has changed since the last call; returns whether anything has."""
        if self._calls % _LOOK == 0:
            pads = range(glfw.JOYSTICK_1, glfw.JOYSTICK_LAST + 1)
            self._connected = [pad for pad in pads if glfw.joystick_is_gamepad(pad)]
        self._calls += 1
        now: dict[str, float] = {}
        for pad in self._connected:
            state = glfw.get_gamepad_state(pad)
            if state is not None:
                for name, value in _values(state):
                    now[name] = max(now.get(name, 0.0), value, key=abs)
        changed = {
            name: now.get(name, 0.0)
            for name in now | self._before
            if now.get(name, 0.0) != self._before.get(name, 0.0)
        }
        self._before = now
        for name, value in changed.items():
            self._inbox.receive(name, value)
        return bool(changed)


def _values(state: object) -> list[tuple[str, float]]:
    """Sticks in -1..1, triggers and buttons in 0..1, by name."""
    axes, buttons = state.axes, state.buttons  # pyright: ignore[reportAttributeAccessIssue]
    sticks = [(f"Gamepad {name}", _live(axes[k])) for k, name in enumerate(STICKS)]
    triggers = [
        (f"Gamepad {name}", _live((axes[4 + k] + 1) / 2)) for k, name in enumerate(TRIGGERS)
    ]
    pressed = [(f"Gamepad {name}", float(buttons[k])) for k, name in enumerate(BUTTONS)]
    return [*sticks, *triggers, *pressed]


def _live(value: float) -> float:
    """A deflection beyond the dead zone, rescaled to 0..1, in steps of a hundredth."""
    size = min(max(abs(value) - _DEAD, 0.0) / (1 - _DEAD), 1.0)
    return round(size if value > 0 else -size, 2)
