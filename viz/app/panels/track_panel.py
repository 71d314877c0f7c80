"""Videos and motion tracks: what drives the person in place of the clip, and how."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.portrait import MAY_STOP
from viz.app.panels.setting_controls import slider
from viz.app.panels.widgets import (
    Button,
    button_row,
    disabled,
    files_row,
    fold,
    heading,
    job_progress,
    unless_busy,
    value_with_button,
)
from viz.portrait.portrait_jobs import FitTrackJob, MakeDriverJob
from viz.state.driving.drive import Drive
from viz.state.driving.motion_track import TRACK_SUFFIX
from viz.state.types import SessionState

_MOVED_BY = {True: "Track", False: "Clip"}
_EXPORTS = (
    "Exported pictures, frames and videos show the person moved by the track, from any camera; MP4 "
    "and MOV keep the video's sound."
)
_CONSENT = "Use only videos of people who agree to it: how someone moves can identify them."


def draw(commands: Commands) -> None:
    """Videos, tracks, the present track, and how strongly it drives the person."""
    state = commands.state
    model = commands.model
    if model is not None and not model.moves:
        controls.hint("This model makes still pictures: no video can move its people.")
    with disabled(model is None or not model.moves):
        _open(commands)
        _following(commands)
        if state.drive is not None and state.drive.track:
            _driving(state, state.drive, commands)
    controls.hint(_CONSENT)


def _open(commands: Commands) -> None:
    button_row(
        unless_busy(
            Button(
                "Open a video",
                commands.open_video_dialog,
                icon=icons.ICON_FA_FILM,
                lit=commands.state.drive is None,
            ),
            commands,
        )
    )
    files_row(
        Button("Open a track", commands.open_track_dialog, icon=icons.ICON_FA_FOLDER_OPEN),
        "tracks",
        commands.recent_files(TRACK_SUFFIX),
        commands.open_track,
    )


def _following(commands: Commands) -> None:
    """The video being followed, or the options for the next one."""
    if not commands.following:
        if fold("Tracking options"):
            options = slider("Face", commands.track_options, "face", ends=(1, 8))
            options = slider("Smooth camera", options, "camera_smoothing", ends=(0, 8))
            commands.track_options = slider(
                "Smooth motion", options, "motion_smoothing", ends=(0, 4)
            )
        return
    job_progress(f"Following {Path(commands.following).name}##Following", commands)
    controls.hint("If you stop, opening the same video again resumes.")


def _driving(state: SessionState, drive: Drive, commands: Commands) -> None:
    heading("Driver")
    if value_with_button(
        "Track",
        Path(drive.track).stem,
        icons.ICON_FA_XMARK,
        "Closes the motion track: the clip moves the person.",
        full_text=drive.track,
    ):
        commands.close_track()
        return
    track = commands.track
    if track is None:
        controls.hint(
            "The track's file was not found: the moment is shown as it was saved. Open the track "
            "to play it."
        )
    else:
        noun = "frame" if len(track) == 1 else "frames"
        lost = int((~track.found).sum())
        words = f"{len(track)} {noun} of {track.source}, {track.fps:.4g} a second"
        controls.hint(f"{words}; without a face: {lost}." if lost else f"{words}.")
    _, active = controls.segmented(
        "Moved by",
        drive.active,
        _MOVED_BY,
        default=True,
        tooltip="Whether the motion track moves the person, or the clip does with its motion code.",
    )
    drive = replace(drive, active=active)
    with disabled(not active or track is None):
        drive = slider("Strength", drive, "strength")
        drive = slider("Eyes", drive, "eyes")
        drive = slider("Mouth", drive, "mouth")
        drive = slider("Blend", drive, "blend")
        drive = slider("Smoothing", drive, "smoothing")
        drive = slider("Head turns", drive, "turning")
    if drive != state.drive:
        state.drive = drive
    button_row(
        *(
            unless_busy(Button(label, press, icon=icon, enabled=track is not None), commands)
            for label, press, icon in (
                ("Make the driver", commands.make_driver, icons.ICON_FA_USER_PLUS),
                ("Fit to this person", commands.fit_track, icons.ICON_FA_CROSSHAIRS),
            )
        )
    )
    if commands.job is not None and commands.job.name in (MakeDriverJob.title, FitTrackJob.title):
        job_progress(f"{commands.job.name}##Working", commands)
        if commands.job.name == MakeDriverJob.title:
            controls.hint(MAY_STOP)
    heading("Export")
    button_row(
        unless_busy(
            Button(
                "Into the video",
                commands.into_video_dialog,
                icon=icons.ICON_FA_CLAPPERBOARD,
                enabled=track is not None,
            ),
            commands,
        )
    )
    controls.hint(_EXPORTS)
