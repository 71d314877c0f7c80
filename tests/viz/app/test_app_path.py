"""The camera and time path in the application, by real keys and a real mouse."""

from __future__ import annotations

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
    steps = len(commands.history._past)
    walk.key("p")
    seen: set[float] = set()
    walk.until(lambda: seen.add(commands.state.orbit.yaw) or len(seen) > 4)
    assert commands.interface.path_playing
    there = camera_path.state_at(commands.state, commands.interface.path_time)
    assert commands.state.orbit == there.orbit
    assert commands.state.latent.others, "between two people"
    assert len(commands.history._past) == steps, "playing is no step"
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
    walk.see_toast("stands on no key")


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
