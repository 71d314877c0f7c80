"""What repeats does so to the last digit, and its requests are known before they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.viz.state.made_shifts import shift_along
from viz.scheduling.loops import LoopFinder
from viz.state import layouts
from viz.state.animation.animator import Animator
from viz.state.interface import Interface, Swing
from viz.state.types import (
    Display,
    Keyframe,
    Latent,
    Orbit,
    PathOptions,
    Playback,
    Probe,
    RenderRequest,
    SessionState,
)

RATE = 143.0
"""Frames of the window a second, which fits no step of what moves."""


def clip(state: SessionState, interface: Interface) -> None:
    interface.playing = True


def part_of_the_clip(state: SessionState, interface: Interface) -> None:
    interface.playing, state.t = True, 0.3
    state.playback = Playback("ping-pong", 0.5, 0.2, 0.8)


def orbit(state: SessionState, interface: Interface) -> None:
    interface.auto_orbit, interface.orbit_period = True, 1.7
    state.orbit = Orbit(yaw=170, pitch=85)


def clip_and_orbit(state: SessionState, interface: Interface) -> None:
    interface.playing, state.t = True, 0.41
    interface.auto_orbit, interface.orbit_period = True, 1.93  # 48 steps of three rounds of 16


def ping_pong_and_orbit(state: SessionState, interface: Interface) -> None:
    clip_and_orbit(state, interface)
    state.playback = Playback("ping-pong", 1.0, 0.2, 0.8)
    interface.orbit_period = 2.16  # three rounds of 18


def path(state: SessionState, interface: Interface) -> None:
    interface.path_playing = True
    state.keyframes = (
        Keyframe(0.0, Latent(x=2), orbit=Orbit(yaw=-20)),
        Keyframe(1.0, Latent(x=5), t=1.0, orbit=Orbit(yaw=30)),
    )


def closed_path(state: SessionState, interface: Interface) -> None:
    path(state, interface)
    state.path = PathOptions(closed=True, closing=0.777, clip="plays")


def swing(state: SessionState, interface: Interface) -> None:
    other, swung = (shift_along(name, np.full(4, k), 1.0) for k, name in enumerate("ab", start=1))
    state.latent = Latent(x=2, shifts=(other,))
    interface.swing = Swing(replace(swung, amount=0.0), moves=False)


def clip_and_swing(state: SessionState, interface: Interface) -> None:
    swing(state, interface)
    interface.playing, state.t = True, 0.41


def ping_pong_and_swing(state: SessionState, interface: Interface) -> None:
    clip_and_swing(state, interface)
    state.playback = Playback("ping-pong", 1.0, 0.2, 0.8)


MOVEMENTS = (
    clip,
    part_of_the_clip,
    orbit,
    clip_and_orbit,
    ping_pong_and_orbit,
    path,
    closed_path,
    swing,
    clip_and_swing,
    ping_pong_and_swing,
)


@pytest.mark.parametrize("moves", MOVEMENTS)
def test_a_round_shows_the_requests_of_the_loop_and_nothing_else(
    moves: Callable[[SessionState, Interface], None],
) -> None:
    state, interface, animator, finder = SessionState(), Interface(), Animator(), LoopFinder()
    moves(state, interface)
    shown: list[RenderRequest] = []
    loops = []
    for k in range(round(8 * RATE)):
        state = animator.advance(state, interface, 1 / RATE, k / RATE)
        found = finder.find(state, interface, animator)
        assert found is not None
        assert found.playing
        full = layouts.full_request(state)
        assert found.loop[found.index] == full
        loops.append(found.loop)
        if not shown or shown[-1] != full:
            shown.append(full)
    loop = loops[-1]
    assert all(other is loop for other in loops), "it is made once"
    assert set(shown) == set(loop.ahead(0))
    changes = len(shown) - 1
    assert changes == pytest.approx(8 * loop.rate, rel=0.1), "the speed is real"
    following = list(loop.ahead(0))
    at = following.index(shown[0])
    assert shown[1] == following[(at + 1) % len(loop)], "in this order"


def test_dragging_an_orbit_moves_its_centre() -> None:
    state, interface, animator = SessionState(), Interface(auto_orbit=True), Animator()
    for k in range(50):
        animator.advance(state, interface, 0.02, 0.02 * k)
    before = state.orbit
    state.orbit = Orbit(before.yaw + 40, before.pitch)
    animator.advance(state, interface, 0.02, 1.0, dragging=True)
    assert state.orbit == Orbit(before.yaw + 40, before.pitch)
    yaws = []
    for k in range(400):
        animator.advance(state, interface, 0.02, 1.02 + 0.02 * k)
        yaws.append(state.orbit.yaw)
    assert (max(yaws) + min(yaws)) / 2 == pytest.approx(40, abs=0.5)


def test_a_glide_made_again_shows_the_same_cameras() -> None:
    seen: list[set[Orbit]] = []
    for begun in (0.0, 17.003):
        state, animator, here = SessionState(), Animator(), set()
        animator.glide_camera(state, Orbit(yaw=40), begun)
        for k in range(70):
            animator.advance(state, Interface(), 0.011, begun + 0.011 * k)
            here.add(state.orbit)
        assert not animator.gliding
        assert state.orbit == Orbit(yaw=40)
        seen.append(here)
    assert seen[0] == seen[1]


def test_at_rest_the_clip_comes_from_where_the_playhead_stands() -> None:
    state, interface = SessionState(t=0.41), Interface()
    found = LoopFinder().find(state, interface, Animator())
    assert found is not None
    assert not found.playing
    times = [request.shots[0].t for request in found.loop.ahead(found.index)]
    assert times == [k / 15 for k in (*range(6, 16), *range(6))]


def test_on_the_way_back_the_frames_before_come_next() -> None:
    state, interface, animator = SessionState(), Interface(playing=True), Animator()
    state.playback = Playback("ping-pong")
    animator.advance(state, interface, 0.7, 0.7)  # frame 15 at 0.6 s
    found = LoopFinder().find(state, interface, animator)
    assert found is not None
    times = [round(15 * r.shots[0].t) for r in found.loop.ahead(found.index)]
    assert times[:4] in ([12, 11, 10, 9], [13, 12, 11, 10])


def test_all_that_shows_is_part_of_the_requests() -> None:
    finder, animator = LoopFinder(), Animator()
    seen: set[RenderRequest] = set()
    for state, interface in (
        (SessionState(), Interface()),
        (SessionState(latent=Latent(x=1)), Interface()),
        (SessionState(display=Display(layout="grid")), Interface()),
        (SessionState(), Interface(probe=Probe("b8"))),
    ):
        found = finder.find(state, interface, animator)
        assert found is not None
        assert not seen & set(found.loop)
        seen |= set(found.loop)


def test_what_never_comes_back_is_no_loop() -> None:
    finder, animator, state = LoopFinder(), Animator(), SessionState()
    for interface in (
        Interface(animate_person=True),
        Interface(playing=True, auto_orbit=True, play_between=True),
        Interface(playing=True, play_between=True),
    ):
        animator.advance(state, interface, 0.1, 0.1)
        assert finder.find(state, interface, animator) is None
    assert finder.find(state, Interface(), animator, moves=False) is None
    animator.glide_camera(state, Orbit(yaw=9), 0.0)
    assert finder.find(state, Interface(), animator) is None


def test_the_timeline_gets_the_frames_that_play() -> None:
    state = SessionState(playback=Playback(start=0.2, end=0.4))
    frames = LoopFinder().clip(state, Interface())
    assert [k for k, request in enumerate(frames) if request] == [3, 4, 5, 6]
