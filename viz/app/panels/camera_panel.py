"""Where the picture is seen from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.widgets import Button, button_row, disabled, heading
from viz.state.interface import Interface
from viz.state.types import CONDITIONINGS, Conditioning, Orbit, RenderResult, SessionState

PRESETS: dict[str, tuple[float, float, str]] = {
    "Front": (0, 0, "Straight at the face."),
    "Left": (-35, 0, "From the viewer's left, 35°: the person's right side."),
    "Right": (35, 0, "From the viewer's right, 35°: the person's left side."),
    "¾ view": (30, 10, "Three-quarter view: from the viewer's right, 30°, and 10° above."),
    "Above": (0, 25, "From 25° above."),
    "Below": (0, -25, "From 25° below."),
}
"""Yaw and pitch in degrees, and what they show."""


def draw(state: SessionState, result: RenderResult | None, commands: Commands) -> None:
    """Angles, lens, pivot, presets, auto-orbit and the conditioning camera."""
    del result
    with disabled(commands.model is None):
        state.orbit = _angles(state.orbit)
        state.orbit = _lens(state.orbit)
        _clipboard(commands)
        heading("Presets")
        _presets(commands)
        heading("Orbit")
        _auto_orbit(commands.interface)
        heading("Conditioning camera")
        _conditioning(state, commands)


def _angles(orbit: Orbit) -> Orbit:
    default = Orbit()
    _, yaw = controls.slider(
        "Yaw",
        orbit.yaw,
        -180.0,
        180.0,
        default=default.yaw,
        unit="°",
        fmt="%.1f",
        tooltip="Degrees around the vertical; positive moves the camera to the viewer's right.",
    )
    _, pitch = controls.slider(
        "Pitch",
        orbit.pitch,
        -89.0,
        89.0,
        default=default.pitch,
        unit="°",
        fmt="%.1f",
        tooltip="Degrees above the horizon; negative looks from below.",
    )
    _, roll = controls.slider(
        "Roll",
        orbit.roll,
        -180.0,
        180.0,
        default=default.roll,
        unit="°",
        fmt="%.1f",
        tooltip="Degrees around the viewing direction; positive turns the camera clockwise.",
    )
    return replace(orbit, yaw=yaw, pitch=pitch, roll=roll)


def _lens(orbit: Orbit) -> Orbit:
    default = Orbit()
    _, fov = controls.slider(
        "Field of view",
        orbit.fov,
        4.0,
        60.0,
        default=default.fov,
        unit="°",
        fmt="%.1f",
        log=True,
        tooltip="Opening angle of the lens in degrees; smaller magnifies.",
    )
    _, radius = controls.slider(
        "Distance",
        orbit.radius,
        1.2,
        8.0,
        default=default.radius,
        log=True,
        tooltip="From the middle of the head's box, in world units; the box is about 1 wide.",
    )
    # A pan in the picture may lead further than the field does: it is shown, not pulled back.
    _, pivot = controls.vector(
        "Pivot",
        orbit.pivot,
        speed=0.005,
        lo=min(-0.5, *orbit.pivot),
        hi=max(0.5, *orbit.pivot),
        default=default.pivot,
        tooltip="Point in the middle of the picture: x, y, z in world units.",
    )
    return replace(orbit, fov=fov, radius=radius, pivot=pivot)


def _presets(commands: Commands) -> None:
    buttons = [
        Button(name, partial(commands.glide_to, yaw, pitch), about)
        for name, (yaw, pitch, about) in PRESETS.items()
    ]
    button_row(*buttons[:3])
    button_row(*buttons[3:])


def _auto_orbit(interface: Interface) -> None:
    _, interface.auto_orbit = controls.toggle(
        "Auto-orbit",
        interface.auto_orbit,
        default=False,
        tooltip="Swings the camera around the head on a slow figure of eight. Key O.",
    )
    if not interface.auto_orbit:
        return
    default = Interface()
    _, interface.orbit_period = controls.slider(
        "Period",
        interface.orbit_period,
        2.0,
        60.0,
        default=default.orbit_period,
        unit="s",
        fmt="%.1f",
        log=True,
        tooltip="Seconds that one round takes.",
    )
    _, interface.orbit_yaw = controls.slider(
        "Yaw swing",
        interface.orbit_yaw,
        0.0,
        90.0,
        default=default.orbit_yaw,
        unit="°",
        fmt="%.0f",
        tooltip="Degrees to each side.",
    )
    _, interface.orbit_pitch = controls.slider(
        "Pitch swing",
        interface.orbit_pitch,
        0.0,
        45.0,
        default=default.orbit_pitch,
        unit="°",
        fmt="%.0f",
        tooltip="Degrees up and down.",
    )


def _conditioning(state: SessionState, commands: Commands) -> None:
    picked: tuple[bool, Conditioning] = controls.combo(
        "Camera",
        state.conditioning,
        CONDITIONINGS,
        default=SessionState().conditioning,
        tooltip="Camera that the mapping network is told: it changes the person a little, as "
        "people in the training pictures look different from different sides.",
    )
    state.conditioning = picked[1]
    button_row(
        Button(
            "Set to this view",
            commands.set_conditioning,
            "Keeps the camera of the view as the conditioning camera.",
            icon=icons.ICON_FA_THUMBTACK,
        )
    )


def _clipboard(commands: Commands) -> None:
    button_row(
        Button(
            "Copy",
            commands.copy_camera,
            "Puts the camera on the clipboard as JSON.",
            icon=icons.ICON_FA_COPY,
        ),
        Button(
            "Paste",
            commands.paste_camera,
            "Takes the camera from JSON on the clipboard.",
            icon=icons.ICON_FA_PASTE,
        ),
        Button(
            "Reset",
            commands.reset_camera,
            "Back to the frontal camera of the training pictures. Key C.",
            icon=icons.ICON_FA_ROTATE_LEFT,
        ),
    )
