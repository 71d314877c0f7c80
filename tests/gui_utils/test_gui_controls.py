"""Controls under real mouse and keyboard input."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls.numbers import parse_number
from tests.gui_utils.conftest import Driver


def keep(state: SimpleNamespace, result: tuple[bool, object]) -> None:
    """Store a control's value, and count its changes."""
    changed, state.value = result
    state.changes += changed


def test_slider_follows_the_mouse(driver: Driver) -> None:
    state = SimpleNamespace(value=0.2, changes=0)
    driver.content = lambda: keep(
        state, controls.slider("Yaw", state.value, 0, 1, default=0.5, tooltip="Turn.", unit="rad")
    )
    driver.frames()
    driver.click("Yaw", x=0.75)
    assert state.value == pytest.approx(0.75, abs=0.02)
    left, _, right, _ = controls.rects["Yaw"]
    driver.drag("Yaw", (round((right - left) * 0.25), 0), x=0.25)
    assert state.value == pytest.approx(0.5, abs=0.02)
    driver.drag("Yaw", (-800, 0), x=0.25)
    assert state.value == 0
    driver.click("Yaw", button=3)
    assert state.value == 0.5


def test_slider_takes_typed_numbers_and_clamps_them(driver: Driver) -> None:
    state = SimpleNamespace(value=0.2, changes=0)
    driver.content = lambda: keep(state, controls.slider("Yaw", state.value, 0, 1, default=0.5))
    driver.frames()
    driver.double_click("Yaw", x=0.9)
    assert state.value == 0.2
    driver.type("0.625 rad")
    assert state.value == 0.625
    driver.double_click("Yaw")
    driver.type("7")
    assert state.value == 1
    driver.double_click("Yaw", x=0.1)
    driver.type("nonsense")
    assert state.value == 1
    driver.double_click("Yaw", x=0.1)
    driver.xdo("type", "0.3")
    driver.xdo("key", "Escape")
    assert state.value == 1
    driver.move("Yaw", x=0.1)
    driver.xdo("keydown", "ctrl", "click", 1, "keyup", "ctrl")
    driver.type("0,25")
    assert state.value == 0.25


def test_log_slider_and_whole_slider(driver: Driver) -> None:
    state = SimpleNamespace(rate=0.01, steps=10)

    def draw() -> None:
        _, state.rate = controls.slider("Rate", state.rate, 1e-4, 1, log=True, fmt="%.4f")
        _, state.steps = controls.slider("Steps", state.steps, 0, 100, default=48, whole=True)

    driver.content = draw
    driver.frames()
    driver.click("Rate", x=0.75)
    assert state.rate == pytest.approx(0.1, rel=0.1)
    driver.click("Steps", x=0.3)
    assert isinstance(state.steps, int)
    assert abs(state.steps - 30) <= 1
    driver.click("Steps", button=3)
    assert state.steps == 48


def test_seed_steps_drags_and_types(driver: Driver) -> None:
    state = SimpleNamespace(value=5, changes=0)
    driver.content = lambda: keep(
        state, controls.drag_int("Seed", state.value, 0, 2**31 - 1, default=0, tooltip="Face.")
    )
    driver.frames()
    driver.click("Seed/+")
    driver.click("Seed/+")
    driver.click("Seed/-")
    assert state.value == 6
    driver.drag("Seed", (50, 0))
    assert state.value == 16
    driver.double_click("Seed")
    driver.type("123456789")
    assert state.value == 123456789
    driver.click("Seed", button=3)
    assert state.value == 0
    driver.click("Seed/-")
    assert state.value == 0


def test_vector_component_drags_types_and_resets(driver: Driver) -> None:
    state = SimpleNamespace(value=(0.0, 0.0, 0.0), changes=0)
    driver.content = lambda: keep(
        state, controls.vector("At", state.value, speed=0.1, lo=-1, hi=1, default=(0.5, 0.6, 0.7))
    )
    driver.frames()
    driver.drag("At/y", (20, 0))
    assert state.value == pytest.approx((0, 0.4, 0))
    driver.double_click("At/z")
    driver.type("-3")
    assert state.value == pytest.approx((0, 0.4, -1))
    driver.click("At/x", button=3)
    assert state.value == pytest.approx((0.5, 0.4, -1))
    left, top, *_ = controls.rects["At/x"]
    driver.xdo("mousemove", round(left) - 60, round(top) + 8, "click", 3)
    assert state.value == pytest.approx((0.5, 0.6, 0.7))


