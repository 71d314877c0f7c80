"""The motion track's lane above the clip: its frames, playback range and playhead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.controls.layout import ellipsis, ink, text_in, tooltip
from gui_utils.controls.registry import record, record_rect
from viz.app.commands import Commands
from viz.app.timeline import lanes
from viz.app.timeline.lanes import Lane, RangeHandles, Side
from viz.state.driving import driven
from viz.state.driving.drive import Drive
from viz.state.driving.motion_track import MotionTrack
from viz.state.types import SessionState

HEIGHT = 54.0
"""Height of the lane, design pixels."""
_LANE = 26.0
_FOOT = 9.0
"""Height of the markers below the lane, design pixels."""
_EDGE = 10.0
_GAP = 4.0
_GROUP_GAP = 14.0
_LEAST_LANE = 60.0
_MISSING = "The track was not found: only this moment is shown. Open it under Motion track."


def height(state: SessionState) -> float:
    """Height of the lane at present, design pixels."""
    return HEIGHT if state.drive is not None and state.drive.track else 0.0


@dataclass(frozen=True)
class _Scale(Lane):
    """Positions of frames on the lane."""

    last: int
    """Index of the track's last frame."""

    def x(self, frame: float) -> float:
        return self.at(frame / max(self.last, 1))

    def frame(self, x: float) -> int:
        return round(self.part(x) * self.last)


class DriverLane:
    """The lane of a motion track; call `draw` once per frame while there is one."""

    def __init__(self) -> None:
        self._handles = RangeHandles()
        self._curves: tuple[object, list[list[imgui.ImVec2Like]]] = (None, [])

    def draw(
        self,
        state: SessionState,
        commands: Commands,
        rect: tuple[float, float, float, float],
        track: tuple[float, float],
        readout: float,
    ) -> bool:
        """Draws into `rect` (left, top, right, bottom). It is aligned with the clip's `track`
        below; `readout` is the width of the frame number, 0 for none.

        Returns:
            Whether the playhead or a marker is being dragged, so that playback waits.
        """
        left, top, right, bottom = rect
        middle = round((top + bottom) / 2) - style.px(1)
        with controls.scope("Track"):
            drive, found = state.drive, commands.track
            if drive is None:
                return False
            if readout:
                if found is not None:
                    place, last = (right - readout, middle), len(found) - 1
                    frame, seconds = f"{drive.frame} / {last}", f"{drive.frame / found.fps:.2f} s"
                    lanes.readout("Frame", place, readout, frame, seconds)
                right -= readout + style.px(_GROUP_GAP)
            end = max(track[0], left + style.px(60))
            _buttons(drive, commands, (left, end - style.px(_GROUP_GAP)), middle)
            if right - end < style.px(_LEAST_LANE):
                return False
            half = style.px(_LANE) / 2
            edge = min(style.px(_EDGE), (right - end) / 6)
            place = (round(end) + edge, middle - half, round(right) - edge, middle + half)
            if found is None:
                text = ellipsis(_MISSING, place[2] - place[0])
                text_in(place, text, style.palette().warning)
                record_rect("Missing", place)
                return False
            scale = _Scale(place[0], place[2], place[1], place[3], len(found) - 1)
            return self._lane(state, commands, found, scale)

    def _lane(
        self, state: SessionState, commands: Commands, track: MotionTrack, scale: _Scale
    ) -> bool:
        reach = style.px(_EDGE)
        imgui.set_cursor_screen_pos((scale.left - reach, scale.top - style.px(8)))
        imgui.set_next_item_allow_overlap()
        tall = scale.bottom - scale.top + style.px(8 + _FOOT)
        imgui.invisible_button("##lane", (scale.right - scale.left + 2 * reach, tall))
        record("Lane")
        hovered, held = imgui.is_item_hovered(), imgui.is_item_active()
        mouse = imgui.get_mouse_pos().x
        if imgui.is_item_activated():
            commands.animator.clock.direction = 1
        if held or imgui.is_item_deactivated():
            commands.show_track_frame(scale.frame(mouse))
        lit = [self._marker(side, state, track, scale) for side in get_args(Side)]
        drive = state.drive
        if drive is None:
            return False
        first, last = driven.ends(drive, track)
        _draw_lane(scale, (first, last), drive.active)
        self._draw_curves(track, scale, drive.active)
        for frame, inward, is_lit in ((first, 1, lit[0]), (last, -1, lit[1])):
            scale.flag(scale.x(frame), inward, style.px(_FOOT), style.px(8), is_lit)
        if hovered and not held:
            _tell(scale.frame(mouse), track, scale)
        _draw_playhead(scale, drive.frame, drive.active, hovered or held)
        return held

    def _marker(self, side: Side, state: SessionState, track: MotionTrack, scale: _Scale) -> bool:
        """The handle of one end of the playback range; returns whether it is highlighted."""
        drive = state.drive
        if drive is None:
            return False
        ends = driven.ends(drive, track)
        frame = ends[0] if side == "start" else ends[1]
        height = style.px(_FOOT + 3)
        dragged, lit = self._handles.draw(side, scale.x(frame), scale.bottom, height)
        chosen = frame if dragged is None else scale.frame(dragged)
        if imgui.is_item_clicked(1):
            chosen = 0 if side == "start" else scale.last
        if lit:
            word = "starts" if side == "start" else "ends"
            tooltip(None, f"Playing {word} at frame {frame}.", "Right click to reset.")
        if chosen != frame and side == "start":
            state.drive = replace(drive, first=min(chosen, ends[1]))
        elif chosen != frame:
            chosen = max(chosen, ends[0])
            state.drive = replace(drive, last=None if chosen == scale.last else chosen)
        return lit

    def _draw_curves(self, track: MotionTrack, scale: _Scale, active: bool) -> None:
        """Curves of how far the eyes and the mouth are open over the track."""
        key = (id(track), scale)
        if self._curves[0] != key:
            self._curves = key, [_curve(track.openings[:, k], scale) for k in (0, 1)]
        colors, draw = style.palette(), imgui.get_window_draw_list()
        strength = 0.9 if active else 0.45
        for points, color in zip(self._curves[1], (colors.text_dim, colors.accent), strict=True):
            draw.add_polyline(points, ink(style.with_alpha(color, strength)), style.px(1.3), 0)


