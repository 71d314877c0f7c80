"""Controls for numbers: sliders, seeds and vectors that are dragged or typed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from imgui_bundle import imgui

from gui_utils.controls import keyboard, style
from gui_utils.controls.layout import Row, begin_row, ellipsis, ink, press_area, text_in, tooltip
from gui_utils.controls.registry import record, reset_clicked

_TYPE_HINT = "Double click to type, right click to reset."
_DRAG_HINT = "Drag to change (Shift: finer, Alt: faster). " + _TYPE_HINT
_SLIDE_HINT = "Drag to change (Shift: finer). " + _TYPE_HINT
_GLUED_UNITS = ("°", "%", "\u00d7", "x")
_DRAG_STEP = 5.0
_SLIDER_STEPS = 100
"""Presses of an arrow key from one end of a slider to the other."""
_TYPED = "##typed"
_PART = "%.2f"
"""Format of a vector's numbers."""


@dataclass
class _Edit:
    """The field that is being typed into."""

    item: int
    text: str
    frame: int


@dataclass
class _InUse:
    """The field that is, or was last, dragged or typed into."""

    edit: _Edit | None = None
    """None unless it is being typed into."""
    item: int = 0
    position: float = 0.0
    before: float = 0.0
    """The value when the mouse button was pressed."""
    raw: str = ""
    """That value as text to edit."""


@dataclass
class _Field:
    """What happened to a field in this frame."""

    grabbed: bool = False
    moved: float = 0.0
    """Distance of a drag to the right, Dear ImGui units."""
    steps: int = 0
    """Presses of the right arrow key minus those of the left one."""
    reset: bool = False
    restored: bool = False
    """Whether a double click opened it; the first click's change of the value is to be undone."""
    typed: str | None = None


_used = _InUse()


def _facts(lo: float | None, hi: float | None, default: float | None, show: Callable) -> str:
    parts = []
    if lo is not None and hi is not None:
        parts.append(f"{show(lo)} to {show(hi)}")
    if default is not None:
        parts.append(f"default {show(default)}")
    return " · ".join(parts)


def parse_number(text: str) -> float | None:
    """The finite number at the start of `text` (unit and decimal comma allowed), or None."""
    words = text.strip().replace(",", ".").split()
    if not words:
        return None
    word = words[0].rstrip("°%\u00d7xs")
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _type(item: int, width: float) -> str | None:
    """Draws the text field of the item being typed into; returns the text once it is committed."""
    edit = _used.edit
    assert edit is not None
    frame = imgui.get_frame_count()
    if frame - edit.frame > 1:
        # It was hidden meanwhile, so the text is dropped.
        _used.edit = None
        return None
    edit.frame = frame
    imgui.set_next_item_width(width)
    flags = imgui.InputTextFlags_.auto_select_all | imgui.InputTextFlags_.enter_returns_true
    entered, edit.text = imgui.input_text(_TYPED, edit.text, flags)
    if not entered and not imgui.is_item_deactivated():
        return None
    _used.edit = None
    if entered or imgui.is_key_pressed(imgui.Key.escape):
        # The focus returns to the number, as the text field disappears with the next frame.
        imgui.internal.set_focus_id(item, imgui.internal.get_current_window())
    cancelled = not entered and imgui.is_key_pressed(imgui.Key.escape)
    return None if cancelled else edit.text


def _open(item: int, width: float, raw: str) -> None:
    """Replaces the item just drawn by a text field. It gets the keyboard within this frame, so that
    no digit typed after a double click is lost or taken for a shortcut."""
    imgui.set_cursor_screen_pos(imgui.get_item_rect_min())
    keyboard.activate_next(_TYPED)
    _used.edit = _Edit(item, raw, imgui.get_frame_count())
    _type(item, width)
    text = imgui.internal.get_input_text_state(imgui.get_item_id())
    if text is not None:
        # The mouse button is still down, and a tremor must not undo the selection.
        text.selected_all_mouse_lock = True


