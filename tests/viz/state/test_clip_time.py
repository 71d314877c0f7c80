"""Playback: clip time from wall-clock time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from viz.state.animation import clip_time
from viz.state.animation.clip_time import (
    Clock,
    advance,
    begin,
    frame_of,
    frame_range,
    round_frames,
    snap,
    step,
)
from viz.state.types import CLIP_SECONDS, FRAME_RATE, FRAMES, LOOP_MODES, Playback


def play(t: float, units: float, playback: Playback, clock: Clock | None = None):
    """Advance by `units` of t at real time."""
    return advance(t, units * CLIP_SECONDS, playback, clock or Clock())


@pytest.mark.parametrize("loop", LOOP_MODES)
def test_time_is_clip_time(loop):
    t, playing = advance(0.1, 0.12, Playback(loop=loop), Clock())
    assert t == pytest.approx(0.1 + 0.12 / CLIP_SECONDS)
    assert playing


def test_speed_scales_time():
    assert play(0.0, 0.5, Playback(speed=0.1))[0] == pytest.approx(0.05)
    assert play(0.0, 0.25, Playback(speed=2.0))[0] == pytest.approx(0.5)


def test_loop_wraps_and_keeps_the_remainder():
    playback = Playback("loop")
    assert play(0.9, 0.3, playback)[0] == pytest.approx(0.2)
    assert play(0.9, 7.3, playback)[0] == pytest.approx(0.2)
    assert play(0.5, 0.5, playback) == (1.0, True)


@pytest.mark.parametrize(
    ("units", "t", "direction"),
    [
        (0.3, 0.8, -1),
        (0.1, 1.0, -1),
        (1.2, 0.1, 1),
        (2.1, 1.0, -1),
        (2.3, 0.8, -1),
        (20.3, 0.8, -1),
    ],
)
def test_ping_pong_reflects(units, t, direction):
    clock = Clock()
    after, playing = play(0.9, units, Playback("ping-pong"), clock)
    assert after == pytest.approx(t)
    assert playing
    # Exactly on a wall the turn may come with this step or with the next one.
    assert clock.direction == direction or t == 1.0


def test_ping_pong_in_small_steps_agrees_with_one_long_step():
    playback = Playback("ping-pong", start=0.2, end=0.7)
    small, long = Clock(), Clock()
    t = 0.3
    for _ in range(1000):
        t, _ = play(t, 0.0123, playback, small)
    assert t == pytest.approx(play(0.3, 12.3, playback, long)[0], abs=1e-6)
    assert small.direction == long.direction


def test_once_stops_at_the_end_and_starts_again():
    playback = Playback("once", end=0.8)
    assert play(0.5, 0.2, playback) == (pytest.approx(0.7), True)
    assert play(0.5, 9.0, playback) == (0.8, False)
    assert begin(0.8, playback, Clock()) == 0.0
    assert begin(0.4, playback, Clock()) == 0.4
    assert begin(1.0, Playback("loop"), Clock()) == 1.0


@pytest.mark.parametrize("loop", LOOP_MODES)
def test_ranges_beyond_the_clip(loop):
    playback = Playback(loop, start=-0.2, end=1.2)
    clock, t = Clock(), -0.2
    seen = []
    for _ in range(400):
        t, playing = play(t, 0.01, playback, clock)
        seen.append(t)
        if not playing:
            break
    assert min(seen) >= -0.2 - 1e-9
    assert max(seen) == pytest.approx(1.2, abs=0.02)


@pytest.mark.parametrize("loop", LOOP_MODES)
def test_plays_into_the_range_from_before_it(loop):
    playback = Playback(loop, start=0.5, end=0.8)
    clock = Clock(-1)
    assert play(0.1, 0.2, playback, clock)[0] == pytest.approx(0.3)
    assert play(0.1, 0.5, playback, clock)[0] == pytest.approx(0.6)


def test_from_after_the_range():
    assert play(0.95, 0.1, Playback("ping-pong", end=0.8))[0] == pytest.approx(0.85)
    assert play(0.95, 0.1, Playback("once", end=0.8)) == (0.8, False)
    assert 0 <= play(0.95, 0.1, Playback("loop", end=0.8))[0] <= 0.8


@pytest.mark.parametrize("loop", LOOP_MODES)
def test_odd_ranges_and_steps_are_harmless(loop):
    assert play(0.5, 0.1, Playback(loop, start=0.5, end=0.5))[0] == 0.5
    assert 0.2 <= play(0.3, 5.0, Playback(loop, start=0.8, end=0.2))[0] <= 0.8
    assert advance(0.5, -1.0, Playback(loop), Clock())[0] == 0.5
    assert advance(0.5, 0.0, Playback(loop), Clock()) == (0.5, True)


def test_frames():
    assert frame_of(0) == 0
    assert frame_of(1) == FRAMES - 1
    assert snap(0.48) == pytest.approx(7 / 15)


@pytest.mark.parametrize(
    ("frame", "frames", "goal"),
    [
        *[(7, 1, 8), (7, -1, 6), (7.4, 1, 8), (7.4, -1, 7), (7.4, 3, 10), (7, 0, 7)],
        *[(18, 1, 18), (18.5, 1, 18.5), (-3, -1, -3), (0, -1, -1), (25, 1, 25), (25, -1, 24)],
    ],
)
def test_steps_go_to_whole_frames(frame, frames, goal):
    assert frame_of(step(frame / 15, frames)) == pytest.approx(goal)


def test_steps_do_not_stick_to_rounding_errors():
    t = 0.0
    for k in range(1, FRAMES):
        t = step(t, 1)
        assert t == pytest.approx(k / 15)
    for k in reversed(range(FRAMES - 1)):
        t = step(t, -1)
        assert t == pytest.approx(k / 15)


def shown(
    playback: Playback, seconds: float, *, t: float = 0.0, rate: float = 997.0
) -> list[float]:
    """Frames that playing shows in a window of so many frames a second."""
    clock, found = Clock(), []
    for _ in range(round(seconds * rate)):
        t, goes_on = clip_time.play(t, 1 / rate, playback, clock)
        found.append(frame_of(t))
        if not goes_on:
            break
    return found


@pytest.mark.parametrize("loop", ["loop", "ping-pong"])
def test_playing_shows_each_frame_of_a_round_for_the_same_time(loop):
    frames = round_frames(Playback(loop))
    found = shown(Playback(loop), 10 * len(frames) / FRAME_RATE)
    assert set(found) == set(range(FRAMES)), "whole frames, to the last digit"
    for frame in range(FRAMES):
        share = found.count(frame) / len(found)
        assert share == pytest.approx(frames.count(frame) / len(frames), rel=0.05)


@pytest.mark.parametrize("rate", [7.0, 60.0, 1000.0])
def test_playing_in_steps_keeps_the_speed_at_any_frame_rate(rate):
    playback = Playback(speed=0.5)
    seconds = 50 / rate
    frame = shown(playback, seconds, rate=rate)[-1]
    assert frame == math.floor(seconds * 0.5 * FRAME_RATE + 1e-6) % FRAMES


def test_a_range_plays_the_frames_within_it():
    playback = Playback(start=0.21, end=0.59)
    assert frame_range(playback) == (4, 8)
    assert set(shown(playback, 2.0, t=0.3)) == {4, 5, 6, 7, 8}
    assert round_frames(replace(playback, loop="ping-pong")) == [4, 5, 6, 7, 8, 7, 6, 5]
    assert frame_range(Playback(start=0.21, end=0.22)) == (3, 3)


def test_playing_once_ends_at_the_very_end():
    assert frame_of(1.0) == shown(Playback("once"), 2.0)[-1]
    assert shown(Playback("once", end=0.63), 2.0)[-1] == frame_of(0.63)


def test_playing_goes_on_from_where_the_user_puts_the_playhead():
    clock = Clock()
    t, _ = clip_time.play(0.0, 0.05, Playback(), clock)
    assert frame_of(t) == 1
    t, _ = clip_time.play(snap(0.6), 0.039, Playback(), clock)
    assert frame_of(t) == 9
    t, _ = clip_time.play(t, 0.002, Playback(), clock)
    assert frame_of(t) == 10, "the time between two frames counts"


def test_playing_between_frames_shows_any_time():
    t, _ = clip_time.play(0.0, 0.05, Playback(), Clock(), between=True)
    assert frame_of(t) == pytest.approx(1.25)
