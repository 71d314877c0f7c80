"""The speaker's strip: what the audience sees, what comes next, and the clock of the talk."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from functools import partial

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.controls.layout import ellipsis, ink
from gui_utils.controls.registry import record_rect
from viz.app.commands import Commands
from viz.app.shortcuts import explained
from viz.app.stage.audience import Audience
from viz.app.stage.running_show import Show, clock_text
from viz.state.types import Cue

HEIGHT = 132.0
"""Design pixels."""
_PICTURE = 200.0
_CLOCK = 120.0
"""Width of the clock's column."""
_NEXT = 76.0
"""Side of the next cue's picture."""
_WORTH_TELLING = 5.0
"""Seconds by which a talk must differ from its plan to count as behind or ahead."""


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
    room = right - left - style.px(_CLOCK)
    side = style.px(_NEXT)
    if room > 4 * side:
        room -= side + style.px(16)
        _next_picture(commands, show, (left + room, low.y), side)
        imgui.set_cursor_screen_pos((left, low.y))
    buttons = low.y + size.y - imgui.get_frame_height()
    _words(commands, show, room, buttons - style.px(4))
    _clock(commands, show, (left, low.y), right, now)
    imgui.set_cursor_screen_pos((left, buttons))
    _buttons(commands, show)
    controls.request_frame("clock of the talk", 1.0)


def _chip(show: Show, place: tuple[float, float, float, float]) -> None:
    colors = style.palette()
    word = show.word
    fills = dict.fromkeys(("FROZEN", "STARTING", "LOADING"), colors.warning)
    fills |= {"LIVE": colors.success, "REHEARSAL": colors.accent}
    fill = fills.get(word, colors.error)
    draw, pad = imgui.get_window_draw_list(), style.px(6)
    with style.font("bold", style.SMALL_SIZE):
        extent = imgui.calc_text_size(word)
        low = (place[0] + pad, place[1] + pad)
        high = (low[0] + extent.x + 2 * pad, low[1] + extent.y + pad)
        draw.add_rect_filled(low, high, ink(fill), style.px(4))
        at = (low[0] + pad, low[1] + pad / 2)
        draw.add_text(at, ink(style.hex_color("#101010")), word)


def _words(commands: Commands, show: Show, room: float, bottom: float) -> None:
    cues = commands.state.cues
    index = min(show.index, len(cues) - 1)
    imgui.begin_group()
    with style.font("bold", style.TITLE_SIZE):
        imgui.text_unformatted(ellipsis(f"{index + 1}/{len(cues)}  {_name(cues[index])}", room))
    if index + 1 < len(cues):
        following = cues[index + 1]
        imgui.text_disabled(ellipsis(f"Next: {_name(following)}", room))
    else:
        imgui.text_disabled("Last cue")
    held = "keeps the last picture" if show.seen else "sees no picture yet"
    kept = f"The audience {held}." if show.failed else ""
    notice = show.message or ("Loading the model…" if show.loading else "")
    text = "\n".join(filter(None, (notice, kept, cues[index].note)))
    corner = imgui.get_cursor_screen_pos()
    place = (corner.x, corner.y, corner.x + room, max(bottom, corner.y + 1))
    imgui.begin_child(f"Note {index}", (room, place[3] - place[1]))  # each begins at its top
    imgui.push_text_wrap_pos(0.0)
    imgui.text_unformatted(controls.printable(text[:2000]))
    imgui.pop_text_wrap_pos()
    imgui.end_child()
    record_rect("Note", place)
    imgui.end_group()


def _next_picture(commands: Commands, show: Show, corner: tuple[float, float], side: float) -> None:
    """The next cue as a small picture; nothing after the last one."""
    for cue in commands.state.cues[show.index + 1 : show.index + 2]:
        image = commands.cue_image(cue)
        if image is not None:
            low, high = corner, (corner[0] + side, corner[1] + side)
            imgui.get_window_draw_list().add_image(image.ref, low, high, image.low, image.high)
            record_rect("Next cue's picture", (*low, *high))


def _name(cue: Cue) -> str:
    return controls.printable(cue.name or cue.title or "Untitled")


def _clock(
    commands: Commands, show: Show, corner: tuple[float, float], right: float, now: float
) -> None:
    colors, gone = style.palette(), show.clock.elapsed(now)
    minutes, paused = commands.interface.talk_minutes, show.clock.paused is not None
    lines = [(clock_text(gone), colors.text_dim if paused else colors.text)]
    if paused:
        lines.append(("Clock paused", colors.warning))
    elif minutes:
        left = minutes * 60 - gone
        color = colors.text_dim if left > 60 else colors.error
        lines.append((f"{clock_text(left)} left", color))
    cues = commands.state.cues
    planned, used = cues[min(show.index, len(cues) - 1)].planned, show.clock.used(show.index)
    if planned:
        color = colors.text_dim if used <= planned else colors.error
        lines.append((f"Cue {clock_text(used)} of {clock_text(planned)}", color))
    elif show.rehearsal:
        lines.append((f"Cue {clock_text(used)}", colors.text_dim))
    late = _behind(cues, show)
    if late is not None and abs(late) >= _WORTH_TELLING:
        word = "behind" if late > 0 else "ahead"
        lines.append((f"{clock_text(abs(late))} {word}", colors.text_dim))
    draw, y = imgui.get_window_draw_list(), corner[1]
    sizes = itertools.chain((24.0,), itertools.repeat(style.SMALL_SIZE))
    for size, (text, color) in zip(sizes, lines, strict=False):
        with style.font("bold", size):
            extent = imgui.calc_text_size(text)
            draw.add_text((round(right - extent.x), round(y)), ink(color), text)
            y += extent.y + style.px(2)


def _behind(cues: Sequence[Cue], show: Show) -> float | None:
    """Seconds that the talk is behind its plan; None if a cue so far has no planned time. The
    present cue counts only once it exceeds its planned time."""
    planned = [cue.planned for cue in cues[: show.index + 1]]
    if not all(planned):
        return None
    used = [show.clock.used(k) for k in range(len(planned))]
    return sum(used[:-1]) - sum(planned[:-1]) + max(used[-1] - planned[-1], 0.0)


def _buttons(commands: Commands, show: Show) -> None:
    black = partial(commands.blank, "black")
    end = explained(commands.escape_show, "Ends the show; its last view stays.")
    entries = (
        (icons.ICON_FA_BACKWARD_STEP, "Previous cue", commands.previous_cue, False, ""),
        (icons.ICON_FA_FORWARD_STEP, "Next cue", commands.next_cue, False, ""),
        (icons.ICON_FA_SQUARE, "Black", black, show.blank == "black", "Black screen."),
        (icons.ICON_FA_SNOWFLAKE, "Freeze", commands.toggle_freeze, show.frozen, ""),
        (icons.ICON_FA_XMARK, "End the show", commands.end_show, False, end),
    )
    with controls.scope("Show"):
        for k, (icon, name, act, lit, about) in enumerate(entries):
            if k:
                imgui.same_line()
            if controls.icon_button(icon, tooltip=explained(act, about), name=name, active=lit):
                show.message = ""
                act()
