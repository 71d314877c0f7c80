"""The application as it is used: a real window, real mouse and keyboard input."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import glfw
import numpy as np
import pytest

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from viz.state import layouts
from viz.state.person import Latent
from viz.state.types import LAYOUTS, VIEWS, Orbit

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)
ROOT = Path(__file__).resolve().parents[3]
FRAME = 1 / 15
"""A frame of the clip, in t."""


def runs(desk: AppDriver) -> Counter[str]:
    """How often each stage has run."""
    return Counter(desk.commands.stage_runs)


# Starting and ending


def test_it_starts_with_a_picture_of_the_untrained_model(start: Start) -> None:
    desk = start()
    desk.app.frame()
    assert desk.window.read_pixels().any(), "the first frame shows before there is a model"
    picture = desk.picture()
    assert desk.model.name == "Untrained model"
    assert "Untrained random model \u2013 open a checkpoint to see people" in controls.rects
    assert glfw.get_window_title(desk.window.handle) == "Untrained model - PV3D visualizer"
    assert picture.shape == (256, 256, 3)
    # The middle of the viewport shows the middle of the picture.
    x, y = desk.at("Viewport")
    shown = desk.window.read_pixels()[y, x].astype(int)
    assert np.abs(shown - picture[128, 128]).max() <= 4


def start_process(folder: Path, *words: str) -> tuple[subprocess.Popen, int]:
    """The program as the user starts it, once its first model is loaded; and its window."""
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    process = subprocess.Popen(
        [sys.executable, "visualizer.py", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    model = "generator" if words else "demo"
    name = rf"^{model}\.safetensors - PV3D visualizer$"
    search = ["xdotool", "search", "--all", "--pid", str(process.pid), "--name", name]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = subprocess.run(search, capture_output=True, text=True, check=False)
        if found.stdout.strip():
            return process, int(found.stdout.split()[0])
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no window: {process.communicate()[0]}")


def run_of(model: Path) -> Path:
    """The folder of a training run that has saved this model; its name is not UTF-8."""
    run = model.with_name(os.fsdecode(b"run\xc4\xe3"))
    run.mkdir()
    shutil.copy(model, run / "generator.safetensors")
    return run


def end(process: subprocess.Popen) -> str:
    """Wait for the program's end; what it printed."""
    try:
        return process.communicate(timeout=20)[0]
    finally:
        process.kill()


@pytest.mark.parametrize("way", ["close button", "Ctrl+C"])
def test_the_real_program_ends_cleanly(display: str, tmp_path: Path, model: Path, way: str) -> None:
    words = [str(run_of(model))] if way == "Ctrl+C" else []
    process, window = start_process(tmp_path, *words)
    if way == "Ctrl+C":
        process.send_signal(signal.SIGINT)
    else:
        app_driver.ask_to_close(window)
    output = end(process)
    assert "Traceback" not in output
    assert process.returncode == 0
    assert (tmp_path / "config" / "pv3d-visualizer" / "settings.json").is_file()


def test_closing_while_a_model_loads_does_not_hang(start: Start) -> None:
    desk = start()
    begun = time.perf_counter()
    desk.app.close()
    assert time.perf_counter() - begun < 6
    assert desk.settings.is_file()


def test_settings_outlive_the_program(start: Start, model: Path) -> None:
    desk = start(model, size=(820, 610))
    desk.settle()
    desk.commands.interface.theme, desk.commands.interface.sidebar_width = "light", 300.0
    desk.key("ctrl+5")
    assert "Export/What" not in controls.rects
    desk.commands.open_panel("Export")
    again = start()
    again.frames()
    assert "Export/What" in controls.rects, "what was open is open again"
    assert again.commands.interface.theme == "light"
    assert again.commands.interface.sidebar_width == 300
    assert again.commands.bookmarks() == [5]
    assert list(again.commands.recent) == [str(model)]


# Opening


def test_a_dropped_checkpoint_opens(start: Start, model: Path) -> None:
    desk = start()
    desk.settle()
    desk.drop(model)
    desk.until(lambda: desk.model.path == str(model), 10)
    side = desk.model.image_resolution
    assert desk.picture().shape == (side, side, 3)
    assert list(desk.commands.recent) == [str(model)]
    assert desk.commands.state.checkpoint == str(model)
    assert not desk.commands.can_undo(), "opening a model is no step"
    run = run_of(model)
    desk.drop(run)
    desk.until(lambda: desk.model.path == str(run / "generator.safetensors"), 10)