def _field(
    name: str, width: float, text: str, value: float, raw: str, fill: float | None = None
) -> _Field:
    """Draws a framed value; returns what the mouse and the keyboard did to it. `raw` is the value
    as text to edit; `fill` in 0..1 draws a slider's bar."""
    item = imgui.get_id(name)
    if _used.edit is not None and _used.edit.item == item:
        return _Field(typed=_type(item, width))
    press_area(name, (width, imgui.get_frame_height()))
    # Only the mouse counts here, not the item that has the focus ring.
    hovered = imgui.is_item_hovered(imgui.HoveredFlags_.no_nav_override)
    result = _Field(reset=reset_clicked())
    result.steps, _ = keyboard.arrow_steps()
    by_key = keyboard.pressed_by_key()
    by_mouse = imgui.is_item_activated() and not by_key
    twice = hovered and imgui.is_mouse_double_clicked(0)
    low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
    active = imgui.is_item_active()
    if hovered or active:
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
    if by_mouse and not twice and not imgui.get_io().key_ctrl:
        _used.item, _used.before, _used.raw = item, value, raw
        result.grabbed = True
    elif _used.item == item and (active or imgui.is_item_deactivated()):
        # The frame in which the button is released may contain the last movement.
        result.moved = imgui.get_io().mouse_delta.x
    _draw_field((low.x, low.y, high.x, high.y), text, fill, hovered, active)
    if twice and _used.item == item:
        result.restored, result.moved = True, 0.0
        _open(item, width, _used.raw)
    elif by_key or (hovered and imgui.is_mouse_clicked(0) and not result.grabbed):
        result.moved = 0.0
        _open(item, width, raw)
    return result


def _draw_field(
    rect: tuple[float, float, float, float],
    text: str,
    fill: float | None,
    hovered: bool,
    active: bool,
) -> None:
    colors = style.palette()
    left, top, right, bottom = rect
    rounding = style.px(5)
    frame = colors.frame_hover if hovered or active else colors.frame
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled((left, top), (right, bottom), ink(frame), rounding)
    if fill is not None:
        edge = left + (right - left) * min(max(fill, 0.0), 1.0)
        draw.push_clip_rect((left, top), (edge, bottom), True)
        draw.add_rect_filled((left, top), (right, bottom), ink(colors.accent_soft), rounding)
        draw.pop_clip_rect()
        if hovered or active:
            marker = min(max(edge, left + style.px(2)), right - style.px(2))
            half = style.px(1)
            draw.add_rect_filled(
                (marker - half, top + style.px(4)),
                (marker + half, bottom - style.px(4)),
                ink(colors.accent),
                half,
            )
    if active:
        draw.add_rect((left, top), (right, bottom), ink(colors.accent), rounding)
    text_in(rect, ellipsis(text, right - left - style.px(8)), colors.text)


def slider(
    label: str,
    value: float,
    lo: float,
    hi: float,
    *,
    default: float | None = None,
    tooltip: str = "",
    unit: str = "",
    fmt: str = "%.2f",
    log: bool = False,
    whole: bool = False,
    typed: tuple[float, float] | None = None,
) -> tuple[bool, float]:
    """A number that is dragged between `lo` and `hi`; typed numbers are clamped to `typed`, or to
    the same range.

    A dragged value is rounded to what `fmt` shows, or to a whole number with `whole`; `unit`
    follows the number. With `log`, the scale is logarithmic (`lo` above 0). A value that is not
    finite becomes the default, or `lo`.
    """
    scale = _SliderScale("%d" if whole else fmt, unit, log, whole)
    return _slide(label, value, (lo, hi), default, tooltip, scale, typed)


