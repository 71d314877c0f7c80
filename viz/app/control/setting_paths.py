"""Settings by name, so that external inputs can reach them: "orbit.yaw".

Names, ranges and choices come from the declarations of the settings; none are listed here.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from viz.state.interface import Interface
from viz.state.settings import Range, Setting, bare, hints, setting
from viz.state.types import SessionState

_INTERFACE = "interface"
_COMMANDED = {"playing", "path_playing", "path_shown"}
"""Switches of the interface with further effects than their value: commands set them."""

Kind = Literal["number", "switch", "choice"]


@dataclass(frozen=True)
class SettingPath:
    """A setting of the session or of the interface."""

    name: str
    """Its path, "orbit.yaw" or "interface.orbit_period"."""
    kind: Kind
    declared: Setting
    choices: tuple[Any, ...] = ()
    """The values to choose from."""
    whole: bool = False
    """Whether the number must be whole."""

    def read(self, state: SessionState, interface: Interface) -> Any:
        """Its value; None if the setting is left to the model."""
        return _part(self._steps, state, interface)

    def write(self, state: SessionState, interface: Interface, value: Any) -> None:
        """Sets it; the value must be allowed."""
        first, *rest = self._steps
        if first == _INTERFACE:
            setattr(interface, rest[0], value)
        else:
            setattr(state, first, _with(getattr(state, first), rest, value))

    def allowed(self, value: float) -> Any:
        """The allowed value nearest to a number in the setting's own unit: a switch is on from 0.5
        upwards, and a number selects a choice, counted from 0."""
        if self.kind == "switch":
            return value >= 0.5
        if self.kind == "choice":
            return self.choices[round(min(max(value, 0), len(self.choices) - 1))]
        numbers = self.declared.range
        value = numbers.clamp(value)
        return round(value) if self.whole else value

    def value_at(self, position: float, ends: tuple[float, float]) -> float | int:
        """The number at a position 0..1 between two ends, rounded to the slider's step."""
        lo, hi = ends
        numbers = self.declared.range
        if numbers.logarithmic and lo > 0 and hi > 0:
            value = lo * (hi / lo) ** position
        else:
            value = lo + (hi - lo) * position
        if not numbers.logarithmic:
            value = round(value / numbers.step) * numbers.step
        return self.allowed(round(value, 9))

    def position_of(self, value: float, ends: tuple[float, float]) -> float:
        """The position 0..1 of a number between two ends, at the nearer end beyond them."""
        lo, hi = ends
        if self.declared.range.logarithmic and min(lo, hi, value) > 0:
            lo, hi, value = math.log(lo), math.log(hi), math.log(value)
        position = (value - lo) / (hi - lo) if hi != lo else 0.0
        return min(max(position, 0.0), 1.0)

    @property
    def turns(self) -> bool:
        """Whether it is an angle whose slider covers a full turn, so that its ends meet."""
        numbers = self.declared.numbers
        return numbers is not None and numbers.unit == "°" and numbers.ends == (-180, 180)

    def is_of(self, owner: Any, name: str, state: SessionState, interface: Interface) -> bool:
        """Whether it is the setting `name` of an owner that is a part of the state, or the
        interface."""
        *above, last = self._steps
        return last == name and _part(above, state, interface) is owner

    @functools.cached_property
    def _steps(self) -> list[str]:
        return self.name.split(".")


def _with(owner: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    first, *rest = steps
    return replace(owner, **{first: _with(getattr(owner, first), rest, value)})


@functools.cache
def setting_paths() -> dict[str, SettingPath]:
    """All settings that can be reached, by path."""
    found = [*_paths(SessionState, ""), *_paths(Interface, f"{_INTERFACE}.")]
    return {path.name: path for path in found}


def _paths(owner: type[Any], prefix: str) -> Iterator[SettingPath]:
    for field in fields(owner):
        hint, name = hints(owner)[field.name], f"{prefix}{field.name}"
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from _paths(hint, f"{name}.")
            continue
        declared, kind = setting(owner, field.name), bare(hint)
        if kind is bool and field.name not in _COMMANDED:
            yield SettingPath(name, "switch", declared)
        elif typing.get_origin(kind) is Literal:
            yield SettingPath(name, "choice", declared, typing.get_args(kind))
        elif kind in (int, float) and isinstance(declared.numbers, Range):
            yield SettingPath(name, "number", declared, whole=kind is int)


def path_of(owner: Any, name: str, state: SessionState, interface: Interface) -> SettingPath | None:
    """The setting `name` of a part of the state or the interface; None if it cannot be reached."""
    found = (p for p in setting_paths().values() if p.is_of(owner, name, state, interface))
    return next(found, None)


def _part(steps: list[str], state: SessionState, interface: Interface) -> Any:
    inside = steps[:1] == [_INTERFACE]
    return functools.reduce(getattr, steps[inside:], interface if inside else state)
