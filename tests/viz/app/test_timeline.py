"""The timeline, used with a real mouse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import glfw
import pytest

from gui_utils import controls
from tests.viz.app.viewport_gallery import Scene, model_info, open_scene
from viz.app.timeline.timeline_view import BarParts, choose_parts
from viz.state.animation.clip_time import EXTENT
from viz.state.types import LOOP_MODES, LoopMode, Playback

EDGE = 10
"""Room at the track's ends, design pixels."""


@pytest.fixture(scope="module")
def window() -> Iterator[Scene]:
    """One window for all tests here."""
    with open_scene(size=(1000, 260)) as opened:
        yield opened


@pytest.fixture
def scene(window: Scene) -> Scene:
    """A window over the first state, drawn a few times."""
    window.reset()
    window.window.ui_scale = 1.0
    window.frames()
    return window


def place(scene: Scene, t: float, y: float = 0.5) -> tuple[int, int]:
    """Where a time lies on the track."""
    left, top, right, bottom = controls.rects["Timeline/Track"]
    fraction = (t - EXTENT[0]) / (EXTENT[1] - EXTENT[0])
    x = left + EDGE + (right - left - 2 * EDGE) * fraction
    return round(x), round(top + (bottom - top) * y)


def pixel() -> float:
    """A screen pixel on the track, in t."""
    left, _, right, _ = controls.rects["Timeline/Track"]
    return (EXTENT[1] - EXTENT[0]) / (right - left - 2 * EDGE)


def test_frames_that_are_ready_are_marked_under_the_track(scene):
    scene.ready = tuple(frame in (0, 3) for frame in range(16))
    scene.frames()
    marked = {name for name in controls.rects if "Ready" in name}
    assert marked == {"Timeline/Ready 0", "Timeline/Ready 3"}
    left, top, right, bottom = controls.rects["Timeline/Ready 3"]
    assert left < place(scene, 3 / 15)[0] < right
    assert bottom - top <= 4
    scene.ready = ()
    scene.frames()
    assert not any("Ready" in name for name in controls.rects)


def test_scrubbing_follows_the_mouse(scene):
    start, end = place(scene, 0.2), place(scene, 0.8)
    scene.drag(start, (end[0] - start[0], 0))
    assert scene.state.t == pytest.approx(0.8, abs=2 * pixel())
    assert any(scene.scrubbing)
    assert not scene.scrubbing[-1]
    scene.drag(end, (2000, 0))
    assert scene.state.t == EXTENT[1]
    scene.drag(place(scene, 0.5), (-2000, 0))
    assert scene.state.t == EXTENT[0]


def test_ctrl_snaps_to_frames(scene):
    scene.xdo("keydown", "ctrl")
    scene.drag(place(scene, 0.1), (place(scene, 0.48)[0] - place(scene, 0.1)[0], 0))
    scene.xdo("keyup", "ctrl")
    assert scene.state.t == pytest.approx(7 / 15)


def test_a_click_goes_there(scene):
    scene.clock.direction = -1
    scene.xdo("mousemove", *place(scene, 0.6))
    scene.xdo("mousedown", 1)
    scene.xdo("mouseup", 1)
    assert scene.state.t == pytest.approx(0.6, abs=2 * pixel())
    assert scene.clock.direction == 1


def test_markers_set_the_range(scene):
    def drag(name: str, start: float, end: float) -> None:
        by = place(scene, end)[0] - place(scene, start)[0]
        scene.drag(scene.at(f"Timeline/{name}", y=0.7), (by, 0))

    drag("In", 0, 0.2)
    drag("Out", 1, 0.8)
    assert scene.state.playback.start == pytest.approx(0.2, abs=2 * pixel())
    assert scene.state.playback.end == pytest.approx(0.8, abs=2 * pixel())
    assert scene.state.t == 0
    assert not any(scene.scrubbing)
    drag("In", 0.2, 1.2)
    playback = scene.state.playback
    assert playback.start == pytest.approx(playback.end - 1 / 15)
    scene.click("Timeline/In", button=3, y=0.7)
    scene.click("Timeline/Out", button=3, y=0.7)
    assert scene.state.playback == Playback()
    drag("In", 0, -0.2)
    assert scene.state.playback.start == pytest.approx(-0.2, abs=2 * pixel())


