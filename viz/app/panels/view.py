"""The viewport's content and appearance."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.map_controls import background_row, maps_section
from viz.app.panels.setting_controls import choice, segmented, slider, toggle
from viz.app.panels.widgets import Button, button_row, disabled, heading
from viz.state.interface import INSPECTS
from viz.state.settings import setting
from viz.state.types import (
    INSETS,
    LAYOUTS,
    MESH_STYLES,
    VIEWS,
    Display,
    SessionState,
    View,
)

_CORNERS = ("Top left", "Top right", "Bottom left", "Bottom right")


def draw(commands: Commands) -> None:
    """Layout, views, filtering, background, maps, values and mesh."""
    state = commands.state
    with disabled(commands.model is None):
        state.display = _layout(state.display)
        _before(state, commands)
        heading("Picture")
        state.display = _picture(state.display)
        state.display = maps_section(state, commands.model, commands.result)
        heading("Values")
        segmented("Inspect", commands.interface, "inspect", INSPECTS)
        slider("Unit length", commands.interface, "unit_cm")
        heading("Mesh")
        _mesh(state)


def _layout(display: Display) -> Display:
    display = choice("Layout", display, "layout", LAYOUTS, key="L")
    if display.layout == "grid":
        return _grid(display)
    display = choice("Show", display, "view", VIEWS, key="V")
    if display.layout == "single":
        display = choice("Inset", display, "inset", INSETS)
    if display.layout in ("yaws", "times"):
        display = slider("Pictures", display, "columns")
    return slider("Yaw span", display, "yaw_span") if display.layout == "yaws" else display


def _grid(display: Display) -> Display:
    declared = setting(Display, "grid")
    grid: list[View] = list(display.grid)
    for index, corner in enumerate(_CORNERS):
        picked: tuple[bool, View] = controls.combo(
            corner,
            grid[index],
            VIEWS,
            default=declared.default[index],
            tooltip=declared.sentence,
        )
        grid[index] = picked[1]
    return replace(display, grid=(grid[0], grid[1], grid[2], grid[3]))


def _before(state: SessionState, commands: Commands) -> None:
    splits = state.display.layout == "split"
    if splits:
        state.display = slider("Divider", state.display, "split")
        with controls.reserved(state.before is None) as shown:
            if shown:
                controls.hint("There is no “before” picture yet: both sides show the same.")
    button_row(
        Button(
            "Set before",
            commands.set_before,
            icon=icons.ICON_FA_TABLE_COLUMNS,
            lit=splits and state.before is None,
        )
    )


def _picture(display: Display) -> Display:
    display = segmented("Pixels", display, "nearest", {False: "Bilinear", True: "Nearest"})
    display = toggle("Gizmo", display, "gizmo")
    return background_row(display)


def _mesh(state: SessionState) -> None:
    state.display = choice("Style", state.display, "mesh_style", MESH_STYLES)
    state.quality = slider("Resolution", state.quality, "mesh_resolution")
    state.quality = slider("Level", state.quality, "mesh_level")
