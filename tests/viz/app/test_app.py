"""The application as it is used: a real window, real mouse and keyboard input."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

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


def runs(desk: AppDriver) -> Counter[str]:
    """How often each stage has run."""
    return Counter(desk.commands.stage_runs)


# The picture follows


def test_a_long_drag_shows_previews_and_ends_with_the_full_picture(desk: AppDriver) -> None:
    before, count = runs(desk), len(desk.results)
    x, y = desk.at("Viewport")
    moves: list[object] = ["mousemove", x, y, "mousedown", 1]
    for k in range(200):
        moves += ["mousemove", x + k // 2, y + k // 4, "sleep", 0.004]
    desk.during(*moves)
    moment = desk.commands.state.t  # others are rendered ahead, for the clip
    shown = [r for r in desk.results[count:] if r.request.shots[0].t == moment]
    assert len(shown) > 10, "previews keep coming"
    assert all(result.request.preview is not None for result in shown)
    assert len({result.request.shots[0].camera for result in shown}) > 10
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
