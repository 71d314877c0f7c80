"""The path drawn over the picture: a globe around the head, and the camera's track on it."""

from __future__ import annotations

import math

import numpy as np
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.registry import record_rect
from training.camera import Camera
from viz.app.viewport.overlays import Rect
from viz.state.animation import camera_path, path_editing
from viz.state.interface import Interface
from viz.state.types import Keyframe, PathOptions, SessionState

_SIZE = 0.86
"""Radius of the globe, as a fraction of half the picture."""
_STEPS = 400
_STEPS_A_WAY = 32
"""Most line segments in total, and between two keyframes."""
_BACK = 0.35
"""Opacity of the part on the far side."""


def direction(yaw: float, pitch: float) -> tuple[float, float, float]:
    """Unit vector from the head to a camera; degrees."""
    a, b = math.radians(yaw), math.radians(pitch)
    return math.sin(a) * math.cos(b), math.sin(b), math.cos(a) * math.cos(b)


class PathOverlay:
    """Draws the camera's track; caches the line while the path does not change."""

    def __init__(self) -> None:
        self._keys: tuple[Keyframe, ...] = ()
        self._options = PathOptions()
        self._lines: list[np.ndarray] = []

    def draw(self, tile: Rect, state: SessionState, interface: Interface, camera: Camera) -> None:
        """Draws over a picture of `camera`; nothing without keyframes or in a small picture."""
        if not state.keyframes or tile[2] - tile[0] < style.px(120):
            return
        if state.keyframes is not self._keys or state.path != self._options:
            self._keys, self._options = state.keyframes, state.path
            self._lines = _sampled(state)
        colors = style.palette()
        draw = imgui.get_window_draw_list()
        center = ((tile[0] + tile[2]) / 2, (tile[1] + tile[3]) / 2)
        radius = (tile[2] - tile[0]) / 2 * _SIZE
        draw.push_clip_rect((tile[0], tile[1]), (tile[2], tile[3]), True)
        faint = style.with_alpha(style.hex_color("#ffffff"), 0.22)
        shadow = style.with_alpha(style.hex_color("#000000"), 0.3)
        draw.add_circle(center, radius, shadow, 96, style.px(2.5))
        draw.add_circle(center, radius, faint, 96, style.px(1))
        for line in self._lines:
            places, front = _placed(line, camera, center, radius)
            for index in range(len(places) - 1):
                alpha = 1.0 if front[index] and front[index + 1] else _BACK
                a, b = tuple(places[index].tolist()), tuple(places[index + 1].tolist())
                draw.add_line(a, b, style.with_alpha(shadow, 0.45 * alpha), style.px(4))
                draw.add_line(a, b, style.with_alpha(colors.accent, 0.9 * alpha), style.px(2))
        self._draw_keys(state, interface, camera, center, radius)
        draw.pop_clip_rect()
        box = (center[0] - radius, center[1] - radius, center[0] + radius, center[1] + radius)
        record_rect("Path globe", box)

    def _draw_keys(
        self,
        state: SessionState,
        interface: Interface,
        camera: Camera,
        center: tuple[float, float],
        radius: float,
    ) -> None:
        colors = style.palette()
        draw = imgui.get_window_draw_list()
        here = path_editing.current(state, interface)
        points = np.array([direction(k.orbit.yaw, k.orbit.pitch) for k in state.keyframes])
        places, front = _placed(points, camera, center, radius)
        for index, place in enumerate(places):
            alpha = 1.0 if front[index] else _BACK
            size = style.px(6 if index == here else 4)
            at = (float(place[0]), float(place[1]))
            rim = style.with_alpha(style.hex_color("#000000"), 0.5 * alpha)
            draw.add_circle_filled(at, size + style.px(1.5), rim)
            fill = colors.accent if index == here else style.hex_color("#ffffff")
            draw.add_circle_filled(at, size, style.with_alpha(fill, alpha))


def _sampled(state: SessionState) -> list[np.ndarray]:
    """Directions [N, 3] along each segment from keyframe to keyframe; a hold has none."""
    ends = [key.time for key in state.keyframes] + [camera_path.duration(state)]
    steps = min(max(_STEPS // len(state.keyframes), 2), _STEPS_A_WAY)
    lines = []
    for key, end in zip(state.keyframes, ends[1:], strict=True):
        if end <= key.time or key.ease == "hold":
            continue
        # Just before the end, as the next keyframe applies from there, which may be a jump.
        times = np.linspace(key.time, end - 1e-6, steps + 1).tolist()
        orbits = [camera_path.state_at(state, time).orbit for time in times]
        lines.append(np.array([direction(orbit.yaw, orbit.pitch) for orbit in orbits]))
    return lines


def _placed(
    points: np.ndarray, camera: Camera, center: tuple[float, float], radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Positions [N, 2] on the screen of directions [N, 3], and whether each is on the near side."""
    seen = points @ camera.rotation  # right, down, forward
    places = np.asarray(center) + radius * seen[:, :2]
    return places, seen[:, 2] <= 0
