"""Controls for the options of exports that have no panel code: a row for each declared setting."""

from __future__ import annotations

import typing
from dataclasses import fields, replace
from typing import Literal, TypeVar

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.setting_controls import choice, slider, toggle
from viz.app.panels.widgets import heading
from viz.exports.options import Options
from viz.state.settings import hints, setting

AnyOptions = TypeVar("AnyOptions", bound=Options)


def draw_plain(commands: Commands, options: AnyOptions, suffix: str) -> AnyOptions:
    """Draws numbers as sliders, switches, lists and texts, by their types; what may be None and is
    has no row, as it follows the session."""
    for field in fields(options):
        label, value = field.name.replace("_", " ").capitalize(), getattr(options, field.name)
        choices = typing.get_args(hints(type(options))[field.name])
        if isinstance(value, Options):
            heading(label)
            value = draw_plain(commands, value, suffix)
            options = replace(options, **{field.name: value})
        elif isinstance(value, bool):
            options = toggle(label, options, field.name)
        elif typing.get_origin(hints(type(options))[field.name]) is Literal:
            captions = {word: str(word).capitalize() for word in choices}
            options = choice(label, options, field.name, captions)
        elif isinstance(value, str):
            about = setting(type(options), field.name).sentence
            _, value = controls.text_input(label, value, tooltip=about)
            options = replace(options, **{field.name: value})
        elif isinstance(value, (int, float)):
            options = slider(label, options, field.name)
    return options
