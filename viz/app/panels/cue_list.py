"""The list of cues: a click goes to one, dragging or Alt and an arrow key moves it."""

from __future__ import annotations

from dataclasses import dataclass

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import keyboard, layout, registry, style
from viz.app.commands import Commands
from viz.app.panels.widgets import scrolled
from viz.app.stage.running_show import clock_text
from viz.state.types import Cue, SessionState

_ROW = 44.0
_PICTURE = 40.0
_GAP = 2.0
"""Design pixels: height of a row, side of the picture in it, and distance of two rows."""
_MOST_HEIGHT = 0.4
"""Of the list, as a part of the window's height."""
_EDGE = 0.5
_SPEED = 12.0
"""Distance to the list's ends at which a dragged row scrolls it, in rows, and rows a second."""


def draw(state: SessionState, commands: Commands) -> None:
    """The list, as high as it is or scrolled to the cue that stands."""
    with scrolled("Cues", _MOST_HEIGHT) as seen:
        if seen:
            _rows(state, commands)


def times(cue: Cue) -> str:
    """Planned and used time in words; empty if there are none."""
    parts = ((cue.planned, "planned"), (cue.used, "used"))
    return ", ".join(f"{clock_text(seconds)} {word}" for seconds, word in parts if seconds)


def _rows(state: SessionState, commands: Commands) -> None:
    shown = commands.current_show.index if commands.current_show else commands.cue_index
    shown = min(shown, len(state.cues) - 1)
    storage = imgui.get_state_storage()
    dragged, last = imgui.get_id("dragged cue"), imgui.get_id("last cue")
    top, step = imgui.get_cursor_screen_pos().y, style.px(_ROW + _GAP)
    is_new, acts = storage.get_int(last, -1) != shown, _Acts()
    storage.set_int(last, shown)
    imgui.push_style_var(imgui.StyleVar_.item_spacing, (0.0, style.px(_GAP)))
    for k, cue in enumerate(state.cues):
        imgui.push_id(k)
        # Of sixty cues the Tab key takes one step; the arrow keys go from one to the next.
        imgui.push_item_flag(imgui.ItemFlags_.no_tab_stop, k != shown)
        _row(k, cue, k == shown, commands, acts)
        imgui.pop_item_flag()
        if is_new and k == shown and not imgui.is_mouse_down(0):  # not under a row that is dragged
            imgui.set_scroll_here_y(0.5)
        imgui.pop_id()
    imgui.pop_style_var()
    if acts.activated is not None:
        storage.set_int(dragged, acts.activated)
    row = storage.get_int(dragged)
    under = min(max(int((imgui.get_mouse_pos().y - top) // step), 0), len(state.cues) - 1)
    if acts.pressed is not None and (acts.pressed == row or acts.focused is not None):
        commands.go_to_cue(acts.pressed)
    elif acts.held and row < len(state.cues):
        if under != row:
            commands.move_cue(row, under)
            storage.set_int(dragged, under)
        _scroll_with_mouse(step)
    elif acts.focused is not None and acts.steps:
        place = min(max(acts.focused + acts.steps, 0), len(state.cues) - 1)
        commands.move_cue(acts.focused, place)
        registry.reach(f"Show/Cue {place + 1}")


@dataclass
class _Acts:
    """What happened to rows in a frame."""

    pressed: int | None = None
    activated: int | None = None
    focused: int | None = None
    steps: int = 0
    held: bool = False


def _row(k: int, cue: Cue, is_shown: bool, commands: Commands, acts: _Acts) -> None:
    low, width = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail().x
    height = style.px(_ROW)
    pressed = layout.press_area("##cue", (width, height))
    hovered = imgui.is_item_hovered()
    registry.record(f"Cue {k + 1}")
    if imgui.is_item_activated():
        acts.activated = k
    if keyboard.has_focus_ring():
        acts.focused, acts.steps = k, keyboard.row_steps()
    if pressed and (hovered or acts.focused == k):
        acts.pressed = k
    acts.held |= layout.held_by_mouse()
    if not imgui.is_item_visible():
        return
    problem = commands.cue_problem(cue)
    layout.tooltip(None, problem and f"{problem}: the audience keeps the previous picture.")
    colors, draw = style.palette(), imgui.get_window_draw_list()
    fill = colors.fill if is_shown else colors.frame_hover if hovered else colors.frame
    high = (low.x + width, low.y + height)
    draw.add_rect_filled((low.x, low.y), high, layout.ink(fill), style.px(4))
    ink = layout.ink(colors.on_fill if is_shown else colors.text)
    y = low.y + (height - imgui.get_font_size()) / 2
    draw.add_text((low.x + style.px(8), y), ink, str(k + 1))
    side, gap = style.px(_PICTURE), style.px((_ROW - _PICTURE) / 2)
    left, over = low.x + style.px(30), low.y + gap
    image = commands.cue_image(cue)
    if image is not None:
        draw.add_image(image.ref, (left, over), (left + side, over + side), image.low, image.high)
    left += side + style.px(8)
    room = high[0] - style.px(28) - left
    under = problem or times(cue)
    half = style.px(9) if under else 0.0
    name = controls.printable(cue.name or cue.title or "Untitled")
    draw.add_text((left, y - half), ink, layout.ellipsis(name, room))
    warns = ink if is_shown else layout.ink(colors.warning)
    with style.font("body", style.SMALL_SIZE):
        dim = ink if is_shown else layout.ink(colors.text_dim)
        text = layout.ellipsis(controls.printable(under), room)
        draw.add_text((left, y + half), warns if problem else dim, text)
    icon = icons.ICON_FA_TRIANGLE_EXCLAMATION if problem else _icon(cue)
    draw.add_text((high[0] - style.px(22), y), warns if problem else ink, icon)


def _scroll_with_mouse(step: float) -> None:
    """Scrolls while a row is held at one of the ends."""
    top, y = imgui.get_window_pos().y, imgui.get_mouse_pos().y
    bottom = top + imgui.get_window_size().y
    way = (y > bottom - _EDGE * step) - (y < top + _EDGE * step)
    if way and imgui.get_scroll_max_y() > 0:
        seconds = min(imgui.get_io().delta_time, 0.1)
        imgui.set_scroll_y(imgui.get_scroll_y() + way * _SPEED * step * seconds)
        controls.request_frame("dragged cue", 1 / 30)


def _icon(cue: Cue) -> str:
    """What moves while the cue is shown."""
    return {
        "nothing": "",
        "clip": icons.ICON_FA_PLAY,
        "path": icons.ICON_FA_ROUTE,
        "orbit": icons.ICON_FA_ROTATE,
        "wander": icons.ICON_FA_SHUFFLE,
    }[cue.plays]
