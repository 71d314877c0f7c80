"""The limits of the views that a model was trained on: a soft stop for drags, and a ring."""

from __future__ import annotations

import math
from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.layout import ink
from gui_utils.controls.registry import record_rect
from gui_utils.controls.view_gestures import Gesture
from training.camera import wrapped
from viz.app.viewport import overlays
from viz.app.viewport.overlays import Rect
from viz.state.types import Orbit

_RADIUS = 22.0
"""Radius of the ring, design pixels."""
_FARTHEST = 1.3
"""Where the dot of a camera outside is drawn, in radii of the ring."""
_LEAST_TILE = 260.0
_NEAR = 1e-6
_STOPPED = "Edge of the trained views: drag again to go further"


class TrainedViews:
    """Stops a drag at the limit once: the next drag that starts there continues."""

    def __init__(self) -> None:
        self._active = False
        self._free = (False, False)
        self.stopped = False
        """Whether the present drag has been stopped."""

    def held(
        self, before: Orbit, after: Orbit, gesture: Gesture, limits: tuple[float, float] | None
    ) -> Orbit:
        """The orbit after a frame's gesture, stopped at the limits if necessary. `limits` are the
        trained yaw and pitch to either side in degrees; None stops nothing."""
        turns = gesture.active or any(gesture.orbit)
        if turns and not self._active:
            angles = (wrapped(before.yaw), before.pitch)
            ends = limits or (0.0, 0.0)
            self._free = (
                abs(angles[0]) > ends[0] - _NEAR,
                abs(angles[1]) > ends[1] - _NEAR,
            )
            self.stopped = False
        self._active = gesture.active
        if not turns:
            self.stopped = False
        if limits is None or not any(gesture.orbit):
            return after
        yaw, pitch = after.yaw, after.pitch
        if not self._free[0]:
            yaw = _clamped(wrapped(before.yaw) + wrapped(after.yaw - before.yaw), limits[0])
        if not self._free[1]:
            pitch = _clamped(pitch, limits[1])
        stopped = replace(after, yaw=yaw, pitch=pitch)
        self.stopped = stopped != after
        return stopped

    def draw(self, tile: Rect, left: float, orbit: Orbit, limits: tuple[float, float]) -> None:
        """The ring with a dot for the camera, during a drag or while the camera is outside. `left`
        Dear ImGui units of the tile are taken already; `limits` are as in `held`."""
        across, up = wrapped(orbit.yaw) / limits[0], orbit.pitch / limits[1]
        share = max(abs(across), abs(up))
        beyond = share > 1 + _NEAR
        if not (self._active or beyond) or tile[2] - tile[0] < style.px(_LEAST_TILE):
            return
        radius = style.px(_RADIUS)
        reach = radius * _FARTHEST + style.px(overlays.MARGIN)
        center = (tile[0] + left + reach, tile[3] - reach)
        colors = style.palette()
        draw = imgui.get_window_draw_list()
        ground = ink(style.with_alpha(colors.background, 0.55))
        draw.add_circle_filled(center, radius * _FARTHEST, ground)
        tint = colors.warning if beyond else colors.accent if self.stopped else colors.text_dim
        draw.add_circle(center, radius, ink(tint), 48, style.px(2.5 if self.stopped else 1.5))
        # The limits are a rectangle of angles: along each direction from the middle, the ring
        # stands for its edge.
        length = math.hypot(across, up) or 1.0
        far = min(share, _FARTHEST) * radius / length
        dot = (center[0] + across * far, center[1] - up * far)
        draw.add_circle_filled(dot, style.px(4), ink(colors.warning if beyond else colors.text))
        box = (center[0] - reach, center[1] - reach, center[0] + reach, center[1] + reach)
        record_rect("Trained views", box)
        if self.stopped:
            width, height = overlays.pill_size(_STOPPED, icons.ICON_FA_CIRCLE_INFO)
            x = center[0] + reach
            if x + width <= tile[2]:
                at = (x, center[1] - height / 2)
                overlays.pill(at, _STOPPED, icon=icons.ICON_FA_CIRCLE_INFO, level="accent")
                record_rect(_STOPPED, (*at, at[0] + width, at[1] + height))


def _clamped(degrees: float, limit: float) -> float:
    return min(max(degrees, -limit), limit)
