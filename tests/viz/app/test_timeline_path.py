"""The path's lane, used with a real mouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import glfw
import pytest

from gui_utils import controls
from tests.viz.app.viewport_gallery import Scene, open_scene
from viz.app.timeline import path_lane
from viz.state.animation import camera_path, path_editing
from viz.state.person import Latent
from viz.state.types import Keyframe, Orbit, SessionState


@pytest.fixture(scope="module")
def window() -> Iterator[Scene]:
    """One window for all tests here."""
    with open_scene(size=(1000, 420)) as opened:
        yield opened


@pytest.fixture
def scene(window: Scene) -> Scene:
    """A path of three keys, 0, 2 and 4 seconds."""
    window.reset()
    window.window.ui_scale = 1.0
    window.commands.interface.path_lane = True
    for yaw, x in ((-20.0, 1.0), (0.0, 2.0), (30.0, 3.0)):
        window.state.orbit, window.state.latent = Orbit(yaw=yaw), Latent(x=x)
        path_editing.add(window.state, window.commands.interface)
    window.frames()
    return window


def times(scene: Scene) -> list[float]:
    return [key.time for key in scene.state.keyframes]


def at(scene: Scene, seconds: float) -> tuple[int, int]:
    """Where a time lies on the lane."""
    first, last = controls.rects["Path/Key 0"], controls.rects["Path/Key 2"]
    left, right = (first[0] + first[2]) / 2, (last[0] + last[2]) / 2
    keys = times(scene)
    x = left + (right - left) * (seconds - keys[0]) / (keys[2] - keys[0])
    return round(x), round((first[1] + first[3]) / 2)


def drag(scene: Scene, start: float, end: float) -> None:
    by = at(scene, end)[0] - at(scene, start)[0]
    scene.drag(at(scene, start), (by, 0))


def test_keys_are_added_behind_one_another(scene):
    assert times(scene) == [0, 2, 4]
    assert [key.orbit.yaw for key in scene.state.keyframes] == [-20, 0, 30]
    scene.click("Path/Key 1")
    scene.state.orbit = Orbit(yaw=77)
    scene.click("Path/Add key")
    assert times(scene) == [0, 2, 3, 4], "halfway to the next one"
    assert scene.state.keyframes[2].orbit.yaw == 77


def test_going_along_the_path_shows_it(scene):
    drag(scene, 0.5, 3.0)
    interface = scene.commands.interface
    assert interface.path_time == pytest.approx(3.0, abs=0.05)
    there = camera_path.state_at(scene.state, interface.path_time)
    assert scene.state == there
    assert any(scene.scrubbing)
    assert not scene.scrubbing[-1]
    assert times(scene) == [0, 2, 4]
    scene.click("Path/Previous keyframe")
    assert scene.state.orbit.yaw == 0
    scene.click("Path/Next keyframe")
    assert scene.state.orbit.yaw == 30


def test_a_key_is_moved_in_time_and_past_others(scene):
    drag(scene, 2.0, 1.0)
    assert times(scene) == pytest.approx([0, 1, 4], abs=0.05)
    assert [key.orbit.yaw for key in scene.state.keyframes] == [-20, 0, 30]
    assert scene.commands.interface.path_time == scene.state.keyframes[1].time
    drag(scene, times(scene)[1], 4.2)
    assert [key.orbit.yaw for key in scene.state.keyframes] == [-20, 30, 0]
    scene.click("Path/Key 0")
    assert times(scene)[0] == 0, "a click alone moves nothing"
    scene.xdo("keydown", "ctrl")
    drag(scene, times(scene)[2], 3.1)
    scene.xdo("keyup", "ctrl")
    assert times(scene)[1] == 3.0, "Ctrl takes quarter seconds"


def test_update_and_delete_the_key_under_the_playhead(scene):
    scene.click("Path/Key 1")
    scene.state.orbit = Orbit(yaw=55)
    scene.frames()
    scene.click("Path/Update key")
    assert scene.state.keyframes[1].orbit.yaw == 55
    assert times(scene) == [0, 2, 4]
    scene.click("Path/Delete key")
    assert times(scene) == [0, 4]
    assert scene.state.orbit.yaw == 55, "what is shown stays"
    scene.click("Path/Delete key")
    assert times(scene) == [0, 4], "there is no key here any more"


def test_the_menu_of_a_key(scene):
    scene.click("Path/Key 0", button=3)
    scene.click("Path/Menu/Hold until the next keyframe")
    assert scene.state.keyframes[0].ease == "hold"
    scene.click("Path/Key 0", button=3)
    scene.click("Path/Menu/A turn to the left on the way")
    assert scene.state.keyframes[0].turns == -1
    scene.click("Path/Menu")
    scene.click("Path/Menu/Duplicate")
    assert times(scene) == [0, 1, 2, 4]
    assert scene.state.keyframes[1].latent == scene.state.keyframes[0].latent
    scene.click("Path/Menu")
    scene.click("Path/Menu/Closed path")
    assert scene.state.path.closed
    scene.click("Path/Menu")
    scene.click("Path/Menu/Delete all keyframes")
    assert scene.state.keyframes == ()
    assert "Path/Empty" in controls.rects


def test_playing_goes_along_and_begins_anew(scene):
    interface = scene.commands.interface
    scene.click("Path/Key 2")
    scene.click("Path/Play path")
    assert interface.path_playing
    assert interface.path_time == 0, "from its end it begins anew"
    path_editing.advance(scene.state, interface, 3.0)
    assert scene.state.orbit == camera_path.state_at(scene.state, 3.0).orbit
    path_editing.advance(scene.state, interface, 1.5)
    assert interface.path_time == pytest.approx(0.5)
    interface.path_loop = False
    path_editing.advance(scene.state, interface, 9.0)
    assert not interface.path_playing
    assert scene.state.orbit.yaw == 30
    scene.click("Path/Play path")
    scene.click("Timeline/Play")
    assert interface.playing
    assert not interface.path_playing, "one at a time"


def test_the_path_is_drawn_where_it_helps(scene):
    scene.render()
    scene.xdo("mousemove", 500, 20)
    scene.frames()
    assert "Path globe" not in controls.rects
    plain = scene.tile()
    scene.xdo("mousemove", *at(scene, 1.0))
    assert "Path globe" in controls.rects
    assert (plain != scene.tile()).any(axis=-1).sum() > 300


def test_stretching_keeps_proportions(scene):
    path_editing.stretch(scene.state, scene.commands.interface, 10.0)
    assert times(scene) == [0, 5, 10]
    assert scene.commands.interface.path_time == 10


@pytest.mark.parametrize("scale", [0.75, 1.0, 2.0])
@pytest.mark.parametrize("width", [200, 320, 560, 900, 1600, 2500])
def test_any_width_and_scale(scene, width, scale):
    scene.window.ui_scale = scale
    glfw.set_window_size(glfw.get_current_context(), width, 420)
    scene.state.keyframes += (replace(scene.state.keyframes[-1], time=500.0),)
    scene.frames(6)
    assert "Path/Play path" in controls.rects
    for name, rect in controls.rects.items():
        assert 0 <= rect[0] < rect[2] <= width, name
    glfw.set_window_size(glfw.get_current_context(), 1000, 420)
    scene.frames(3)


def test_the_lane_shows_all_keys_however_long():
    for end in (0.0, 1.0, 3.9, 59.0, 3000.0, 30000.0):
        state = SessionState(keyframes=(Keyframe(0), Keyframe(end)))
        assert path_lane.lane_span(state, 0.0) >= max(end, 4.0)
