"""The keyboard: the focus ring, typed numbers, and what is left to the application."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.controls.view_gestures import viewport_input
from tests.gui_utils.conftest import Driver

LETTERS = {"r": imgui.Key.r, "Space": imgui.Key.space, "Left": imgui.Key.left_arrow}
KEYS = {**LETTERS, "Escape": imgui.Key.escape, "Return": imgui.Key.enter}


class Panel:
    """One control of each kind, and an application that counts the keys left to it."""

    def __init__(self, driver: Driver) -> None:
        self.yaw, self.steps, self.seed, self.at = 0.5, 5, 7, (0.0, 0.0, 0.0)
        self.xy, self.on, self.mode, self.filter = (0.0, 0.0), False, "a", "one"
        self.name, self.clicks, self.digits = "", 0, []
        self.shortcuts: list[str] = []
        self.driver = driver
        driver.content = self.draw
        driver.frames()

    def draw(self) -> None:
        for name, key in KEYS.items():
            if imgui.is_key_pressed(key, False) and not controls.wants_keyboard(key):
                self.shortcuts.append(name)
        digit = controls.digit_pressed()
        if digit is not None and not controls.wants_keyboard():
            self.digits.append(digit)
        self.clicks += controls.button("Go")
        _, self.yaw = controls.slider("Yaw", self.yaw, 0, 1)
        self.steps = round(controls.slider("Steps", self.steps, 0, 100, whole=True)[1])
        _, self.seed = controls.drag_int("Seed", self.seed, 0, 100)
        _, self.at = controls.vector("At", self.at, speed=0.1)
        _, self.on = controls.toggle("On", self.on)
        _, self.mode = controls.segmented("Mode", self.mode, ["a", "b"])
        _, self.filter = controls.combo("Filter", self.filter, ["one", "two", "three"])
        _, self.xy = controls.pad("Seeds", self.xy)
        viewport_input("view", (300, 20))
        _, self.name = controls.text_input("Name", self.name)

    def press(self, *keys: str) -> None:
        """Press keys one after the other; "3*Tab" three times."""
        for key in keys:
            times, _, name = key.rpartition("*")
            for _ in range(int(times or 1)):
                self.driver.xdo("key", name)


@pytest.fixture
def panel(driver: Driver) -> Panel:
    return Panel(driver)


def test_tab_reaches_every_control_and_its_keys_act(panel: Panel) -> None:
    panel.press("Tab", "Return", "space")
    assert panel.clicks == 2
    panel.press("Tab", "Right", "Right", "Left", "Right")
    assert panel.yaw == pytest.approx(0.52)
    panel.press("Tab", "Right", "shift+Right", "alt+Right")
    assert panel.steps == 17
    panel.press("Tab", "Return")  # the minus button of the seed
    assert panel.seed == 6
    panel.press("Tab", "Left", "Tab", "Return", "Return")
    assert panel.seed == 7
    panel.press("2*Tab", "Right", "Tab")
    assert panel.at == pytest.approx((0, 0.1, 0))
    panel.press("Tab", "space")
    assert panel.on
    panel.press("2*Tab", "space")
    assert panel.mode == "b"
    panel.press("Tab", "Return", "Down", "Down", "Return")
    assert panel.filter == "three"
    panel.press("Tab", "Right", "Down", "Down")
    assert panel.xy == pytest.approx((0.1, 0.2))
    panel.press("Tab")  # past the view, which is for the mouse
    panel.driver.xdo("type", "rr 1")
    assert panel.name == "rr 1"
    panel.press("Escape", "Escape")
    assert (panel.shortcuts, panel.digits) == ([], [])


def test_backwards_and_into_a_number_by_return(panel: Panel) -> None:
    panel.press("3*Tab", "shift+Tab", "Return")
    panel.driver.xdo("type", "0.75")
    panel.press("Return")
    assert panel.yaw == 0.75
    panel.press("Right")
    assert panel.yaw == pytest.approx(0.76)
    assert panel.shortcuts == []


def test_without_the_ring_all_keys_are_the_applications(panel: Panel) -> None:
    panel.press("r", "space", "Left", "Return", "Escape", "Down", "3")
    assert panel.shortcuts == ["r", "Space", "Left", "Return", "Escape"]
    assert panel.digits == [3]
    panel.shortcuts.clear()
    panel.press("2*Tab", "r", "space", "Escape", "Escape")
    panel.press("Escape")
    assert panel.shortcuts[0] == "r"
    assert "Space" not in panel.shortcuts
    assert panel.shortcuts[-1] == "Escape"
    panel.shortcuts.clear()
    panel.press("Tab", "Left")
    assert panel.shortcuts == []
    panel.driver.click("view")
    panel.press("space", "Left")
    assert panel.shortcuts == ["Space", "Left"]


def test_the_ring_is_seen(panel: Panel) -> None:
    accent = np.array(style.rgba(style.palette().accent)[:3]) * 255

    def marked() -> bool:
        left, top, _, bottom = (round(x) for x in controls.rects["Yaw"])
        pixels = panel.driver.window.read_pixels().astype(int)
        edge = pixels[(top + bottom) // 2, left - 6 : left + 2]
        return bool((np.abs(edge - accent).max(-1) < 60).any())

    assert not marked()
    panel.press("2*Tab")
    assert marked()
    panel.press("Escape")
    assert not marked()


def test_digits_right_after_a_double_click_are_typed(panel: Panel) -> None:
    for key, name in (("Steps", "steps"), ("Seed", "seed")):
        x, y = panel.driver.at(key)
        panel.driver.rest()
        words = ["mousemove", x, y, "click", 1, "click", 1]
        panel.driver.xdo(*words, "key", "3", "key", "8", "key", "Return")
        assert getattr(panel, name) == 38
    panel.driver.rest()
    panel.driver.xdo("mousemove", *panel.driver.at("Yaw"), "keydown", "ctrl", "click", 1)
    panel.driver.xdo("keyup", "ctrl", "key", "1", "key", "Return")
    assert panel.yaw == 1
    assert (panel.shortcuts, panel.digits) == ([], [])


def test_a_tremor_while_the_button_is_down_keeps_the_selection(panel: Panel) -> None:
    x, y = panel.driver.at("Steps")
    panel.driver.rest()
    panel.driver.xdo("mousemove", x, y, "click", 1, "mousedown", 1)
    panel.driver.xdo("mousemove", x + 2, y, "mouseup", 1, "key", "4", "key", "2", "key", "Return")
    assert panel.steps == 42


def test_keys_of_an_open_list_and_of_a_text_are_no_shortcuts(panel: Panel) -> None:
    panel.driver.click("Filter")
    panel.press("r", "3", "Escape")
    assert (panel.shortcuts, panel.digits) == ([], [])
    panel.driver.click("Name")
    panel.press("r", "3", "Escape")
    assert (panel.shortcuts, panel.digits) == ([], [])
    panel.press("r", "3", "Escape")
    assert (panel.shortcuts, panel.digits) == (["r", "Escape"], [3])


@pytest.mark.parametrize("name", ["fr", "us", "de"])
def test_digit_row_of_other_keyboards(
    panel: Panel, layout: Callable[[str], None], name: str
) -> None:
    layout(name)
    panel.driver.frames(5)
    codes = range(10, 19)  # of the digit row, on every keyboard
    for code in codes:
        panel.driver.xdo("key", code)
    assert panel.digits == list(range(1, 10))
    panel.digits.clear()
    for code in codes:
        panel.driver.xdo("keydown", "ctrl", "key", code, "keyup", "ctrl")
    assert panel.digits == list(range(1, 10))


def test_tab_goes_through_regions_that_are_flattened(driver: Driver) -> None:
    values = {"A": False, "B": False}

    def draw() -> None:
        for name in values:
            imgui.begin_child(name, (200, 100), imgui.ChildFlags_.nav_flattened)
            _, values[name] = controls.toggle(name, values[name])
            imgui.end_child()

    driver.content = draw
    driver.frames()
    driver.xdo("key", "Tab", "key", "space")
    assert values == {"A": True, "B": False}
    driver.xdo("key", "Tab", "key", "space")
    assert values == {"A": True, "B": True}
    # A click into one region does not shut the other out.
    driver.xdo("mousemove", 100, 90, "click", 1)
    driver.xdo("key", "Tab", "key", "Tab", "key", "space")
    assert values["A"] != values["B"]
