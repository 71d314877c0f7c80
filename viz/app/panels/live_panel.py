"""A face in front of the camera drives the person: camera, calibration and settings."""

from __future__ import annotations

import time
from pathlib import Path

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.live.live_commands import LiveCamera
from viz.app.panels.setting_controls import slider, toggle
from viz.app.panels.widgets import Button, button_row, heading, job_progress

_PRIVACY = (
    "Pictures from the camera stay in this program and are not stored; a recording contains only "
    "the motion."
)


def draw(commands: Commands) -> None:
    """The camera and its picture, calibration and recording, and how the face drives the person."""
    model, live = commands.model, commands.live
    if model is not None and not model.moves:
        controls.hint("This model makes still pictures: no face can drive them.")
        return
    _source(commands)
    thing = commands.live_thing
    lacks = live is None and commands.webcams == {} and not commands.interface.live_source
    button_row(
        Button(
            f"Open {thing}" if live is None else f"Close {thing}",
            commands.toggle_camera,
            "No webcam was found: connect one and press this to look again, or open a video."
            if lacks
            else f"Lets the face in the {thing} drive the person."
            if live is None
            else f"Closes the {thing}. The previous motion comes back.",
            icon=icons.ICON_FA_VIDEO if live is None else icons.ICON_FA_VIDEO_SLASH,
            enabled=model is not None,
            lit=not lacks,
        ),
        Button(
            "Other video" if thing == "video" else "Video",
            commands.live_video_dialog,
            icon=icons.ICON_FA_FILM,
            enabled=model is not None,
            lit=lacks,
        ),
    )
    if live is not None:
        _learning(commands)
        if commands.camera_on:
            _face(live, commands)
    heading("Driving")
    interface = commands.interface
    slider("Strength", interface, "live_strength")
    slider("Smoothing", interface, "live_smoothing")
    toggle("Head turns", interface, "live_turns")
    toggle("Mirror", interface, "live_mirrored")
    controls.hint(_PRIVACY)


def _source(commands: Commands) -> None:
    commands.look_for_webcams()
    chosen = commands.interface.live_source
    known = dict(commands.webcams or {})
    options = known or {"": "Looking\u2026" if commands.webcams is None else "No webcam found"}
    if chosen and chosen not in known:
        options[chosen] = Path(chosen).name
    value = chosen if chosen in options else next(iter(options))
    changed, source = controls.combo(
        "Webcam", value, options, tooltip="The webcam that is opened, or the video in its place."
    )
    if changed:
        commands.choose_camera(source)


def _learning(commands: Commands) -> None:
    job = commands.job
    if commands.camera_on or job is None:
        return
    job_progress(f"{job.name}##Learning", commands)
    controls.hint(f"This is done once for each model; then the {commands.live_thing} opens.")


def _face(live: LiveCamera, commands: Commands) -> None:
    heading("Face")
    if not live.name:
        controls.hint(f"Opening the {commands.live_thing}\u2026")
        return
    seen = live.seen
    has_face = seen is not None and seen.code is not None
    button_row(
        Button(
            "Neutral face",
            commands.calibrate,
            icon=icons.ICON_FA_FACE_MEH,
            enabled=has_face,
            lit=not live.calibrated,
        ),
        Button(
            "Record" if live.recording is None else "Save",
            commands.toggle_recording,
            "Records what the person does, as a motion track in the folder of saved pictures."
            if live.recording is None
            else "Ends the recording and saves it.",
            icon=icons.ICON_FA_CIRCLE_DOT if live.recording is None else icons.ICON_FA_STOP,
            enabled=has_face or live.recording is not None,
            lit=live.recording is not None,
        ),
    )
    if live.recording is not None:
        seconds = int(time.perf_counter() - live.recording)
        controls.hint(f"Recording, {seconds // 60}:{seconds % 60:02d}")
    if not has_face:
        controls.hint(
            "No face is seen in the video."
            if commands.live_thing == "video"
            else "No face is seen: look into the camera, in good light."
        )
    elif live.rate > 0:
        late = f"{1000 * live.lag:.0f} ms behind the {commands.live_thing}"
        controls.hint(f"{live.rate:.0f} pictures a second, {late}")
