"""A field for a colour."""

from __future__ import annotations

from imgui_bundle import imgui

from gui_utils.controls.layout import begin_row, record, reset_clicked
from gui_utils.controls.layout import tooltip as explain

Color = tuple[float, float, float]

_FLAGS = (
    imgui.ColorEditFlags_.display_hex
    | imgui.ColorEditFlags_.no_options
    | imgui.ColorEditFlags_.no_tooltip
    | imgui.ColorEditFlags_.no_drag_drop
)


def color(
    label: str, value: Color, *, default: Color | None = None, tooltip: str = ""
) -> tuple[bool, Color]:
    """A colour as red, green and blue in 0..1: typed as "#rrggbb", or picked by a click on the
    field that shows it. A right click resets it."""
    row = begin_row(label)
    imgui.set_next_item_width(row.width)
    changed, picked = imgui.color_edit3(f"##{row.name}", [*value], _FLAGS)
    record(row.name)
    if (reset_clicked() or row.reset) and default is not None:
        return value != default, default
    code = "" if default is None else "#" + "".join(f"{round(255 * part):02x}" for part in default)
    explain(row, tooltip, f"default {code}" if code else "")
    red, green, blue = (round(255 * min(max(part, 0.0), 1.0)) / 255 for part in picked)
    return (True, (red, green, blue)) if changed else (False, value)