def test_choices(driver: Driver) -> None:
    state = SimpleNamespace(filter=1, on=False, mode="b", name="", clicks=0)

    def draw() -> None:
        with controls.section("Look") as is_open:
            if is_open:
                _, state.filter = controls.combo(
                    "Filter", state.filter, {1: "one", 2: "two"}, default=1, tooltip="Pick."
                )
                _, state.on = controls.toggle("On", state.on, default=False, tooltip="Switch.")
                _, state.mode = controls.segmented("Mode", state.mode, ["a", "b", "c"])
                _, state.name = controls.text_input("Name", state.name)
                state.clicks += controls.button("Go", icon="+")
                controls.button("Off", enabled=False)

    driver.content = draw
    driver.frames()
    driver.click("Look/Filter")
    driver.click("Look/Filter/two")
    assert state.filter == 2
    driver.click("Look/Filter", button=3)
    assert state.filter == 1
    driver.click("Look/On")
    assert state.on is True
    driver.click("Look/Mode/c")
    assert state.mode == "c"
    driver.click("Look/Name")
    driver.type("portrait")
    assert state.name == "portrait"
    driver.click("Look/Go")
    assert state.clicks == 1
    driver.click("Look")
    assert "Look/Go" not in controls.rects
    assert controls.open_sections == {"Look": False}


def test_pad_drag_of_one_cell_changes_the_value_by_one(driver: Driver) -> None:
    state = SimpleNamespace(value=(3.0, 4.0), changes=0)
    driver.content = lambda: keep(
        state, controls.pad("Seeds", state.value, default=(0.0, 0.0), tooltip="Blend.")
    )
    driver.frames()
    driver.drag("Seeds", (-60, 30))
    assert state.value == pytest.approx((4.0, 3.5), abs=0.02)
    driver.xdo("click", 4)
    assert state.value == pytest.approx((4.0, 3.5), abs=0.02)
    driver.click("Seeds", button=3)
    assert state.value == (0.0, 0.0)


def test_points_of_a_curve_are_pulled(driver: Driver) -> None:
    state = SimpleNamespace(value=(1.0,) * 5, changes=0)
    driver.content = lambda: keep(
        state, controls.curve("##Layers", state.value, -1, 2, default=1.0, tooltip="Truncation.")
    )
    driver.frames()
    driver.drag("Layers", (0, 100))
    assert state.value == (1.0, 1.0, -1.0, 1.0, 1.0), "it stops at the edge"
    driver.click("Layers", x=0.99, y=0.02)
    assert state.value[2:] == (-1.0, 1.0, 2.0)
    driver.click("Layers", button=3)
    assert state.value == (1.0, 1.0, 1.0, 1.0, 2.0), "the point under the mouse is reset"


def test_tooltip_appears_when_the_pointer_rests(driver: Driver) -> None:
    driver.content = lambda: controls.toggle("On", True, default=True, tooltip="A long story.")
    driver.frames()
    before = driver.window.read_pixels()
    driver.move("On")
    driver.until(
        lambda: np.abs(driver.window.read_pixels()[60:120].astype(int) - before[60:120]).max() > 60
    )


def test_key_value_copies_on_click(driver: Driver) -> None:
    driver.content = lambda: controls.key_value([("Parameters", 31245678)])
    driver.frames()
    driver.click("Parameters")
    driver.frames(1)
    assert imgui.get_clipboard_text() == "31245678"


