"""The path's lane above the clip's line: keyframes, the segments between them, and the playhead."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.controls.layout import ink, tooltip
from gui_utils.controls.registry import record, record_rect
from viz.app.commands import Commands
from viz.app.shortcuts import caption_of, explained, sentence
from viz.app.timeline import path_drawing as lane
from viz.app.timeline.lanes import play_button, readout
from viz.app.timeline.path_drawing import KEY_SIZE, Scale
from viz.state.animation import camera_path, path_editing
from viz.state.interface import Interface
from viz.state.types import EASES, Ease, SessionState

HEIGHT = 58.0
"""Height of the lane, design pixels."""
_PLAY_SIZE = 28.0
_GAP = 4.0
_GROUP_GAP = 14.0
_LANE = 18.0
_EDGE = 10.0
_LEAST_LANE = 60.0
_LEAST_WIDTH = 170.0
"""Smallest width of the whole line for more than the play button, design pixels."""
_SPANS = (4, 6, 8, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1200, 1800, 3600)
"""Choices for the length of the lane in seconds."""


def height(interface: Interface) -> float:
    """Height of the lane at present, design pixels."""
    return HEIGHT if interface.path_lane else 0.0


def lane_span(state: SessionState, playhead: float) -> float:
    """Length of the lane in seconds: the path and some room after it."""
    wanted = max(camera_path.duration(state) * 1.08, playhead)
    return next((float(span) for span in _SPANS if span >= wanted), math.ceil(wanted / 60) * 60.0)


class PathLane:
    """The upper line of the timeline; call `draw` once per frame while `Interface.path_lane` is
    set."""

    def __init__(self) -> None:
        self._held: int | None = None
        self._grip = self._pressed = 0.0
        self._moved = False
        self._span = 0.0
        self._menu_key: int | None = None
        self.hovered = False
        """Whether the pointer is on the lane or drags something of it."""

    def draw(
        self,
        state: SessionState,
        commands: Commands,
        rect: tuple[float, float, float, float],
        track: tuple[float, float],
        width: float,
    ) -> bool:
        """Draws into `rect` (left, top, right, bottom). It is aligned with the clip's `track` below
        if that fits; `width` is that of the time at its end, 0 for none.

        Returns:
            Whether the playhead or a keyframe is being dragged, so that playback waits.
        """
        left, top, right, bottom = rect
        middle, interface = round((top + bottom) / 2) + style.px(5), commands.interface
        with controls.scope("Path"):
            end = self._buttons(state, commands, (left, right), middle)
            if width:
                _readout(state, interface, (right - width, middle), width)
                right -= width + style.px(_GROUP_GAP)
            end = max(end, track[0])
            held = self.hovered = False
            if right - end >= style.px(_LEAST_LANE):
                held = self._lane(state, interface, (end, right), middle)
            self._menu(state, commands)
        return held

    def _buttons(
        self, state: SessionState, commands: Commands, span: tuple[float, float], middle: float
    ) -> float:
        """Transport and editing buttons from the left of `span`; returns where they end."""
        side, interface = imgui.get_frame_height(), commands.interface
        left, right = span
        x = left
        here = path_editing.current(state, interface)
        off = path_editing.is_off(state, interface) and not interface.path_playing
        roomy, some = right - left > style.px(560), bool(state.keyframes)

        def icon(
            image: str, name: str, act: Callable[[], None], enabled: bool, lit: bool = False
        ) -> None:
            nonlocal x
            if not roomy:
                return
            imgui.set_cursor_screen_pos((round(x), round(middle - side / 2)))
            x += side + style.px(_GAP / 2)
            if controls.icon_button(
                image, tooltip=explained(act), active=lit and enabled, enabled=enabled, name=name
            ):
                act()

        before, after = (partial(commands.go_to_keyframe, step) for step in (-1, 1))
        icon(icons.ICON_FA_CHEVRON_LEFT, "Previous keyframe", before, some)
        x += style.px(_GAP / 2)
        _play_button((x, middle), commands)
        x += style.px(_PLAY_SIZE + _GAP)
        if right - left < style.px(_LEAST_WIDTH):
            return x
        icon(icons.ICON_FA_CHEVRON_RIGHT, "Next keyframe", after, some)
        x += style.px(_GROUP_GAP - _GAP)
        imgui.set_cursor_screen_pos((round(x), round(middle - side / 2)))
        about = explained(commands.add_keyframe)
        if controls.button(
            "Key##Add key", icon=icons.ICON_FA_PLUS, tooltip=about, primary=off and here is None
        ):
            commands.add_keyframe()
        x += imgui.get_item_rect_size().x + style.px(_GAP)
        stands = here is not None
        update = commands.update_keyframe
        icon(icons.ICON_FA_ARROWS_ROTATE, "Update key", update, stands and off, lit=True)
        icon(icons.ICON_FA_TRASH_CAN, "Delete key", commands.delete_keyframe, stands)
        imgui.set_cursor_screen_pos((round(x), round(middle - side / 2)))
        about = "More: transitions between keyframes, copies, the loop."
        if controls.icon_button(icons.ICON_FA_ELLIPSIS, tooltip=about, name="Menu"):
            self._menu_key = here
            imgui.open_popup("##path menu")
        return x + side + style.px(_GROUP_GAP)

    def _lane(
        self,
        state: SessionState,
        interface: Interface,
        span: tuple[float, float],
        middle: float,
    ) -> bool:
        left, right = round(span[0]), round(span[1])
        half = style.px(_LANE) / 2
        edge = min(style.px(_EDGE), (right - left) / 6)
        ruler = style.px(17)
        imgui.set_cursor_screen_pos((left, round(middle - half - ruler)))
        imgui.invisible_button("##lane", (right - left, 2 * half + ruler + style.px(6)))
        record("Lane")
        over, active = imgui.is_item_hovered(), imgui.is_item_active()
        if not active:  # a dragged keyframe must not be carried away when the lane's scale grows
            self._span = lane_span(state, interface.path_time)
        top = round(middle - half)
        scale = Scale(left + edge, right - edge, top, top + round(2 * half), self._span)
        self.hovered = over or active
        mouse = imgui.get_mouse_pos()
        near = self._near(state, scale, mouse.x) if over else None
        if imgui.is_item_activated():
            self._grab(state, interface, scale, near)
        elif active or imgui.is_item_deactivated():
            self._drag(state, interface, scale)
        if imgui.is_item_clicked(1) and near is not None:
            path_editing.pause(interface)
            path_editing.show(state, interface, state.keyframes[near].time)
            self._menu_key = near
            imgui.open_popup("##path menu")
        if not active:
            self._held = None
        lit = self._held if active else near
        lane.draw_lane(scale, state, interface)
        if not state.keyframes:
            lane.draw_empty(scale)
        elif over and not active:
            lane.tell(state, scale, near, mouse.x)
        lane.draw_keys(scale, state, interface, lit)
        if state.keyframes:
            lane.draw_playhead(
                scale, interface, path_editing.is_off(state, interface), over or active
            )
        for index, key in enumerate(state.keyframes):
            reach = style.px(KEY_SIZE)
            x = scale.x(key.time)
            place = (x - reach, scale.middle - reach, x + reach, scale.middle + reach)
            record_rect(f"Key {index}", place)
        return active

    def _near(self, state: SessionState, scale: Scale, x: float) -> int | None:
        """The keyframe under the pointer."""
        reach = style.px(KEY_SIZE + 2)
        far = [(abs(scale.x(key.time) - x), -k) for k, key in enumerate(state.keyframes)]
        best = min(far, default=(math.inf, 0))
        return -best[1] if best[0] <= reach else None

    def _grab(
        self, state: SessionState, interface: Interface, scale: Scale, near: int | None
    ) -> None:
        path_editing.pause(interface)
        interface.playing = False
        self._held, self._moved = near, False
        mouse = self._pressed = imgui.get_mouse_pos().x
        if near is not None:
            self._grip = mouse - scale.x(state.keyframes[near].time)
            path_editing.show(state, interface, state.keyframes[near].time)
        elif state.keyframes:
            path_editing.show(state, interface, scale.seconds(mouse))

    def _drag(self, state: SessionState, interface: Interface, scale: Scale) -> None:
        mouse = imgui.get_mouse_pos().x
        if self._held is None:
            if state.keyframes and imgui.is_item_active():
                path_editing.show(state, interface, scale.seconds(mouse))
            return
        # In the frame of the release, which may bring all of the movement, nothing is dragged.
        self._moved |= abs(mouse - self._pressed) >= imgui.get_io().mouse_drag_threshold
        if self._moved and self._held < len(state.keyframes):
            goal = scale.seconds(mouse - self._grip)
            self._held = path_editing.move(state, self._held, goal)
            interface.path_time = state.keyframes[self._held].time

    def _menu(self, state: SessionState, commands: Commands) -> None:
        """Rarely used commands for the keyframe under the playhead and for the whole path."""
        imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(10), style.px(8)))
        imgui.push_style_var(imgui.StyleVar_.item_spacing, (style.px(10), style.px(7)))
        if imgui.begin_popup("##path menu"):
            index = self._menu_key
            with controls.scope("Menu"):
                if index is not None and index < len(state.keyframes):
                    _key_items(state, commands, index)
                    imgui.separator()
                _path_items(state, commands.interface)
            imgui.end_popup()
        imgui.pop_style_var(2)


def _key_items(state: SessionState, commands: Commands, index: int) -> None:
    key = state.keyframes[index]
    with style.font("bold", style.SMALL_SIZE):
        imgui.text_disabled(f"Keyframe {index + 1} of {len(state.keyframes)}, {key.time:.2f} s")
    for ease in EASES:
        name, about = _EASES[ease]
        if _item(name, key.ease == ease, about):
            path_editing.edit(state, index, replace(key, ease=ease))
    about = "Adds a whole turn to the right, or to the left, on the way to the next keyframe."
    for turns, side in ((1, "right"), (-1, "left")):
        if _item(f"A turn to the {side} on the way", key.turns == turns, about):
            turned = replace(key, turns=0 if key.turns == turns else turns)
            path_editing.edit(state, index, turned)
    imgui.separator()
    _command_item("Update to what is shown", commands.update_keyframe)
    if _item("Duplicate", False, "Adds a copy of the keyframe after it."):
        path_editing.duplicate(state, commands.interface)
    _command_item("Delete", commands.delete_keyframe)


_EASES: dict[Ease, tuple[str, str]] = {
    "smooth": ("Smooth to the next keyframe", "Smoothly through this keyframe to the next one."),
    "linear": ("Straight to the next keyframe", "With sharp corners at the keyframes."),
    "hold": ("Hold until the next keyframe", "Holds this view, then jumps to the next keyframe."),
}


def _path_items(state: SessionState, interface: Interface) -> None:
    options = state.path
    if _item("Repeat in the preview", interface.path_loop, "The path starts again at its end."):
        interface.path_loop = not interface.path_loop
    about = "From the last keyframe back to the first without a stop: for videos that loop."
    if _item("Closed path", options.closed, about):
        state.path = replace(options, closed=not options.closed)
    about = (
        "The clip plays by itself while the camera goes along the path; otherwise its time goes "
        "from keyframe to keyframe."
    )
    if _item("Clip plays by itself", options.clip == "plays", about):
        state.path = replace(options, clip="keys" if options.clip == "plays" else "plays")
    imgui.separator()
    imgui.begin_disabled(not state.keyframes)
    if _item("Delete all keyframes", False, ""):
        path_editing.clear(state, interface)
    imgui.end_disabled()


def _command_item(name: str, act: Callable[[], None]) -> None:
    """An item for a command, with its key at the right."""
    if _item(name, False, sentence(act), caption_of(act)):
        act()


def _item(name: str, chosen: bool, about: str, key: str = "") -> bool:
    pressed, _ = imgui.menu_item(name, key, chosen)
    record(name)
    tooltip(None, about)
    return pressed


def _play_button(at: tuple[float, float], commands: Commands) -> None:
    """Smaller than the clip's play button, and hollow."""
    enabled = path_editing.can_play(commands.state)
    imgui.begin_disabled(not enabled)
    if play_button("Play path", at, _PLAY_SIZE, commands.interface.path_playing, filled=False):
        commands.toggle_path()
    imgui.end_disabled()
    about = explained(commands.toggle_path)
    tooltip(None, about if enabled else "A path needs two keyframes before it can play.")


def _readout(
    state: SessionState, interface: Interface, at: tuple[float, float], width: float
) -> None:
    """The playhead's time, and the path's length below."""
    here = path_editing.current(state, interface)
    top = f"{interface.path_time:.2f} s" if state.keyframes else "no keys"
    under = f"of {camera_path.duration(state):.2f} s" if state.keyframes else ""
    readout("Time", at, width, top, under)
    if here is not None:
        x, text = round(at[0]), f"key {here + 1}"
        with style.font("mono"):
            right = x + width - imgui.calc_text_size(text).x
            if right > x + imgui.calc_text_size(top + " ").x:
                y = round(at[1] - (style.px(18) + imgui.get_font_size()) / 2)
                color = ink(style.palette().accent)
                imgui.get_window_draw_list().add_text((right, y), color, text)