def test_transport_buttons(scene):
    scene.state.playback = Playback(start=0.2, end=0.8)
    scene.state.t = 7.4 / 15
    for name, t in (
        ("Next frame", 8 / 15),
        ("Next frame", 9 / 15),
        ("Previous frame", 8 / 15),
        ("End of the range", 0.8),
        ("Start of the range", 0.2),
    ):
        scene.click(f"Timeline/{name}")
        assert scene.state.t == pytest.approx(t), name


def test_play_and_pause(scene):
    scene.click("Timeline/Play")
    assert scene.commands.interface.playing
    scene.click("Timeline/Next frame")
    assert not scene.commands.interface.playing
    scene.state.playback = Playback("once")
    scene.state.t = 1.0
    scene.click("Timeline/Play")
    assert scene.commands.interface.playing
    assert scene.state.t == 0
    scene.click("Timeline/Play")
    assert not scene.commands.interface.playing


@pytest.mark.parametrize("loop", LOOP_MODES)
def test_loop_buttons(scene, loop: LoopMode):
    scene.click(f"Timeline/{LOOP_MODES[loop]}")
    assert scene.state.playback.loop == loop


def test_speed(scene):
    scene.click("Timeline/Speed")
    scene.click("Timeline/Speed/0.25\u00d7")
    assert scene.state.playback.speed == 0.25
    scene.click("Timeline/Speed", button=3)
    assert scene.state.playback.speed == 1
    scene.state.playback = replace(scene.state.playback, speed=0.33)
    scene.frames()


def double_click_time(scene: Scene) -> None:
    time.sleep(0.4)  # or they would be the third and fourth click after those of the test before
    scene.frames(2)
    scene.xdo("mousemove", *scene.at("Timeline/Time", x=0.2))
    scene.xdo("click", "--repeat", 2, "--delay", 5, 1)  # at once, however slow the machine is
    scene.frames(6)


@pytest.mark.parametrize(
    ("text", "t"), [("0.3", 0.3), ("1,1", 1.1), ("7", EXTENT[1]), ("what", 0.5)]
)
def test_a_time_can_be_typed(scene, text, t):
    scene.state.t = 0.5
    double_click_time(scene)
    scene.xdo("key", "ctrl+a")
    scene.xdo("type", "--delay", "5", text)
    scene.frames(10)
    scene.xdo("key", "Return")
    assert scene.state.t == pytest.approx(t)
    scene.frames()
    assert "Timeline/Time" in controls.rects


def test_escape_leaves_the_time(scene):
    scene.state.t = 0.5
    double_click_time(scene)
    scene.xdo("type", "--delay", "5", "0.9")
    scene.xdo("key", "Escape")
    assert scene.state.t == 0.5


def test_a_still_model_has_no_time(scene):
    scene.commands.model = model_info(motion_dim=0)
    scene.frames()
    assert "Timeline/Still" in controls.rects
    assert "Timeline/Track" not in controls.rects
    scene.click("Timeline/Play")
    scene.click("Timeline/Next frame")
    assert not scene.commands.interface.playing
    assert scene.state.t == 0
    scene.commands.model = None
    scene.frames()
    assert "Timeline/Track" in controls.rects


def test_lesser_parts_make_room():
    widths = [choose_parts(width, 25, 7.5) for width in range(20, 1200, 5)]
    assert widths[0] == BarParts(False, False, False, "none", False, "none")
    assert widths[-1] == BarParts()
    assert len(set(widths)) == 9
    counts = [parts.width(25, 7.5) for parts in widths]
    assert counts == sorted(counts)


@pytest.mark.parametrize("scale", [0.75, 1.0, 2.0])
@pytest.mark.parametrize("width", [200, 320, 560, 900, 1600, 3000])
def test_any_width_and_scale(scene, width, scale):
    scene.window.ui_scale = scale
    glfw.set_window_size(glfw.get_current_context(), width, 260)
    scene.state.t = 3.0
    scene.frames(6)
    assert "Timeline/Play" in controls.rects
    assert ("Timeline/Track" in controls.rects) == (width / scale > 140)
    for name, rect in controls.rects.items():
        assert 0 <= rect[0] < rect[2] <= width, name
    glfw.set_window_size(glfw.get_current_context(), 1000, 260)
    scene.frames(3)
