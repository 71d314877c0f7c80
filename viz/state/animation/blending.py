"""Smooth transitions between states, and motions that run by themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from training.camera import wrapped
from viz.state.person import Latent, LatentShare, Motion, MotionShare
from viz.state.types import FRAME_RATE, Orbit, SessionState

_SAME_STEP = 1e-6


def step_of(elapsed: float, rate: float) -> int:
    """Index of the step under way: after some seconds at `rate` steps per second, or after a
    fraction of a round of `rate` steps."""
    return math.floor(elapsed * rate + _SAME_STEP)


def ease(fraction: float) -> float:
    """Smoothstep: 0..1 to 0..1, slow at both ends."""
    fraction = min(max(fraction, 0.0), 1.0)
    return fraction * fraction * (3 - 2 * fraction)


def _mix(a: float, b: float, weight: float) -> float:
    return b if weight >= 1 else a + (b - a) * weight


def blend_orbits(a: Orbit, b: Orbit, weight: float) -> Orbit:
    """Camera between `a` (weight 0) and `b` (1); yaw and roll turn the shorter way."""
    if weight >= 1:
        return b

    def turn(start: float, end: float) -> float:
        return start + wrapped(end - start) * weight

    return Orbit(
        turn(a.yaw, b.yaw),
        _mix(a.pitch, b.pitch, weight),
        turn(a.roll, b.roll),
        _mix(a.radius, b.radius, weight),
        _mix(a.fov, b.fov, weight),
        (
            _mix(a.pivot[0], b.pivot[0], weight),
            _mix(a.pivot[1], b.pivot[1], weight),
            _mix(a.pivot[2], b.pivot[2], weight),
        ),
        _mix(a.lead, b.lead, weight),
    )


def blend_latents(a: Latent, b: Latent, weight: float) -> Latent:
    """Person between `a` (weight 0) and `b` (1), interpolated linearly in w.

    A path over the pad would pass through unrelated people. If only truncation, blend or expression
    differ, these numbers are interpolated instead.
    """
    if weight <= 0 or a == b:
        return a
    if weight >= 1:
        return b
    if replace(a, psi=b.psi, blend=b.blend, expression=b.expression) == b:
        moving = ("psi", "blend", "expression")
        return replace(b, **{k: _mix(getattr(a, k), getattr(b, k), weight) for k in moving})
    shares: dict[Latent, float] = {}
    for whole, part in ((a, 1 - weight), (b, weight)):
        for person, share in people(whole):
            shares[person] = shares.get(person, 0.0) + part * share
    (first, _), *rest = shares.items()
    return replace(first, others=tuple(LatentShare(*entry) for entry in rest))


def people(latent: Latent) -> list[tuple[Latent, float]]:
    """The people in a blend with their shares, which add up to 1; the first is `latent`'s own."""
    rest = 1 - sum(other.share for other in latent.others)
    return [(replace(latent, others=()), rest), *((o.latent, o.share) for o in latent.others)]


def blend_motions(a: Motion, b: Motion, weight: float) -> Motion:
    """Motion between `a` (weight 0) and `b` (1), interpolated linearly between the codes."""
    if weight <= 0 or a == b:
        return a
    if weight >= 1:
        return b
    strength = _mix(a.strength, b.strength, weight)
    if replace(a, strength=b.strength, blend=b.blend) == b:
        return replace(b, strength=strength, blend=_mix(a.blend, b.blend, weight))
    shares: dict[Motion, float] = {}
    for whole, part in ((a, 1 - weight), (b, weight)):
        for motion, share in motions(whole):
            shares[motion] = shares.get(motion, 0.0) + part * share
    (first, _), *rest = shares.items()
    return replace(first, strength=strength, others=tuple(MotionShare(*entry) for entry in rest))


