"""Gestures over a viewport."""

from __future__ import annotations

import numpy as np
import pytest

from gui_utils import controls
from gui_utils.controls.view_gestures import Gesture, axis_gizmo, viewport_input
from tests.gui_utils.conftest import Driver


def collect(driver: Driver) -> list[Gesture]:
    """Gestures of each frame over a viewport of 400 x 300, with a gizmo in it."""
    gestures: list[Gesture] = []

    def draw() -> None:
        gestures.append(viewport_input("view", (400, 300)))
        axis_gizmo((60, 240), 30, np.eye(3))

    driver.content = draw
    driver.frames()
    gestures.clear()
    return gestures


def total(gestures: list[Gesture], name: str) -> np.ndarray:
    """Sum of one field over frames."""
    return np.sum([getattr(gesture, name) for gesture in gestures], axis=0)


def test_drags_orbit_and_pan(driver: Driver) -> None:
    gestures = collect(driver)
    driver.drag("view", (60, -30))
    assert total(gestures, "orbit") == pytest.approx([0.2, -0.1], abs=0.01)
    assert total(gestures, "pan").tolist() == [0, 0]
    assert any(gesture.active for gesture in gestures)
    assert not gestures[-1].active
    for button in (2, 3):
        gestures.clear()
        driver.drag("view", (-30, 60), button=button)
        assert total(gestures, "pan") == pytest.approx([-0.1, 0.2], abs=0.01)
        assert total(gestures, "orbit").tolist() == [0, 0]
    gestures.clear()
    driver.xdo("keydown", "shift")
    driver.drag("view", (30, 30))
    driver.xdo("keyup", "shift")
    assert total(gestures, "pan") == pytest.approx([0.1, 0.1], abs=0.01)


def test_a_finger_presses_where_it_appears(driver: Driver) -> None:
    """A touch screen moves the pointer and presses at once."""
    gestures = collect(driver)
    left, top = driver.at("view", 0.25, 0.5)
    for _ in range(3):
        driver.rest()
        driver.xdo("mousemove", left, top + 250)
        gestures.clear()
        driver.xdo("mousemove", left, top, "mousedown", 1)
        assert gestures[-1].active
        driver.xdo("mousemove", left + 60, top)
        driver.xdo("mouseup", 1)
        assert total(gestures, "orbit") == pytest.approx([0.2, 0.0], abs=0.01)


def test_wheel_zooms_and_dollies(driver: Driver) -> None:
    gestures = collect(driver)
    driver.move("view")
    driver.xdo("click", 4, "click", 4)
    assert total(gestures, "zoom") == 2
    assert total(gestures, "dolly") == 0
    gestures.clear()
    driver.xdo("keydown", "ctrl", "click", 5, "keyup", "ctrl")
    assert total(gestures, "dolly") == -1
    assert total(gestures, "zoom") == 0


def test_double_click_resets_once(driver: Driver) -> None:
    gestures = collect(driver)
    driver.double_click("view")
    assert sum(gesture.reset for gesture in gestures) == 1


def test_a_pointer_over_it_hovers(driver: Driver) -> None:
    gestures = collect(driver)
    driver.move("view", 0.25, 0.75)
    assert gestures[-1].hovered
    assert set(controls.rects) == {"view"}