def _curve(values: np.ndarray, scale: _Scale) -> list[imgui.ImVec2Like]:
    """A line through values, at most one point per pixel, from the lane's bottom to its top."""
    low, high = np.quantile(values, [0.01, 0.99])
    part = np.clip((values - low) / max(high - low, 0.05), 0, 1)
    wanted = max(round(scale.right - scale.left), 2)
    chosen = np.unique(np.linspace(0, len(values) - 1, min(wanted, len(values))).round())
    room = scale.bottom - scale.top - style.px(8)
    return [
        (scale.x(float(k)), scale.bottom - style.px(4) - room * float(part[int(k)])) for k in chosen
    ]


def _buttons(drive: Drive, commands: Commands, span: tuple[float, float], middle: float) -> None:
    """The track's name, whether it drives the person, and the button that closes it."""
    side = imgui.get_frame_height()
    left, right = span
    top = round(middle - side / 2)
    imgui.set_cursor_screen_pos((round(left), top))
    about = (
        "The track moves the person; press to let the clip move them."
        if drive.active
        else "The clip moves the person; press to let the track move them."
    )
    mark = icons.ICON_FA_TOGGLE_ON if drive.active else icons.ICON_FA_TOGGLE_OFF
    if controls.icon_button(mark, tooltip=about, active=drive.active, name="Drives"):
        commands.state.drive = replace(drive, active=not drive.active)
    left += side + style.px(_GAP)
    imgui.set_cursor_screen_pos((round(left), top))
    if controls.icon_button(
        icons.ICON_FA_XMARK,
        tooltip="Closes the motion track: the clip moves the person.",
        name="Close",
    ):
        commands.close_track()
        return
    left += side + style.px(2 * _GAP)
    if right - left > style.px(30):
        with style.font("body", style.SMALL_SIZE):
            text = ellipsis(Path(drive.track).stem, right - left)
            color = ink(style.palette().text if drive.active else style.palette().text_dim)
            at = (round(left), round(middle - imgui.get_font_size() / 2))
            imgui.get_window_draw_list().add_text(at, color, text)
            record_rect("Name", (*at, right, at[1] + imgui.get_font_size()))


def _tell(frame: int, track: MotionTrack, scale: _Scale) -> None:
    """A mark where a click would go."""
    scale.line(scale.x(frame))
    missing = "" if track.found[frame] else "No face was found here: the motion is interpolated."
    lines = "Drag to scrub. Lines: the eyes, and the mouth in colour."
    tooltip(None, f"Frame {frame}, {frame / track.fps:.2f} s", missing, lines)


def _draw_lane(scale: _Scale, ends: tuple[int, int], active: bool) -> None:
    fill = style.palette().accent_soft if active else style.palette().frame
    scale.ground(scale.x(ends[0]), scale.x(ends[1]), fill)


def _draw_playhead(scale: _Scale, frame: int, active: bool, lit: bool) -> None:
    colors, draw = style.palette(), imgui.get_window_draw_list()
    x, half, head = round(scale.x(frame)), style.px(1), style.px(5)
    color = ink(colors.accent if lit else colors.text if active else colors.text_dim)
    shadow = ink(style.with_alpha(colors.background, 0.8))
    draw.add_rect_filled((x - 2 * half, scale.top), (x + 2 * half, scale.bottom), shadow)
    draw.add_rect_filled((x - half, scale.top), (x + half, scale.bottom), color)
    draw.add_triangle_filled(
        (x - head, scale.top - head), (x + head, scale.top - head), (x, scale.top + head / 2), color
    )
