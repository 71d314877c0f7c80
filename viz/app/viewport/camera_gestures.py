"""Mouse gestures that move the camera."""

from __future__ import annotations

import math
from dataclasses import replace

from gui_utils.controls.view_gestures import Gesture
from training.camera import wrapped
from viz.state.settings import setting
from viz.state.types import Orbit

TURN = 90.0
"""Degrees turned by a drag across the picture's whole height."""
_PITCH, _FOV, _RADIUS, _PIVOT = (
    setting(Orbit, name).range for name in ("pitch", "fov", "radius", "pivot")
)
_ZOOM_STEP = 0.9
_DOLLY_STEP = 0.95


def turned(orbit: Orbit, dx: float, dy: float) -> Orbit:
    """The head follows the mouse: a drag of (dx, dy) picture heights, y downwards. With a rolled
    camera, the drag is taken along the head's axes as the camera sees them.

    A rolled camera sees the head's axes rolled, so the drag is taken along those.
    """
    cos, sin = math.cos(math.radians(orbit.roll)), math.sin(math.radians(orbit.roll))
    across, down = cos * dx - sin * dy, sin * dx + cos * dy
    yaw = wrapped(orbit.yaw - TURN * across)
    return replace(orbit, yaw=yaw, pitch=_PITCH.clamp(orbit.pitch + TURN * down))


def panned(orbit: Orbit, dx: float, dy: float) -> Orbit:
    """The pivot and everything at its depth follow a drag of (dx, dy) picture heights."""
    camera = orbit.camera()
    right, down, forward = camera.rotation.T
    distance = float((orbit.pivot - camera.position) @ forward)
    height = 2 * distance * math.tan(math.radians(orbit.fov) / 2)
    x, y, z = (orbit.pivot - height * (dx * right + dy * down)).tolist()
    return replace(orbit, pivot=(_PIVOT.clamp(x), _PIVOT.clamp(y), _PIVOT.clamp(z)))


def zoomed(orbit: Orbit, ticks: float) -> Orbit:
    """A longer lens for positive wheel ticks: each enlarges the picture by 1 / 0.9."""
    half = math.tan(math.radians(orbit.fov) / 2) * _ZOOM_STEP**ticks
    return replace(orbit, fov=_FOV.clamp_to_slider(math.degrees(2 * math.atan(half))))


def dollied(orbit: Orbit, ticks: float) -> Orbit:
    """A closer camera for positive wheel ticks."""
    return replace(orbit, radius=_RADIUS.clamp_to_slider(orbit.radius * _DOLLY_STEP**ticks))


def apply_gesture(orbit: Orbit, gesture: Gesture, scale: float) -> Orbit:
    """The orbit after one frame's gesture.

    `scale` is the viewport's height over the picture's, as gestures are measured in viewport
    heights.
    """
    if any(gesture.orbit):
        orbit = turned(orbit, gesture.orbit[0] * scale, gesture.orbit[1] * scale)
    if any(gesture.pan):
        orbit = panned(orbit, gesture.pan[0] * scale, gesture.pan[1] * scale)
    if gesture.zoom:
        orbit = zoomed(orbit, gesture.zoom)
    if gesture.dolly:
        orbit = dollied(orbit, gesture.dolly)
    return orbit
