"""Playing, undo and bookmarks in a real window, by real mouse and keyboard input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from viz.state.types import Orbit

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)
FRAME = 1 / 15
"""A frame of the clip, in t."""


# The clip


def test_playback_keeps_clip_time(desk: AppDriver) -> None:
    playback = desk.commands.state.playback
    desk.commands.state.playback = replace(playback, speed=0.25)
    desk.key("space")
    assert desk.commands.interface.playing
    t, begun = desk.commands.state.t, desk.app.last_update
    desk.run_for(1.2)
    elapsed = desk.app.last_update - begun
    assert desk.commands.state.t - t == pytest.approx(elapsed * 0.25 / 0.6, abs=FRAME)
    desk.key("space")
    assert not desk.commands.interface.playing
    assert desk.settle().request.shots[0].t == desk.commands.state.t
    desk.key("ctrl+z")
    assert desk.commands.state.t == 0


def test_loop_modes_and_frame_steps(start: Start, model: Path) -> None:
    desk = start(model, size=(1280, 700))
    desk.settle()
    desk.key("End")
    assert desk.commands.state.t == 1
    desk.key("Left")
    assert desk.commands.state.t == pytest.approx(14 / 15)
    desk.key("Home", "Right", "Right")
    assert desk.commands.state.t == pytest.approx(2 / 15)
    desk.click("Timeline/Ping-pong")
    assert desk.commands.state.playback.loop == "ping-pong"
    desk.click("Timeline/Play")
    seen = []
    desk.until(
        lambda: seen.append(desk.commands.state.t) or (len(seen) > 3 and seen[-1] < seen[-2]), 3
    )
    assert max(seen) > 0.9
    desk.click("Timeline/Loop")
    seen.clear()
    desk.until(
        lambda: seen.append(desk.commands.state.t) or (len(seen) > 3 and seen[-1] < seen[-2]), 3
    )
    assert max(seen) > 0.9
    assert seen[-1] < 0.2
    desk.key("Right")
    assert not desk.commands.interface.playing


def test_a_preset_turns_the_camera_while_the_clip_plays(start: Start, model: Path) -> None:
    desk = start(model, panels=("Camera",))
    desk.settle()
    desk.commands.state.playback = replace(desk.commands.state.playback, speed=0.25)
    desk.key("space")
    desk.click("Camera/Left")
    t, begun = desk.commands.state.t, desk.app.last_update
    desk.until(lambda: not desk.commands.animator.gliding)
    assert desk.commands.state.orbit.yaw == -35
    elapsed = desk.app.last_update - begun
    assert desk.commands.state.t - t == pytest.approx(elapsed * 0.25 / 0.6, abs=1.5 * FRAME)


def test_on_the_processor_frames_are_drawn_for_new_pictures(desk: AppDriver) -> None:
    assert desk.app.window.draws_in_software
    playback = desk.commands.state.playback
    desk.commands.state.playback = replace(playback, speed=0.1)
    desk.key("space")
    desk.frames()  # the key's own ones
    begun, t, drawn, pictures = desk.app.last_update, desk.commands.state.t, 0, 0
    while desk.app.last_update - begun < 1:
        shown = desk.commands.result
        desk.app.frame()
        drawn += 1
        pictures += desk.commands.result is not shown
    assert desk.commands.state.t > t + FRAME
    # Else one every tenth of a second shows what else may have changed.
    assert drawn <= pictures + 11
    desk.key("Right")  # input does not wait
    assert not desk.commands.interface.playing


# People, undo and bookmarks


def test_random_person_and_motion_keep_what_is_locked(desk: AppDriver) -> None:
    state = desk.commands.state.snapshot()
    desk.key("r")
    assert desk.commands.state.latent.x != state.latent.x
    assert desk.commands.state.motion == state.motion
    person = desk.commands.state.latent
    desk.key("m")
    assert desk.commands.state.latent == person
    assert desk.commands.state.motion != state.motion
    desk.commands.interface.lock_motion = desk.commands.interface.lock_person = False
    before = desk.commands.state.snapshot()
    desk.key("r")
    assert desk.commands.state.latent != before.latent
    assert desk.commands.state.motion != before.motion


def test_undo_and_redo_restore_states_exactly(desk: AppDriver) -> None:
    states = [desk.commands.state.snapshot()]
    desk.key("r")
    states.append(desk.commands.state.snapshot())
    desk.drag("Viewport", (120, 40))
    states.append(desk.commands.state.snapshot())
    desk.key("m")
    states.append(desk.commands.state.snapshot())
    desk.move("Viewport")
    desk.xdo("click", 4, "click", 4, "click", 4)
    desk.run_for(0.6)
    states.append(desk.commands.state.snapshot())
    assert len({state.orbit for state in states}) == 3
    for state in reversed(states[:-1]):
        desk.key("ctrl+z")
        assert desk.commands.state == state
    assert not desk.commands.history.can_undo
    for state in states[1:]:
        desk.key("ctrl+shift+z")
        assert desk.commands.state == state
    assert not desk.commands.history.can_redo


def test_undo_works_while_the_camera_orbits_by_itself(desk: AppDriver) -> None:
    desk.key("o")
    assert desk.commands.interface.auto_orbit
    desk.run_for(0.3)
    first = desk.commands.state.latent
    desk.key("r")
    desk.key("r")
    second = desk.commands.state.latent
    orbit = desk.commands.state.orbit
    desk.key("ctrl+z", "ctrl+z")
    assert desk.commands.state.latent == first
    assert abs(desk.commands.state.orbit.yaw - orbit.yaw) < 10, "the swing goes on"
    desk.key("ctrl+shift+z", "ctrl+shift+z")
    assert desk.commands.state.latent == second


def test_bookmarks_glide_and_arrive_exactly(desk: AppDriver) -> None:
    desk.commands.state.orbit = Orbit(yaw=20, fov=16)
    desk.commands.state.t = 0.4
    desk.key("r")
    desk.key("ctrl+1")
    stored = desk.commands.state.snapshot()
    desk.key("ctrl+z")
    desk.commands.state.orbit = Orbit(yaw=-20)
    desk.frames()
    before = desk.commands.state.snapshot()
    desk.key("1")
    yaws = []
    desk.until(
        lambda: yaws.append(desk.commands.state.orbit.yaw) or not desk.commands.animator.gliding
    )
    assert any(-15 < yaw < 15 for yaw in yaws), "it goes there smoothly"
    assert desk.commands.state == stored
    desk.key("ctrl+z")
    assert desk.commands.state == before
    desk.key("7")
    desk.see_toast("Bookmark 7 is empty")


# Views, layouts and the window


def test_what_is_changed_during_a_glide_stays(desk: AppDriver) -> None:
    commands = desk.commands
    commands.state.orbit = Orbit(yaw=30)
    desk.frames()
    desk.key("ctrl+2")
    commands.state.orbit = Orbit()
    desk.frames()
    desk.key("2")
    desk.until(lambda: commands.animator.gliding and commands.state.orbit.yaw > 1)
    commands.state.display = replace(commands.state.display, layout="yaws")
    desk.until(lambda: not commands.animator.gliding)
    assert commands.state.orbit.yaw == 30
    assert commands.state.display.layout == "yaws"
