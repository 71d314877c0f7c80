"""How the interface itself looks."""

from __future__ import annotations

from gui_utils import controls
from gui_utils.controls import style
from viz.app.commands import Commands
from viz.state.interface import Interface
from viz.state.types import RenderResult, SessionState

THEMES: dict[style.ThemeName, str] = {"dark": "Dark", "light": "Light"}
UI_SCALES = (0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)


def draw(state: SessionState, result: RenderResult | None, commands: Commands) -> None:
    """Theme and size of the interface."""
    del state, result
    interface = commands.interface
    default = Interface()
    picked: tuple[bool, style.ThemeName] = controls.segmented(
        "Theme",
        interface.theme,
        THEMES,
        default=default.theme,
        tooltip="Colours of the interface.",
    )
    interface.theme = picked[1]
    # A list, not a slider: a slider would move under the pointer as the size changes.
    scales = sorted({*UI_SCALES, interface.ui_scale})
    _, interface.ui_scale = controls.combo(
        "Size",
        interface.ui_scale,
        {scale: f"{100 * scale:.0f} %" for scale in scales},
        default=default.ui_scale,
        tooltip="Size of the interface in percent, on top of the monitor's own scale.",
    )
