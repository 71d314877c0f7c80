"""Number controls: sliders, seeds and vectors that are dragged or typed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.layout import Row, begin_row, ellipsis, ink, record, tooltip

_TYPE_HINT = "Double click to type, right click to reset."
_DRAG_HINT = "Drag to change (Shift: finer, Alt: faster). " + _TYPE_HINT
_SLIDE_HINT = "Drag to change (Shift: finer). " + _TYPE_HINT
_GLUED_UNITS = ("°", "%", "\u00d7", "x", "s")
_DRAG_STEP = 5.0


@dataclass
class _Edit:
    """The one field that is being typed into."""

    item: int
    text: str
    focus: bool = True
    frame: int = 0


@dataclass
class _Drag:
    """The one field that is being dragged."""

    item: int = 0
    position: float = 0.0
    before: float = 0.0


@dataclass
class _Field:
    """What happened on a field in this frame."""

    item: int
    grabbed: bool = False
    dragged: bool = False
    moved: float = 0.0
    reset: bool = False
    opened: bool = False
    typed: str | None = None


@dataclass
class _State:
    edit: _Edit | None = None


_state = _State()
_drag = _Drag()


def _shown(value: float, fmt: str, unit: str) -> str:
    text = fmt % value
    if not unit:
        return text
    return text + unit if unit in _GLUED_UNITS else f"{text} {unit}"


def _facts(lo: float | None, hi: float | None, default: float | None, show: Callable) -> str:
    parts = []
    if lo is not None and hi is not None:
        parts.append(f"{show(lo)} to {show(hi)}")
    if default is not None:
        parts.append(f"default {show(default)}")
    return " · ".join(parts)


def parse_number(text: str) -> float | None:
    """The finite number at the start of ``text`` (unit and decimal comma allowed), or None."""
    words = text.strip().replace(",", ".").split()
    if not words:
        return None
    word = words[0].rstrip("°%\u00d7xs")
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _typing(item: int, width: float) -> tuple[bool, str | None]:
    """Draw the text field if ``item`` is being typed: (it is, committed text)."""
    frame = imgui.get_frame_count()
    if _state.edit is None or _state.edit.item != item:
        return False, None
    if _state.edit.frame and frame - _state.edit.frame > 1:
        # It was hidden meanwhile: what was typed no longer has a place.
        _state.edit = None
        return False, None
    _state.edit.frame = frame
    if _state.edit.focus:
        imgui.set_keyboard_focus_here()
        _state.edit.focus = False
    imgui.set_next_item_width(width)
    flags = imgui.InputTextFlags_.auto_select_all | imgui.InputTextFlags_.enter_returns_true
    entered, _state.edit.text = imgui.input_text("##typed", _state.edit.text, flags)
    text = _state.edit.text
    if entered:
        _state.edit = None
        return True, text
    if imgui.is_item_deactivated():
        _state.edit = None
        return True, None if imgui.is_key_pressed(imgui.Key.escape) else text
    return True, None


def _field(name: str, width: float, text: str, raw: str, fill: float | None = None) -> _Field:
    """A framed value: drag, type, reset. ``fill`` 0..1 draws a slider's bar."""
    item = imgui.get_id(name)
    result = _Field(item)
    editing, result.typed = _typing(item, width)
    if editing:
        return result
    height = imgui.get_frame_height()
    low = imgui.get_cursor_screen_pos()
    imgui.invisible_button(name, (max(width, 1.0), height))
    hovered, active = imgui.is_item_hovered(), imgui.is_item_active()
    if hovered or active:
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
    result.reset = imgui.is_item_clicked(1)
    io = imgui.get_io()
    if hovered and (
        imgui.is_mouse_double_clicked(0) or (imgui.is_mouse_clicked(0) and io.key_ctrl)
    ):
        _state.edit = _Edit(item, raw)
        result.opened = True
    elif imgui.is_item_activated():
        result.grabbed = True
    elif active or imgui.is_item_deactivated():
        # The frame of the release may bring the last move with it.
        result.dragged = True
        result.moved = io.mouse_delta.x
    _draw_field((low.x, low.y, low.x + width, low.y + height), text, fill, hovered, active)
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
    shown = ellipsis(text, right - left - style.px(8))
    size = imgui.calc_text_size(shown)
    x = (left + right - size.x) / 2
    draw.add_text((round(x), round((top + bottom - size.y) / 2)), ink(colors.text), shown)


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
) -> tuple[bool, float]:
    """A number between ``lo`` and ``hi``; typed numbers are clamped to them.

    ``unit`` follows the number. ``log`` spaces the range logarithmically (``lo`` above 0). A
    dragged value is rounded to what ``fmt`` shows.
    """
    row = begin_row(label)
    imgui.push_id(label)
    changed, new = _slide(row, value, (lo, hi), default, unit, fmt, log)
    imgui.pop_id()
    record(row.name)

    def show(number: float) -> str:
        return _shown(number, fmt, unit)

    _tip(row, tooltip, _facts(lo, hi, default, show), _SLIDE_HINT)
    return changed, new


