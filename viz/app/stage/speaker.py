"""The speaker's strip: what the audience sees, what comes next, and the clock of the talk."""

from __future__ import annotations

import time

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.controls.layout import ellipsis, ink, record_rect
from viz.app.commands import Commands
from viz.app.stage.audience import Audience
from viz.app.stage.show_commands import Show
from viz.state.types import Cue

HEIGHT = 132.0
"""Design pixels."""
_PICTURE = 200.0
_BUTTONS = 292.0


def draw(commands: Commands, audience: Audience) -> None:
    """Fills the current region."""
    show = commands.current_show
    if show is None:
        return
    low, size = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail()
    now = time.perf_counter()
    picture = style.px(_PICTURE) if size.x > style.px(520) else 0.0
    if picture:
        place = (low.x, low.y, low.x + picture, low.y + size.y)
        audience.draw_small(place, now)
        record_rect("Audience", place)
        _chip(show, place)
    left = low.x + (picture + style.px(16) if picture else 0.0)
    right = low.x + size.x
    imgui.set_cursor_screen_pos((left, low.y))
    _words(commands, show, right - left - style.px(120))
    _clock(commands, show, (left, low.y), right, now)
    imgui.set_cursor_screen_pos((left, low.y + size.y - imgui.get_frame_height()))
    _buttons(commands, show, right - left)
    controls.request_frame("clock of the talk", 1.0)


def _chip(show: Show, place: tuple[float, float, float, float]) -> None:
    colors = style.palette()
    word = show.word
    fill = {"LIVE": colors.success, "FROZEN": colors.warning}.get(word, colors.error)
    draw, pad = imgui.get_window_draw_list(), style.px(6)
    with style.font("bold", style.SMALL_SIZE):
        extent = imgui.calc_text_size(word)
        low = (place[0] + pad, place[1] + pad)
        high = (low[0] + extent.x + 2 * pad, low[1] + extent.y + pad)
        draw.add_rect_filled(low, high, ink(fill), style.px(4))
        at = (low[0] + pad, low[1] + pad / 2)
        draw.add_text(at, ink(style.hex_color("#101010")), word)


def _words(commands: Commands, show: Show, room: float) -> None:
    cues = commands.state.cues
    index = min(show.index, len(cues) - 1)
    imgui.begin_group()
    with style.font("bold", style.TITLE_SIZE):
        imgui.text_unformatted(ellipsis(f"{index + 1}/{len(cues)}  {_name(cues[index])}", room))
    if index + 1 < len(cues):
        following = cues[index + 1]
        imgui.text_disabled(ellipsis(f"Next: {_name(following)}", room))
    else:
        imgui.text_disabled("This is the last cue.")
    text = show.message or ("Loading the model…" if show.loading else cues[index].note)
    imgui.push_text_wrap_pos(imgui.get_cursor_pos_x() + room)
    imgui.text_unformatted(controls.printable(text[:240]))
    imgui.pop_text_wrap_pos()
    imgui.end_group()


def _name(cue: Cue) -> str:
    return controls.printable(cue.name or cue.title or "Untitled")


def clock_text(seconds: float) -> str:
    """Seconds as "12:05", or "1:02:05" from an hour on; with a minus below 0."""
    whole = abs(int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    text = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    sign = "\u2212" if seconds <= -1 else ""
    return f"{sign}{text}:{whole % 60:02d}"


def _clock(
    commands: Commands, show: Show, corner: tuple[float, float], right: float, now: float
) -> None:
    gone = now - show.begun
    minutes = commands.interface.talk_minutes
    lines = [(clock_text(gone), style.palette().text)]
    if minutes:
        left = minutes * 60 - gone
        color = style.palette().text_dim if left > 60 else style.palette().error
        lines.append((f"{clock_text(left)} left", color))
    draw, y = imgui.get_window_draw_list(), corner[1]
    for size, (text, color) in zip((24.0, style.SMALL_SIZE), lines, strict=False):
        with style.font("bold", size):
            extent = imgui.calc_text_size(text)
            draw.add_text((round(right - extent.x), round(y)), ink(color), text)
            y += extent.y + style.px(2)


def _buttons(commands: Commands, show: Show, room: float) -> None:
    entries = (
        (icons.ICON_FA_BACKWARD_STEP, "Cue before (Page Up)", commands.previous_cue, False),
        (icons.ICON_FA_FORWARD_STEP, "Next cue (Page Down)", commands.next_cue, False),
        (
            icons.ICON_FA_SQUARE,
            "Black (B)",
            lambda: commands.blank("black"),
            show.blank == "black",
        ),
        (
            icons.ICON_FA_SNOWFLAKE,
            "Freeze the audience's picture (Z)",
            commands.toggle_freeze,
            show.frozen,
        ),
        (icons.ICON_FA_STOP, "End the show (Esc twice)", commands.end_show, False),
    )
    with controls.scope("Show"):
        for k, (icon, tooltip, act, lit) in enumerate(entries):
            if k:
                imgui.same_line()
            name = tooltip.split(" (")[0]
            if controls.icon_button(icon, tooltip=tooltip, name=name, active=lit):
                act()
