"""Every panel by keyboard alone: opened by its name, a control reached by the Tab key and used."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import keyboard, registry
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from viz.app.panels import PANELS

display, model, start = app_driver.display, app_driver.model, app_driver.start
_MOST_TABS = 40


class Rects(dict[str, tuple[float, float, float, float]]):
    """Where controls are, and which of them was recorded while it had the focus ring."""

    focused = ""

    def __setitem__(self, name: str, rect: tuple[float, float, float, float]) -> None:
        super().__setitem__(name, rect)
        if imgui.get_item_id() and keyboard.has_focus_ring():
            self.focused = name


@dataclass(frozen=True)
class Use:
    """What a user does to a control, and what shows it."""

    control: str
    key: str
    seen: Callable[[AppDriver], object]


def tab(desk: AppDriver) -> None:
    """Press the Tab key, and draw no more frames than it takes."""
    context = imgui.get_current_context()
    before = context.nav_id
    subprocess.run(["xdotool", "key", "Tab"], check=True, timeout=20)
    desk.until(lambda: context.nav_id != before)
    desk.frames(1)


def dialog(desk: AppDriver) -> bool:
    return desk.app.dialogs.is_open


def popups() -> int:
    return imgui.get_current_context().open_popup_stack.size()


USES = {
    "Appearance": Use("Truncation ψ", "Right", lambda desk: desk.commands.state.latent.psi),
    "Directions": Use("Component 1", "Right", lambda desk: desk.commands.state.latent.shifts),
    "Portrait": Use("Open a photo", "Return", dialog),
    "Motion": Use("Strength", "Left", lambda desk: desk.commands.state.motion.strength),
    "Motion track": Use("Open a track", "space", dialog),
    "Live": Use("Strength", "Right", lambda desk: desk.commands.interface.live_strength),
    "View": Use("Gizmo", "space", lambda desk: desk.commands.state.display.gizmo),
    "Compare": Use("Open", "space", dialog),
    "Camera": Use("Yaw", "Right", lambda desk: desk.commands.state.orbit.yaw),
    "Path": Use("Add key", "space", lambda desk: len(desk.commands.state.keyframes)),
    "Consistency": Use("Measure", "space", lambda desk: desk.commands.measures_moment),
    "Capture": Use("Save as", "Return", dialog),
    "Export": Use("What", "space", lambda _: popups()),
    "Show": Use("Talk length", "Right", lambda desk: desk.commands.interface.talk_minutes),
    "Model": Use("Watch the file", "space", lambda desk: desk.commands.interface.reload_on_change),
    "Quality": Use("Previews", "space", lambda desk: desk.commands.interface.previews),
    "Layers": Use("Filter", "b", lambda desk: desk.commands.interface.layer_filter),
    "Performance": Use("", "space", lambda desk: desk.window.clipboard),
    "Control": Use("LFO", "space", lambda desk: desk.commands.control.settings.lfo),
    "Settings": Use("Reopen last", "space", lambda desk: desk.commands.interface.reopen_last),
}


def test_each_panel_is_used_by_keyboard_alone(
    start: Start, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(USES) == [panel.title for panel in PANELS]
    rects = Rects()
    monkeypatch.setattr(registry, "rects", rects)
    monkeypatch.setattr(controls, "rects", rects)
    desk = start(model, size=(760, 480))  # all panels are closed
    desk.until(lambda: desk.commands.result is not None, 60.0)
    for title in sorted(USES, key="Directions".__eq__):  # these are found while idle
        use = USES[title]
        desk.commands.interface.panels_visible = False
        desk.key("ctrl+k")
        desk.until(lambda: "Find a command or a setting/Query" in rects)
        desk.type(f"{title} pan")
        desk.until(lambda title=title: rects.focused == title)
        assert controls.open_sections[title]
        if title == "Directions":
            desk.until(lambda: desk.commands.directions is not None, 30.0)
        passed: list[str] = []
        while not _is(rects.focused, title, use.control):
            tab(desk)
            passed.append(rects.focused)
            assert len(passed) < _MOST_TABS, f"Tab goes through {passed}"
        before = use.seen(desk)
        desk.key(use.key)
        desk.until(lambda use=use, before=before: use.seen(desk) != before)
        desk.key("Escape")
        while desk.app.dialogs.is_open or popups():
            desk.key("Escape")
        desk.commands.cancel_job()


def _is(name: str, title: str, control: str) -> bool:
    """Whether this is a panel's control, or for an empty name any of them."""
    if control:
        return name == f"{title}/{control}"
    return name.startswith(f"{title}/")
