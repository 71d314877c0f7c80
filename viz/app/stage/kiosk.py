"""A kiosk's controls for visitors: turn the head, scrub the clip, see someone else."""

from __future__ import annotations

import math
from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout, registry, style
from gui_utils.controls.layout import ink, press_area
from gui_utils.controls.registry import record
from gui_utils.controls.view_gestures import viewport_input
from gui_utils.gl.quads import Box
from training.camera import wrapped
from viz.app.commands import Commands
from viz.app.stage.audience import Audience
from viz.app.stage.running_show import Show
from viz.app.viewport.camera_gestures import turned

_JITTER = 8.0
"""Movement in design pixels up to which the mouse counts as still, as when the table shakes."""
_OPENING = 1.0
"""Seconds after the first picture during which mouse movements are ignored."""
_TOUCH = 56.0
"""Height of a touch target, design pixels."""


class Kiosk:
    """Draws the show in the one window, and a visitor's controls over it."""

    def __init__(self) -> None:
        self._rest: tuple[float, float] | None = None
        """Position of the mouse at rest; None before it was over the window."""
        self._begun = math.inf
        """Clock time of the first picture."""

    def draw(self, commands: Commands, audience: Audience, now: float) -> None:
        """Fills the current window's content region."""
        show = commands.current_show
        if show is None:
            return
        low, size = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail()
        self._begun = min(self._begun, now)
        place = (low.x, low.y, low.x + size.x, low.y + size.y)
        audience.draw_here(place, now)
        if not audience.has_picture:
            _opening(commands, show, place)
        commands.scrubbing = False
        has_visitor = show.touched is not None and not show.on_its_way
        if has_visitor:
            _controls(commands, place)
        # After the controls, so that these get the touch where they are.
        imgui.set_cursor_screen_pos(low)
        gesture = viewport_input("Kiosk", (size.x, size.y))
        commands.dragging = gesture.active
        if self._is_touched(now):
            commands.hand_over(now)
        if has_visitor and any(gesture.orbit):
            commands.interface.auto_orbit = commands.interface.path_playing = False
            scale = size.y / min(size.x, size.y)
            _turn(commands, gesture.orbit[0] * scale, gesture.orbit[1] * scale)

    def _is_touched(self, now: float) -> bool:
        mouse = imgui.get_mouse_pos()
        if not imgui.is_mouse_pos_valid(mouse):
            return False
        at = (mouse.x, mouse.y)
        moved = self._rest is None or math.dist(at, self._rest) > style.px(_JITTER)
        if moved:
            self._rest = at
        opens = now - self._begun < _OPENING
        return not opens and (moved or imgui.is_mouse_down(imgui.MouseButton_.left))


def _opening(commands: Commands, show: Show, place: Box) -> None:
    """Shown before the first picture: the cue's title, and what is being waited for."""
    cue, job = commands.state.cues[show.index], commands.job
    left, top, right, bottom = place
    room = min(right - left - style.px(48), style.px(560))
    x, y = (left + right - room) / 2, (top + bottom) / 2
    draw, colors = imgui.get_window_draw_list(), style.palette()
    with style.font("bold", 40.0):
        title = layout.ellipsis(controls.printable(cue.title.strip() or cue.name), room)
        extent = imgui.calc_text_size(title)
        corner = (round((left + right - extent.x) / 2), round(y - extent.y - style.px(16)))
        draw.add_text(corner, ink(colors.text), title)
    part = job.fraction if job is not None and job.fraction is not None else 0.0
    for end, color in ((x + room, colors.frame), (x + part * room, colors.accent)):
        draw.add_rect_filled((x, y), (end, y + style.px(4)), ink(color), style.px(2))
    step = job.name if job is not None else "Rendering" if commands.model else "Starting"
    imgui.set_cursor_screen_pos((x, y + style.px(16)))
    imgui.push_text_wrap_pos(imgui.get_cursor_pos_x() + room)
    imgui.text_disabled(controls.printable(show.message[:240] or f"{step}\u2026"))
    imgui.pop_text_wrap_pos()
    registry.record_rect("Opening", (x, corner[1], x + room, y))


def _turn(commands: Commands, dx: float, dy: float) -> None:
    """Turns the head within the angles that the model was trained for."""
    orbit = turned(commands.state.orbit, dx, dy)
    limits = commands.model.trained_turn if commands.model else None
    if limits is not None:
        yaw, pitch = wrapped(orbit.yaw), orbit.pitch
        orbit = replace(
            orbit,
            yaw=min(max(yaw, -limits[0]), limits[0]),
            pitch=min(max(pitch, -limits[1]), limits[1]),
        )
    commands.state.orbit = orbit


def _controls(commands: Commands, place: Box) -> None:
    """The button for someone else, and the bar of the clip beside it."""
    left, _, right, bottom = place
    height, margin = style.px(_TOUCH), style.px(24)
    width = min(right - left - 2 * margin, style.px(560))
    x, y = (left + right - width) / 2, bottom - margin - height
    imgui.set_cursor_screen_pos((x, y))
    with controls.scope("Kiosk"):
        if _button("Someone else", icons.ICON_FA_SHUFFLE, (height, height)):
            commands.random_person()
        if commands.model is not None and commands.model.moves:
            imgui.set_cursor_screen_pos((x + height + margin, y))
            _scrub(commands, (width - height - margin, height))


def _plate(low: imgui.ImVec2, size: tuple[float, float]) -> None:
    high = (low.x + size[0], low.y + size[1])
    color = style.with_alpha(style.palette().background, 0.7)
    imgui.get_window_draw_list().add_rect_filled(low, high, ink(color), size[1] / 2)


def _button(name: str, icon: str, size: tuple[float, float]) -> bool:
    low = imgui.get_cursor_screen_pos()
    pressed = press_area(f"##{name}", size)
    record(name)
    _plate(low, size)
    colors = style.palette()
    with style.font("body", 26.0):
        extent = imgui.calc_text_size(icon)
        at = (low.x + (size[0] - extent.x) / 2, low.y + (size[1] - extent.y) / 2)
        tint = colors.accent if imgui.is_item_active() else colors.text
        imgui.get_window_draw_list().add_text(at, ink(tint), icon)
    return pressed


def _scrub(commands: Commands, size: tuple[float, float]) -> None:
    """The clip from its first to its last frame, which a finger scrubs."""
    low = imgui.get_cursor_screen_pos()
    imgui.invisible_button("##Clip", size)
    record("Clip")
    held = imgui.is_item_active()
    _plate(low, size)
    pad = size[1] / 2
    room = size[0] - 2 * pad
    if held:
        part = min(max((imgui.get_mouse_pos().x - low.x - pad) / room, 0.0), 1.0)
        commands.scrub_to(part)
        commands.scrubbing = True
    draw, colors = imgui.get_window_draw_list(), style.palette()
    y = low.y + size[1] / 2
    x = low.x + pad + room * min(max(commands.state.t, 0.0), 1.0)
    draw.add_line((low.x + pad, y), (low.x + pad + room, y), ink(colors.text_dim), style.px(4))
    draw.add_circle_filled((x, y), style.px(12), ink(colors.accent if held else colors.text))
