"""Settings that move by themselves: low-frequency oscillators, each bound like a knob."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any

from viz.app.control.bindings import SINE, Binding, Target
from viz.state.interface import Interface
from viz.state.settings import setting
from viz.state.types import SessionState

_PERIODS = setting(Binding, "period").range
_REACH = 0.1
"""Swing of a new oscillator to either side, as a fraction of the slider."""


class Waves:
    """The phases of the oscillators."""

    def __init__(self) -> None:
        self._rounds: dict[str, float] = {}
        """Periods completed, by setting: editing a binding does not interrupt its oscillation."""

    def position(self, binding: Binding, seconds: float) -> float:
        """Advances an oscillator; returns its position, 0..1, which starts in the middle. `seconds`
        is the time since its last position."""
        place = binding.target.place
        rounds = self._rounds.get(place, 0.0) + seconds / _PERIODS.clamp(binding.period)
        self._rounds[place] = rounds
        if binding.input == SINE:
            return 0.5 + 0.5 * math.sin(2 * math.pi * rounds)
        # Value noise: random heights a period apart, with a smooth step from each to the next.
        turn = math.floor(rounds)
        part = rounds - turn
        before, after = _height(place, turn), _height(place, turn + 1)
        return before + (after - before) * part * part * (3 - 2 * part)

    def forget(self, binding: Binding) -> None:
        """Restarts an oscillator in the middle."""
        self._rounds.pop(binding.target.place, None)


def _height(place: str, turn: int) -> float:
    return random.Random(f"{place} {turn}").random() if turn else 0.5


def first_wave(shape: str, target: Target, state: SessionState, interface: Interface) -> Binding:
    """An oscillator around the present value of a setting. `shape` is one of `bindings.WAVES`."""
    path = target.setting
    value = path.read(state, interface) if path is not None else None
    if path is None or value is None:
        return Binding(shape, target, takeover=False)
    ends = path.declared.range.ends
    at = path.position_of(value, ends)
    lo, hi = (path.value_at(min(max(at + d, 0.0), 1.0), ends) for d in (-_REACH, _REACH))
    return Binding(shape, target, lo=lo, hi=hi, takeover=False)


def without_waves(
    state: SessionState, before: SessionState, bindings: Iterable[Binding]
) -> SessionState:
    """The state with the given bindings' settings as they were before: what moves by itself does
    not count as a change by the user."""
    kept, nobody = state.snapshot(), Interface()
    for binding in bindings:
        path = binding.target.setting
        if path is not None:
            earlier: Any = path.read(before, nobody)
            path.write(kept, nobody, earlier)
    return kept