def slider_int(
    label: str,
    value: int,
    lo: int,
    hi: int,
    *,
    default: int | None = None,
    tooltip: str = "",
    unit: str = "",
) -> tuple[bool, int]:
    """A whole number between ``lo`` and ``hi``."""
    row = begin_row(label)
    imgui.push_id(label)
    changed, new = _slide(row, value, (lo, hi), default, unit, "%d", False, whole=True)
    imgui.pop_id()
    record(row.name)

    def show(number: float) -> str:
        return _shown(number, "%d", unit)

    _tip(row, tooltip, _facts(lo, hi, default, show), _SLIDE_HINT)
    return changed, round(new)


def _tip(row: Row | None, text: str, *facts: str) -> None:
    """No tooltip hides a value that is being changed."""
    if not imgui.is_item_active():
        tooltip(row, text, *facts)


def _slide(
    row: Row,
    value: float,
    limits: tuple[float, float],
    default: float | None,
    unit: str,
    fmt: str,
    log: bool,
    whole: bool = False,
) -> tuple[bool, float]:
    lo, hi = limits
    fraction = _to_fraction(value, lo, hi, log)
    raw = f"{value:d}" if whole else f"{value:.6g}"
    left = imgui.get_cursor_screen_pos().x
    field = _field("##value", row.width, _shown(value, fmt, unit), raw, fraction)
    new = value
    if field.grabbed or field.dragged:
        if field.grabbed:
            _drag.item, _drag.before = field.item, value
            _drag.position = (imgui.get_mouse_pos().x - left) / row.width
        else:
            _drag.position += field.moved / row.width * (0.1 if imgui.get_io().key_shift else 1.0)
        if field.grabbed or field.moved:
            new = _rounded(_from_fraction(_drag.position, lo, hi, log), fmt, log, whole)
            new = min(max(new, lo), hi)
    elif field.opened and _drag.item == field.item and not imgui.get_io().key_ctrl:
        # The first click of a double click moved the value; typing starts from before it.
        new = _drag.before
        if _state.edit is not None:
            _state.edit.text = f"{round(new):d}" if whole else f"{new:.6g}"
    elif field.typed is not None:
        number = parse_number(field.typed)
        if number is not None:
            new = min(max(round(number) if whole else number, lo), hi)
    if (field.reset or row.reset) and default is not None:
        new = default
    return new != value, new


def _to_fraction(value: float, lo: float, hi: float, log: bool) -> float:
    if hi <= lo:
        return 0.0
    if log:
        return (math.log(max(value, lo)) - math.log(lo)) / (math.log(hi) - math.log(lo))
    return (value - lo) / (hi - lo)


def _from_fraction(fraction: float, lo: float, hi: float, log: bool) -> float:
    fraction = min(max(fraction, 0.0), 1.0)
    if log:
        return lo * (hi / lo) ** fraction
    return lo + (hi - lo) * fraction


def _rounded(value: float, fmt: str, log: bool, whole: bool) -> float:
    if whole:
        return round(value)
    return float(f"{value:.3g}") if log else float(fmt % value)


