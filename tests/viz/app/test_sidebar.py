"""The groups of panels, and the way to each panel."""

from __future__ import annotations

from pathlib import Path

import pytest

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from viz.app.panels import GROUPS, PANELS

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


def on_show() -> set[str]:
    """Titles of the panels whose headers are drawn."""
    return {panel.title for panel in PANELS} & set(controls.rects)


def of_group(group: str) -> set[str]:
    return {panel.title for panel in PANELS if panel.group == group}


def test_every_panel_is_at_most_two_clicks_away(start: Start, model: Path) -> None:
    desk = start(model)  # all panels are closed
    for panel in PANELS:
        desk.commands.interface.panel_group = "View" if panel.group == "Person" else "Person"
        desk.frames(2)
        desk.click(f"Rail/{panel.group}")
        assert on_show() == of_group(panel.group)
        desk.click(panel.title)
        assert controls.open_sections[panel.title]
        desk.click(panel.title)
    desk.click("Rail/Output")
    again = start()
    again.frames()
    assert on_show() == of_group("Output"), "the group is remembered"
    again.commands.preferences.interface = {"panel_group": "Kitchen"}
    again.commands.preferences.restore(again.commands.interface, again.commands.exports)
    assert again.commands.interface.panel_group == "Output", "what is no group is passed over"


def test_the_keyboard_steps_through_the_groups(desk: AppDriver) -> None:
    for group in [*list(GROUPS)[1:], "Person"]:
        desk.key("ctrl+Tab")
        desk.frames(2)
        assert on_show() == of_group(group)
    desk.commands.interface.panels_visible = False
    desk.key("ctrl+shift+Tab")
    desk.frames(2)
    assert on_show() == of_group("Program"), "hidden panels are shown again"
    desk.key("Tab", "ctrl+Tab")
    desk.frames(3)
    assert on_show() == of_group("Person"), "the focus ring does not keep the keys"
    desk.key("Tab", "Tab", "Tab", "Tab", "Tab", "space")
    desk.frames(2)
    assert controls.open_sections[PANELS[0].title], "and goes along: panels come after groups"
    desk.key("Escape", "ctrl+k")
    desk.until(lambda: "Find a command or a setting/Query" in controls.rects)
    desk.type("show output")
    desk.frames(2)
    assert on_show() == of_group("Output")


def test_who_asks_for_a_panel_gets_its_group_and_its_place(start: Start, model: Path) -> None:
    desk = start(model, panels=tuple(panel.title for panel in PANELS), size=(900, 420))
    for panel in reversed(PANELS):
        desk.commands.open_panel(panel.title)
        desk.frames(3)
        assert on_show() == of_group(panel.group)
        _, top, _, bottom = controls.rects[panel.title]
        assert 0 < top < bottom <= 420, f"{panel.title} is scrolled to"


@pytest.mark.parametrize(("size", "scale"), [((760, 520), 1.0), ((1280, 800), 2.0)])
def test_nothing_is_cut_off(start: Start, model: Path, size: tuple[int, int], scale: float) -> None:
    desk = start(model, panels=tuple(panel.title for panel in PANELS), size=size)
    desk.commands.interface.ui_scale = scale
    for group in GROUPS:
        desk.commands.show_group(group)
        desk.frames(4)
        rail = {name: rect for name, rect in controls.rects.items() if name.startswith("Rail/")}
        assert [name.removeprefix("Rail/") for name in rail] == list(GROUPS)
        edge = min(left for left, _, _, _ in rail.values())
        assert all(right <= size[0] and bottom <= size[1] for *_, right, bottom in rail.values())
        first = controls.rects["Splitter"][2]
        for name, (left, _, right, _) in controls.rects.items():
            if name.partition("/")[0] in of_group(group):
                assert first <= left and right <= edge, name
