"""Time of the clip while it plays. No interface code here, so that exports can use it as well."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from viz.state.settings import setting
from viz.state.types import CLIP_SECONDS, FRAMES, Playback, SessionState

EXTENT = setting(SessionState, "t").range.ends
"""Times that the timeline offers; below 0 and above 1 the model extrapolates."""

_SAME_FRAME = 1e-6


@dataclass
class SteppedTime:
    """A time that runs continuously while only whole steps of it are shown."""

    exact: float = 0.0
    """The exact time."""
    shown: float | None = None
    """The step shown for it; None before the first one."""

    def resume(self, shown: float) -> float:
        """The exact time behind what is shown, or `shown` itself where the user has moved it."""
        return self.exact if shown == self.shown else shown

    def keep(self, exact: float, shown: float) -> None:
        """Records a step."""
        self.exact, self.shown = exact, shown


@dataclass
class Clock:
    """What playback remembers from one step to the next."""

    direction: int = 1
    """1 forwards, -1 on the way back of a ping-pong."""
    time: SteppedTime = field(default_factory=SteppedTime)
    """The exact time between two frames."""


def advance(t: float, seconds: float, playback: Playback, clock: Clock) -> tuple[float, bool]:
    """Time of the clip `seconds` of wall-clock time later, and whether it goes on playing.

    Exact for steps of any length, so that a slow machine drops frames and keeps the speed. A time
    outside start..end plays into the range. A ping-pong reverses `clock` where it turns.
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
    """`t` moved by `step` and reflected at both ends; from outside it first enters the range."""
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


def play(
    t: float, seconds: float, playback: Playback, clock: Clock, between: bool = False
) -> tuple[float, bool]:
    """Time to show `seconds` of wall-clock time later, and whether the clip goes on playing.

    Whole frames are shown, each for the same time, so that a clip that repeats shows the same times
    in each round; the speed is exact nevertheless. A clip that stops shows the end of its range.

    Args:
        t: time shown now; if the user has moved it, playing goes on from there.
        seconds: time elapsed.
        playback: range, speed and loop mode.
        clock: of this clip; edited in place.
        between: whether times between the frames are shown as well.
    """
    walls, (first, last) = playback, frame_range(playback)
    bounces = playback.loop == "ping-pong"
    if not between:
        # In a loop the last frame lasts as long as the others; a ping-pong turns on it.
        end = last + 1 if playback.loop == "loop" else last
        walls = replace(playback, start=time_of(first), end=time_of(end))
    exact, goes_on = advance(clock.time.resume(t), seconds, walls, clock)
    shown = exact
    if not goes_on:
        shown = max(playback.start, playback.end)
    elif not between:
        frame = frame_of(exact)
        whole = round(frame) if bounces else math.floor(frame + _SAME_FRAME)
        shown = time_of(min(whole, last))
    clock.time.keep(exact, shown)
    return shown, goes_on


def frame_range(playback: Playback) -> tuple[int, int]:
    """First and last whole frame of the playback range; the nearest frame if it contains none."""
    start, end = sorted((playback.start, playback.end))
    first = math.ceil(frame_of(start) - _SAME_FRAME)
    last = math.floor(frame_of(end) + _SAME_FRAME)
    if first > last:
        first = last = round(frame_of(start))
    return first, last


def round_frames(playback: Playback) -> list[int]:
    """Frames of one round of the clip, in the order in which they play."""
    first, last = frame_range(playback)
    forth = list(range(first, last + 1))
    return forth + forth[-2:0:-1] if playback.loop == "ping-pong" else forth


def begin(t: float, playback: Playback, clock: Clock) -> float:
    """Where playing begins when the user presses play at `t`: a finished clip starts again."""
    start, end = sorted((playback.start, playback.end))
    clock.direction = 1
    return start if playback.loop == "once" and t >= end else t


def frame_of(t: float) -> float:
    """Frame at time `t`, 0 to 15 within the clip; fractions lie between frames."""
    return t * (FRAMES - 1)


def time_of(frame: int) -> float:
    """Time of a whole frame."""
    return frame / (FRAMES - 1)


def snap(t: float) -> float:
    """Time of the whole frame nearest to `t`."""
    return time_of(round(frame_of(t)))


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
