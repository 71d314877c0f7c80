"""The camera."""

from __future__ import annotations

from functools import partial

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.setting_controls import choice, slider, toggle, vector
from viz.app.panels.widgets import Button, button_row, disabled, heading
from viz.state.types import CONDITIONINGS, Orbit

PRESETS: dict[str, tuple[float, float, str]] = {
    "Front": (0, 0, "Straight at the face."),
    "Left": (-35, 0, "From the viewer's left, 35°: the person's right side."),
    "Right": (35, 0, "From the viewer's right, 35°: the person's left side."),
    "¾ view": (30, 10, "Three-quarter view: from the viewer's right, 30°, and 10° above."),
    "Above": (0, 25, "From 25° above."),
    "Below": (0, -25, "From 25° below."),
}
"""Yaw and pitch in degrees, and what they show."""


def draw(commands: Commands) -> None:
    """Angles, lens, pivot, presets, auto-orbit and the conditioning camera."""
    state = commands.state
    with disabled(commands.model is None):
        state.orbit = _orbit(state.orbit, commands.home)
        _circled(commands)
        button_row(
            Button("Copy", commands.copy_camera, icon=icons.ICON_FA_COPY),
            Button("Paste", commands.paste_camera, icon=icons.ICON_FA_PASTE),
            Button("Reset", commands.reset_camera, icon=icons.ICON_FA_ROTATE_LEFT),
        )
        button_row(Button("Frame the head", commands.frame_head, icon=icons.ICON_FA_EXPAND))
        heading("Presets")
        _presets(commands)
        heading("Orbit")
        interface = commands.interface
        toggle("Auto-orbit", interface, "auto_orbit")
        slider("Period", interface, "orbit_period")
        slider("Yaw swing", interface, "orbit_yaw")
        slider("Pitch swing", interface, "orbit_pitch")
        heading("Conditioning camera")
        choice("Camera", state, "conditioning", CONDITIONINGS)
        pin = icons.ICON_FA_THUMBTACK
        button_row(Button("Set to this view", commands.set_conditioning, icon=pin))


def _orbit(orbit: Orbit, home: Orbit) -> Orbit:
    orbit = slider("Yaw", orbit, "yaw")
    orbit = slider("Pitch", orbit, "pitch")
    orbit = slider("Roll", orbit, "roll")
    orbit = slider("Field of view", orbit, "fov")
    orbit = slider("Distance", orbit, "radius", default=home.radius)
    return vector("Pivot", orbit, "pivot", default=home.pivot)


def _circled(commands: Commands) -> None:
    published = commands.state.orbit.lead != 0
    changed, chosen = controls.segmented(
        "Circle",
        published,
        {False: "The head", True: "As published"},
        default=False,
        tooltip="What the camera circles: the middle of the head, which keeps the head in the "
        "picture at all angles, or, like the published cameras, the middle of the box, "
        "looking at a point 0.2 in front of it.",
    )
    if changed:
        commands.circle(chosen)


def _presets(commands: Commands) -> None:
    buttons = [
        Button(name, partial(commands.glide_to, yaw, pitch), about)
        for name, (yaw, pitch, about) in PRESETS.items()
    ]
    button_row(*buttons[:3])
    button_row(*buttons[3:])
