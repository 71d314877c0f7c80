"""What must not disturb a show: the mouse, dropped files, notices, results of jobs; and a list of
many cues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import glfw
import numpy as np
import pytest

from gui_utils import controls
from gui_utils.controls import keyboard
from tests.gui_utils import conftest as gui
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from tests.viz.app.test_stage import arrive, begin, index, with_cues
from viz.state import session
from viz.state.person import Latent
from viz.state.types import Cue, SessionState

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)
layout = gui.layout


@pytest.fixture
def show(desk: AppDriver) -> AppDriver:
    """An application with three cues, each of another person, and an audience's window."""
    return with_cues(desk)


def try_everything(show: AppDriver) -> None:
    """What a hand on the mouse may do by mistake."""
    show.drag("Viewport", (60, 20))
    show.drag("Viewport", (30, 30), button=3)
    show.xdo("mousemove", *show.at("Viewport"), "click", 4, "click", 5)
    show.double_click("Viewport")
    show.drag("Timeline/Track", (40, 0))
    show.click("Timeline/Play")
    show.drag("Camera/Yaw", (40, 0))
    show.click("Bar/Undo")
    show.frames(4)


def test_the_mouse_changes_nothing_without_ctrl(show: AppDriver) -> None:
    controls.open_sections.update({panel: panel == "Camera" for panel in controls.open_sections})
    show.commands.interface.panel_group = "View"
    show.resize(1000, 760)
    screen = begin(show)
    standing = show.commands.current_show
    assert standing is not None
    before, state = screen.read_pixels(), show.commands.state.snapshot()
    try_everything(show)
    assert show.commands.state == state
    assert not show.commands.interface.playing
    assert np.array_equal(screen.read_pixels(), before)
    assert "Ctrl" in standing.message

    show.xdo("keydown", "ctrl")
    show.drag("Viewport", (60, 20))
    turned = show.commands.state.orbit
    assert turned != state.orbit
    show.drag("Camera/Yaw", (40, 0))
    assert show.commands.state.orbit != turned
    show.xdo("keyup", "ctrl")
    show.settle()
    show.frames(2)
    shown = screen.read_pixels()
    assert np.array_equal(shown, show.picture())

    show.key("z")
    show.drag("Viewport", (-60, 0))
    show.settle()
    show.frames(2)
    assert np.array_equal(screen.read_pixels(), shown)
    show.key("z")
    show.frames(2)
    assert np.array_equal(screen.read_pixels(), show.picture())


def test_a_drag_does_not_spoil_the_next_cue(show: AppDriver) -> None:
    screen = begin(show)
    x, y = show.at("Viewport")
    show.xdo("keydown", "ctrl", "mousemove", x, y)
    show.xdo("mousedown", 1, "mousemove", x - 30, y + 20)
    assert show.commands.state.orbit != show.commands.state.cues[0].orbit
    show.commands.next_cue()
    for step in range(6):
        show.xdo("mousemove", x - 40 - 10 * step, y + 10 * step)
    arrive(show)
    assert show.commands.state.orbit == show.commands.state.cues[1].orbit
    assert np.array_equal(screen.read_pixels(), show.picture())
    show.xdo("mouseup", 1, "keyup", "ctrl")
    assert show.commands.state.orbit == show.commands.state.cues[1].orbit


