"""The timeline's track: frames, the range that plays, and the playhead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.layout import ink
from gui_utils.controls.registry import record, record_rect
from viz.app.timeline.lanes import Lane, RangeHandles, Side, playhead_outline, tell_above
from viz.state.animation import clip_time
from viz.state.animation.clip_time import EXTENT, Clock
from viz.state.types import CLIP_SECONDS, FRAMES, Playback, SessionState

_EDGE = 10.0
"""Margin at both ends for the playhead and the markers, design pixels."""
_LANE = 20.0
_RULER = 17.0
"""Height of the frame numbers above the lane, design pixels."""
_FOOT = 14.0
"""Height of the markers below the lane, design pixels."""
_LEAST_RANGE = 1 / (FRAMES - 1)
"""Shortest playback range, in t."""


@dataclass(frozen=True)
class _Times(Lane):
    """Positions of times on the track."""

    def x(self, t: float) -> float:
        """Position of a time; times beyond the track are moved to its ends."""
        return self.at((t - EXTENT[0]) / (EXTENT[1] - EXTENT[0]))

    def t(self, x: float) -> float:
        """Time at a position, within the track."""
        return EXTENT[0] + (EXTENT[1] - EXTENT[0]) * self.part(x)

    @property
    def frame(self) -> float:
        """Width of one frame."""
        return (self.right - self.left) / (EXTENT[1] - EXTENT[0]) / (FRAMES - 1)


class Track:
    """The part of the timeline that is being dragged."""

    def __init__(self) -> None:
        self._handles = RangeHandles()

    def draw(
        self,
        state: SessionState,
        clock: Clock,
        span: tuple[float, float],
        middle: float,
        ready: Sequence[bool] = (),
    ) -> bool:
        """Draws between the left and right of `span` around `middle`; returns whether it is
        scrubbed. The clip's clock runs forwards again after scrubbing; `ready` is as in
        `Timeline.draw`."""
        left, right = round(span[0]), round(span[1])
        lane = style.px(_LANE)
        top = round(middle - lane / 2)
        edge = min(style.px(_EDGE), (right - left) / 6)
        scale = _Times(left + edge, right - edge, top, top + round(lane))
        imgui.set_cursor_screen_pos((left, scale.top - style.px(_RULER)))
        imgui.set_next_item_allow_overlap()
        height = style.px(_RULER + _FOOT) + scale.bottom - scale.top
        imgui.invisible_button("##track", (right - left, height))
        record("Track")
        hovered, scrubbing = imgui.is_item_hovered(), imgui.is_item_active()
        if imgui.is_item_activated():
            clock.direction = 1
        mouse = imgui.get_mouse_pos().x
        if scrubbing:
            state.t = _picked(scale, mouse)
        starts = self._marker("start", state, scale)
        ends = self._marker("end", state, scale)
        _draw_lane(scale, state.playback)
        _draw_ready(scale, ready)
        _draw_frames(scale)
        foot, reach = style.px(11), style.px(10)
        scale.flag(scale.x(state.playback.start), 1, foot, reach, starts)
        scale.flag(scale.x(state.playback.end), -1, foot, reach, ends)
        if hovered and not scrubbing:
            t = _picked(scale, mouse)  # where a click would go
            scale.line(scale.x(t))
            _tell([_about(t), "Drag to scrub, Ctrl for whole frames."], t, scale)
        _draw_playhead(scale, state.t, hovered or scrubbing)
        return scrubbing

    def _marker(self, side: Side, state: SessionState, scale: _Times) -> bool:
        """The handle of one end of the range; returns whether it is highlighted."""
        t = state.playback.start if side == "start" else state.playback.end
        dragged, lit = self._handles.draw(side, scale.x(t), scale.bottom, style.px(_FOOT))
        if dragged is not None:
            t = _picked(scale, dragged)
        if imgui.is_item_clicked(1):
            t = 0.0 if side == "start" else 1.0
        if lit:
            word = "starts" if side == "start" else "ends"
            lines = [f"Playing {word} here: {_about(t)}", "Right click to reset, Ctrl for frames."]
            _tell(lines, t, scale)
        _set_end(state, side, t)
        return lit


def _set_end(state: SessionState, side: Side, t: float) -> None:
    """Moves one end of the range; it stops short of the other."""
    range_ = state.playback
    if side == "start" and t != range_.start:
        state.playback = replace(range_, start=min(t, range_.end - _LEAST_RANGE))
    elif side == "end" and t != range_.end:
        state.playback = replace(range_, end=max(t, range_.start + _LEAST_RANGE))


def _picked(scale: _Times, x: float) -> float:
    """The time at a position: a whole frame while Ctrl is held."""
    t = scale.t(x)
    return clip_time.snap(t) if imgui.get_io().key_ctrl else round(t, 4)


def _about(t: float) -> str:
    frame = f"{clip_time.frame_of(t):.1f}".removesuffix(".0")
    return f"t {t:.3f}, frame {frame}, {t * CLIP_SECONDS:.2f} s"


def _tell(lines: list[str], t: float, scale: _Times) -> None:
    """Shows a tooltip about a time above the track."""
    if not 0 <= t <= 1:
        lines.append("Beyond the trained clip.")
    tell_above(scale.x(t), scale.top - style.px(_RULER + 4), lines)


def _draw_lane(scale: _Times, range_: Playback) -> None:
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    rounding = style.px(4)
    top, bottom = scale.top, scale.bottom
    draw.add_rect_filled((scale.left, top), (scale.right, bottom), ink(colors.raised), rounding)
    zero, one = round(scale.x(0.0)), round(scale.x(1.0))
    for left, right in ((scale.left, zero), (one, scale.right)):
        _hatch((left, top, right, bottom))
    draw.add_rect((scale.left, top), (scale.right, bottom), ink(colors.border), rounding)
    draw.add_rect_filled((zero, top), (one, bottom), ink(colors.frame_active))
    start, end = round(scale.x(range_.start)), round(scale.x(range_.end))
    draw.add_rect_filled((start, top), (end, bottom), ink(colors.accent_soft))


def _hatch(rect: tuple[float, float, float, float]) -> None:
    """Hatching: the model was not trained for these times."""
    left, top, right, bottom = rect
    draw = imgui.get_window_draw_list()
    draw.push_clip_rect((left, top), (right, bottom), True)
    height, pitch = bottom - top, style.px(7)
    color = ink(style.palette().border)
    for index in range(math.ceil((right - left + height) / pitch)):
        x = left + index * pitch
        draw.add_line((x - height, bottom), (x, top), color, style.px(1.2))
    draw.pop_clip_rect()


def _draw_ready(scale: _Times, ready: Sequence[bool]) -> None:
    """A thin bar under the frames whose pictures are cached."""
    draw, color = imgui.get_window_draw_list(), ink(style.palette().accent)
    top = scale.bottom - max(round(style.px(2)), 1)
    half = 0.5 / (FRAMES - 1)
    for frame, is_ready in enumerate(ready):
        if is_ready:
            t = clip_time.time_of(frame)
            left, right = round(scale.x(t - half)), round(scale.x(t + half))
            draw.add_rect_filled((left, top), (right, scale.bottom), color)
            record_rect(f"Ready {frame}", (left, top, right, scale.bottom))


def _draw_frames(scale: _Times) -> None:
    """A tick for each frame and a number for every fifth, as far as they fit."""
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    roomy = scale.frame >= style.px(4)
    with style.font("body", 12):
        apart = imgui.calc_text_size("00").x + style.px(8)
        every = 5 if 5 * scale.frame >= apart else FRAMES - 1
        for frame in range(FRAMES):
            numbered = frame % 5 == 0
            if not (roomy or numbered):
                continue
            x = round(scale.x(frame / (FRAMES - 1)))
            height = style.px(9 if numbered else 5)
            color = ink(style.with_alpha(colors.text, 0.75 if numbered else 0.4))
            draw.add_line((x, scale.bottom - height), (x, scale.bottom), color, style.px(1))
            if frame % every == 0 and (every == 5 or (FRAMES - 1) * scale.frame >= apart):
                text = str(frame)
                at = (x - imgui.calc_text_size(text).x / 2, scale.top - style.px(_RULER - 1))
                draw.add_text((round(at[0]), round(at[1])), ink(colors.text_dim), text)


def _draw_playhead(scale: _Times, t: float, lit: bool) -> None:
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    x = round(scale.x(t))
    color = ink(colors.accent if lit else colors.text)
    half, head = style.px(1), style.px(6)
    shadow = ink(style.with_alpha(colors.background, 0.8))
    draw.add_rect_filled((x - 2 * half, scale.top), (x + 2 * half, scale.bottom), shadow)
    draw.add_rect_filled((x - half, scale.top - head), (x + half, scale.bottom), color)
    top, shoulder = scale.top - style.px(14), scale.top - style.px(6)
    outline = playhead_outline(x, top, shoulder, scale.top + style.px(1))
    draw.add_convex_poly_filled(outline, color)
