"""What the window shows while things move, repeat and rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.viz.scheduling.simulated_window import (
    FAST,
    FRAME,
    SLOW,
    TWO_CORES,
    USUAL,
    Costs,
    SimulatedWindow,
)
from tests.viz.scheduling.window_states import LOOP, drag_camera, levels, playing, started
from viz.scheduling.picture_cache import PictureCache, result_bytes
from viz.scheduling.scheduler import REST_SECONDS
from viz.state.person import Latent
from viz.state.types import (
    CLIP_SECONDS,
    FRAME_RATE,
    FRAMES,
    Keyframe,
    Orbit,
    PathOptions,
    Playback,
    Preview,
    Quality,
)

# A clip that plays


@pytest.mark.parametrize(
    ("costs", "rate", "side"),
    [(TWO_CORES, 12, 1.0), (SLOW, 10, 0.5), (SLOW.times(4), 2.5, 0.5)],
)
def test_the_first_loop_on_a_slow_machine_has_detail_and_holds_its_rate(
    costs: Costs, rate: float, side: float
) -> None:
    window = playing(costs)
    pictures = window.run(LOOP)
    assert (1 + len(pictures)) / LOOP >= rate, "with the one shown as it began"
    for picture in pictures:
        preview = picture.result.request.preview
        assert preview is None or (preview.scale >= side and preview.final_scale == 1)


def test_the_renderer_never_waits_for_the_window_while_a_loop_fills() -> None:
    window = playing(TWO_CORES)
    window.run(FRAME)
    before = window.worker.idle
    window.run(LOOP)
    assert window.worker.idle == before


@pytest.mark.parametrize(
    ("costs", "loops"),
    [
        (USUAL, 3),
        (replace(USUAL, kept_planes=4), 3),
        (USUAL.times(2), 5),
        (SLOW, 5),  # 16 pictures of 150 ms take 3.75 loops by themselves
    ],
)
def test_after_a_few_loops_all_is_full(costs: Costs, loops: int) -> None:
    window = playing(costs)
    window.run(loops * LOOP)
    assert window.is_full(window.clip())
    rendered = len(window.worker.rendered)
    again = window.run(LOOP)
    assert levels(again) == [0.0] * len(again)
    assert len(again) >= FRAMES, "each frame is shown"
    assert len(window.worker.rendered) == rendered, "nothing is rendered any more"


def test_pictures_come_more_and_more_often_and_get_better() -> None:
    window = playing(SLOW)
    counts, means = [], []
    for _ in range(4):
        pictures = window.run(LOOP)
        counts.append(len(pictures))
        means.append(sum(levels(pictures)) / len(pictures))
    assert counts == sorted(counts)
    assert means == sorted(means)


def test_a_kept_picture_is_shown_at_the_frame_it_belongs_to() -> None:
    window = playing(USUAL)
    window.run(3 * LOOP)
    for picture in window.run(LOOP):
        assert picture.result.request == picture.wanted


@pytest.mark.parametrize("loop", ["loop", "ping-pong"])
@pytest.mark.parametrize("speed", [0.25, 1.0, 2.0])
def test_any_speed_and_order_gets_full(loop, speed: float) -> None:
    window = started(USUAL)
    window.state.playback = Playback(loop, speed, start=0.3, end=0.8)
    window.interface.playing = True
    window.run(4.0)
    assert window.is_full(window.clip())
    assert len(window.clip()) == 8, "frames 5 to 12"


def test_a_machine_too_slow_to_keep_up_still_moves_and_gets_full() -> None:
    window = playing(SLOW.times(6))  # 460 ms a preview, 900 ms a picture
    window.run(10.0)
    assert len({picture.wanted for picture in window.run(LOOP)}) >= 4
    window.run(20.0)
    assert window.is_full(window.clip())


def test_a_fast_machine_uses_no_previews_and_renders_nothing_ahead() -> None:
    window = playing(FAST)
    pictures = window.run(3 * LOOP)
    assert set(levels(pictures)) == {0.0}
    assert len(pictures) >= 3 * FRAMES - 2
    window.state.orbit = Orbit(yaw=12)
    window.interface.playing = False
    window.run(3.0)
    ahead = [request for request in window.clip() if window.scheduler.pictures.has(request)]
    assert len(ahead) == 1, "what is shown"
    assert window.scheduler.ready(window.finder.clip(window.state, window.interface)) == ()


def test_previews_that_are_switched_off_are_not_used() -> None:
    window = SimulatedWindow(SLOW)
    window.interface.previews = False
    window.run(1.0)
    window.interface.playing = True
    pictures = window.run(6 * LOOP)
    assert set(levels(pictures)) == {0.0}
    assert window.is_full(window.clip())


def test_playing_between_frames_goes_as_before() -> None:
    window = playing(SLOW)
    window.interface.play_between = True
    pictures = window.run(2.0)
    assert len(pictures) > 15
    assert len({picture.wanted.shots[0].t for picture in pictures}) > 15
    assert not window.worker.dropped[1:]


@pytest.mark.parametrize("costs", [SLOW, USUAL, FAST])
@pytest.mark.parametrize("loops", [0.8, 3.3])
def test_pausing_shows_the_full_picture_of_the_very_frame(costs: Costs, loops: float) -> None:
    window = playing(costs)
    window.run(loops * LOOP)
    window.interface.playing = False
    window.run(REST_SECONDS + 0.5)
    assert window.shown[-1].result.request == window.full


# Orbits and paths


def test_an_orbit_gets_full_and_repeats() -> None:
    window = started(USUAL)
    window.interface.auto_orbit, window.interface.orbit_period = True, 2.0
    window.run(2.0)
    window.run(4 * 2.0)
    rendered = len(window.worker.rendered)
    pictures = window.run(2.0)
    assert len(pictures) == pytest.approx(50, abs=2)
    assert set(levels(pictures)) == {0.0}
    assert len(window.worker.rendered) == rendered


def test_what_is_rendered_ahead_is_ready_when_its_turn_comes() -> None:
    window = started(SLOW)
    window.interface.auto_orbit = True
    window.run(window.interface.orbit_period)
    before = len(window.worker.rendered)
    pictures = window.run(4.0)  # of the next round
    ahead = [r for r in window.worker.rendered[before:] if r.preview is None]
    assert len(ahead) > 15
    assert levels(pictures).count(0.0) > 0.8 * len(ahead)


def test_a_path_gets_full_and_repeats() -> None:
    window = started(USUAL)
    ends = (Keyframe(0.0, orbit=Orbit(yaw=-20)), Keyframe(1.5, Latent(x=3), t=1.0))
    window.state.keyframes, window.state.path = ends, PathOptions(closed=True, closing=0.53)
    window.interface.path_playing = True
    window.run(6 * 2.03)
    rendered = len(window.worker.rendered)
    pictures = window.run(2.03)
    assert len(pictures) >= 48
    assert set(levels(pictures)) == {0.0}
    assert len(window.worker.rendered) == rendered


def test_a_loop_that_is_too_long_to_keep_shows_previews() -> None:
    window = started(USUAL)
    window.scheduler.pictures.max_bytes = 10 * 3 * 256**2
    window.interface.playing = True
    before = len(window.worker.rendered)
    window.run(6 * LOOP)
    assert len(window.run(LOOP)) >= 7
    assert all(request.preview for request in window.worker.rendered[before:]), "none ahead"


def test_two_movements_at_once_are_left_to_previews() -> None:
    window = playing(SLOW)
    window.interface.auto_orbit = True
    pictures = window.run(2.0)
    assert len(pictures) / 2.0 > 11
    assert not window.worker.dropped[1:]


def test_where_pictures_take_a_moment_motions_have_more_steps() -> None:
    assert started(USUAL).scheduler.step_rate == FRAME_RATE
    assert started(FAST.times(0.5)).scheduler.step_rate == 60


# Drags and rest


@pytest.mark.parametrize("costs", [SLOW, SLOW.times(4)])
def test_a_drag_and_a_scrub_stay_above_the_floor(costs: Costs) -> None:
    window = started(costs)
    pictures = drag_camera(window, 3.0)
    window.dragging = True

    def scrub(gone: float) -> None:
        window.state.t = round(gone / 3, 4)

    pictures += window.run(3.0, scrub)
    assert len(pictures) > 15
    for picture in pictures:
        preview = picture.result.request.preview
        assert preview is not None
        assert preview.scale >= 0.5
        assert preview.samples >= 0.5
        assert preview.final_scale == 1


def test_what_is_kept_serves_a_scrub() -> None:
    window = playing(USUAL)
    window.run(3 * LOOP)
    window.interface.playing = False
    rendered = len(window.worker.rendered)
    window.dragging = True

    def scrub(gone: float) -> None:
        window.state.t = (int(gone * 30) % FRAMES) / (FRAMES - 1)

    pictures = window.run(1.0, scrub)
    assert len(pictures) >= 25
    assert len(window.worker.rendered) == rendered


def test_the_full_picture_comes_once_the_state_rests() -> None:
    window = started(SLOW)
    drag_camera(window, 1.0)
    at_rest = window.now
    (*previews, full) = window.run(2.0)
    assert full.result.request == window.full
    assert 0 < full.at - at_rest - REST_SECONDS < 0.2
    assert all(level < 0 for level in levels(previews))
    assert len(previews) <= 2


def test_a_quick_picture_needs_no_preview_at_rest() -> None:
    window = started(USUAL)
    window.state.orbit = Orbit(yaw=20)
    (picture,) = window.run(0.3)
    assert picture.result.request == window.full


def test_quick_changes_at_rest_show_pictures_all_along() -> None:
    window = started(USUAL)

    def turn(_: float) -> None:
        window.state.orbit = replace(window.state.orbit, yaw=window.state.orbit.yaw + 0.4)

    assert len(window.run(1.0, turn)) >= 8
    assert window.run(0.5)[-1].result.request == window.full


def test_going_back_shows_what_was_shown_before_at_once() -> None:
    window = started(SLOW)
    window.run(0.1)
    before, window.job = window.state.orbit, True
    drag_camera(window, 1.0)
    window.run(1.5)
    window.state.orbit = before
    rendered = len(window.worker.rendered)
    pictures = window.run(FRAME)
    assert [picture.result.request for picture in pictures] == [window.full]
    window.run(2.0)
    assert len(window.worker.rendered) == rendered


def test_an_older_picture_does_not_replace_a_newer_one() -> None:
    window = started(SLOW)
    before = window.state.orbit
    drag_camera(window, FRAME)
    assert window.worker.running is not None, "a preview of this is still under way"
    window.state.orbit = before
    for picture in window.run(1.0):
        assert picture.result.request == window.full


def test_the_window_may_sleep_at_rest() -> None:
    window = started(FAST)
    window.run(1.0)
    assert window.scheduler.wake_after(window.now) > 60
    window.state.orbit = Orbit(yaw=3)
    window.run(2 * FRAME)
    assert window.scheduler.wake_after(window.now) <= 0.5


# The cache


def test_the_budget_of_pictures_holds() -> None:
    window = playing(USUAL)
    result = window.shown[-1].result
    (picture,) = result.pictures
    assert picture is not None
    cache = PictureCache(5 * picture.nbytes)
    requests = [replace(result.request, quality=Quality(depth_samples=k)) for k in range(9)]
    for request in requests:
        cache.put(replace(result, request=request))
        cache.get(requests[0])
    assert cache.used_bytes == cache.max_bytes
    assert cache.has_full(requests[0]), "used again and again"
    assert not cache.has(requests[1])
    assert sum(map(cache.has, requests)) == 5
    cache.put(replace(result, request=requests[1], pictures=(picture,) * 6))
    assert not cache.has(requests[1]), "larger than all there is"
    assert cache.used_bytes <= cache.max_bytes


def test_a_better_picture_takes_the_place_of_a_preview_and_not_the_other_way() -> None:
    window = playing(SLOW)
    full, preview = window.shown[-1].result, window.shown[0].result
    cache = PictureCache()
    cache.put(preview)
    assert cache.has(full.request)
    assert not cache.has_full(full.request)
    cache.put(full)
    cache.put(preview)
    assert cache.get(full.request) is full
    assert cache.used_bytes == result_bytes(full)


def test_what_is_made_while_functions_compile_is_no_full_picture() -> None:
    full = playing(SLOW).shown[-1].result
    early = replace(full, request=replace(full.request, preview=Preview()), makeshift=True)
    cache = PictureCache()
    cache.put(early)
    assert cache.has(full.request)
    assert not cache.has_full(full.request)
    cache.put(replace(early, makeshift=False))
    assert cache.has_full(full.request)


def test_a_file_of_ws_that_changes_makes_its_pictures_old(tmp_path) -> None:
    path = tmp_path / "person.npy"
    path.write_bytes(b"one")
    window = started(USUAL)
    window.state.latent = Latent(ws_file=str(path))
    window.run(1.0)
    assert window.scheduler.pictures.has_full(window.full)
    path.write_bytes(b"another")
    assert not window.scheduler.pictures.has(window.full)


def test_speed_is_real_whatever_the_frame_rate() -> None:
    window = playing(SLOW)
    window.state.playback = Playback("once", speed=0.5)
    window.run(CLIP_SECONDS / 0.5 - 0.1)
    assert window.interface.playing
    window.run(0.2)
    assert not window.interface.playing
    assert window.state.t == 1
