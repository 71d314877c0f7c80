"""A show: the list of cues, the chosen cue, and where the audience looks."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout, style
from viz.app.commands import Commands
from viz.app.panels.setting_controls import choice, segmented, slider
from viz.app.panels.widgets import Button, button_row, heading
from viz.app.stage.running_show import clock_text
from viz.state.settings import setting
from viz.state.types import CUE_PLAYS, INSETS, TRANSITIONS, Cue, RenderResult, SessionState

_ROW = 44.0
_PICTURE = 40.0
"""Design pixels: height of a row, and the side of the picture in it."""
_AUDIENCE_VIEWS = {"all": "All views", "one": "Main view"}


def draw(state: SessionState, result: RenderResult | None, commands: Commands) -> None:
    """The cues, the chosen one, and the settings of the show."""
    del result
    if not state.cues:
        controls.hint(
            "Keep views as cues and give them as a show: full screen or on a second monitor, with "
            "a clicker."
        )
    running = commands.current_show is not None
    button_row(
        Button(
            "Add cue",
            commands.add_cue,
            "Keeps what is shown, and what moves, as a cue after the chosen one. Shift+F5.",
            icon=icons.ICON_FA_PLUS,
            lit=not state.cues,
        ),
        Button(
            "End" if running else "Start",
            commands.end_show if running else commands.start_show,
            "Ends the show. Esc twice."
            if running
            else "Starts the show at the chosen cue, or at the first if the last is chosen. F5.",
            icon=icons.ICON_FA_STOP if running else icons.ICON_FA_PERSON_CHALKBOARD,
            enabled=bool(state.cues),
            lit=bool(state.cues),
        ),
        Button(
            "Rehearse",
            commands.rehearse,
            "Runs the show from the first cue for you alone, and records how long each cue stood. "
            "P pauses the clock.",
            icon=icons.ICON_FA_STOPWATCH,
            enabled=bool(state.cues) and not running,
        ),
    )
    if state.cues:
        _list(state, commands)
        _rehearsal(state, commands)
        _chosen(commands)
    heading("Audience")
    _audience(commands)


def _list(state: SessionState, commands: Commands) -> None:
    """One row per cue: a click goes there, dragging moves it."""
    shown = commands.current_show.index if commands.current_show else commands.cue_index
    width, height = imgui.get_content_region_avail().x, style.px(_ROW)
    colors, draw = style.palette(), imgui.get_window_draw_list()
    storage, dragged = imgui.get_state_storage(), imgui.get_id("dragged cue")
    top = imgui.get_cursor_screen_pos().y
    imgui.push_style_var(imgui.StyleVar_.item_spacing, (0.0, style.px(2)))
    for k, cue in enumerate(state.cues):
        low = imgui.get_cursor_screen_pos()
        imgui.push_id(k)
        pressed = layout.press_area("##cue", (width, height))
        hovered = imgui.is_item_hovered()
        # The frame of the release may include the last movement.
        held = imgui.is_item_active() or imgui.is_item_deactivated()
        layout.record(f"Cue {k + 1}")
        fill = colors.fill if k == shown else colors.frame_hover if hovered else colors.frame
        high = (low.x + width, low.y + height)
        draw.add_rect_filled((low.x, low.y), high, layout.ink(fill), style.px(4))
        ink = layout.ink(colors.on_fill if k == shown else colors.text)
        y = low.y + (height - imgui.get_font_size()) / 2
        draw.add_text((low.x + style.px(8), y), ink, str(k + 1))
        side, gap = style.px(_PICTURE), style.px((_ROW - _PICTURE) / 2)
        left, over = low.x + style.px(30), low.y + gap
        image = commands.cue_image(cue)
        if image is not None:
            end = (left + side, over + side)
            draw.add_image(image.ref, (left, over), end, image.low, image.high)
        left += side + style.px(8)
        name = controls.printable(cue.name or cue.title or "Untitled")
        room = high[0] - style.px(28) - left
        times = _times(cue)
        half = style.px(9) if times else 0.0
        draw.add_text((left, y - half), ink, layout.ellipsis(name, room))
        if times:
            with style.font("body", style.SMALL_SIZE):
                dim = ink if k == shown else layout.ink(colors.text_dim)
                draw.add_text((left, y + half), dim, layout.ellipsis(times, room))
        icon = _icon(cue)
        draw.add_text((high[0] - style.px(22), y), ink, icon)
        imgui.pop_id()
        if imgui.is_item_activated():
            storage.set_int(dragged, k)
        if pressed and hovered and storage.get_int(dragged) == k:
            commands.go_to_cue(k)
        elif held and (step := _rows_away(top, height, len(state.cues), storage.get_int(dragged))):
            place = storage.get_int(dragged) + step
            commands.move_cue(storage.get_int(dragged), place)
            storage.set_int(dragged, place)
            break
    imgui.pop_style_var()
    imgui.dummy((0.0, style.px(2)))


def _times(cue: Cue) -> str:
    """Planned and used time in words; empty if there are none."""
    parts = ((cue.planned, "planned"), (cue.used, "used"))
    return ", ".join(f"{clock_text(seconds)} {word}" for seconds, word in parts if seconds)


def _rehearsal(state: SessionState, commands: Commands) -> None:
    """The sums of planned and used times, and a button that adopts the used ones."""
    whole = Cue(
        planned=sum(cue.planned for cue in state.cues), used=sum(cue.used for cue in state.cues)
    )
    if times := _times(whole):
        controls.hint(f"Total: {times}.")
    if whole.used:
        button_row(
            Button(
                "Plan as used",
                commands.plan_as_used,
                "Makes the times of the last rehearsal the plan; if the length of the talk is "
                "set, they are scaled to fill it.",
                enabled=commands.current_show is None,
            )
        )


def _rows_away(top: float, height: float, count: int, row: int) -> int:
    """How many rows the pointer is below a row of the list, negative if above."""
    under = int((imgui.get_mouse_pos().y - top) // (height + style.px(2)))
    return min(max(under, 0), count - 1) - row


def _icon(cue: Cue) -> str:
    """What moves while the cue is shown."""
    return {
        "nothing": "",
        "clip": icons.ICON_FA_PLAY,
        "path": icons.ICON_FA_ROUTE,
        "orbit": icons.ICON_FA_ROTATE,
        "wander": icons.ICON_FA_SHUFFLE,
    }[cue.plays]


def _chosen(commands: Commands) -> None:
    cue = commands.chosen_cue
    if cue is None:
        return
    heading(f"Cue {commands.cue_index + 1}")
    button_row(
        Button(
            "Update",
            commands.update_cue,
            "Updates this cue to what is shown; its texts and transition stay.",
        ),
        Button("Delete", commands.delete_cue, "Deletes this cue. Undo brings it back."),
    )
    changed = _text("Name", cue, "name")
    changed = segmented("Transition", changed, "transition", TRANSITIONS)
    with controls.reserved(changed.transition != "cut") as shown:
        if shown:
            changed = slider("Duration", changed, "seconds")
    kinds, value = controls.combo(
        "Plays", changed.plays, CUE_PLAYS, tooltip=setting(Cue, "plays").sentence
    )
    if kinds:
        changed = replace(changed, plays=value)
    if changed.display.layout == "single":
        display = choice("Inset", changed.display, "inset", INSETS)
        if display != changed.display:
            changed = replace(changed, display=display)
    changed = slider("Planned", changed, "planned")
    for label, name in (("Title", "title"), ("Subtitle", "line"), ("Note", "note")):
        changed = _text(label, changed, name)
    if changed != cue:
        commands.edit_cue(changed)


def _text(label: str, cue: Cue, name: str) -> Cue:
    sentence = setting(Cue, name).sentence
    changed, text = controls.text_input(label, getattr(cue, name), tooltip=sentence)
    return replace(cue, **{name: text}) if changed else cue


def _audience(commands: Commands) -> None:
    interface = commands.interface
    places = {"": "Second monitor", "here": "This window", "window": "Its own window"}
    places |= {name: name for name in commands.shell.monitor_names}
    if interface.audience not in places:
        places[interface.audience] = f"{interface.audience} (not here)"
    changed, place = controls.combo(
        "Shown on",
        interface.audience,
        {key: controls.printable(text) for key, text in places.items()},
        tooltip=setting(type(interface), "audience").sentence,
    )
    if changed:
        interface.audience = place
    segmented("Views", interface, "audience_view", _AUDIENCE_VIEWS)
    slider("Talk length", interface, "talk_minutes")
    heading("Kiosk")
    slider("Per cue", interface, "kiosk_pause")
    slider("Resume after", interface, "kiosk_idle")
