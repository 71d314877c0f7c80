"""A show: the list of cues, the chosen cue, and where the audience looks."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels import cue_list
from viz.app.panels.setting_controls import choice, segmented, slider, toggle
from viz.app.panels.widgets import Button, button_row, heading
from viz.app.shortcuts import explained
from viz.state.settings import setting
from viz.state.types import CUE_PLAYS, INSETS, TRANSITIONS, Cue, SessionState

_AUDIENCE_VIEWS = {"all": "All views", "one": "Main view"}


def draw(commands: Commands) -> None:
    """The cues, the chosen one, and the settings of the show."""
    state = commands.state
    if not state.cues:
        controls.hint(
            "Save views as cues and present them as a show: full screen or on a second monitor, "
            "with a clicker."
        )
    running = commands.current_show is not None
    button_row(
        Button(
            "Add cue",
            commands.add_cue,
            icon=icons.ICON_FA_PLUS,
            lit=not state.cues,
        ),
        Button(
            "End" if running else "Start",
            commands.end_show if running else commands.start_show,
            explained(commands.escape_show, "Ends the show; its last view stays.")
            if running
            else "",
            icon=icons.ICON_FA_STOP if running else icons.ICON_FA_PERSON_CHALKBOARD,
            enabled=bool(state.cues),
            lit=bool(state.cues),
        ),
        Button(
            "Rehearse",
            commands.rehearse,
            f"{explained(commands.rehearse)} {explained(commands.pause_clock)}",
            icon=icons.ICON_FA_STOPWATCH,
            enabled=bool(state.cues) and not running,
        ),
    )
    if state.cues:
        cue_list.draw(state, commands)
        _rehearsal(state, commands)
        _chosen(commands)
    heading("Audience")
    _audience(commands)


def _rehearsal(state: SessionState, commands: Commands) -> None:
    """The sums of planned and used times, and a button that adopts the used ones."""
    whole = Cue(
        planned=sum(cue.planned for cue in state.cues), used=sum(cue.used for cue in state.cues)
    )
    if times := cue_list.times(whole):
        controls.hint(f"Total: {times}.")
    if whole.used:
        button_row(
            Button(
                "Use as plan",
                commands.plan_as_used,
                enabled=commands.current_show is None,
            )
        )


def _chosen(commands: Commands) -> None:
    cue = commands.chosen_cue
    if cue is None:
        return
    heading(f"Cue {commands.cue_index + 1}")
    button_row(
        Button("Update", commands.update_cue),
        Button("Delete", commands.delete_cue),
    )
    imgui.push_id(commands.cue_index)  # what is being typed must not reach the next cue
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
    with controls.reserved(changed.display.layout == "single") as shown:
        if shown:
            display = choice("Inset", changed.display, "inset", INSETS)
            changed = replace(changed, display=display)
    changed = slider("Planned", changed, "planned")
    for label, name in (("Title", "title"), ("Subtitle", "line"), ("Note", "note")):
        changed = _text(label, changed, name)
    imgui.pop_id()
    if changed != cue:
        commands.edit_cue(changed)


def _text(label: str, cue: Cue, name: str) -> Cue:
    sentence = setting(Cue, name).sentence
    changed, text = controls.text_input(label, getattr(cue, name), tooltip=sentence)
    return replace(cue, **{name: text}) if changed else cue


def _audience(commands: Commands) -> None:
    interface = commands.interface
    places = {"": "Second monitor", "here": "This window", "window": "A separate window"}
    places |= {name: name for name in commands.shell.monitor_names}
    if interface.audience not in places:
        places[interface.audience] = f"{interface.audience} (not connected)"
    changed, place = controls.combo(
        "Shown on",
        interface.audience,
        {key: controls.printable(text) for key, text in places.items()},
        tooltip="Where the audience sees the show. Without a second monitor, that is this window.",
    )
    if changed:
        interface.audience = place
    segmented("Views", interface, "audience_view", _AUDIENCE_VIEWS)
    toggle("Model names", interface, "audience_names")
    slider("Talk length", interface, "talk_minutes")
    heading("Kiosk")
    slider("Per cue", interface, "kiosk_pause")
    slider("Resume after", interface, "kiosk_idle")
