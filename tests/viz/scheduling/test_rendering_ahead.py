"""What is rendered before it is asked for."""

from __future__ import annotations

from dataclasses import replace

from tests.viz.scheduling.simulated_window import SLOW, USUAL, SimulatedWindow
from tests.viz.scheduling.window_states import LOOP, drag_camera, playing, started
from viz.scheduling.scheduler import MOST_FILL_SECONDS
from viz.state.person import Latent
from viz.state.types import FRAMES, Display, Orbit, Quality, RenderRequest

# Rendering ahead


def test_at_rest_the_clip_is_rendered_ahead_nearest_first() -> None:
    window = started(USUAL)
    window.state.t = 9 / 15
    window.run(3.0)
    assert window.is_full(window.clip())
    order = [r.shots[0].t for r in window.worker.rendered if r.preview is None]
    assert order[2:5] == [10 / 15, 11 / 15, 12 / 15]
    rendered = len(window.worker.rendered)
    window.run(2.0)
    assert len(window.worker.rendered) == rendered


def test_a_clip_that_takes_long_is_not_rendered_ahead_at_rest() -> None:
    costs = SLOW.times(3)
    window = started(costs)
    window.run(10.0)
    assert 0.45 * FRAMES > MOST_FILL_SECONDS
    assert len(window.worker.rendered) <= 3


def test_nothing_is_rendered_ahead_while_a_job_runs() -> None:
    window = SimulatedWindow(USUAL, job=True)
    window.run(4.0)
    assert len(window.worker.rendered) == 2, "a preview and the full picture"
    window.job = False
    window.run(3.0)
    assert window.is_full(window.clip())


def test_a_picture_ahead_gives_way_and_is_asked_for_again() -> None:
    window = started(SLOW)
    window.run(0.9)  # it renders ahead by now
    home = window.state.orbit
    before = len(window.worker.dropped)
    pictures = drag_camera(window, 0.5)
    assert len(window.worker.dropped) > before
    assert pictures, "previews come at once"
    window.state.orbit = home
    window.run(4.0)
    assert window.is_full(window.clip())


def test_a_picture_that_fails_ahead_is_left_alone() -> None:
    window = started(USUAL)
    ahead: list[RenderRequest] = []

    def fail(_: float) -> None:
        waiting = window.worker.running
        if waiting is not None and waiting.shots[0].t == 3 / 15:
            ahead.append(waiting)
            window.worker.stop()
            window.scheduler.failed(waiting)

    window.run(5.0, fail)
    assert len(ahead) == 1
    kept = [window.scheduler.pictures.has_full(request) for request in window.clip()]
    assert kept == [k != 3 for k in range(FRAMES)]


def test_what_changes_the_pictures_begins_anew_and_going_back_does_not() -> None:
    window = playing(USUAL)
    window.run(3 * LOOP)
    for change in (
        {"latent": Latent(x=5)},
        {"orbit": Orbit(yaw=10)},
        {"quality": Quality(depth_samples=10)},
        {"display": Display(view="depth")},
    ):
        there = replace(window.state, **change)
        clip = [r for r in window.finder.clip(there, window.interface) if r is not None]
        assert not any(map(window.scheduler.pictures.has, clip))
    assert window.is_full(window.clip())
    window.scheduler.forget()
    assert not any(map(window.scheduler.pictures.has, window.clip()))


def test_the_bar_tells_what_is_ready_until_all_is() -> None:
    window = playing(SLOW)

    def ready() -> tuple[bool, ...]:
        return window.scheduler.ready(window.finder.clip(window.state, window.interface))

    assert sum(ready()) <= 1
    counts = []
    for _ in range(4):
        window.run(LOOP)
        counts.append(sum(ready()))
        assert len(ready()) == FRAMES
    assert counts == sorted(counts)
    window.run(2 * LOOP)
    assert ready() == ()


def test_a_lost_renderer_is_asked_again() -> None:
    window = started(SLOW)
    window.dragging = True
    window.run(0.05)
    window.state.orbit = Orbit(yaw=5)
    window.run(0.05)
    window.worker.stop()  # with what it was doing
    window.scheduler.ask_again()
    window.dragging = False
    window.run(1.0)
    assert window.shown[-1].result.request == window.full
