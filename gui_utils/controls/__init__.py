"""Every control in one place: `from gui_utils import controls`.

A control draws its label at the left and its widget at the right of the current panel (260 to
500 design pixels wide) and returns `(changed, value)`. Labels identify: each is unique within a
panel, and "Text##name" tells equal texts apart.
"""

from gui_utils.controls.buttons import (
    button,
    color,
    combo,
    icon_button,
    segmented,
    text_input,
    toggle,
)
from gui_utils.controls.displays import colorbar, draw_colors, hint, key_value, plot, progress
from gui_utils.controls.floating.modals import confirm, key_help
from gui_utils.controls.floating.notices import Buttons, Level, Toasts
from gui_utils.controls.floating.search import Choice, SearchList
from gui_utils.controls.guard import guarded
from gui_utils.controls.keyboard import digit_pressed, wants_keyboard
from gui_utils.controls.layout import reserved, section
from gui_utils.controls.numbers import drag_int, slider, vector
from gui_utils.controls.pads import curve, pad
from gui_utils.controls.redraw import request_frame
from gui_utils.controls.registry import begin_frame, open_sections, rects, scope, show_section
from gui_utils.controls.style import printable
