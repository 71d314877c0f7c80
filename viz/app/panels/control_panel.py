"""Live control: inputs, their bindings, and the last message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.control.bindings import MODES, Binding
from viz.app.control.live_control import ControlSettings
from viz.app.panels.setting_controls import choice, number, slider, toggle
from viz.app.panels.widgets import Button, button_row, fold, heading
from viz.state.settings import setting

_REFRESH = 0.25
"""Seconds between updates of the last message."""


def draw(commands: Commands) -> None:
    """Inputs, the last message, and the bindings."""
    control = commands.control
    wanted = toggle("MIDI", control.settings, "midi")
    wanted = toggle("OSC", wanted, "osc")
    wanted = toggle("Gamepad", wanted, "gamepad")
    wanted = toggle("LFO", wanted, "lfo")
    if not _moving(commands):
        wanted = replace(wanted, lfo=False)
    for source in (control.midi, control.osc, control.gamepads):
        if source is not None:
            controls.hint(source.state)
    wanted = toggle("Virtual camera", wanted, "virtual_camera")
    if commands.virtual_camera_state:
        controls.hint(commands.virtual_camera_state)
    if fold("Addresses"):
        wanted = _addresses(wanted, commands)
    commands.set_control(wanted)
    inbox = control.inbox
    counted = f"{inbox.count:,}" + (f", {inbox.refused:,} refused" if inbox.refused else "")
    controls.key_value((("Last message", inbox.last or "none yet"), ("Messages", counted)))
    if control.is_open:
        controls.request_frame("last message", _REFRESH)
    heading("Bindings")
    _bindings(commands)


def _moving(commands: Commands) -> bool:
    """What moves by itself, and what stops it; False once that is pressed."""
    pressed: list[bool] = []
    if names := commands.waving_names:
        controls.hint(f"Moving by itself: {', '.join(names)}.")
        button_row(
            Button(
                "Stop",
                lambda: pressed.append(True),
                "Stops all LFOs; the switch LFO lets them go on.",
                icon=icons.ICON_FA_WAVE_SQUARE,
                lit=True,
            )
        )
    return not pressed


def _addresses(wanted: ControlSettings, commands: Commands) -> ControlSettings:
    """Fields for addresses and ports: typed, as each change reopens a port."""
    declared = setting(ControlSettings, "osc_port")
    changed, text = controls.text_input(
        "OSC port", str(wanted.osc_port), tooltip=declared.sentence, on_enter=True
    )
    if changed and text.strip().isdecimal() and declared.range.clamp(int(text)) == int(text):
        wanted = replace(wanted, osc_port=int(text))
    elif changed:
        commands.notify("error", f"A port is a whole number, {declared.range.text()}.")
    wanted = toggle("Any computer", wanted, "osc_anywhere")
    for label, name in (("OSC echo to", "osc_echo"), ("MIDI from", "midi_address")):
        changed, text = controls.text_input(
            label,
            getattr(wanted, name),
            tooltip=setting(ControlSettings, name).sentence,
            placeholder="host:port",
            on_enter=True,
        )
        if changed:
            wanted = replace(wanted, **{name: text.strip()})
    return wanted


def _bindings(commands: Commands) -> None:
    control = commands.control
    controls.hint(
        "To bind a slider, switch or button, right-click it with Ctrl held, then move a knob or "
        "press a key. A slider can also move by itself, by an LFO."
    )
    captions = {
        b: f"{b.input.removeprefix('Gamepad ')}: {b.target.name or b.target.place}"
        for b in control.bindings
    }
    binding = control.chosen
    if binding is not None:
        _, binding = controls.combo(
            "##Binding",
            binding,
            captions,
            tooltip="The binding to show below; the newest comes last.",
        )
        control.chosen = binding
        edited = _edited(binding)
        if control.waits(binding):
            controls.hint(
                "The knob has not reached the value yet: turn it past the value to take over."
            )
        commands.edit_control(binding, edited)
    button_row(
        Button("Bind\u2026", commands.choose_control),
        Button(
            "Forget",
            lambda: commands.forget_control(*([binding] if binding else [])),
            "Removes this binding.",
            enabled=binding is not None,
        ),
        Button("Defaults", commands.reset_controls),
    )
    button_row(
        Button("Open", commands.open_controls_dialog),
        Button("Save as", commands.save_controls_dialog),
    )
    controls.key_value((("File", Path(control.path).name),))


def _edited(binding: Binding) -> Binding:
    """A binding after the user's changes."""
    path = binding.target.setting
    if path is None or path.kind != "number":
        return binding
    numbers = path.declared.range
    if not (binding.presses or binding.waves):
        binding = choice("Follows", binding, "mode", MODES)
    lo, hi = binding.ends
    about = setting(Binding, "lo").sentence, setting(Binding, "hi").sentence
    new_lo = number("From", lo, numbers, about[0], default=numbers.ends[0], whole=path.whole)
    new_hi = number("To", hi, numbers, about[1], default=numbers.ends[1], whole=path.whole)
    if (new_lo, new_hi) != (lo, hi):
        binding = replace(binding, lo=new_lo, hi=new_hi)
    if binding.waves:
        binding = slider("Period", binding, "period")
    elif binding.mode == "rate":
        binding = slider("Rate", binding, "rate")
    elif binding.mode == "absolute" and not binding.presses:
        binding = toggle("Take-over", binding, "takeover")
    return binding
