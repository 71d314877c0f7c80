"""Appearance and start of the interface."""

from __future__ import annotations

from gui_utils.controls import style
from viz.app.commands import Commands
from viz.app.panels.setting_controls import choice, segmented, toggle

THEMES: dict[style.ThemeName, str] = {"dark": "Dark", "light": "Light"}
UI_SCALES = (0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)


def draw(commands: Commands) -> None:
    """Theme and size of the interface, and what it starts with."""
    interface = commands.interface
    segmented("Theme", interface, "theme", THEMES)
    # A list, not a slider: a slider would move under the pointer as the size changes.
    scales = sorted({*UI_SCALES, interface.ui_scale})
    choice("Size", interface, "ui_scale", {scale: f"{100 * scale:.0f}%" for scale in scales})
    toggle("Reopen last", interface, "reopen_last")
