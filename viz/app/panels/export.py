"""Exporting: kind, options, destination and estimate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.files.folders import size_text
from viz.app.commands import Commands
from viz.app.panels import export_frames, export_meshes, export_plain
from viz.app.panels.widgets import (
    Button,
    button_row,
    disabled,
    end_of,
    folder_row,
    heading,
    job_progress,
)
from viz.exports.choices import FOLDER, ExportChoices, estimate, problems, seconds_text
from viz.exports.frame_options import FrameOptions, PictureOptions, VideoOptions
from viz.exports.mesh_options import MeshOptions, MeshSequenceOptions, PointOptions, VolumeOptions
from viz.exports.shows.show_options import ShowOptions
from viz.exports.table import EXPORTERS
from viz.state.types import SessionState

_JOB = "Exporting"
"""Prefix of the names of export jobs."""
_CAPTIONS = {FOLDER: "A folder", ".webp": "WebP"}
_CONTROLS: dict[type[Any], Callable[..., Any]] = {
    PictureOptions: export_frames.draw_picture,
    FrameOptions: export_frames.draw_frames,
    VideoOptions: export_frames.draw_video,
    MeshOptions: export_meshes.draw_mesh,
    MeshSequenceOptions: export_meshes.draw_sequence,
    PointOptions: export_meshes.draw_points,
    VolumeOptions: export_meshes.draw_volume,
    ShowOptions: export_frames.draw_show,
}
"""Draws the controls for an exporter's options and returns the options: draw(commands, options,
suffix), as some options apply to one format only. Other options get a plain row each."""


def draw(commands: Commands) -> None:
    """Kind, options, name and folder, an estimate, and the button or the present job."""
    state = commands.state
    choices = commands.exports
    with disabled(commands.model is None):
        _what(choices)
        options = choices.current
        draw_options = _CONTROLS.get(choices.exporter.options, export_plain.draw_plain)
        choices.current = draw_options(commands, options, choices.suffix)
        heading("Save as")
        _where(state, choices, commands)
        _start(state, choices, commands)


def _what(choices: ExportChoices) -> None:
    changed, what = controls.combo(
        "What",
        choices.what,
        {name: exporter.label for name, exporter in EXPORTERS.items()},
        tooltip=choices.exporter.help,
    )
    if changed:
        choices.what = what
    controls.hint(choices.exporter.help)
    suffixes = choices.exporter.suffixes
    if len(suffixes) > 1:
        captions = {
            suffix: _CAPTIONS.get(suffix, suffix.removeprefix(".").upper()) for suffix in suffixes
        }
        _, suffix = controls.segmented(
            "##Format",
            choices.suffix,
            captions,
            default=suffixes[0],
            tooltip="Format of the file.",
        )
        choices.suffixes[choices.what] = suffix


def _where(state: SessionState, choices: ExportChoices, commands: Commands) -> None:
    model = commands.model.name if commands.model else ""
    named = ExportChoices(choices.what, options=choices.options, suffixes=choices.suffixes)
    automatic = named.target(state, commands.capture_folder, model).name
    room = imgui.get_content_region_avail().x - 2 * imgui.get_style().frame_padding.x
    about = "Name of the folder." if choices.suffix == FOLDER else "File name without its ending."
    _, choices.name = controls.text_input(
        "##Name",
        choices.name,
        placeholder=end_of(automatic, room),
        default="",
        tooltip=f"{about} If empty, {automatic}.",
    )
    folder_row(commands)


def _start(state: SessionState, choices: ExportChoices, commands: Commands) -> None:
    model = commands.model.name if commands.model else ""
    target = choices.target(state, commands.capture_folder, model)
    found_problems = problems(choices, state, commands.model, target)
    if found_problems:
        controls.hint(found_problems[0])
    else:
        found = estimate(choices, state, commands.model, commands.performance.full_ms)
        facts = [*found.facts]
        if found.file_bytes is not None:
            facts.append(size_text(found.file_bytes))
        if found.seconds is not None:
            facts.append(seconds_text(found.seconds))
        if facts:
            controls.hint(" \u00b7 ".join(facts))
    job = commands.job
    if job is not None and job.name.startswith(_JOB):
        job_progress(f"{job.name}##Export job", commands)
        return
    button_row(
        Button(
            "Export",
            commands.export,
            icon=icons.ICON_FA_FILE_EXPORT,
            enabled=not found_problems and job is None,
            lit=True,
        )
    )
