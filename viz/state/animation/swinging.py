"""A direction's slider that swings by itself, to show what it does."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from viz.state.animation.blending import step_of
from viz.state.interface import Swing
from viz.state.person import amount_along, with_shift
from viz.state.types import FRAME_RATE, SessionState

SWING_SECONDS = 4.0
"""Time of a round: from the middle to one end, to the other, and back."""
_REACH = 2.0
"""Steps to each side."""


def amount_of(state: SessionState, swing: Swing) -> float:
    """How far a state steps along a swing's direction."""
    code = state.motion if swing.moves else state.latent
    return amount_along(code.shifts, swing.shift)


def with_amount(state: SessionState, swing: Swing, amount: float) -> SessionState:
    """The state with another step along a swing's direction."""
    shift = replace(swing.shift, amount=amount)
    if swing.moves:
        motion = replace(state.motion, shifts=with_shift(state.motion.shifts, shift))
        return replace(state, motion=motion)
    latent = replace(state.latent, shifts=with_shift(state.latent.shifts, shift))
    return replace(state, latent=latent)


@dataclass
class Swinging:
    """Where a swing is. A round has a whole number of steps, and a step's amount comes from its
    index alone, so that each round shows the very same states."""

    step: int = 0
    """The step shown, of `steps` in a round."""
    steps: int = 1
    _part: float = 0.0
    """Fraction of the round completed, 0..1."""
    _swing: Swing | None = None
    _shown: float = 0.0
    """The amount left in the state."""

    def amount(self, step: int) -> float:
        """The amount of a step; never 0, which would take the step away."""
        return _REACH * math.sin(2 * math.pi * (step + 0.5) / self.steps)

    def advance(
        self,
        state: SessionState,
        swing: Swing,
        seconds: float,
        rate: float = FRAME_RATE,
        whole: int = 1,
    ) -> bool:
        """Swings a state on, in place; False where the user has moved the slider meanwhile, which
        ends it.

        Args:
            state: the state now.
            swing: what swings.
            seconds: time elapsed.
            rate: steps per second.
            whole: a round's steps are a multiple of it: with as many as the clip has frames, both
                are as they were after each round.
        """
        if self._swing == swing and amount_of(state, swing) != self._shown:
            return False
        if self._swing != swing:
            self._part, self._swing = 0.0, swing
        self.steps = max(round(SWING_SECONDS * rate / whole) * whole, whole, 2)
        taken = self.steps / rate if whole > 1 else SWING_SECONDS
        self._part = (self._part + seconds / taken) % 1.0
        self.step = step_of(self._part, self.steps) % self.steps
        self._shown = self.amount(self.step)
        moved = with_amount(state, swing, self._shown)
        state.latent, state.motion = moved.latent, moved.motion
        return True
