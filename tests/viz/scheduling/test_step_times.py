"""When the steps of what moves by itself are taken."""

from __future__ import annotations

import pytest

from viz.scheduling.step_times import StepTimes
from viz.state.animation.clip_time import Clock, play
from viz.state.types import FRAME_RATE, Playback

_PHASES = 40


@pytest.mark.parametrize("phase", range(_PHASES))
def test_a_clip_shows_each_frame_wherever_its_steps_fall(phase: int) -> None:
    """A step after one that drew nothing comes a little later than after one that drew."""
    clock, t, shown = Clock(), 0.0, 0
    begun = now = 100.0
    steps = StepTimes(now)
    last = now - phase / _PHASES / FRAME_RATE  # how far the first frame has gone
    drawn = False
    while now - begun < 4.0:
        now += steps.wait(now, FRAME_RATE) + (0.0004 if drawn else 0.0018)
        before = t
        t, _ = play(t, now - last, Playback(), clock)
        last, drawn = now, t != before
        steps.taken(now, FRAME_RATE, drawn)
        shown += drawn
        now += 0.012 if drawn else 0.0001
    assert shown > 0.95 * 4.0 * FRAME_RATE