@dataclass(frozen=True)
class _SliderScale:
    """How a slider's numbers are spaced, rounded and shown."""

    fmt: str
    unit: str
    log: bool
    whole: bool

    def show(self, value: float) -> str:
        text = self.fmt % value
        if not self.unit:
            return text
        return text + self.unit if self.unit in _GLUED_UNITS else f"{text} {self.unit}"

    def raw(self, value: float) -> str:
        """The value as text to edit."""
        return f"{round(value):d}" if self.whole else f"{value:.6g}"

    def fraction(self, value: float, lo: float, hi: float) -> float:
        """Position of a value between the ends, 0..1 within them."""
        if hi <= lo:
            return 0.0
        if self.log:
            return (math.log(max(value, lo)) - math.log(lo)) / (math.log(hi) - math.log(lo))
        return (value - lo) / (hi - lo)

    def value(self, fraction: float, lo: float, hi: float) -> float:
        """The rounded value at a position between the ends."""
        fraction = min(max(fraction, 0.0), 1.0)
        return self.rounded(lo * (hi / lo) ** fraction if self.log else lo + (hi - lo) * fraction)

    def rounded(self, value: float) -> float:
        if self.whole:
            return round(value)
        return float(f"{value:.3g}") if self.log else float(self.fmt % value)

    def stepped(self, value: float, steps: float, lo: float, hi: float) -> float:
        """The value after a number of presses of an arrow key."""
        if self.log:
            return self.value(self.fraction(value, lo, hi) + steps / _SLIDER_STEPS, lo, hi)
        # A visible step, no smaller than the last digit shown.
        smallest = 1.0 if self.whole else 10.0 ** -len((self.fmt % 0.0).partition(".")[2])
        step = steps * (1.0 if self.whole else (hi - lo) / _SLIDER_STEPS)
        return self.rounded(value + math.copysign(max(abs(step), smallest), steps))


def _rate() -> float:
    """Factor of the modifier keys that are down on the speed of a drag or the size of a step."""
    io = imgui.get_io()
    return 0.1 if io.key_shift else 10.0 if io.key_alt else 1.0


def _finite(value: float, default: float | None, lo: float | None) -> float:
    """A number to continue from if the value is not finite."""
    if math.isfinite(value):
        return value
    return default if default is not None else lo if lo is not None else 0.0


def _tip(row: Row | None, text: str, *facts: str) -> None:
    """Explains the last item unless it is in use, as the value must stay visible while it
    changes."""
    if not imgui.is_item_active():
        tooltip(row, text, *facts)


def _slide(
    label: str,
    given: float,
    limits: tuple[float, float],
    default: float | None,
    text: str,
    scale: _SliderScale,
    typed: tuple[float, float] | None,
) -> tuple[bool, float]:
    lo, hi = limits
    value = _finite(given, default, lo)
    row = begin_row(label)
    imgui.push_id(row.name)
    left = imgui.get_cursor_screen_pos().x
    raw, fraction = scale.raw(value), scale.fraction(value, lo, hi)
    field = _field("##value", row.width, scale.show(value), value, raw, fraction)
    new = value
    if field.grabbed:
        _used.position = (imgui.get_mouse_pos().x - left) / row.width
        new = min(max(scale.value(_used.position, lo, hi), lo), hi)
    elif field.moved:
        _used.position += field.moved / row.width * min(_rate(), 1.0)
        new = min(max(scale.value(_used.position, lo, hi), lo), hi)
    elif field.restored:
        new = _used.before
    elif field.typed is not None:
        number = parse_number(field.typed)
        if number is not None:
            least, most = typed or limits
            new = min(max(round(number) if scale.whole else number, least), most)
    elif field.steps:
        new = min(max(scale.stepped(value, field.steps * _rate(), lo, hi), lo), hi)
    if (field.reset or row.reset) and default is not None:
        new = default
    imgui.pop_id()
    record(row.name)
    _tip(row, text, _facts(lo, hi, default, scale.show), _SLIDE_HINT)
    return new != given, new


def drag_int(
    label: str,
    value: int,
    lo: int,
    hi: int,
    *,
    default: int | None = None,
    tooltip: str = "",
) -> tuple[bool, int]:
    """A whole number from a wide range, such as a seed, to be dragged, typed, or stepped by one.

    A number that is typed or reset counts as changed even if it is the same, as the number shown
    may be rounded.
    """
    shown = round(_finite(min(max(value, lo), hi), default, lo))
    row = begin_row(label)
    imgui.push_id(row.name)
    side = imgui.get_frame_height()
    gap = style.px(3)
    entered, new = False, shown
    if _step_button("##less", side):
        new = shown - 1
    record(f"{row.name}/-")
    imgui.same_line(0.0, gap)
    inner = max(row.width - 2 * (side + gap), style.px(24))
    field = _field("##value", inner, f"{shown:d}", shown, f"{shown:d}")
    record(row.name)
    _tip(row, tooltip, _facts(lo, hi, default, lambda number: f"{number:d}"), _DRAG_HINT)
    imgui.same_line(0.0, gap)
    if _step_button("##more", side, plus=True):
        new = shown + 1
    record(f"{row.name}/+")
    imgui.pop_id()
    if field.typed is not None:
        number = parse_number(field.typed)
        entered = number is not None
        new = shown if number is None else round(number)
    elif field.steps:
        new = shown + field.steps * max(round(_rate()), 1)
    else:
        new = round(_dragged(field, new, 1.0))
    if (field.reset or row.reset) and default is not None:
        entered, new = True, default
    new = min(max(new, lo), hi)
    return entered or new != value, new


