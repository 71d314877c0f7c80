"""Drawing of the path's lane: its ruler, the segments between keyframes, the keyframes and the
playhead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.layout import ellipsis, ink
from gui_utils.controls.registry import record_rect
from gui_utils.controls.style import printable
from viz.app.panels.widgets import counted
from viz.app.timeline.lanes import Lane, playhead_outline, tell_above
from viz.state.animation import camera_path, path_editing
from viz.state.interface import Interface
from viz.state.types import Keyframe, SessionState

LABEL_WIDTH = 42.0
"""Width for the names of the clip and the path where both are shown, design pixels."""
KEY_SIZE = 7.0
"""Half a keyframe's diagonal, design pixels."""
_TICKS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Choices for the seconds between two numbers of the ruler."""
_SNAP = 0.25
"""Snapping interval in seconds while Ctrl is held."""
_EMPTY = "No path yet. Press K to add this view as a keyframe, change the view, press K again."
_EMPTY_SHORT = "Press K to add the first keyframe."


@dataclass(frozen=True)
class Scale(Lane):
    """Positions of times on the lane."""

    span: float
    """Seconds from end to end."""

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def x(self, seconds: float) -> float:
        return self.at(seconds / self.span)

    def seconds(self, x: float) -> float:
        seconds = self.span * self.part(x)
        if imgui.get_io().key_ctrl:
            return round(seconds / _SNAP) * _SNAP
        return round(seconds, 2)


def draw_label(at: tuple[float, float], icon: str, text: str, lit: bool) -> None:
    """Name of a line of the timeline; `at` is its left edge and vertical middle."""
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    color = ink(colors.text if lit else colors.text_dim)
    with style.font("bold", 12):
        size = imgui.calc_text_size(text)
        width = style.px(LABEL_WIDTH - 8)
        x = at[0] + (width - size.x) / 2
        draw.add_text((round(x), round(at[1] + style.px(1))), color, text)
        mark = imgui.calc_text_size(icon)
        x = at[0] + (width - mark.x) / 2
        draw.add_text((round(x), round(at[1] - mark.y - style.px(1))), color, icon)


def draw_lane(scale: Scale, state: SessionState, interface: Interface) -> None:
    end = camera_path.duration(state) if state.keyframes else 0.0
    scale.ground(scale.left, scale.x(end), style.palette().frame)
    _draw_ruler(scale)
    keys = state.keyframes
    for key, following in pairwise(keys):
        _draw_way(scale, key, scale.x(following.time))
    if keys and state.path.closed:
        _draw_way(scale, keys[-1], scale.x(camera_path.duration(state)))


def _draw_way(scale: Scale, key: Keyframe, right: float) -> None:
    """The segment after a keyframe: a band, a line, or dashes for a hold."""
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    left, y = scale.x(key.time), scale.middle
    if key.ease == "hold":
        dash = style.px(5)
        for index in range(min(math.ceil((right - left) / (2 * dash)), 2000)):
            x = left + 2 * index * dash
            draw.add_line((x, y), (min(x + dash, right), y), ink(colors.text_dim), style.px(1.5))
        return
    half = style.px(2.5 if key.ease == "smooth" else 0.75)
    color = ink(style.with_alpha(colors.accent, 0.55))
    draw.add_rect_filled((left, y - half), (right, y + half), color, half)


def _draw_ruler(scale: Scale) -> None:
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    with style.font("body", 12):
        apart = imgui.calc_text_size("00:00").x + style.px(14)
        unit = (scale.right - scale.left) / scale.span
        step = next((tick for tick in _TICKS if tick * unit >= apart), _TICKS[-1])
        for index in range(int(scale.span / step + 1e-6) + 1):
            seconds = index * step
            x = round(scale.x(seconds))
            color = ink(style.with_alpha(colors.text, 0.4))
            draw.add_line((x, scale.top - style.px(3)), (x, scale.top), color, style.px(1))
            text = f"{seconds:g} s" if index == 0 or seconds < 60 else _clock(seconds)
            width = imgui.calc_text_size(text).x
            at = min(max(x - width / 2, scale.left - style.px(4)), scale.right - width)
            place = (round(at), round(scale.top - style.px(17)))
            draw.add_text(place, ink(colors.text_dim), text)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def draw_keys(scale: Scale, state: SessionState, interface: Interface, lit: int | None) -> None:
    """A diamond per keyframe; the one under the playhead is filled in the accent colour."""
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    here = path_editing.current(state, interface)
    for index, key in enumerate(state.keyframes):
        x, y = scale.x(key.time), scale.middle
        reach = style.px(KEY_SIZE + (1.5 if index == lit else 0))
        chosen = index == here
        fill = colors.accent if chosen or index == lit else colors.text
        edge = colors.background
        corners: list[imgui.ImVec2Like] = [(x, y - reach), (x + reach, y), (x, y + reach)]
        corners.append((x - reach, y))
        draw.add_convex_poly_filled(corners, ink(fill))
        draw.add_polyline(corners, ink(edge), style.px(1.5), imgui.ImDrawFlags_.closed)


def draw_playhead(scale: Scale, interface: Interface, off: bool, lit: bool) -> None:
    """Like the clip's playhead; hollow if something else is shown than the path has there."""
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    x = round(scale.x(interface.path_time))
    color = ink(colors.warning if off else colors.accent if lit else colors.text)
    half = style.px(1)
    top, shoulder = scale.top - style.px(13), scale.top - style.px(6)
    for upper, lower in ((scale.top, scale.middle - style.px(8)), (scale.middle + style.px(8), 0)):
        end = lower or scale.bottom
        draw.add_rect_filled((x - half, upper), (x + half, end), color)
    outline = playhead_outline(x, top, shoulder, scale.top)
    if off:
        draw.add_convex_poly_filled(outline, ink(colors.background))
        draw.add_polyline(outline, color, style.px(1.5), imgui.ImDrawFlags_.closed)
    else:
        draw.add_convex_poly_filled(outline, color)


def draw_empty(scale: Scale) -> None:
    room = scale.right - scale.left - style.px(12)
    with style.font("body", style.SMALL_SIZE):
        fits = imgui.calc_text_size(_EMPTY).x <= room
        text = _EMPTY if fits else ellipsis(_EMPTY_SHORT, room)
        size = imgui.calc_text_size(text)
        at = (round((scale.left + scale.right - size.x) / 2), round(scale.middle - size.y / 2))
        imgui.get_window_draw_list().add_text(at, ink(style.palette().text_dim), text)
    record_rect("Empty", (*at, at[0] + size.x, at[1] + size.y))


def tell(state: SessionState, scale: Scale, near: int | None, mouse: float) -> None:
    """A tooltip above the lane about what is under the pointer."""
    seconds = scale.seconds(mouse)
    lines = [f"{seconds:.2f} s", "Drag to move along the path, with Ctrl in quarter seconds."]
    x = mouse
    if near is None:
        scale.line(x)
    else:
        key = state.keyframes[near]
        x = scale.x(key.time)
        orbit, ws_file = key.orbit, key.latent.ws_file
        who = printable(Path(ws_file).name) if ws_file else f"Seed {counted(key.latent.seed)}"
        lines = [
            f"Keyframe {near + 1} at {key.time:.2f} s",
            f"{who}, motion {counted(key.motion.seed)}, t {key.t:.3f}",
            f"Yaw {orbit.yaw:.0f}°, pitch {orbit.pitch:.0f}°, field of view {orbit.fov:.1f}°",
            "Click to go there, drag to move it, right click for more.",
        ]
    tell_above(x, scale.top - style.px(21), lines)
