"""Which input changes which setting or runs which command, and the files that hold these bindings.

An input is named as the user reads it: "CC 74 ch 1", "Note 60 ch 10", "Pitch bend ch 1",
"OSC /1/fader1", "Gamepad left x", "Gamepad A", "Key Ctrl+F9"; "LFO sine" moves by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from training.reasons import reason
from viz.app.control.gamepads import BUTTONS
from viz.app.control.setting_paths import SettingPath, setting_paths
from viz.state import files, named_files, settings
from viz.state.errors import UserError
from viz.state.settings import Range

TargetKind = Literal["setting", "command", "button"]
Mode = Literal["absolute", "twos", "offset", "sign", "rate"]
MODES: dict[Mode, str] = {
    "absolute": "Absolute",
    "twos": "Encoder, two's complement",
    "offset": "Encoder, binary offset",
    "sign": "Encoder, sign bit",
    "rate": "Speed",
}
SINE = "LFO sine"
WAVES = {SINE: "sine", "LFO wander": "wander"}
"""Inputs that move by themselves, and their shape over time."""
_SWITCHES = ("Note ", "Key ")
_LARGEST, _MOST = 2**20, 2000
"""Largest file in bytes, and most bindings in it."""
_LONGEST = 300
"""Characters of a name in it."""


@dataclass(frozen=True)
class Target:
    """The target of an input."""

    kind: TargetKind
    """A setting, a command of the palette, or a button of a panel."""
    place: str
    """The setting's path, the command's name, or the button's panel and label, "Camera/Left"."""
    name: str = ""
    """The name as shown to the user."""

    @property
    def setting(self) -> SettingPath | None:
        """The setting's declaration; None for commands and buttons."""
        return setting_paths().get(self.place) if self.kind == "setting" else None


@dataclass(frozen=True)
class Binding:
    """An input and its target."""

    input: str
    """The input's name."""
    target: Target
    """What the input changes or runs."""
    mode: Mode = "absolute"
    """How a number follows the input: to the knob's position, by an encoder's steps (whose three
    usual codes are two's complement, binary offset and sign bit), or at a speed while a stick is
    held. A key or a pad that is pressed switches between both ends."""
    lo: float | None = None
    """The number at the input's lower end; if it is greater than at the upper end, the direction is
    reversed.

    In the setting's unit; None takes the slider's end.
    """
    hi: float | None = None
    """The number at the input's upper end.

    In the setting's unit; None takes the slider's end.
    """
    takeover: bool = True
    """Soft take-over: a knob in another position changes the number only once it has passed the
    present value, so that nothing jumps."""
    rate: Annotated[float, Range(-10, 10, slider=(-2, 2))] = 0.25
    """Speed while a stick is fully deflected, in slider lengths per second; negative values reverse
    it."""
    period: Annotated[float, Range(0.5, 600, "s", slider=(1, 60), step=0.1, logarithmic=True)] = 8.0
    """Period of an LFO's wave, or the time from one turn of its wandering to the next."""

    @property
    def ends(self) -> tuple[float, float]:
        """The numbers at both ends, within the setting's range."""
        path = self.target.setting
        if path is None or path.kind != "number":
            return 0.0, 1.0
        numbers = path.declared.range
        lo, hi = (
            end if given is None else numbers.clamp(given)
            for end, given in zip(numbers.ends, (self.lo, self.hi), strict=True)
        )
        return lo, hi

    @property
    def presses(self) -> bool:
        """Whether its input is pressed and released rather than turned."""
        return is_switch(self.input)

    @property
    def waves(self) -> bool:
        """Whether it moves by itself."""
        return self.input in WAVES


def is_switch(key: str) -> bool:
    """Whether an input is pressed and released rather than turned."""
    return key.startswith(_SWITCHES) or key.removeprefix("Gamepad ") in BUTTONS


def first_binding(key: str, target: Target) -> Binding:
    """How a newly learnt input acts: a stick sets a speed, and a fader on a screen, which can
    follow its setting, needs no take-over."""
    mode: Mode = "rate" if key.startswith("Gamepad ") and not is_switch(key) else "absolute"
    return Binding(key, target, mode, takeover=key.startswith(("CC", "Pitch")))


