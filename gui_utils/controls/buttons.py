"""Controls for choices: switches, lists, buttons, text and colours."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.layout import begin_row, ellipsis, ink, press_area, split_label, text_in
from gui_utils.controls.layout import tooltip as explain
from gui_utils.controls.registry import note, offer, record, reset_clicked, scope
from gui_utils.controls.style import merge_edit, printable

Value = TypeVar("Value", bound=Hashable)

Color = tuple[float, float, float]
"""Red, green and blue, 0..1."""

_RESET_HINT = "Right click to reset."
_COLOR_FLAGS = (
    imgui.ColorEditFlags_.display_hex
    | imgui.ColorEditFlags_.no_options
    | imgui.ColorEditFlags_.no_tooltip
    | imgui.ColorEditFlags_.no_drag_drop
)


def _captions(options: Sequence[Value] | Mapping[Value, str]) -> dict[Value, str]:
    if isinstance(options, Mapping):
        return {value: printable(caption) for value, caption in options.items()}
    return {value: printable(str(value)) for value in options}


def combo(
    label: str,
    value: Value,
    options: Sequence[Value] | Mapping[Value, str],
    *,
    default: Value | None = None,
    tooltip: str = "",
) -> tuple[bool, Value]:
    """One of several values from a drop-down list; a mapping gives their captions. A right click
    resets it to the default, if that is one of them."""
    captions = _captions(options)
    row = begin_row(label)
    imgui.push_id(row.name)
    imgui.set_next_item_width(row.width)
    new = value
    shown = captions.get(value, printable(str(value)))
    room = row.width - imgui.get_frame_height() - style.px(14)
    low = imgui.get_cursor_screen_pos()
    flags = imgui.ComboFlags_.height_large | imgui.ComboFlags_.no_arrow_button
    imgui.push_style_color(imgui.Col_.frame_bg_hovered, style.palette().frame_hover)
    is_open = imgui.begin_combo("##list", ellipsis(shown, room), flags)
    imgui.pop_style_color()
    if is_open:
        with scope(row.name):
            for option, caption in captions.items():
                imgui.push_id(caption)
                picked, _ = imgui.selectable(caption, option == value)
                record(caption)
                if picked:
                    new = option
                if option == value:
                    imgui.set_item_default_focus()
                imgui.pop_id()
        imgui.end_combo()
    record(row.name)
    words = {option: option if isinstance(option, str) else "" for option in captions}
    note(also=" ".join((*words.values(), *captions.values())))
    for option, caption in captions.items():
        if offer(f"{row.name}/{caption}", tooltip, words[option]):
            new = option
    _chevron(low.x + row.width - style.px(15), low.y + row.height / 2)
    defaults = [option for option in captions if option == default]
    if (reset_clicked() or row.reset) and defaults:
        new = defaults[0]
    if not is_open:
        facts = (f"default: {captions[defaults[0]]}", _RESET_HINT) if defaults else ()
        cut = shown if imgui.calc_text_size(shown).x > room else ""
        explain(row, tooltip, cut, *facts)
    imgui.pop_id()
    return new != value, new


def _chevron(x: float, y: float) -> None:
    half = style.px(4)
    draw, color = imgui.get_window_draw_list(), ink(style.palette().text_dim)
    points: list[imgui.ImVec2Like] = [(x - half, y - half / 2), (x, y + half / 2)]
    points.append((x + half, y - half / 2))
    draw.add_polyline(points, color, style.px(1.5), 0)


def toggle(
    label: str, value: bool, *, default: bool | None = None, tooltip: str = ""
) -> tuple[bool, bool]:
    """A switch."""
    row = begin_row(label)
    imgui.push_id(row.name)
    width, height = style.px(32), style.px(18)
    low = imgui.get_cursor_screen_pos()
    pressed = press_area("##switch", (width, row.height))
    pressed |= record(row.name, presses=True)
    hovered = imgui.is_item_hovered()
    new = not value if pressed else value
    if (reset_clicked() or row.reset) and default is not None:
        new = default
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    top = low.y + (row.height - height) / 2
    if new:
        track, knob = (colors.fill_hover if hovered else colors.fill), colors.on_fill
    else:
        track, knob = (colors.frame_active if hovered else colors.frame_hover), colors.text_dim
    draw.add_rect_filled((low.x, top), (low.x + width, top + height), ink(track), height / 2)
    center = low.x + width - height / 2 if new else low.x + height / 2
    draw.add_circle_filled((center, top + height / 2), height / 2 - style.px(3), ink(knob))
    origin = "" if default is None else f"default {'on' if default else 'off'}"
    explain(row, tooltip, origin, _RESET_HINT if default is not None else "")
    imgui.pop_id()
    return new != value, new


def segmented(
    label: str,
    value: Value,
    options: Sequence[Value] | Mapping[Value, str],
    *,
    default: Value | None = None,
    tooltip: str = "",
) -> tuple[bool, Value]:
    """One of a few values as a row of joined buttons."""
    captions = _captions(options)
    row = begin_row(label)
    imgui.push_id(row.name)
    colors = style.palette()
    low = imgui.get_cursor_screen_pos()
    draw = imgui.get_window_draw_list()
    rounding, inset = style.px(5), style.px(2)
    bottom = low.y + row.height
    draw.add_rect_filled((low.x, low.y), (low.x + row.width, bottom), ink(colors.frame), rounding)
    new = value
    width = row.width / max(len(captions), 1)
    for index, (option, caption) in enumerate(captions.items()):
        left = low.x + index * width
        imgui.set_cursor_screen_pos((left, low.y))
        pressed = press_area(f"##{caption}", (width, row.height))
        if record(f"{row.name}/{caption}", presses=True) or pressed:
            new = option
        note(also=str(option))
        if reset_clicked() and default is not None:
            new = default
        text = colors.text_dim
        chosen, hovered = option == value, imgui.is_item_hovered()
        if chosen or hovered:
            text = colors.on_fill if chosen else colors.text
            draw.add_rect_filled(
                (left + inset, low.y + inset),
                (left + width - inset, bottom - inset),
                ink(colors.fill if chosen else colors.frame_hover),
                rounding - inset / 2,
            )
        shown = ellipsis(caption, width - style.px(6))
        text_in((left, low.y, left + width, bottom), shown, text)
        explain(row if index == 0 else None, tooltip, caption if shown != caption else "")
    if row.reset and default is not None:
        new = default
    imgui.pop_id()
    return new != value, new


def button(
    label: str,
    *,
    icon: str | None = None,
    tooltip: str = "",
    enabled: bool = True,
    width: float | None = None,
    primary: bool = False,
) -> bool:
    """A push button. `width` is in design pixels; None fits the text, -1 fills the line."""
    visible, name = split_label(label)
    colors = style.palette()
    if primary:
        for slot, color in (
            (imgui.Col_.button, colors.fill),
            (imgui.Col_.button_hovered, colors.fill_hover),
            (imgui.Col_.button_active, colors.fill_active),
            (imgui.Col_.text, colors.on_fill),
        ):
            imgui.push_style_color(slot, color)
    imgui.begin_disabled(not enabled)
    caption = f"{icon}  {visible}" if icon else visible
    size_x = 0.0 if width is None else -1.0 if width < 0 else style.px(width)
    pressed = imgui.button(f"{caption}###{name}", (size_x, 0.0))
    pressed |= record(name, presses=True)
    imgui.end_disabled()
    if primary:
        imgui.pop_style_color(4)
    explain(None, tooltip)
    return pressed


def icon_button(
    icon: str, *, tooltip: str, active: bool = False, enabled: bool = True, name: str = ""
) -> bool:
    """A square button with an icon; `active` shows it as switched on. It is recorded as `name`, or
    as the tooltip if no name is given."""
    colors = style.palette()
    name = printable(name or tooltip)
    side = imgui.get_frame_height()
    imgui.begin_disabled(not enabled)
    low = imgui.get_cursor_screen_pos()
    pressed = press_area(f"##{icon}{name}", (side, side))
    hovered = imgui.is_item_hovered()
    fill = colors.accent_soft if active else 0
    if hovered:
        fill = colors.frame_active if imgui.is_item_active() else colors.frame_hover
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled((low.x, low.y), (low.x + side, low.y + side), ink(fill), style.px(5))
    tint = colors.accent if active else colors.text if hovered else colors.text_dim
    text_in((low.x, low.y, low.x + side, low.y + side), icon, tint)
    pressed |= record(name, presses=True)
    imgui.end_disabled()
    explain(None, tooltip)
    return pressed


def text_input(
    label: str,
    value: str,
    *,
    tooltip: str = "",
    placeholder: str = "",
    default: str | None = None,
    on_enter: bool = False,
) -> tuple[bool, str]:
    """A line of text. With `on_enter`, a change is reported only when Enter is pressed."""
    row = begin_row(label)
    imgui.push_id(row.name)
    imgui.set_next_item_width(row.width)
    flags = imgui.InputTextFlags_.enter_returns_true if on_enter else imgui.InputTextFlags_.none
    hint, shown = printable(placeholder), printable(value)
    changed, new = imgui.input_text_with_hint("##text", hint, shown, flags)
    new = merge_edit(value, new)
    record(row.name)
    if row.reset and default is not None:
        new, changed = default, default != value
    if not imgui.is_item_active():
        explain(row, tooltip)
    imgui.pop_id()
    return changed, new


def color(
    label: str, value: Color, *, default: Color | None = None, tooltip: str = ""
) -> tuple[bool, Color]:
    """A colour as red, green and blue in 0..1, typed as "#rrggbb" or picked after a click on its
    field. A right click resets it."""
    row = begin_row(label)
    imgui.set_next_item_width(row.width)
    changed, picked = imgui.color_edit3(f"##{row.name}", [*value], _COLOR_FLAGS)
    record(row.name)
    if (reset_clicked() or row.reset) and default is not None:
        return value != default, default
    code = "" if default is None else "#" + "".join(f"{round(255 * part):02x}" for part in default)
    explain(row, tooltip, f"default {code}" if code else "")
    red, green, blue = (round(255 * min(max(part, 0.0), 1.0)) / 255 for part in picked)
    return (True, (red, green, blue)) if changed else (False, value)