def drag_int(
    label: str,
    value: int,
    lo: int,
    hi: int,
    *,
    default: int | None = None,
    tooltip: str = "",
) -> tuple[bool, int]:
    """A whole number of a wide range, such as a seed: drag, type, or step by one.

    A number that was typed or reset counts as changed though it be the same: what is shown may be
    a rounded one.
    """
    row = begin_row(label)
    imgui.push_id(label)
    side = imgui.get_frame_height()
    gap = style.px(3)
    told, new = False, value
    if _step_button("##less", side):
        new = value - 1
    record(f"{row.name}/-")
    imgui.same_line(0.0, gap)
    inner = max(row.width - 2 * (side + gap), style.px(24))
    field = _field("##value", inner, f"{value:d}", f"{value:d}")
    record(row.name)
    _tip(row, tooltip, _facts(lo, hi, default, lambda number: f"{number:d}"), _DRAG_HINT)
    imgui.same_line(0.0, gap)
    if _step_button("##more", side, plus=True):
        new = value + 1
    record(f"{row.name}/+")
    imgui.pop_id()
    moved = _dragged(field, value)
    if moved is not None:
        new = round(moved)
    elif field.typed is not None:
        number = parse_number(field.typed)
        told = number is not None
        new = value if number is None else round(number)
    if (field.reset or row.reset) and default is not None:
        told, new = True, default
    new = min(max(new, lo), hi)
    return told or new != value, new


def _dragged(field: _Field, value: float, speed: float = 1.0) -> float | None:
    """The value a relative drag leads to: ``speed`` per few pixels; None when not dragged."""
    if field.grabbed:
        _drag.item, _drag.position = field.item, float(value)
        return None
    if not field.dragged or not field.moved or _drag.item != field.item:
        return None
    io = imgui.get_io()
    rate = 0.1 if io.key_shift else 10.0 if io.key_alt else 1.0
    _drag.position += field.moved / style.px(_DRAG_STEP) * speed * rate
    return _drag.position


def _step_button(name: str, side: float, plus: bool = False) -> bool:
    low = imgui.get_cursor_screen_pos()
    imgui.push_item_flag(imgui.ItemFlags_.button_repeat, True)
    pressed = imgui.invisible_button(name, (side, side))
    imgui.pop_item_flag()
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
    fmt: str = "%.2f",
) -> tuple[bool, tuple[float, float, float]]:
    """Three numbers x, y, z; a drag of 5 design pixels changes one by ``speed``.

    A right click on a number resets that one, on the label all three.
    """
    row = begin_row(label)
    imgui.push_id(label)
    gap = style.px(4)
    width = (row.width - 2 * gap) / 3
    colors = style.palette()
    new = list(value)
    for axis, tint in enumerate((colors.axis_x, colors.axis_y, colors.axis_z)):
        if axis:
            imgui.same_line(0.0, gap)
        low = imgui.get_cursor_screen_pos()
        field = _field(f"##{axis}", width, fmt % value[axis], f"{value[axis]:.6g}")
        record(f"{row.name}/{'xyz'[axis]}")
        imgui.get_window_draw_list().add_rect_filled(
            (low.x, low.y + style.px(5)),
            (low.x + style.px(2.5), low.y + row.height - style.px(5)),
            ink(tint),
            style.px(1),
        )
        origin = "" if default is None else ", ".join(fmt % part for part in default)
        facts = _facts(lo, hi, None, lambda number: fmt % number)
        about = " · ".join(part for part in (facts, origin and f"default {origin}") if part)
        _tip(row if axis == 0 else None, tooltip, about, _DRAG_HINT)
        new[axis] = _component(field, row, value[axis], default and default[axis], speed, fmt)
        low_limit = -math.inf if lo is None else lo
        new[axis] = min(max(new[axis], low_limit), math.inf if hi is None else hi)
    imgui.pop_id()
    result = (new[0], new[1], new[2])
    return result != tuple(value), result


def _component(
    field: _Field, row: Row, value: float, default: float | None, speed: float, fmt: str
) -> float:
    if (field.reset or row.reset) and default is not None:
        return default
    if field.typed is not None:
        number = parse_number(field.typed)
        return value if number is None else number
    moved = _dragged(field, value, speed)
    return value if moved is None else float(fmt % moved)