def _dragged(field: _Field, value: float, speed: float) -> float:
    """The value after a relative drag, which changes it by `speed` every few pixels."""
    if field.grabbed:
        _used.position = float(value)
    if not field.moved:
        return value
    _used.position += field.moved / style.px(_DRAG_STEP) * speed * _rate()
    return _used.position


def _step_button(name: str, side: float, plus: bool = False) -> bool:
    low = imgui.get_cursor_screen_pos()
    pressed = press_area(name, (side, side), repeats=True)
    colors = style.palette()
    fill = colors.frame
    if imgui.is_item_hovered():
        fill = colors.frame_active if imgui.is_item_active() else colors.frame_hover
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled((low.x, low.y), (low.x + side, low.y + side), ink(fill), style.px(5))
    x, y, arm, half = low.x + side / 2, low.y + side / 2, style.px(4.5), style.px(0.75)
    draw.add_rect_filled((x - arm, y - half), (x + arm, y + half), ink(colors.text_dim))
    if plus:
        draw.add_rect_filled((x - half, y - arm), (x + half, y + arm), ink(colors.text_dim))
    return pressed


def vector(
    label: str,
    value: tuple[float, float, float],
    *,
    speed: float = 0.01,
    lo: float | None = None,
    hi: float | None = None,
    default: tuple[float, float, float] | None = None,
    tooltip: str = "",
) -> tuple[bool, tuple[float, float, float]]:
    """Three numbers x, y, z; a drag of 5 design pixels changes one by `speed`.

    A right click on a number resets it, on the label all three. A number that is not finite becomes
    the default, or 0.
    """
    row = begin_row(label)
    imgui.push_id(row.name)
    gap = style.px(4)
    width = (row.width - 2 * gap) / 3
    colors = style.palette()
    new = list(value)
    for axis, tint in enumerate((colors.axis_x, colors.axis_y, colors.axis_z)):
        if axis:
            imgui.same_line(0.0, gap)
        low = imgui.get_cursor_screen_pos()
        shown = _finite(value[axis], default and default[axis], lo)
        field = _field(f"##{axis}", width, _PART % shown, shown, f"{shown:.6g}")
        record(f"{row.name}/{'xyz'[axis]}")
        imgui.get_window_draw_list().add_rect_filled(
            (low.x, low.y + style.px(5)),
            (low.x + style.px(2.5), low.y + row.height - style.px(5)),
            ink(tint),
            style.px(1),
        )
        origin = "" if default is None else ", ".join(_PART % part for part in default)
        facts = _facts(lo, hi, None, lambda number: _PART % number)
        about = " · ".join(part for part in (facts, origin and f"default {origin}") if part)
        _tip(row if axis == 0 else None, tooltip, about, _DRAG_HINT)
        new[axis] = _component(field, row, shown, default and default[axis], speed)
        low_limit = -math.inf if lo is None else lo
        new[axis] = min(max(new[axis], low_limit), math.inf if hi is None else hi)
    imgui.pop_id()
    result = (new[0], new[1], new[2])
    return result != tuple(value), result


def _component(field: _Field, row: Row, value: float, default: float | None, speed: float) -> float:
    if (field.reset or row.reset) and default is not None:
        return default
    if field.typed is not None:
        number = parse_number(field.typed)
        return value if number is None else number
    if field.steps:
        return float(_PART % (value + field.steps * speed * _rate()))
    moved = _dragged(field, value, speed)
    return float(_PART % moved) if field.moved else value
