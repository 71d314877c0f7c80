"""The camera and time path: from keyframes on a timeline to the state at any moment.

No interface code here, so that exports use it as well. Numbers follow a monotone cubic (Fritsch and
Butland, "A method for constructing local monotone piecewise cubic interpolants", 1984): smooth
through the keyframes without overshoot, so that nothing moves between two equal ones. People and
motions are interpolated linearly between the keyframes' codes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from training.camera import wrapped
from viz.state.animation import clip_time
from viz.state.animation.blending import blend_latents, blend_motions, ease, step_of
from viz.state.driving import driven
from viz.state.types import Keyframe, Orbit, SessionState


def duration(state: SessionState) -> float:
    """Seconds from the path's beginning to its end; 0 without keys."""
    if not state.keyframes:
        return 0.0
    last = max(key.time for key in state.keyframes)
    return last + state.path.closing if state.path.closed else last


def state_at(state: SessionState, seconds: float) -> SessionState:
    """The state at a moment of its path: person, motion, time and camera come from the keys. A
    motion track that drives the person plays from its beginning meanwhile.

    The first key holds before its time. An open path holds its last key; a closed one starts again
    after `duration`. Of several keys at one time, the last applies from then on. Without keys the
    state is returned unchanged.
    """
    if not state.keyframes:
        return state.snapshot()
    keys = sorted(state.keyframes, key=lambda key: key.time)
    total = duration(state)
    if not math.isfinite(seconds):
        seconds = 0.0
    if state.path.closed and total > 0:
        seconds = seconds % total
    way = _Way(keys, state.path.closing if state.path.closed else None)
    key = way.at(min(max(seconds, 0.0), total))
    t = key.t
    if state.path.clip == "plays":
        t, _ = clip_time.advance(keys[0].t, max(seconds, 0.0), state.playback, clip_time.Clock())
    moved = replace(state, latent=key.latent, motion=key.motion, t=t, orbit=key.orbit)
    return driven.after(moved, max(seconds, 0.0))


def frame_times(state: SessionState, rate: float) -> list[float]:
    """Times, in seconds, of the frames that show the whole path at `rate` frames per second; at
    least one.

    An open path ends with its last key; a closed one leaves its end out, as it equals the
    beginning, so that the frames loop.
    """
    return [frame_time(state, index, rate) for index in range(frame_count(state, rate))]


def frame_count(state: SessionState, rate: float) -> int:
    """Number of `frame_times`."""
    steps = round(duration(state) * rate)
    return max(steps, 1) if state.path.closed else steps + 1


def frame_time(state: SessionState, index: int, rate: float) -> float:
    """One of `frame_times`, seconds."""
    return min(index / rate, duration(state))


def frame_before(state: SessionState, seconds: float, rate: float) -> int:
    """Index of the last of `frame_times` at or before `seconds`."""
    return min(max(step_of(seconds, rate), 0), frame_count(state, rate) - 1)


@dataclass(frozen=True)
class _Leg:
    """The way from one key to the next."""

    start: Keyframe
    end: Keyframe
    begin: float
    """Seconds."""
    length: float
    """Seconds; 0 for keys at the same time."""

    @property
    def is_smooth(self) -> bool:
        return self.start.ease == "smooth" and self.length > 0

    def camera_steps(self) -> tuple[float, ...]:
        """How much each of `_numbers` changes along the leg."""
        steps = [b - a for a, b in zip(_numbers(self.start), _numbers(self.end), strict=True)]
        steps[0] = _shorter(steps[0]) + 360 * self.start.turns
        steps[2] = _shorter(steps[2])
        return tuple(steps)


def _shorter(degrees: float) -> float:
    """The equivalent turn of at most 180 degrees; half a turn keeps its direction."""
    return degrees if abs(degrees) <= 180 else wrapped(degrees)


def _numbers(key: Keyframe) -> tuple[float, ...]:
    orbit = key.orbit
    return (orbit.yaw, orbit.pitch, orbit.roll, orbit.radius, orbit.fov, *orbit.pivot, orbit.lead)


