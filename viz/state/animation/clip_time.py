"""Time of the clip while it plays. No interface code here, so that exports can use it as well."""

from __future__ import annotations

import math
from dataclasses import dataclass

from viz.state.types import CLIP_SECONDS, FRAMES, Playback

EXTENT = (-0.25, 1.25)
"""Times that the timeline offers; below 0 and above 1 the model extrapolates."""

_SAME_FRAME = 1e-6


@dataclass
class Clock:
    """What playing remembers from one step to the next."""

    direction: int = 1
    """1 forwards, -1 on the way back of a ping-pong."""


def advance(t: float, seconds: float, playback: Playback, clock: Clock) -> tuple[float, bool]:
    """Time of the clip `seconds` of wall-clock time later, and whether it goes on playing.

    Exact for steps of any length, so that a slow machine drops frames and keeps the speed. A
    time outside of start..end plays into the range. `clock` is turned where a ping-pong turns.
    """
    start, end = sorted((playback.start, playback.end))
    step = max(seconds, 0.0) * playback.speed / CLIP_SECONDS
    if playback.loop == "ping-pong":
        return _bounce(t, step, start, end, clock), True
    clock.direction = 1
    moved = t + step
    if moved <= end:
        return moved, True
    if playback.loop == "once":
        return end, False
    span = end - start
    return (start + (moved - start) % span if span > 0 else start), True


def _bounce(t: float, step: float, start: float, end: float, clock: Clock) -> float:
    """`t` after moving by `step` between two walls; an outside `t` comes in first."""
    span = end - start
    if span <= 0:
        return start
    if t >= end:
        clock.direction = -1
    elif t <= start:
        clock.direction = 1
    target = end if clock.direction > 0 else start
    beyond = step - abs(target - t)
    if beyond <= 0:
        return t + clock.direction * step
    crossings, rest = divmod(beyond, span)
    at_end = (clock.direction > 0) == (crossings % 2 == 0)
    clock.direction = -1 if at_end else 1
    return end - rest if at_end else start + rest


def begin(t: float, playback: Playback, clock: Clock) -> float:
    """Where playing begins when the user presses play at `t`: a finished clip starts again."""
    start, end = sorted((playback.start, playback.end))
    clock.direction = 1
    return start if playback.loop == "once" and t >= end else t


def frame_of(t: float) -> float:
    """Frame at time `t`, 0 to 15 within the clip; fractions lie between frames."""
    return t * (FRAMES - 1)


def snap(t: float) -> float:
    """Time of the whole frame nearest to `t`."""
    return round(frame_of(t)) / (FRAMES - 1)


def step(t: float, frames: int) -> float:
    """Time `frames` whole frames on (or back, if negative), kept within `EXTENT`.

    Between two frames, the first step goes to the one ahead in that direction.
    """
    if frames == 0:
        return t
    frame = frame_of(t)
    if frames > 0:
        goal = math.floor(frame + _SAME_FRAME) + frames
        return min(goal, max(math.floor(frame_of(EXTENT[1])), frame)) / (FRAMES - 1)
    goal = math.ceil(frame - _SAME_FRAME) + frames
    return max(goal, min(math.ceil(frame_of(EXTENT[0])), frame)) / (FRAMES - 1)