def test_displays_draw_and_progress_cancels(driver: Driver) -> None:
    state = SimpleNamespace(cancelled=False)

    def draw() -> None:
        controls.plot("Time", [1, 2, float("nan"), 5])
        controls.plot("Nothing", [])
        controls.colorbar(np.zeros((256, 3), np.uint8), 0, 1, size=(100, 8))
        controls.hint("A hint.")
        controls.progress("Endless", None, cancel=False)
        state.cancelled |= controls.progress("Work", 0.4, detail="4 of 10")

    driver.content = draw
    driver.frames()
    with pytest.raises(ValueError, match="256, 3"):
        controls.colorbar(np.zeros((4, 3), np.uint8), 0, 1)
    driver.click("Work/Cancel")
    assert state.cancelled


def test_toasts_go_or_stay_until_dismissed(driver: Driver) -> None:
    toasts = controls.Toasts()
    driver.overlay = toasts.draw
    toasts.add("info", "Done.", timeout=0.05)
    toasts.add("error", "The file is damaged.", "line 1\nline 2")
    toasts.add("error", "The file is damaged.", "line 1\nline 2")
    assert len(toasts) == 2
    assert toasts.animating
    driver.until(lambda: len(toasts) == 1)
    driver.until(lambda: not toasts.animating)
    driver.frames()
    driver.click("Toasts/The file is damaged./Details")
    driver.click("Toasts/The file is damaged./Copy")
    assert imgui.get_clipboard_text() == "The file is damaged.\nline 1\nline 2"
    driver.click("Toasts/The file is damaged./Dismiss")
    assert len(toasts) == 0


def test_key_help_closes_by_escape_cross_and_outside(driver: Driver) -> None:
    rows = [("View", "Ctrl+F", "Full screen"), ("View", "+", "Larger"), ("Help", "?", "Keys")]
    state = SimpleNamespace(open=True)

    def draw() -> None:
        if state.open:
            state.open = controls.key_help(rows)

    driver.overlay = draw
    for close in (
        lambda: driver.xdo("key", "Escape"),
        lambda: driver.click("Keys/Close"),
        lambda: driver.xdo("mousemove", 5, 500, "click", 1),
    ):
        state.open = True
        driver.frames()
        assert state.open
        close()
        assert not state.open


def test_confirm_answers(driver: Driver) -> None:
    state = SimpleNamespace(ask=True, answer=None, default=None)
    choices = ["Replace", "Keep both", "Cancel"]

    def draw() -> None:
        if state.ask:
            state.answer = controls.confirm(
                "Replace?", "It is there.", choices, default=state.default
            )
            state.ask = state.answer is None

    driver.overlay = draw
    for act, default, expected in (
        (lambda: driver.click("Replace?/Cancel"), None, "Cancel"),
        (lambda: driver.click("Replace?/Replace"), None, "Replace"),
        (lambda: driver.xdo("key", "Escape"), "Replace", "Cancel"),
        (lambda: driver.xdo("key", "Return"), None, "Cancel"),
        (lambda: driver.xdo("key", "KP_Enter"), "Keep both", "Keep both"),
        (lambda: driver.xdo("key", "space"), "Keep both", "Keep both"),
        (lambda: driver.xdo("key", "Tab", "key", "Return"), None, "Keep both"),
        (lambda: driver.xdo("key", "Tab", "key", "Tab", "key", "Return"), None, "Replace"),
        (lambda: driver.xdo("mousemove", 210, 235, "click", 1, "key", "Return"), None, "Cancel"),
    ):
        state.default = default
        state.ask = True
        driver.frames()
        act()
        assert state.answer == expected
    for key in ("Right", "Left", "Up", "Down", "Home", "End", "Prior", "Next"):
        for held in ("", "ctrl+", "shift+", "alt+"):
            state.ask, state.default = True, "Keep both"
            driver.frames()
            driver.xdo("key", held + key, "key", "Return")
            assert state.answer == "Keep both", held + key
    with pytest.raises(ValueError, match="not one of the choices"):
        controls.confirm("Replace?", "It is there.", choices, default="Delete")


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.5", 1.5), (" 1,5 m", 1.5), ("-2e3", -2000), ("45°", 45), ("", None), ("nan", None)],
)
def test_parse_number(text: str, number: float | None) -> None:
    assert parse_number(text) == number