def motions(motion: Motion) -> list[tuple[Motion, float]]:
    """The motions in a blend, each of strength 1, with their shares; the first is `motion`'s
    own."""
    rest = 1 - sum(other.share for other in motion.others)
    own = replace(motion, strength=1.0, others=())
    return [(own, rest), *((replace(o.motion, strength=1.0), o.share) for o in motion.others)]


def blend_states(a: SessionState, b: SessionState, weight: float) -> SessionState:
    """State between `a` (weight 0) and `b` (1)."""
    return replace(
        b,
        latent=blend_latents(a.latent, b.latent, weight),
        motion=blend_motions(a.motion, b.motion, weight),
        t=_mix(a.t, b.t, weight),
        orbit=blend_orbits(a.orbit, b.orbit, weight),
    )


@dataclass(frozen=True)
class Glide:
    """A move to another state under way."""

    start: SessionState
    end: SessionState
    begun: float
    """Clock time, seconds."""
    seconds: float
    """How long the move takes, above 0."""

    def at(self, now: float, rate: float | None = None) -> tuple[SessionState, bool]:
        """The state at a clock time, and whether the move is over.

        Args:
            now: clock time, seconds.
            rate: steps per second to which the time is rounded down, so that repeating a move shows
                the same states; None for the exact time.
        """
        gone = now - self.begun
        over = gone >= self.seconds
        if rate is not None and not over:
            gone = step_of(gone, rate) / rate
        return blend_states(self.start, self.end, ease(gone / self.seconds)), over


@dataclass
class FigureOfEight:
    """Swings a camera on a slow figure of eight, on top of the user's changes to it.

    A round has a whole number of steps, and a step's camera comes from its index alone, so that
    each round shows the very same cameras.
    """

    part: float = 0.0
    """Fraction of the round completed, 0..1."""
    step: int = 0
    """The step shown, of `steps` in a round."""
    steps: int = 1
    center: Orbit | None = None
    """The camera that it swings around; None before it begins."""
    _shown: Orbit | None = None
    _swing: tuple[float, float] = (0.0, 0.0)
    """Degrees of yaw and pitch on top of the centre."""

    def advance(
        self,
        orbit: Orbit,
        seconds: float,
        *,
        period: float,
        yaw: float,
        pitch: float,
        rate: float = FRAME_RATE,
    ) -> Orbit:
        """The camera `seconds` later.

        Args:
            orbit: the camera now.
            seconds: time elapsed.
            period: seconds per round.
            yaw: swing to each side, degrees.
            pitch: swing up and down, degrees.
            rate: steps per second.
        """
        period = max(period, 0.1)
        if self.center is None or orbit != self._shown:
            self.center = orbit.turned(-self._swing[0], -self._swing[1])
        self.part = (self.part + seconds / period) % 1.0
        self.steps = max(round(period * rate), 1)
        self.step = step_of(self.part, self.steps) % self.steps
        self._swing = eight_swing(self.step, self.steps, yaw, pitch)
        self._shown = self.center.turned(*self._swing)
        return self._shown

    def camera_at(self, step: int, yaw: float, pitch: float) -> Orbit | None:
        """The camera of a step of the round, as `advance` gives it; None before it begins."""
        swing = eight_swing(step, self.steps, yaw, pitch)
        return None if self.center is None else self.center.turned(*swing)


def eight_swing(step: int, steps: int, yaw: float, pitch: float) -> tuple[float, float]:
    """Degrees of yaw and pitch that a step of a figure of eight adds."""
    phase = 2 * math.pi * step / steps
    return yaw * math.sin(phase), pitch * math.sin(2 * phase)


def wander(latent: Latent, seconds: float, speed: float, now: float) -> Latent:
    """A person who changes over time: the place on the pad moves at `speed` seeds per second, in a
    direction that turns slowly with the clock time `now`."""
    heading = 0.25 * now
    step = seconds * speed
    x, y = latent.x + step * math.cos(heading), latent.y + step * math.sin(heading)
    return replace(latent, x=x, y=y)
