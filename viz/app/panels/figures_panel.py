"""Figures of how well the views of the present moment agree."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout, registry, style
from viz.app.commands import Commands
from viz.app.panels.widgets import Button, button_row, disabled
from viz.exports.figures.figure_job import MEASURING, MomentFigures, figure_text

_ABOUT = (
    "How well the views of this moment agree, around the present camera: how much the picture "
    "flickers on a small circle, and how the views from the sides differ in colour and surface."
)
_HEADS = (
    ("Yaw", "Turn from the present view."),
    (
        "Warping",
        "Warping error, 0 to 1: the mean difference of the colours where both views see the same "
        "surface. 0 is perfect.",
    ),
    (
        "Depth",
        "Chamfer distance of the two surfaces in world units. Parts that one view alone sees count "
        "as well, so that it is never 0.",
    ),
)
_FLICKER = (
    "Mean difference of neighbouring frames on a circle of 3 degrees, 0 to 1, after the surface's "
    "own movement is taken out: details that do not stick to the surface. 0 is perfect."
)


def draw(commands: Commands) -> None:
    """A button that measures, and a table of the last figures."""
    found = commands.moment_figures
    with disabled(commands.model is None or commands.result is None or commands.measures_moment):
        button_row(
            Button(
                "Measure",
                commands.measure_moment,
                f"{_ABOUT} It takes some seconds; the window stays usable.",
                icon=icons.ICON_FA_RULER_COMBINED,
                lit=found is None,
            ),
            Button(
                "Copy",
                commands.copy_moment_figures,
                icon=icons.ICON_FA_COPY,
                enabled=found is not None,
            ),
        )
    if commands.measures_moment:
        _progress(commands)
    if found is None:
        controls.hint(_ABOUT)
        return
    _table(found)
    if commands.moment_is_old:
        controls.hint("Measured on an earlier view: something has changed since.")


def _progress(commands: Commands) -> None:
    job = commands.job
    mine = job is not None and job.name == MEASURING
    fraction, detail = (job.fraction, job.detail) if job is not None and mine else (0.0, "")
    if controls.progress("Measuring", fraction, detail=detail, cancel=mine):
        commands.cancel_job()


def _table(found: MomentFigures) -> None:
    row = layout.begin_row("Flicker")
    imgui.text_unformatted(figure_text(found.flicker))
    registry.record(row.name)
    layout.tooltip(row, _FLICKER)
    flags = imgui.TableFlags_.row_bg | imgui.TableFlags_.borders_outer
    with style.font("body", style.SMALL_SIZE):
        if not imgui.begin_table("figures", 3, flags):
            return
        imgui.table_next_row()
        for name, about in _HEADS:
            imgui.table_next_column()
            imgui.text_disabled(name)
            layout.tooltip(None, about)
        for row in found.table():
            imgui.table_next_row()
            for text in row:
                imgui.table_next_column()
                imgui.text_unformatted(text)
        imgui.end_table()
    registry.record("Table")