def _speed(key: str, place: str, name: str, rate: float, *ends: float) -> Binding:
    lo, hi = ends or (None, None)
    target = Target("setting", place, name)
    return Binding(key, target, "rate", lo, hi, takeover=False, rate=rate)


def _press(button: str, command: str) -> Binding:
    return Binding(f"Gamepad {button}", Target("command", command, command), takeover=False)


CONTROLS: tuple[Binding, ...] = (
    # The head follows the stick, as it follows the mouse.
    _speed("Gamepad left x", "orbit.yaw", "Camera: Yaw", -0.25),
    _speed("Gamepad left y", "orbit.pitch", "Camera: Pitch", 0.3),
    _speed("Gamepad right x", "orbit.roll", "Camera: Roll", -0.1),
    _speed("Gamepad right y", "orbit.fov", "Camera: Field of view", 0.4),
    _speed("Gamepad left trigger", "t", "Timeline: Time", -1.0, 0.0, 1.0),
    _speed("Gamepad right trigger", "t", "Timeline: Time", 1.0, 0.0, 1.0),
    _press("A", "Play or pause"),
    _press("B", "Random motion"),
    _press("X", "Auto-orbit"),
    _press("Y", "Random person"),
    _press("left bumper", "Previous cue"),
    _press("right bumper", "Next cue"),
    _press("back", "Undo"),
    _press("start", "Next view"),
    _press("left stick", "Frame the head"),
    _press("right stick", "Reset the camera"),
    _press("D-pad up", "Next layout"),
    _press("D-pad down", "Previous layout"),
    _press("D-pad left", "One frame back"),
    _press("D-pad right", "One frame forward"),
)
"""The default bindings: a gamepad's."""


@dataclass(frozen=True)
class _BindingsFile:
    bindings: list[Binding]
    format: Literal["pv3d control"] = "pv3d control"


def save(path: Path, bindings: tuple[Binding, ...]) -> None:
    """Writes a file of bindings; one that cannot be read, as edited by hand, is renamed before.

    Raises:
        UserError: when it cannot be written, with the reason.
    """
    if path.exists():
        try:
            load(path)
        except UserError:
            with suppress(OSError):
                path.replace(path.with_name(f"{path.stem} (unread){path.suffix}"))
    text = msgspec.json.format(msgspec.json.encode(asdict(_BindingsFile(list(bindings)))), indent=1)
    files.write_beside(path, lambda file: file.write(text))


def load(path: Path) -> tuple[Binding, ...]:
    """Reads a file of bindings.

    Raises:
        UserError: when it cannot be read or is not a valid file of bindings, with the reason.
    """
    problem = named_files.problem_of(path, _LARGEST)
    try:
        if problem:
            raise UserError(f"{path.name} cannot be read: {problem}.")
        plain = msgspec.json.decode(path.read_bytes())
        found = settings.read(_BindingsFile, plain).bindings
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(f"{path.name} cannot be read: {reason(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path.name} is not a file of bindings: {error}") from error
    wrong = [sentence for k, binding in enumerate(found) for sentence in _problems(k, binding)]
    if wrong:
        raise UserError(f"{path.name} cannot be used: {' '.join(wrong[:4])}")
    return tuple(dict.fromkeys(found))[:_MOST]


def _problems(number: int, binding: Binding) -> Iterator[str]:
    """Sentences on what is wrong with a binding of a file, beyond its types and ranges."""
    where, target = f"bindings[{number}]", binding.target
    texts = (("input", binding.input), ("target.place", target.place), ("target.name", target.name))
    for name, text in texts:
        if len(text) > _LONGEST:
            yield f"{where}.{name} has more than {_LONGEST} characters."
    path = target.setting
    numbers = path.declared.range if path is not None and path.kind == "number" else None
    if binding.waves and numbers is None:
        yield f"{where}.target is not a number, so no LFO can move it."
    for name, end in (("lo", binding.lo), ("hi", binding.hi)):
        if numbers is not None and end is not None and not numbers.lo <= end <= numbers.hi:
            yield f"{where}.{name} is {end:g}; it must lie between {numbers.text('and')}."