def test_nothing_comes_in_or_pops_up(show: AppDriver, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    session.save_session(other, SessionState(latent=Latent.at(50)))
    screen = begin(show)
    standing = show.commands.current_show
    assert standing is not None
    before, state = screen.read_pixels(), show.commands.state.snapshot()
    show.drop(other)
    show.run_jobs()
    assert standing.message.startswith("other.json was not opened")
    done: list[str] = []
    show.commands.when_free(lambda: done.append("a person is ready"))
    show.commands.notify("error", "The disk is full.")
    show.frames(4)
    assert standing.message == "The disk is full."
    assert not [name for name in controls.rects if name.startswith("Toasts")]
    assert show.commands.state == state
    assert np.array_equal(screen.read_pixels(), before)
    assert not done
    show.key("Escape", "Escape")
    show.frames(3)
    assert done
    assert [name for name in controls.rects if name.startswith("Toasts")], "errors are kept"
    show.drop(other)
    show.run_jobs()
    assert show.commands.state.latent == Latent.at(50)


def test_keys_with_ctrl_and_undo_leave_the_show_alone(show: AppDriver) -> None:
    screen, commands = begin(show), show.commands
    standing = commands.current_show
    assert standing is not None
    show.resize(400, 300)
    cues = commands.state.cues
    assert [cue.name for cue in cues] == ["Cue 1", "Cue 2", "Cue 3"]
    for window in (show.window.handle, screen.handle):
        show.xdo("windowfocus", "--sync", glfw.get_x11_window(window))
        show.xdo("key", "--delay", 0, "ctrl+b", "ctrl+w")  # more quickly than a frame
        assert not standing.blank
    show.xdo("windowfocus", "--sync", glfw.get_x11_window(show.window.handle))
    while commands.history.can_undo:
        show.xdo("key", "--delay", 0, "ctrl+z")
        assert not standing.frozen
        assert commands.state.cues == cues
    assert commands.current_show is standing
    assert "list of cues" in standing.message
    show.key("ctrl+y")
    assert commands.state.cues == cues

    show.key("9", "Return")
    assert standing.message == "There is no cue 9."
    show.key("b")
    assert standing.blank and not standing.message
    show.key("Next")
    assert index(show) == 1 and not standing.blank

    show.commands.move_cue(0, 2)
    assert commands.state.cues == (cues[1], cues[2], cues[0])
    assert commands.cue_index == index(show) == 0, "both stay on the cue that is shown"
    commands.update_cue()
    assert [cue.latent for cue in commands.state.cues[1:]] == [cues[2].latent, cues[0].latent]
    commands.move_cue(0, 1)
    assert commands.cue_index == index(show) == 1
    commands.cue_index = 2
    commands.delete_cue()
    commands.add_cue()
    assert sorted(cue.name for cue in commands.state.cues) == ["Cue 1", "Cue 2", "Cue 3"]


def test_a_path_that_a_cue_plays_is_no_loss(show: AppDriver) -> None:
    commands = show.commands
    commands.add_keyframe()
    commands.state.orbit = replace(commands.state.orbit, yaw=5.0)
    commands.add_keyframe()
    commands.state.cues = tuple(
        replace(cue, plays="path", transition="glide", seconds=0.1) for cue in commands.state.cues
    )
    show.key("F5")
    show.until(lambda: commands.interface.path_playing)
    standing = commands.current_show
    assert standing is not None
    for _ in range(2):
        show.key("Next")
        show.until(lambda: commands.interface.path_playing)
        show.frames(3)
        assert not standing.message
    show.key("Escape", "Escape")
    show.frames(3)
    assert not [name for name in controls.rects if name.endswith("/Bring it back")]


def test_the_clicker_acts_whatever_has_the_keyboard(show: AppDriver) -> None:
    controls.open_sections.update({panel: panel == "Show" for panel in controls.open_sections})
    show.commands.interface.panel_group = "Output"
    show.resize(1000, 900)
    show.key("Tab")
    assert keyboard.focus_ring()
    screen = begin(show)
    show.key("Next")
    assert index(show) == 1
    show.click("Show/Note")
    show.xdo("type", "Ada")
    show.key("Next")
    assert index(show) == 2
    show.xdo("type", "ss")
    assert [cue.note for cue in show.commands.state.cues] == ["", "Ada", ""]

    show.xdo("windowfocus", glfw.get_x11_window(screen.handle))
    show.key("2", "Return")
    assert index(show) == 1
    show.during("mousemove", 5, 5, "keydown", "Escape", "sleep", "0.9", "keyup", "Escape")
    assert show.commands.current_show is not None, "it was pressed once"
    show.key("Home")
    arrive(show)
    assert index(show) == 0


def test_keys_do_what_their_labels_say(show: AppDriver, layout: Callable[[str], None]) -> None:
    screen = begin(show)
    standing = show.commands.current_show
    assert standing is not None
    show.resize(400, 300)  # smaller frames are drawn sooner
    b, comma, period, slash, w, y, z = 56, 59, 60, 61, 25, 29, 52  # after the American labels
    labels = {
        "fr": [(z, "white"), (period, "black"), (w, "black freezes"), (58, "white freezes")],
        "de": [(y, "freezes"), (z, "freezes"), (w, "white freezes")],
        "ru": [(b, "black"), (slash, "")],  # their letters are none of these: by where they lie
    }
    for window in (show.window.handle, screen.handle):
        show.xdo("windowfocus", "--sync", glfw.get_x11_window(window))
        for name, steps in labels.items():
            layout(name)
            show.frames(5)
            standing.blank, standing.frozen = "", False
            for code, expected in steps:
                show.xdo("key", code)
                seen = f"{standing.blank}{' freezes' if standing.frozen else ''}".strip()
                assert seen == expected, (name, code)
            if name == "fr":
                show.xdo("keydown", "shift", "key", comma, "keyup", "shift")
                assert standing.blank == "black", "Shift and the semicolon type a period"
                show.xdo("key", 11, "key", "Return")  # the digits lie above é and à
                assert index(show) == 1
        show.key("Home")


def test_a_failing_window_asks_nothing_during_a_show(show: AppDriver) -> None:
    screen = begin(show)
    before, draw = screen.read_pixels(), show.app.screen.draw

    def fail() -> None:
        raise ValueError("no such thing")

    show.app.screen.draw = fail
    show.frames(3)
    show.app.screen.draw = draw
    show.frames(3)
    standing = show.commands.current_show
    assert standing is not None
    assert standing.message == "The interface failed."
    assert np.array_equal(screen.read_pixels(), before)
    show.key("Next")
    arrive(show)
    assert index(show) == 1


def test_a_list_of_many_cues(desk: AppDriver) -> None:
    cues = tuple(Cue(name=f"Cue {k}", latent=Latent.at(k), transition="cut") for k in range(60))
    gone = replace(cues[1], checkpoint="/nowhere/gone.safetensors")
    desk.commands.state.cues = (cues[0], gone, *cues[2:])
    controls.open_sections.update({panel: panel == "Show" for panel in controls.open_sections})
    desk.commands.interface.panel_group = "Output"
    desk.resize(1000, 900)
    desk.commands.interface.audience = "window"

    def is_seen(number: int) -> bool:
        low, high = controls.rects["Show/Cues"][1::2]
        top, bottom = controls.rects[f"Show/Cue {number}"][1::2]
        return low <= top and bottom <= high

    assert is_seen(1) and not is_seen(60)
    fields = controls.rects["Show/Name"]
    assert desk.commands.cue_problem(gone) == "gone.safetensors was not found"
    desk.key("F5")
    for number in (30, 60, 2):
        desk.commands.go_to_cue(number - 1)
        desk.frames(4)
        assert is_seen(number)
        assert controls.rects["Show/Name"] == fields
    desk.key("Escape", "Escape")

    left, top, right, _ = controls.rects["Show/Cues"]
    desk.xdo("mousemove", *desk.at("Show/Cue 1"), "mousedown", 1)
    desk.xdo("mousemove", round(left + right) // 2, int(top) + 60)
    bottom = int(controls.rects["Show/Cues"][3])
    desk.xdo("mousemove", round(left + right) // 2, bottom - 4)
    # The list scrolls with the row that is dragged.
    desk.until(lambda: desk.commands.state.cues[-1] == cues[0] and is_seen(60), 30.0)
    desk.xdo("mouseup", 1)
    desk.click("Show/Cue 60")
    desk.key("Tab")
    for place in (58, 57):
        desk.key("alt+Up")
        assert desk.commands.state.cues[place] == cues[0]
    desk.key("alt+Down")
    assert desk.commands.state.cues[58] == cues[0]