class _Way:
    """The legs between sorted keys, closed by a leg of `closing` seconds unless that is None."""

    def __init__(self, keys: Sequence[Keyframe], closing: float | None) -> None:
        self._keys = keys
        self._closing = closing

    def at(self, seconds: float) -> Keyframe:
        """The path's values at a time between 0 and the end."""
        index = bisect_right(self._keys, seconds, key=lambda key: key.time) - 1
        if index < 0:
            return self._keys[0]
        leg = self._leg(index)
        if leg is None or seconds <= leg.begin or leg.length <= 0:
            return self._keys[index]
        part = min((seconds - leg.begin) / leg.length, 1.0)
        kind = leg.start.ease
        if kind == "hold":
            return leg.start
        before, after = self._leg(index - 1), self._leg(index + 1)
        weight = ease(part) if kind == "smooth" else part
        return Keyframe(
            seconds,
            blend_latents(leg.start.latent, leg.end.latent, weight),
            blend_motions(leg.start.motion, leg.end.motion, weight),
            _time(leg, before, after, part),
            _camera(leg, before, after, part),
        )

    def _leg(self, index: int) -> _Leg | None:
        """The leg that begins at a key; None beyond the ends of an open path."""
        count = len(self._keys)
        if self._closing is None and not 0 <= index < count - 1:
            return None
        index %= count
        start, end = self._keys[index], self._keys[(index + 1) % count]
        length = end.time - start.time if index < count - 1 else self._closing or 0.0
        return _Leg(start, end, start.time, length)


def _time(leg: _Leg, before: _Leg | None, after: _Leg | None, part: float) -> float:
    def step(of: _Leg) -> float:
        return of.end.t - of.start.t

    pace = step(leg) / leg.length
    slopes = [
        # At an end the clip keeps its pace: slowing down would make the motion look tired.
        _slope(step(a) / a.length, step(b) / b.length, a.length, b.length) if a and b else pace
        for a, b in _neighbours(leg, before, after)
    ]
    return leg.start.t + _cubic(step(leg), slopes[0], slopes[1], leg, part)


def _camera(leg: _Leg, before: _Leg | None, after: _Leg | None, part: float) -> Orbit:
    joints = [
        (a.camera_steps(), b.camera_steps(), a.length, b.length) if a and b else None
        for a, b in _neighbours(leg, before, after)
    ]
    steps, starts = leg.camera_steps(), _numbers(leg.start)
    found: list[float] = []
    for index, (start, step) in enumerate(zip(starts, steps, strict=True)):
        slopes = [
            # At an end the camera comes to rest.
            _slope(joint[0][index] / joint[2], joint[1][index] / joint[3], joint[2], joint[3])
            if joint
            else 0.0
            for joint in joints
        ]
        found.append(start + _cubic(step, slopes[0], slopes[1], leg, part))
    yaw, pitch, roll, radius, fov, x, y, z, lead = found
    return Orbit(_shorter(yaw), pitch, _shorter(roll), radius, fov, (x, y, z), lead)


def _neighbours(
    leg: _Leg, before: _Leg | None, after: _Leg | None
) -> tuple[tuple[_Leg | None, _Leg | None], tuple[_Leg | None, _Leg | None]]:
    """The legs before and after a leg; None where the path has a corner or an end."""
    smooth_before = before is not None and before.is_smooth
    smooth_after = after is not None and after.is_smooth
    return (
        (before, leg) if smooth_before else (None, None),
        (leg, after) if smooth_after else (None, None),
    )


def _slope(first: float, second: float, length: float, next_length: float) -> float:
    """Slope at a keyframe between legs with these mean slopes: 0 at a turning point."""
    if first * second <= 0:
        return 0.0
    a, b = length + 2 * next_length, 2 * length + next_length
    return (a + b) / (a / first + b / second)


def _cubic(step: float, slope: float, end_slope: float, leg: _Leg, part: float) -> float:
    """Change of a value since the start of a leg."""
    if leg.start.ease == "linear":
        return step * part
    rest = 1 - part
    return (
        step * part * part * (3 - 2 * part)
        + leg.length * slope * part * rest * rest
        - leg.length * end_slope * part * part * rest
    )
