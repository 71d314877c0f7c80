"""The timeline: transport buttons, the clip with frames, range and playhead, the lanes above it,
and the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.controls.layout import ellipsis, ink, press_area, text_in, tooltip
from gui_utils.controls.numbers import parse_number
from gui_utils.controls.registry import record, record_rect
from viz.app.commands import Commands
from viz.app.shortcuts import explained
from viz.app.timeline import driver_lane, path_lane
from viz.app.timeline.clip_track import Track
from viz.app.timeline.driver_lane import DriverLane
from viz.app.timeline.lanes import play_button
from viz.app.timeline.path_drawing import LABEL_WIDTH, draw_label
from viz.app.timeline.path_lane import PathLane
from viz.state.animation import clip_time, path_editing
from viz.state.animation.clip_time import EXTENT, Clock
from viz.state.driving import driven
from viz.state.types import CLIP_SECONDS, FRAMES, LOOP_MODES, LoopMode, SessionState

HEIGHT = 64.0
"""Height of the whole bar, design pixels."""
SPEEDS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)

_LOOPS: dict[LoopMode, tuple[str, str]] = {
    "loop": (icons.ICON_FA_REPEAT, "from the end of the range back to its start."),
    "ping-pong": (icons.ICON_FA_ARROW_RIGHT_ARROW_LEFT, "forwards, then backwards, and again."),
    "once": (icons.ICON_FA_ARROW_RIGHT_TO_BRACKET, "to the end of the range, then stop."),
}
_STILL = "This model makes still pictures: there is no clip to play."
_PLAY_SIZE = 38.0
_SPEED_WIDTH = 76.0
_GAP = 4.0
_GROUP_GAP = 14.0
_TRACK_WIDTH = 240.0
"""Smallest width of the track; less important parts are hidden to keep it, design pixels."""
_LEAST_TRACK = 48.0
_LEAST_HEIGHT = 50.0
"""Height of the clip's line with the path's lane above it, design pixels."""
_NAMED_WIDTH = 520.0
"""Smallest width of the bar at which its lines have names, design pixels."""


@dataclass(frozen=True)
class BarParts:
    """Which parts of the bar are shown."""

    ends: bool = True
    """Buttons to the first and last frame."""
    steps: bool = True
    """Buttons to the previous and next frame."""
    path: bool = True
    """The button that shows the path's lane."""
    loop: Literal["all", "one", "none"] = "all"
    """A button per loop mode, or a single one that cycles through them."""
    speed: bool = True
    readout: Literal["full", "short", "none"] = "full"

    def width(self, button: float, letter: float) -> float:
        """Width of all but the track: `button` is an icon button's side, `letter` a digit's
        width."""
        buttons = 2 * self.ends + 2 * self.steps
        total = style.px(_PLAY_SIZE) + buttons * (button + style.px(_GAP)) + style.px(_GROUP_GAP)
        loops = {"all": 3, "one": 1, "none": 0}[self.loop]
        if loops:
            total += loops * button + style.px((loops - 1) * _GAP / 2 + _GROUP_GAP)
        if self.speed:
            total += style.px(_SPEED_WIDTH + _GROUP_GAP)
        if self.path:
            total += button + style.px(_GROUP_GAP)
        if self.letters:
            total += self.letters * letter + style.px(_GROUP_GAP)
        return total

    @property
    def letters(self) -> int:
        """Width of the readout in digits."""
        return {"full": 16, "short": 8, "none": 0}[self.readout]


def choose_parts(width: float, button: float, letter: float) -> BarParts:
    """As many parts as fit beside the track in `width` Dear ImGui units."""
    parts = BarParts()
    concessions: tuple[dict[str, Any], ...] = (
        *({"loop": "one"}, {"ends": False}, {"readout": "short"}, {"speed": False}),
        *({"steps": False}, {"loop": "none"}, {"readout": "none"}, {"path": False}),
    )
    for concession in concessions:
        if parts.width(button, letter) + style.px(_TRACK_WIDTH) <= width:
            break
        parts = replace(parts, **concession)
    return parts


