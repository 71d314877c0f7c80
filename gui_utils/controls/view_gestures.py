"""Viewports: mouse gestures over them, and a gizmo of the axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.layout import ink
from gui_utils.controls.registry import record

_BUTTONS = (
    imgui.ButtonFlags_.mouse_button_left
    | imgui.ButtonFlags_.mouse_button_right
    | imgui.ButtonFlags_.mouse_button_middle
)


@dataclass(frozen=True)
class Gesture:
    """What the mouse did over a viewport in one frame."""

    orbit: tuple[float, float] = (0.0, 0.0)
    """Left drag (dx, dy), in fractions of the viewport's height; y grows downwards."""
    pan: tuple[float, float] = (0.0, 0.0)
    """Drag with the right or middle button, or left with Shift, likewise."""
    zoom: float = 0.0
    """Wheel ticks, positive away from the user."""
    dolly: float = 0.0
    """Wheel ticks with Ctrl held."""
    reset: bool = False
    """Whether the left button was double-clicked."""
    active: bool = False
    """Whether a button that was pressed over the viewport is down."""
    hovered: bool = False
    """Whether the pointer is over the viewport."""


def viewport_input(rect_id: str, size: tuple[float, float]) -> Gesture:
    """Reads the mouse over an area of `size` Dear ImGui units at the cursor, which is recorded as
    `rect_id`; draw content over or under it with the draw list."""
    width, height = max(size[0], 1.0), max(size[1], 1.0)
    imgui.set_next_item_allow_overlap()
    imgui.invisible_button(f"##{rect_id}", (width, height), _BUTTONS)
    record(rect_id)
    hovered, active = imgui.is_item_hovered(), imgui.is_item_active()
    io = imgui.get_io()
    zoom = dolly = 0.0
    if hovered:
        # Otherwise the wheel would also scroll the panel around the viewport.
        imgui.set_item_key_owner(imgui.Key.mouse_wheel_y)
        if io.key_ctrl:
            dolly = io.mouse_wheel
        else:
            zoom = io.mouse_wheel
    orbit = pan = (0.0, 0.0)
    # The frame in which the button is released may contain the last movement.
    if (active and not imgui.is_item_activated()) or imgui.is_item_deactivated():
        move = (io.mouse_delta.x / height, io.mouse_delta.y / height)
        if (imgui.is_mouse_down(0) or imgui.is_mouse_released(0)) and not io.key_shift:
            orbit = move
        else:
            pan = move
    reset = hovered and imgui.is_mouse_double_clicked(0)
    return Gesture(orbit, pan, zoom, dolly, reset, active, hovered)


def axis_gizmo(
    center: tuple[float, float], radius: float, rotation_world_to_camera: np.ndarray
) -> None:
    """Draws the world's axes as seen by the camera, with those that point away dimmed.

    `center` and `radius` are in Dear ImGui units. The rotation is [3, 3]; the camera looks along
    its z axis, with x to the right and y down.
    """
    colors = style.palette()
    rotation = np.asarray(rotation_world_to_camera, np.float64)
    draw = imgui.get_window_draw_list()
    draw.add_circle_filled(center, radius * 1.3, ink(style.with_alpha(colors.background, 0.55)))
    axes = [
        (float(rotation[2, axis]) * sign, axis, sign, rotation[:2, axis] * sign)
        for axis in range(3)
        for sign in (1, -1)
    ]
    tints = (colors.axis_x, colors.axis_y, colors.axis_z)
    # Axes that point away come first, so that nearer ones cover them.
    for depth, axis, sign, direction in sorted(axes, key=lambda entry: -entry[0]):
        opacity = 1.0 if depth <= 0.05 else 0.4
        tint = ink(style.with_alpha(tints[axis], opacity))
        tip = (
            center[0] + float(direction[0]) * radius,
            center[1] + float(direction[1]) * radius,
        )
        ball = style.px(7.5)
        if sign > 0:
            draw.add_line(center, tip, tint, style.px(2))
            draw.add_circle_filled(tip, ball, tint)
            with style.font("bold", 12):
                letter = "XYZ"[axis]
                size = imgui.calc_text_size(letter)
                at = (tip[0] - size.x / 2, tip[1] - size.y / 2)
                draw.add_text(at, ink(colors.canvas), letter)
        else:
            faint = ink(style.with_alpha(tints[axis], opacity * 0.35))
            draw.add_circle_filled(tip, ball * 0.62, faint)
            draw.add_circle(tip, ball * 0.62, tint, 0, style.px(1.2))
