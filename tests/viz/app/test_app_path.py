"""The camera and time path in the application, by real keys and a real mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from viz.state import session
from viz.state.animation import camera_path
from viz.state.person import Latent
from viz.state.types import Orbit

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


@pytest.fixture
def walk(desk: AppDriver) -> AppDriver:
    """An application with a path of three keys, made as a user makes it."""
    for yaw, seed in ((-25.0, 1.0), (0.0, 2.0), (25.0, 3.0)):
        desk.commands.state.orbit, desk.commands.state.latent = Orbit(yaw=yaw), Latent(x=seed)
        desk.frames()
        desk.key("k")
    assert [key.time for key in desk.commands.state.keyframes] == [0, 2, 4]
    return desk


def test_keys_are_undone_one_by_one_and_bring_their_lane(desk: AppDriver) -> None:
    assert "Path/Lane" not in controls.rects
    desk.key("k")
    assert "Path/Key 0" in controls.rects
    desk.drag("Viewport", (60, 0), x=0.3)
    desk.key("k")
    assert len(desk.commands.state.keyframes) == 2
    desk.key("ctrl+z")
    assert len(desk.commands.state.keyframes) == 1
    desk.key("ctrl+z", "ctrl+z")
    assert desk.commands.state.keyframes == ()
    desk.key("ctrl+shift+z", "ctrl+shift+z", "ctrl+shift+z")
    assert len(desk.commands.state.keyframes) == 2
    desk.key("Delete")
    assert len(desk.commands.state.keyframes) == 1


def test_the_path_plays_and_stops_where_the_camera_is_taken(walk: AppDriver) -> None:
    commands = walk.commands
    steps = commands.history.steps
    walk.key("p")
    seen: set[float] = set()
    walk.until(lambda: seen.add(commands.state.orbit.yaw) or len(seen) > 4)
    assert commands.interface.path_playing
    there = camera_path.state_at(commands.state, commands.interface.path_time)
    assert commands.state.orbit == there.orbit
    assert commands.state.latent.others, "between two people"
    assert commands.history.steps == steps, "playing is no step"
    walk.drag("Viewport", (40, 0), x=0.3)
    assert not commands.interface.path_playing
    walk.settle()
    following = next(k for k in commands.state.keyframes if k.time > commands.interface.path_time)
    walk.key("ctrl+Right")
    assert commands.interface.path_time == following.time
    assert commands.state.orbit == following.orbit
    assert commands.state.latent == following.latent
    walk.key("ctrl+Left")
    assert commands.interface.path_time == following.time - 2


def test_a_slider_takes_its_value_from_the_path_and_from_a_glide(
    start: app_driver.Start, model: Path
) -> None:
    desk = start(model, panels=("Camera",))
    desk.settle()
    commands = desk.commands
    for yaw in (-25.0, 25.0):
        commands.state.orbit = Orbit(yaw=yaw)
        desk.frames()
        desk.key("k")
    desk.key("p")
    desk.until(lambda: commands.state.orbit.yaw != 25)
    assert commands.interface.path_playing
    desk.drag("Camera/Yaw", (80, 0))
    assert not commands.interface.path_playing
    taken = commands.state.orbit.yaw
    assert taken > 30
    desk.click("Camera/Front")
    desk.until(lambda: commands.state.orbit.yaw != taken)
    assert commands.animator.gliding
    desk.drag("Camera/Pitch", (60, 0))
    assert not commands.animator.gliding
    assert commands.state.orbit.pitch > 15


def test_what_else_moves_by_itself_takes_over(walk: AppDriver) -> None:
    commands = walk.commands
    walk.key("p")
    assert commands.interface.path_playing
    walk.key("o")
    assert commands.interface.auto_orbit
    assert not commands.interface.path_playing


def test_the_path_is_saved_and_opened_with_the_session(walk: AppDriver, tmp_path: Path) -> None:
    commands = walk.commands
    keys = commands.state.keyframes
    session.save_session(tmp_path / "walk.json", commands.state)
    walk.key("5")  # an empty bookmark
    walk.key("ctrl+1")
    commands.interface.path_lane = False
    commands.state.keyframes = ()
    walk.frames()
    walk.key("1")
    walk.until(lambda: not commands.animator.gliding)
    assert commands.state.keyframes == (), "a bookmark is a moment and leaves the path alone"
    walk.drop(tmp_path / "walk.json")
    walk.until(lambda: commands.state.keyframes == keys)
    walk.frames()
    assert "Path/Key 2" in controls.rects


def test_update_says_when_there_is_no_key(walk: AppDriver) -> None:
    commands = walk.commands
    commands.state.orbit = Orbit(yaw=70)
    walk.frames()
    walk.key("shift+k")
    assert commands.state.keyframes[2].orbit.yaw == 70
    walk.click("Path/Lane", x=0.3)
    walk.key("shift+k")
    walk.see_toast("is not on a keyframe")


def test_the_panel_edits_the_path_in_numbers(start: app_driver.Start, model: Path) -> None:
    desk = start(model, panels=("Path",))
    desk.settle()
    desk.click("Path/Add key")
    desk.commands.state.orbit = Orbit(yaw=40)
    desk.frames()
    desk.key("k")
    desk.click("Path/Way on/Hold")
    desk.click("Path/Closed")
    assert desk.commands.state.keyframes[1].ease == "hold"
    assert desk.commands.state.path.closed
    assert camera_path.duration(desk.commands.state) == 4
    desk.key("ctrl+z")
    assert not desk.commands.state.path.closed


def test_the_first_key_leaves_the_clip_where_the_hand_scrubs_it(desk: AppDriver) -> None:
    commands = desk.commands
    place = controls.rects["Timeline/Track"]
    desk.key("k")
    assert controls.rects["Timeline/Track"] == place
    commands.state.orbit = Orbit(yaw=33)
    desk.frames()
    desk.drag("Timeline/Track", (60, 0), x=0.4)
    assert commands.state.t > 0.2
    assert commands.state.orbit == Orbit(yaw=33)


def _click_lane(desk: AppDriver) -> None:
    desk.click("Path/Lane", x=0.3)


def _click_key(desk: AppDriver) -> None:
    desk.click("Path/Key 0")


def _go_back(desk: AppDriver) -> None:
    desk.key("ctrl+Left")


def _play(desk: AppDriver) -> None:
    desk.key("p")


@pytest.mark.parametrize("leave", [_click_lane, _click_key, _go_back, _play])
def test_a_view_that_no_key_holds_comes_back(
    walk: AppDriver, leave: Callable[[AppDriver], None]
) -> None:
    commands = walk.commands
    leave(walk)
    walk.frames()
    assert not len(walk.app.toasts), "all that was shown is on the path"
    if commands.interface.path_playing:
        walk.key("p")
    commands.state.orbit, commands.state.latent = Orbit(yaw=50), Latent(x=9)
    walk.frames()
    leave(walk)
    walk.until(lambda: commands.state.orbit != Orbit(yaw=50))
    walk.see_toast("is not a keyframe")
    playhead = commands.interface.path_time
    (button,) = [name for name in controls.rects if name.endswith("/Bring it back")]
    walk.click(button)
    assert (commands.state.orbit, commands.state.latent) == (Orbit(yaw=50), Latent(x=9))
    if leave is not _play:
        assert commands.interface.path_time == playhead
    walk.until(lambda: not len(walk.app.toasts))
    walk.key("k")
    assert [k.orbit.yaw for k in commands.state.keyframes].count(50) == 1


def test_undo_brings_a_view_back_that_no_key_holds(walk: AppDriver) -> None:
    commands = walk.commands
    walk.drag("Viewport", (60, 0), x=0.3)
    taken = commands.state.orbit
    walk.click("Path/Key 0")
    assert commands.state.orbit.yaw == -25
    walk.key("ctrl+z")
    assert commands.state.orbit == taken


def test_undo_of_a_moved_key_takes_the_playhead_back(walk: AppDriver) -> None:
    interface = walk.commands.interface
    before = [key.time for key in walk.commands.state.keyframes]
    walk.click("Path/Key 2")
    walk.drag("Path/Key 2", (60, 0))
    assert interface.path_time > before[2]
    walk.key("ctrl+z")
    assert [key.time for key in walk.commands.state.keyframes] == before
    assert interface.path_time == before[2]


def test_a_key_between_others_is_told_of_and_can_go_to_the_end(walk: AppDriver) -> None:
    commands = walk.commands
    walk.key("p")
    walk.until(lambda: 0.5 < commands.interface.path_time < 1.9)
    walk.key("p")
    commands.state.orbit = Orbit(yaw=70)
    walk.frames()
    walk.key("k")
    assert [key.orbit.yaw for key in commands.state.keyframes].index(70) == 1
    walk.see_toast("Keyframe 2 of 4 was added")
    (button,) = [name for name in controls.rects if name.endswith("/To the end")]
    walk.click(button)
    assert [key.time for key in commands.state.keyframes] == [0, 2, 4, 6]
    assert commands.state.keyframes[3].orbit.yaw == 70
    assert commands.interface.path_time == 6
    assert commands.state.orbit.yaw == 70


def test_nothing_lies_on_the_picture_while_the_path_plays(walk: AppDriver) -> None:
    walk.move("Path/Lane", x=0.3)
    assert "Path globe" in controls.rects
    walk.key("p")
    assert walk.commands.interface.path_playing
    assert "Path globe" not in controls.rects
    walk.key("p")
    assert "Path globe" in controls.rects