def test_a_checkpoint_opens_by_the_dialog(start: Start, model: Path) -> None:
    desk = start()
    desk.settle()
    desk.key("ctrl+o")
    desk.choose(model)
    desk.until(lambda: desk.model.path == str(model), 10)
    desk.settle()
    assert not desk.app.dialogs.is_open


def test_of_several_models_dropped_the_last_opens(start: Start, model: Path) -> None:
    desk = start()
    desk.settle()
    other = model.with_name("other.safetensors")
    other.write_bytes(model.read_bytes())
    desk.drop(other, model)
    desk.until(lambda: desk.model.path == str(model), 10)
    desk.see_toast("at a time: small.safetensors was opened")
    desk.run_jobs()
    assert desk.model.path == str(model)


# The picture follows


def test_a_long_drag_shows_previews_and_ends_with_the_full_picture(desk: AppDriver) -> None:
    before, count = runs(desk), len(desk.results)
    x, y = desk.at("Viewport")
    moves: list[object] = ["mousemove", x, y, "mousedown", 1]
    for k in range(200):
        moves += ["mousemove", x + k // 2, y + k // 4, "sleep", 0.004]
    desk.during(*moves)
    shown = desk.results[count:]
    assert len(shown) > 20, "previews keep coming"
    assert all(result.request.preview is not None for result in shown)
    assert len({result.request.shots[0].camera for result in shown}) > 20
    desk.xdo("mouseup", 1)
    last = desk.settle()
    assert last.request.preview is None
    assert last.request == desk.wanted()
    assert desk.commands.state.orbit.yaw < -5
    after = runs(desk)
    assert after["mapping"] == before["mapping"]
    assert after["planes"] == before["planes"]
    assert after["render"] > before["render"] + 20


def test_without_previews_a_drag_still_shows_pictures(desk: AppDriver) -> None:
    desk.commands.interface.previews = False
    count = len(desk.results)
    x, y = desk.at("Viewport")
    moves: list[object] = ["mousemove", x, y, "mousedown", 1]
    for k in range(60):
        moves += ["mousemove", x + k, y, "sleep", 0.004]
    desk.during(*moves, "mouseup", 1)
    assert len(desk.results) - count > 3
    assert desk.settle().request == desk.wanted()


def test_a_scrub_runs_no_mapping(desk: AppDriver) -> None:
    before = runs(desk)
    left, y = desk.at("Timeline/Track", 0.3)
    right, _ = desk.at("Timeline/Track", 0.7)
    desk.during(
        "mousemove", left, y, "mousedown", 1,
        *[word for x in range(left, right, 4) for word in ("mousemove", x, y, "sleep", 0.004)],
        "mouseup", 1,
    )  # fmt: skip
    desk.settle()
    after = runs(desk)
    assert after["mapping"] == before["mapping"]
    assert after["planes"] > before["planes"] + 2
    assert 0.3 < desk.commands.state.t < 0.9


def test_at_rest_nothing_is_rendered_and_the_process_sleeps(desk: AppDriver) -> None:
    desk.until(lambda: desk.commands.directions is not None, 20.0)  # sought at rest, once a model
    desk.run_for(1.5)
    count, frames, spent = len(desk.results), len(desk.window.frame_times), time.process_time()
    desk.run_for(2.0)
    assert len(desk.results) == count
    assert len(desk.window.frame_times) - frames < 10
    assert (time.process_time() - spent) / 2.0 < 0.15


def test_typing_neither_spins_nor_keeps_previews_on(start: Start, model: Path) -> None:
    desk = start(model, panels=("Layers",))
    desk.settle()
    desk.click("Layers/Filter")
    desk.xdo("type", "b8")
    assert desk.commands.interface.layer_filter == "b8"
    assert not desk.app.moving
    desk.run_for(1.2)
    frames = len(desk.window.frame_times)
    desk.run_for(1.0)
    assert len(desk.window.frame_times) - frames < 12
    desk.commands.state.t = 0.4
    assert desk.settle().request.preview is None


def test_the_wheel_and_the_right_button(desk: AppDriver) -> None:
    desk.move("Viewport")
    desk.xdo("click", 4, "click", 4)
    assert desk.commands.state.orbit.fov < Orbit().fov
    desk.xdo("keydown", "ctrl", "click", 5, "keyup", "ctrl")
    assert desk.commands.state.orbit.radius > Orbit().radius
    desk.drag("Viewport", (40, 0), button=3)
    assert desk.commands.state.orbit.pivot != Orbit().pivot
    zoomed = desk.commands.state.orbit
    desk.rest()
    desk.double_click("Viewport")
    desk.until(lambda: not desk.commands.animator.gliding)
    assert desk.commands.state.orbit == Orbit.around(desk.model.head)
    desk.key("ctrl+z")
    assert desk.commands.state.orbit == zoomed


def test_a_slow_double_click_resets_the_camera(desk: AppDriver) -> None:
    desk.commands.state.orbit = Orbit(yaw=30)
    desk.rest()
    press = ("mousedown", 1, "sleep", 0.06, "mouseup", 1)
    desk.during("mousemove", *desk.at("Viewport"), *press, "sleep", 0.06, *press)
    desk.until(lambda: not desk.commands.animator.gliding)
    assert desk.commands.state.orbit == Orbit()


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
    assert not desk.commands.can_undo()
    for state in states[1:]:
        desk.key("ctrl+shift+z")
        assert desk.commands.state == state
    assert not desk.commands.can_redo()


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


def test_a_seed_that_is_typed_is_gone_to(start: Start, model: Path) -> None:
    desk = start(model, panels=("Appearance",), size=(1000, 980))
    desk.commands.state.latent = Latent(x=5.4)
    desk.frames()
    desk.double_click("Appearance/Seed")
    desk.type("5")
    assert desk.commands.state.latent.x == 5


def test_every_view_and_layout_arrives(desk: AppDriver) -> None:
    commands = desk.commands
    for view in VIEWS:
        commands.state.display = replace(commands.state.display, layout="single", view=view)
        result = desk.settle()
        assert (result.meshes[0] is not None) == (view == "mesh")
        assert (result.pictures[0] is None) == (view == "mesh")
    for layout in LAYOUTS:
        commands.state.display = replace(commands.state.display, layout=layout, view="image")
        result = desk.settle()
        assert len(result.pictures) == len(layouts.shots(commands.state))
    assert not desk.app.toasts


def test_b_keeps_the_picture_as_before(desk: AppDriver) -> None:
    kept = desk.commands.state.shot()
    desk.key("b")
    assert desk.commands.state.before == kept
    assert desk.commands.state.display.layout == "split"
    desk.key("r")
    first, second = desk.pictures()
    assert not np.array_equal(first, second)


def test_an_orbit_of_the_mesh_keeps_the_fine_mesh(desk: AppDriver) -> None:
    commands = desk.commands
    commands.state.display = replace(commands.state.display, view="mesh")
    commands.state.quality = replace(commands.state.quality, mesh_resolution=96, mesh_level=2.0)
    fine = desk.settle().meshes[0]
    assert fine is not None
    assert fine.faces.size
    count = len(desk.results)
    desk.drag("Viewport", (80, 0))
    desk.settle()
    assert len(desk.results) > count
    shown = [(result.meshes[0] is fine, result.stage_ms) for result in desk.results[count:]]
    assert all(kept for kept, _ in shown), shown


def test_the_sidebar_takes_the_width_it_is_dragged_to(desk: AppDriver) -> None:
    left = controls.rects["Viewport"][2]
    desk.drag("Splitter", (-80, 0))
    assert controls.rects["Viewport"][2] == pytest.approx(left - 80, abs=4)
    desk.drag("Splitter", (-600, 0))
    assert desk.commands.interface.sidebar_width == 560


def test_tiny_and_narrow_windows(desk: AppDriver) -> None:
    commands = desk.commands
    for panel in controls.open_sections:
        controls.open_sections[panel] = True
    for size in ((200, 150), (700, 500), (420, 900), (900, 600)):
        desk.resize(*size)
        for layout in LAYOUTS:
            commands.state.display = replace(commands.state.display, layout=layout)
            desk.frames(2)
        assert desk.window.read_pixels().shape == (size[1], size[0], 3)
    desk.settle()
    assert not desk.app.toasts


def test_hints_go_for_ever_once_followed(start: Start, model: Path) -> None:
    def hints() -> int:
        return sum("Hint/" in name for name in controls.rects)

    desk = start(model)
    desk.settle()
    assert hints() == 3
    desk.key("m")
    assert hints() == 2
    desk.drag("Viewport", (40, 0))
    assert hints() == 1
    desk = start(model)
    desk.settle()
    assert hints() == 1
    desk.drag("Timeline/Track", (40, 0))
    assert hints() == 0
