"""Every control in one place: ``from gui_utils import controls``.

A control draws its label at the left and its widget at the right of the current panel (260 to
500 design pixels wide) and returns ``(changed, value)``. Labels identify: within a panel each is
unique, and "Text##name" tells equal texts apart.
"""

from gui_utils.controls.buttons import button, combo, icon_button, segmented, text_input, toggle
from gui_utils.controls.displays import colorbar, hint, key_value, plot, progress
from gui_utils.controls.layout import begin_frame, open_sections, rects, scope, section
from gui_utils.controls.notices import Buttons, Level, Toasts, confirm, key_help
from gui_utils.controls.numbers import drag_int, slider, slider_int, vector
from gui_utils.controls.pad import pad

__all__ = [
    "Buttons",
    "Level",
    "Toasts",
    "begin_frame",
    "button",
    "colorbar",
    "combo",
    "confirm",
    "drag_int",
    "hint",
    "icon_button",
    "key_help",
    "key_value",
    "open_sections",
    "pad",
    "plot",
    "progress",
    "rects",
    "scope",
    "section",
    "segmented",
    "slider",
    "slider_int",
    "text_input",
    "toggle",
    "vector",
]
