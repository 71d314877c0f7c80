"""Each part of the window that fails is closed with a sentence, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.files import file_dialogs
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from viz.app import panels, screen
from viz.app.panels import sidebar
from viz.app.panels.widgets import scrolled
from viz.app.stage import speaker

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


def fails(*_: object, **__: object) -> Any:
    raise RuntimeError("this part is broken")


def still_works(desk: AppDriver, another: str = "r") -> None:
    """Another person still gets a picture, and the notice lies on a live window."""
    seed = desk.commands.state.latent.x
    desk.key(another)
    assert desk.commands.state.latent.x != seed
    desk.settle()
    assert len(desk.app.toasts) <= 2, "it is told once, not in each frame"


def fails_in_a_list(*_: object) -> None:
    """As `fails`, inside of what has to be closed again."""
    with scrolled("List", 0.5):
        imgui.begin_table("rows", 2)
        fails()


@pytest.mark.parametrize("title", [panel.title for panel in panels.PANELS])
def test_a_panel(start: Start, model: Path, monkeypatch: pytest.MonkeyPatch, title: str) -> None:
    broken = fails_in_a_list if title == "Directions" else fails
    table = tuple(
        replace(panel, draw=broken if panel.title == title else panel.draw)
        for panel in panels.PANELS
    )
    monkeypatch.setattr(sidebar, "PANELS", table)
    desk = start(model, panels=(title,))
    desk.settle()
    assert "this part is broken" in desk.see_toast(f"The panel {title} failed").details
    assert not controls.open_sections[title]
    still_works(desk)


def a_photo(desk: AppDriver, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk.app.screen.photo, "draw", fails)
    desk.commands.portrait.path = "ada.png"


def a_show(desk: AppDriver, audience: str) -> None:
    desk.commands.interface.audience = audience
    desk.key("shift+F5")
    desk.app.toasts.clear()
    desk.key("F5")


def a_strip(desk: AppDriver, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(speaker, "draw", fails)
    a_show(desk, "here")


PARTS: dict[str, Callable[[AppDriver, pytest.MonkeyPatch], None]] = {
    "the picture": lambda d, m: m.setattr(d.app.screen.viewport, "draw", fails),
    "the timeline": lambda d, m: m.setattr(d.app.screen.timeline, "draw", fails),
    "the bar": lambda _, m: m.setattr(screen, "draw_bar", fails),
    "the photo": a_photo,
    "the speaker's view": a_strip,
}
"""All that the screen draws, but for its panels."""


@pytest.mark.parametrize("name", PARTS)
def test_a_view(desk: AppDriver, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    PARTS[name](desk, monkeypatch)
    desk.see_toast(f"{name.capitalize()} failed and was closed")
    desk.frames(10)
    still_works(desk, "r" if desk.commands.current_show is None else "ctrl+r")
    monkeypatch.undo()
    desk.click(f"Failed parts/Show {name} again")
    desk.frames()
    assert not any(key.startswith("Failed parts") for key in controls.rects)


DIALOGS: dict[str, tuple[str, str]] = {
    "the file browser": ("ctrl+o", "poll"),
    "saving a session": ("ctrl+s", "poll"),
}


@pytest.mark.parametrize("name", DIALOGS)
def test_a_file_dialog(desk: AppDriver, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    key, method = DIALOGS[name]
    monkeypatch.setattr(file_dialogs.FileDialog, method, fails)
    desk.key(key)
    desk.see_toast("The dialog failed and was closed")
    assert not desk.app.dialogs.is_open
    still_works(desk)


def test_the_list_of_keys_the_palette_and_questions(
    desk: AppDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sessions").write_text("in the way, so that quitting asks")
    with monkeypatch.context() as patch:
        patch.setattr(controls, "key_help", fails)
        desk.key("F1")
        desk.see_toast("The dialog failed and was closed")
    still_works(desk)
    desk.app.toasts.clear()
    with monkeypatch.context() as patch:
        patch.setattr(controls.SearchList, "draw", fails)
        desk.key("ctrl+k")
        desk.see_toast("The dialog failed and was closed")
    still_works(desk)
    desk.app.toasts.clear()
    with monkeypatch.context() as patch:
        patch.setattr(controls, "confirm", fails)
        desk.key("ctrl+q")
        desk.frames(4)
        assert not desk.app.dialogs.is_open
        assert not desk.commands.quitting
    still_works(desk)


@pytest.mark.parametrize("audience", ["window", "here"])
def test_the_audience_s_view(
    desk: AppDriver, monkeypatch: pytest.MonkeyPatch, audience: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(desk.app.audience, "quads", fails)
        a_show(desk, audience)
        if audience == "window":
            desk.see_toast("The audience's view failed, and the show has ended")
            desk.app.toasts.clear()
        else:
            desk.see_toast("The picture failed and was closed")
            desk.key("Escape", "Escape")
            desk.click("Failed parts/Show the picture again")
    assert desk.commands.current_show is None
    still_works(desk)


def test_notices(desk: AppDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a notice's button does may fail, and a notice that cannot be drawn goes, even over the
    question that a failed frame asks."""
    desk.commands.notify("info", "Something is offered.", buttons=(("Take it", fails),))
    desk.frames(4)
    desk.click("Toasts/Something is offered./Take it")
    assert "this part is broken" in desk.see_toast("A notice failed and was closed").details
    still_works(desk)
    with monkeypatch.context() as patch:
        patch.setattr(controls.Toasts, "draw", fails)
        patch.setattr(desk.window, "read_pixels", fails)
        still_works(desk)
        desk.commands.capture("window")  # fails after the frame
        desk.until(lambda: "The interface failed/Go on" in controls.rects)
        desk.frames(5)
        desk.click("The interface failed/Go on")
        still_works(desk)
    assert not desk.app.dialogs.is_open


def test_the_frame_as_a_whole(desk: AppDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no part catches asks what to do, and the session can be saved first."""
    desk.key("r")
    monkeypatch.setattr(desk.commands, "advance", fails)
    desk.until(lambda: "The interface failed/Save the session" in controls.rects)
    desk.frames(5)
    desk.click("The interface failed/Save the session")
    desk.see_toast("Saved rescued session.json")
    saved = desk.settings.with_name("rescued session.json")
    assert saved.is_file()
    monkeypatch.undo()
    desk.key("Escape")
    assert not desk.commands.quitting
    desk.frames(4)
    still_works(desk)
    monkeypatch.setattr(desk.commands, "advance", fails)
    desk.until(lambda: "The interface failed/Quit" in controls.rects)
    desk.frames(5)
    desk.click("The interface failed/Quit")
    assert desk.commands.quitting