class Timeline:
    """The bar below the viewport; call `draw` once per frame in a child window of about
    `HEIGHT`."""

    def __init__(self) -> None:
        self._track = Track()
        self._path = PathLane()
        self._driver = DriverLane()
        self._typed: str | None = None
        self._focus = False

    def draw(
        self, state: SessionState, commands: Commands, clock: Clock, ready: Sequence[bool] = ()
    ) -> bool:
        """Draws the bar across the content region, and the path's lane if there is room. `ready`
        says whether each frame's picture is cached at full quality; empty shows nothing of it.

        Returns:
            Whether a playhead is being dragged, so that playback should wait.
        """
        low, size = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail()
        # The lanes are above the clip, which stays in place when the first keyframe shows one: it
        # must not move away under the mouse that scrubs it.
        lanes = path_lane.height(commands.interface), driver_lane.height(state)
        roomy = size.y - style.px(sum(lanes)) >= style.px(_LEAST_HEIGHT)
        path, driver = (style.px(lane) if roomy else 0.0 for lane in lanes)
        height = min(max(size.y - path - driver, 1.0), style.px(HEIGHT))
        top = low.y + path + driver
        if size.x < style.px(_PLAY_SIZE):
            return False
        with style.font("mono"):
            letter = imgui.calc_text_size("0").x
        named = size.x > style.px(_NAMED_WIDTH)
        left = low.x + (style.px(LABEL_WIDTH) if named else 0.0)
        right = low.x + size.x
        parts = choose_parts(right - left, imgui.get_frame_height(), letter)
        middle = top + height / 2
        readout = parts.letters * letter
        if named:
            plays = commands.interface.playing and not driven.plays(state)
            draw_label((low.x, middle), icons.ICON_FA_FILM, "Clip", plays)
        span = (left, right)
        track, scrubbing = self._clip(state, commands, clock, parts, span, middle, readout, ready)
        if driver:
            rect = (left, top - driver, right, top)
            scrubbing |= self._driver.draw(state, commands, rect, track, readout)
            if named:
                at = (low.x, (rect[1] + rect[3]) / 2 + style.px(2))
                plays = commands.interface.playing and driven.plays(state)
                draw_label(at, icons.ICON_FA_MASKS_THEATER, "Track", plays)
        self._path.hovered = False
        if path:
            rect = (left, low.y, right, low.y + path)
            scrubbing |= self._path.draw(state, commands, rect, track, readout)
            if named:
                at = (low.x, (rect[1] + rect[3]) / 2 + style.px(5))
                draw_label(at, icons.ICON_FA_ROUTE, "Path", commands.interface.path_playing)
        commands.interface.path_shown = self._path.hovered
        imgui.set_cursor_screen_pos(low)
        imgui.dummy((size.x, top + height - low.y))
        return scrubbing

    def _clip(
        self,
        state: SessionState,
        commands: Commands,
        clock: Clock,
        parts: BarParts,
        span: tuple[float, float],
        middle: float,
        readout: float,
        ready: Sequence[bool],
    ) -> tuple[tuple[float, float], bool]:
        """The clip's line; returns left and right of its track, and whether it is being
        scrubbed."""
        still = commands.model is not None and not commands.model.moves
        right = span[1] - readout - (style.px(_GROUP_GAP) if readout else 0.0)
        scrubbing = False
        imgui.begin_disabled(still)
        with controls.scope("Timeline"):
            left = self._transport(state, commands, clock, parts, (span[0], middle))
            left = _loop_buttons(state, parts, (left, middle))
            left = _speed(state, parts, (left, middle))
            imgui.end_disabled()
            left = _path_button(commands, parts, (left, middle))
            imgui.begin_disabled(still)
            if right - left >= style.px(_LEAST_TRACK) and not still:
                scrubbing = self._track.draw(state, clock, (left, right), middle, ready)
                if scrubbing:
                    path_editing.pause(commands.interface)
                    if state.drive is not None and state.drive.active and not state.drive.blend:
                        # The track alone moved the person; now the clip does.
                        state.drive = replace(state.drive, active=False)
            if readout:
                self._readout(state, parts, (span[1] - readout, middle), readout)
        imgui.end_disabled()
        if still:
            place = (left, middle, right, middle)
            text_in(place, ellipsis(_STILL, right - left), style.palette().text_dim)
            record_rect("Timeline/Still", place)
        return (left, right), scrubbing

    def _transport(
        self,
        state: SessionState,
        commands: Commands,
        clock: Clock,
        parts: BarParts,
        at: tuple[float, float],
    ) -> float:
        """Buttons from `at` (left, middle); returns where they end."""
        side = imgui.get_frame_height()
        x, middle = at

        def icon(image: str, name: str, act: Callable[[], None]) -> None:
            nonlocal x
            imgui.set_cursor_screen_pos((round(x), round(middle - side / 2)))
            x += side + style.px(_GAP)
            if controls.icon_button(image, tooltip=explained(act, f"{name}."), name=name):
                act()

        if parts.ends:
            icon(icons.ICON_FA_BACKWARD_FAST, "Start of the range", commands.go_to_start)
        if parts.steps:
            icon(icons.ICON_FA_BACKWARD_STEP, "Previous frame", partial(commands.step, -1))
        playing = commands.interface.playing
        if play_button("Play", (x, middle), _PLAY_SIZE, playing):
            commands.toggle_play()
        tooltip(None, explained(commands.toggle_play, "Pause." if playing else "Play."))
        x += style.px(_PLAY_SIZE + _GAP)
        if parts.steps:
            icon(icons.ICON_FA_FORWARD_STEP, "Next frame", partial(commands.step, 1))
        if parts.ends:
            icon(icons.ICON_FA_FORWARD_FAST, "End of the range", commands.go_to_end)
        return x - style.px(_GAP) + style.px(_GROUP_GAP)

    def _readout(
        self, state: SessionState, parts: BarParts, at: tuple[float, float], width: float
    ) -> None:
        """The time, which a double click edits, and the frame below."""
        x, middle = round(at[0]), at[1]
        line = style.px(20)
        top = middle - (line if parts.readout == "full" else line / 2)
        if self._typed is not None:
            self._type(state, (x, middle - imgui.get_frame_height() / 2), width)
            return
        imgui.set_cursor_screen_pos((x, top))
        pressed = press_area("##time", (width, 2 * (middle - top)))
        record("Time")
        if pressed and not imgui.is_mouse_released(0):  # by a key
            self._typed, self._focus = f"{state.t:.6g}", True
        if imgui.is_item_hovered():
            imgui.set_mouse_cursor(imgui.MouseCursor_.text_input)
            if imgui.is_mouse_double_clicked(0):
                self._typed, self._focus = f"{state.t:.6g}", True
        outside = not 0 <= state.t <= 1
        note = "Beyond the trained clip: the model extrapolates." if outside else ""
        tooltip(None, "Time in the clip: 0 is its first frame, 1 its last.", note, _TYPE_HINT)
        colors = style.palette()
        draw = imgui.get_window_draw_list()
        tint = colors.warning if outside else colors.text
        with style.font("mono"):
            lift = (line - imgui.get_font_size()) / 2
            draw.add_text((x, round(top + lift)), ink(tint), f"t {state.t:.3f}")
            if parts.readout == "full":
                seconds = f"{state.t * CLIP_SECONDS:.2f} s".rjust(7)
                frame = f"{clip_time.frame_of(state.t):.1f}".removesuffix(".0")
                right = x + width - imgui.calc_text_size(seconds).x
                draw.add_text((right, round(top + lift)), ink(colors.text_dim), seconds)
                under = f"frame {frame} / {FRAMES - 1}"
                draw.add_text((x, round(middle + lift)), ink(colors.text_dim), under)

    def _type(self, state: SessionState, at: tuple[float, float], width: float) -> None:
        assert self._typed is not None
        imgui.set_cursor_screen_pos(at)
        imgui.set_next_item_width(width)
        if self._focus:
            imgui.set_keyboard_focus_here()
            self._focus = False
        flags = imgui.InputTextFlags_.auto_select_all | imgui.InputTextFlags_.enter_returns_true
        entered, self._typed = imgui.input_text("##typed", self._typed, flags)
        record("Time")
        left = imgui.is_item_deactivated() and not imgui.is_key_pressed(imgui.Key.escape)
        if entered or left:
            t = parse_number(self._typed)
            if t is not None:
                state.t = min(max(t, EXTENT[0]), EXTENT[1])
        if entered or imgui.is_item_deactivated():
            self._typed = None


