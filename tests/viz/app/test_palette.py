"""The command palette, used by keyboard alone."""

from __future__ import annotations

import pytest

from gui_utils import controls
from gui_utils.controls import keyboard
from gui_utils.controls.floating.search import Choice, best_matches
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from viz.app import shortcuts
from viz.app.panels import PANELS

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)
PREFIX = "Find a command or a setting"


def choose(desk: AppDriver, words: str) -> None:
    """Open the palette, type and take the first entry."""
    desk.key("ctrl+k")
    desk.until(lambda: f"{PREFIX}/Query" in controls.rects)
    desk.type(words)


def test_a_command_is_done(desk: AppDriver) -> None:
    seed = desk.commands.state.latent.seed
    choose(desk, "randpers")
    assert desk.commands.state.latent.seed != seed
    assert not desk.app.dialogs.is_open


def test_a_switch_is_pressed_in_its_closed_panel(desk: AppDriver) -> None:
    assert not controls.open_sections["Settings"]
    choose(desk, "reopen last")
    desk.frames(6)
    assert controls.open_sections["Settings"]
    assert desk.commands.interface.reopen_last


def test_a_slider_gets_the_keyboard(desk: AppDriver) -> None:
    choose(desk, "truncation")
    desk.frames(6)
    before = desk.commands.state.latent.psi
    desk.key("Right")
    assert desk.commands.state.latent.psi > before
    _, top, _, bottom = controls.rects["Appearance/Truncation ψ"]
    assert bottom < desk.window.framebuffer_size[1]
    assert top > 0


@pytest.mark.parametrize("title", [PANELS[0].title, PANELS[-1].title])
def test_panels_are_reached_while_the_sidebar_is_hidden(desk: AppDriver, title: str) -> None:
    desk.commands.interface.panels_visible = False
    choose(desk, f"{title} panel")
    desk.frames(6)
    assert controls.open_sections[title]
    assert desk.commands.interface.panels_visible
    assert keyboard.focus_ring()
    desk.key("space")
    assert not controls.open_sections[title], "the ring is on the panel's header"


def test_all_keys_and_settings_are_listed(desk: AppDriver) -> None:
    desk.key("ctrl+k")
    listed = desk.app.dialogs.palette.listed
    names = {choice.name for choice in listed}
    assert {key.meaning for key in shortcuts.KEYS if key.listed} - names == {
        "Find a command or a setting"
    }
    about = {(choice.group, choice.name): choice.about for choice in listed}
    assert about["Appearance", "Random"].startswith("Shows a person"), "the command's own words"
    assert about["Appearance", "Random"].endswith("Key R."), "and its key"
    assert [name for (_, name), words in about.items() if not words] == []
    for name in ("Yaw", "Field of view", "Raw pixels", "Theme: Light", "Speed", "Frame rate"):
        assert name in names
    for words, name in (
        ("fov", "Field of view"),
        ("psi", "Truncation ψ"),
        ("turntable", "Auto-orbit"),
    ):
        assert best_matches(words, listed)[0].name == name
    desk.key("Escape")
    assert not desk.app.dialogs.is_open
    assert not any(name.startswith("##") for name in controls.rects)
    desk.key("space")
    desk.frames(2)
    assert desk.commands.interface.playing, "the keys act as before the palette was opened"


def test_the_arrow_keys_select(desk: AppDriver) -> None:
    desk.key("ctrl+k")
    desk.until(lambda: f"{PREFIX}/Query" in controls.rects)
    desk.key("Down", "Down", "Up", "Up", "Up", "Down", "Return")
    desk.frames(4)
    assert desk.commands.interface.playing, "around the end and back: the first entry plays"


def test_what_fits_best_comes_first() -> None:
    names = ("Save the picture", "Picture", "Pitch", "Depth", "Next layout")
    choices = [Choice(name) for name in names]

    def found(query: str) -> list[str]:
        return [choice.name for choice in best_matches(query, choices)]

    assert found("") == list(names)
    assert found("pic")[:2] == ["Picture", "Save the picture"]
    assert found("pictures") == ["Picture", "Save the picture"]
    assert found("ptc") == ["Pitch"], "scattered letters count where nothing else fits"
    assert found("p") == ["Pitch", "Picture", "Save the picture"], "and only there"
    assert found("stp") == ["Save the picture"]
    assert found("layout next") == ["Next layout"]
    assert found("xyz") == []
    assert not best_matches("a" * 30 + "b", [Choice("a " * 60)]), "at once, whatever the name"
    assert [c.name for c in best_matches("far", [Choice("Radius", about="How far it is.")])] == [
        "Radius"
    ]
