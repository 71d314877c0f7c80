"""The keyboard, in a real window."""

from __future__ import annotations

from pathlib import Path

import pytest
from imgui_bundle import imgui

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from viz.app import application
from viz.state.types import LAYOUTS, VIEWS

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


def test_a_chord_let_go_within_one_slow_frame_counts(desk: AppDriver) -> None:
    for action, key in (("keydown", "ctrl"), ("keydown", "1"), ("keyup", "ctrl"), ("keyup", "1")):
        desk.xdo(action, key)
    desk.frames(6)
    assert desk.commands.bookmarks() == [1]


def test_views_and_layouts_go_round_by_a_key_each(desk: AppDriver) -> None:
    def shown() -> tuple[str, str]:
        display = desk.commands.state.display
        return display.view, display.layout

    layouts = [name for name in LAYOUTS if name != "models"]  # that needs a second model
    for key, index, choices in (("v", 0, [*VIEWS]), ("l", 1, layouts)):
        for choice in (*choices[1:], choices[0]):
            desk.key(key)
            assert shown()[index] == choice
        desk.key(f"shift+{key}")
        assert shown()[index] == choices[-1]
        desk.key(key)
    desk.key("l", "v")
    assert shown() == ("image", "grid"), "four views have their own"
    desk.see_toast("chosen one by one in the View panel")


def test_the_panels_hide_alone(start: Start, model: Path) -> None:
    desk = start(model, size=(1280, 720))
    desk.settle()
    desk.commands.interface.ui_scale = 2.0
    desk.frames(3)
    for hide in (lambda: desk.key("shift+h"), lambda: desk.click("Bar/Panels")):
        left = controls.rects["Viewport"][2]
        hide()
        assert controls.rects["Viewport"][2] == 1280 > left
        assert {"Timeline/Play", "Bar/Open"} <= set(controls.rects)
        desk.click("Bar/Panels")
        assert controls.rects["Viewport"][2] == left
    desk.key("shift+h", "h", "Escape")
    assert controls.rects["Viewport"][2] == 1280, "Escape brings back what H hid"
    assert not start(model).commands.interface.panels_visible, "remembered"


def test_notices_are_answered_by_keyboard(desk: AppDriver) -> None:
    pressed: list[str] = []
    buttons = [(caption, lambda c=caption: pressed.append(c)) for caption in ("First", "Second")]
    desk.commands.notify("error", "Something waits.", buttons=buttons)
    desk.frames(4)
    desk.key("n", "Return")
    assert pressed == ["First"]
    desk.key("Tab", "space")
    assert pressed == ["First", "Second"]
    desk.key("Escape")
    yaw = desk.commands.state.t
    desk.key("Right")
    assert desk.commands.state.t > yaw, "Escape gives the keyboard back"
    desk.key("n", "shift+Tab", "Return")
    desk.until(lambda: not desk.app.toasts)
    desk.key("n", "Right")
    assert pressed == ["First", "Second"]


def test_hide_and_escape(desk: AppDriver) -> None:
    assert "Timeline/Track" in controls.rects
    desk.key("h")
    assert "Timeline/Track" not in controls.rects
    left, top, right, bottom = controls.rects["Viewport"]
    assert (left, top, right, bottom) == (0, 0, 900, 600)
    desk.key("Escape")
    assert "Timeline/Track" in controls.rects
    desk.key("f")
    desk.until(lambda: desk.window.fullscreen)
    desk.key("Escape")
    desk.until(lambda: desk.window.framebuffer_size == (900, 600))
    assert not desk.window.fullscreen
    assert not desk.app.dialogs.is_open


def test_a_fullscreen_picture_hides_the_pointer_at_rest(
    desk: AppDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "_POINTER_SECONDS", 0.2)
    hidden = imgui.MouseCursor_.none
    desk.run_for(0.4)
    assert imgui.get_mouse_cursor() != hidden
    desk.key("f")
    desk.until(lambda: imgui.get_mouse_cursor() == hidden)
    monkeypatch.setattr(application, "_POINTER_SECONDS", 60.0)
    desk.xdo("mousemove", 300, 200)
    assert imgui.get_mouse_cursor() != hidden


def test_quitting_asks_where_something_would_be_lost(desk: AppDriver, tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("in the way of sessions that save themselves")
    desk.key("Escape", "Return", "Escape", "Return")
    assert not desk.app.dialogs.is_open, "Escape leaves nothing but what is open"
    assert not desk.commands.quitting
    desk.key("r")
    desk.key("ctrl+q")
    desk.until(lambda: "Quit the visualizer?/Stay" in controls.rects)
    seed = desk.commands.state.latent.x
    desk.key("r")
    assert desk.commands.state.latent.x == seed, "keys belong to the question"
    desk.click("Quit the visualizer?/Stay")
    assert not desk.commands.quitting
    assert not desk.app.dialogs.is_open
    for key in ("Escape", "Return"):
        desk.key("ctrl+q")
        desk.key(key)
        assert not desk.app.dialogs.is_open
        assert not desk.commands.quitting, f"{key} stays"
    desk.key("ctrl+q")
    desk.click("Quit the visualizer?/Quit")
    assert desk.commands.quitting


def test_what_is_saved_quits_without_a_question(desk: AppDriver, tmp_path: Path) -> None:
    desk.key("r")
    desk.key("ctrl+s")
    desk.choose(tmp_path / "mine.json")
    desk.see_toast("Saved mine.json")
    desk.key("ctrl+q")
    assert desk.commands.quitting


def test_the_question_wins_over_other_dialogs(desk: AppDriver, tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("in the way of sessions that save themselves")
    desk.key("r")
    desk.xdo("type", "?")
    assert desk.commands.help_open
    desk.window.close_requested = True
    desk.frames(6)
    desk.click("Quit the visualizer?/Stay")
    desk.frames(4)
    assert desk.commands.help_open
    desk.key("Escape")
    assert not desk.app.dialogs.is_open


def test_escape_closes_a_list_first(start: Start, model: Path) -> None:
    desk = start(model, panels=("Quality",))
    desk.settle()
    desk.click("Quality/Precision")
    assert imgui.is_popup_open("", imgui.PopupFlags_.any_popup)
    desk.key("Escape")
    assert not imgui.is_popup_open("", imgui.PopupFlags_.any_popup)
    assert not desk.app.dialogs.is_open
