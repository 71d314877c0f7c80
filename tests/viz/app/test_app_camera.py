"""The camera in the application: around the head, framing it, and the edge of the trained views."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from training.camera import FRONTAL
from viz.state import session
from viz.state.types import TRAINED_TURN, Orbit, SessionState

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)
STOPPED = "Edge of the trained views: drag again to go further"


def push(desk: AppDriver, dx: int, dy: int = 0, steps: int = 8) -> None:
    """Press in the middle of the picture and move; the button stays down."""
    desk.xdo("mousemove", *desk.at("Viewport"))
    desk.xdo("mousedown", 1)
    for _ in range(steps):
        desk.xdo("mousemove_relative", "--", dx // steps, dy // steps)


def test_it_begins_on_an_orbit_around_the_head(desk: AppDriver) -> None:
    state, home = desk.commands.state, Orbit.around(desk.model.head)
    assert state.orbit == home
    assert np.array_equal(state.shot().camera.numbers(), FRONTAL.numbers())
    assert not desk.commands.history.can_undo
    state.orbit = replace(home, yaw=60.0, pivot=(0.1, 0.0, 0.0))
    desk.frames()
    desk.key("c")
    desk.until(lambda: not desk.commands.animator.gliding)
    assert desk.commands.state.orbit == home


def test_an_opened_session_keeps_its_pivot(start: Start, model: Path, tmp_path: Path) -> None:
    """Those of before have no lead: their cameras are the published ones."""
    old = SessionState(str(model), orbit=Orbit(yaw=30))
    text = session.to_json(old).replace('"lead": 0.2', '"later": 0.2')
    (tmp_path / "old.json").write_text(text)
    desk = start(state=session.from_json(text))
    desk.settle()
    assert desk.commands.state.orbit == Orbit(yaw=30)
    desk.key("c")
    desk.until(lambda: not desk.commands.animator.gliding)
    assert desk.commands.state.orbit == Orbit(), "of its own kind"
    desk.drop(tmp_path / "old.json")
    desk.until(lambda: desk.commands.state.orbit == Orbit(yaw=30))


def test_the_published_cameras_are_a_choice(start: Start, model: Path) -> None:
    desk = start(model, panels=("Camera",), size=(1000, 980))
    desk.settle()
    state, home = desk.commands.state, desk.commands.home
    state.orbit = replace(home, yaw=20.0, fov=9.0)
    desk.frames()
    desk.click("Camera/Circle/As published")
    desk.until(lambda: not desk.commands.animator.gliding)
    assert desk.commands.state.orbit == Orbit(yaw=20.0, fov=9.0)
    desk.click("Camera/Circle/The head")
    desk.until(lambda: not desk.commands.animator.gliding)
    assert desk.commands.state.orbit == replace(home, yaw=20.0, fov=9.0)
    desk.click("Camera/Copy")
    desk.key("c")
    desk.until(lambda: not desk.commands.animator.gliding)
    desk.click("Camera/Paste")
    desk.until(lambda: not desk.commands.animator.gliding)
    pasted = desk.commands.state.orbit
    assert pasted.lead == 0, "what is pasted is circled like what was there"
    assert pasted.pivot == pytest.approx(home.pivot, abs=1e-6)
    assert pasted.yaw == pytest.approx(20)


def test_a_key_and_a_button_frame_the_head(start: Start, model: Path) -> None:
    desk = start(model, panels=("Camera",), size=(1000, 980))
    desk.settle()
    head = desk.model.head
    lost = Orbit(yaw=70, pitch=-10, fov=40, pivot=(0.4, 0.3, 0.0))
    for act in (lambda: desk.key("shift+c"), lambda: desk.click("Camera/Frame the head")):
        desk.commands.state.orbit = lost
        desk.frames()
        act()
        desk.until(lambda: not desk.commands.animator.gliding)
        assert desk.commands.state.orbit == lost.framing(head)
        assert desk.commands.state.orbit.pivot == head.middle
        desk.key("ctrl+z")
        assert desk.commands.state.orbit == lost


@pytest.mark.parametrize(
    ("name", "way"), [("yaw", (-480, 0)), ("yaw", (480, 0)), ("pitch", (0, 240))]
)
def test_a_drag_stops_once_at_the_edge_of_the_trained_views(
    desk: AppDriver, name: str, way: tuple[int, int]
) -> None:
    limit = TRAINED_TURN[name == "pitch"]

    def angle() -> float:
        return abs(getattr(desk.commands.state.orbit, name))

    assert "Trained views" not in controls.rects
    push(desk, *way)
    assert angle() == limit
    assert "Trained views" in controls.rects
    assert STOPPED in controls.rects
    desk.xdo("mousemove_relative", "--", -way[0] // 8, -way[1] // 8)
    assert angle() < limit, "it follows the hand back at once"
    assert STOPPED not in controls.rects
    desk.xdo("mousemove_relative", "--", way[0] // 8, way[1] // 8)
    assert angle() == limit
    desk.xdo("mouseup", 1)
    desk.frames()
    assert "Trained views" not in controls.rects
    desk.rest()
    push(desk, way[0] // 4, way[1] // 4)
    assert angle() > limit + 5
    assert STOPPED not in controls.rects
    desk.xdo("mouseup", 1)
    desk.frames()
    assert "Trained views" in controls.rects, "the picture shows what was not trained"


def test_what_was_set_beyond_the_edge_may_be_dragged_freely(desk: AppDriver) -> None:
    desk.commands.state.orbit = replace(desk.commands.home, yaw=-90.0, pitch=5.0)
    desk.frames()
    push(desk, 64)
    assert desk.commands.state.orbit.yaw < -95
    desk.xdo("mouseup", 1)
    desk.rest()
    push(desk, -160)
    assert -90 < desk.commands.state.orbit.yaw < -TRAINED_TURN[0]
    desk.xdo("mouseup", 1)


def test_an_untrained_model_has_no_edge(start: Start) -> None:
    desk = start()
    desk.settle(60)
    push(desk, -480)
    assert desk.commands.state.orbit.yaw > TRAINED_TURN[0] + 5
    assert "Trained views" not in controls.rects
    desk.xdo("mouseup", 1)