_TYPE_HINT = "Double click to type a time."


def _loop_buttons(state: SessionState, parts: BarParts, at: tuple[float, float]) -> float:
    """The loop modes from `at` (left, middle); returns where they end."""
    if parts.loop == "none":
        return at[0]
    side = imgui.get_frame_height()
    x, top = at[0], round(at[1] - side / 2)
    modes: list[LoopMode] = list(LOOP_MODES)
    mode = state.playback.loop
    shown: list[LoopMode] = modes if parts.loop == "all" else [mode]
    for index, option in enumerate(shown):
        imgui.set_cursor_screen_pos((round(x), top))
        active = parts.loop == "all" and option == mode
        icon, about = _LOOPS[option]
        about = f"{LOOP_MODES[option]}: {about}"
        name = LOOP_MODES[option] if parts.loop == "all" else "Loop mode"
        if controls.icon_button(icon, tooltip=about, active=active, name=name):
            following = modes[(modes.index(mode) + 1) % len(modes)]
            chosen = option if parts.loop == "all" else following
            state.playback = replace(state.playback, loop=chosen)
        x += side + (style.px(_GAP / 2) if index < len(shown) - 1 else 0.0)
    return x + style.px(_GROUP_GAP)


def _speed(state: SessionState, parts: BarParts, at: tuple[float, float]) -> float:
    """The speed at `at` (left, middle); returns where it ends."""
    if not parts.speed:
        return at[0]
    width, side = style.px(_SPEED_WIDTH), imgui.get_frame_height()
    imgui.set_cursor_screen_pos((round(at[0]), round(at[1] - side / 2)))
    speeds = sorted({*SPEEDS, state.playback.speed})
    captions = {speed: f"{speed:g}\u00d7" for speed in speeds}
    # A control fills the available width: the child window limits it.
    imgui.begin_child("##speed", (width, side))
    about = "Speed of the clip; 1\u00d7 is real time."
    speed = state.playback.speed
    changed, speed = controls.combo("##Speed", speed, captions, default=1.0, tooltip=about)
    imgui.end_child()
    if changed:
        state.playback = replace(state.playback, speed=speed)
    return at[0] + width + style.px(_GROUP_GAP)


def _path_button(commands: Commands, parts: BarParts, at: tuple[float, float]) -> float:
    """The button that shows the path's lane at `at` (left, middle); returns where it ends."""
    if not parts.path:
        return at[0]
    side, interface = imgui.get_frame_height(), commands.interface
    imgui.set_cursor_screen_pos((round(at[0]), round(at[1] - side / 2)))
    about = f"Shows the camera and time path. {explained(commands.add_keyframe)}"
    shown = interface.path_lane
    if controls.icon_button(icons.ICON_FA_ROUTE, tooltip=about, active=shown, name="Path lane"):
        interface.path_lane = not shown
        path_editing.pause(interface)
    return at[0] + side + style.px(_GROUP_GAP)
