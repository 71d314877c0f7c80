"""Read-only displays: hints, tables, plots, colour scales and progress."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence

import numpy as np
from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.buttons import icon_button
from gui_utils.controls.layout import begin_row, ellipsis, ink, press_area, split_label
from gui_utils.controls.layout import tooltip as explain
from gui_utils.controls.redraw import request_frame
from gui_utils.controls.registry import record, record_rect, scope
from gui_utils.controls.style import printable

_COPIED_SECONDS = 1.2
_PROGRESS_SECONDS = 1 / 30
_copied: dict[str, float] = {}


def hint(text: str) -> None:
    """Small dim text, wrapped at the panel's width."""
    with style.font("body", style.SMALL_SIZE), style.text_color(style.palette().text_dim):
        imgui.text_wrapped(printable(text))


def key_value(rows: Iterable[tuple[str, object]]) -> None:
    """Names and values in two columns; a click on a value copies it."""
    colors = style.palette()
    for name, value in rows:
        text = printable(str(value))
        row = begin_row(name)
        imgui.push_id(row.name)
        low = imgui.get_cursor_screen_pos()
        if press_area("##value", (row.width, row.height)):
            imgui.set_clipboard_text(text)
            _copied[name] = time.perf_counter()
        record(row.name)
        draw = imgui.get_window_draw_list()
        left = _copied.get(name, -math.inf) + _COPIED_SECONDS - time.perf_counter()
        recent = left > 0
        if recent:
            request_frame("copied", left)
        room = row.width - style.px(8)
        if imgui.is_item_hovered():
            imgui.set_mouse_cursor(imgui.MouseCursor_.hand)
            corner = (low.x + row.width, low.y + row.height)
            draw.add_rect_filled((low.x, low.y), corner, ink(colors.raised), style.px(4))
            icon = icons.ICON_FA_CHECK if recent else icons.ICON_FA_COPY
            with style.font("body", 12):
                size = imgui.calc_text_size(icon)
                at = (corner[0] - size.x - style.px(6), low.y + (row.height - size.y) / 2)
                tint = colors.success if recent else colors.text_dim
                draw.add_text(at, ink(tint), icon)
            room -= style.px(20)
        shown = ellipsis(text, room)
        y = low.y + (row.height - imgui.get_font_size()) / 2
        draw.add_text((low.x + style.px(4), round(y)), ink(colors.text), shown)
        explain(row, text if shown != text else "", "Copied." if recent else "Click to copy.")
        imgui.pop_id()


def plot(
    label: str,
    values: Sequence[float] | np.ndarray | Iterable[float],
    *,
    height: float = 56,
    fmt: str = "%.1f",
    tooltip: str = "",
) -> None:
    """A line plot of `values` (oldest first), with the last, mean and largest as numbers. The
    vertical range begins at 0; values that are not finite count as 0. `height` is in design
    pixels."""
    visible, name = split_label(label)
    series = np.nan_to_num(np.fromiter(values, np.float64), posinf=0.0, neginf=0.0)
    colors = style.palette()
    width = max(imgui.get_content_region_avail().x, style.px(24))
    low = imgui.get_cursor_screen_pos()
    header = style.px(20)
    draw = imgui.get_window_draw_list()
    draw.add_text((low.x, low.y), ink(colors.text_dim), ellipsis(visible, width * 0.4))
    if series.size:
        numbers = (("now", series[-1]), ("mean", series.mean()), ("max", series.max()))
        text = "   ".join(f"{word} {fmt % number}" for word, number in numbers)
        with style.font("body", style.SMALL_SIZE):
            text = ellipsis(text, width * 0.6)
            x = low.x + width - imgui.calc_text_size(text).x
            draw.add_text((x, low.y + style.px(1)), ink(colors.text), text)
    imgui.dummy((width, header + style.px(height)))
    record(name)
    top, bottom = low.y + header, low.y + header + style.px(height)
    right = low.x + width
    draw.add_rect_filled((low.x, top), (right, bottom), ink(colors.raised), style.px(4))
    if series.size > 1:
        _draw_line(series, (low.x, top, right, bottom))
    explain(None, tooltip)


def _draw_line(series: np.ndarray, rect: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = rect
    pad = style.px(3)
    count = int(max((right - left) / style.px(2), 2))
    if series.size > count:
        # Each column shows the largest of its values, so that no spike disappears.
        edges = np.linspace(0, series.size, count, endpoint=False).astype(int)
        series = np.maximum.reduceat(series, edges)
    heights = np.clip(series / max(1.1 * series.max(), 1e-12), 0.0, 1.0)
    xs = np.linspace(left + pad, right - pad, series.size)
    ys = bottom - pad - heights * (bottom - top - 2 * pad)
    points: list[imgui.ImVec2Like] = [
        imgui.ImVec2(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)
    ]
    draw = imgui.get_window_draw_list()
    draw.add_polyline(points, ink(style.palette().accent), style.px(1.5), 0)


def colorbar(
    lut: np.ndarray,
    lo: float,
    hi: float,
    *,
    size: tuple[float, float] | None = None,
    fmt: str = "%.3g",
) -> None:
    """A colour scale, uint8 [256, 3] from `lo` to `hi`, with the numbers of its ends and middle.

    `size` is the width and height of the bar in design pixels; None takes the line's width.
    """
    if lut.shape != (256, 3) or lut.dtype != np.uint8:
        raise ValueError(f"A colour scale is uint8 [256, 3], not {lut.dtype} {list(lut.shape)}.")
    width = max(imgui.get_content_region_avail().x, style.px(24))
    height = style.px(12)
    if size is not None:
        width, height = style.px(size[0]), style.px(size[1])
    low = imgui.get_cursor_screen_pos()
    draw = imgui.get_window_draw_list()
    draw_colors(lut, (low.x, low.y, low.x + width, low.y + height))
    with style.font("body", style.SMALL_SIZE):
        y = low.y + height + style.px(3)
        for fraction in (0.0, 0.5, 1.0):
            text = fmt % (lo + (hi - lo) * fraction)
            text_width = imgui.calc_text_size(text).x
            at = (low.x + (width - text_width) * fraction, y)
            draw.add_text(at, ink(style.palette().text_dim), text)
        imgui.dummy((width, height + style.px(5) + imgui.get_font_size()))
    record_rect("colorbar", (low.x, low.y, low.x + width, low.y + height))


def draw_colors(lut: np.ndarray, rect: tuple[float, float, float, float]) -> None:
    """Fills a rectangle with a colour scale, uint8 [256, 3], from left to right."""
    left, top, right, bottom = rect
    draw, steps = imgui.get_window_draw_list(), 64
    picked = lut[np.linspace(0, 255, steps + 1).round().astype(int)].astype(np.uint32)
    packed = (picked[:, 0] | picked[:, 1] << 8 | picked[:, 2] << 16 | 0xFF000000).tolist()
    for index in range(steps):
        first, second = ink(packed[index]), ink(packed[index + 1])
        x0, x1 = (left + (right - left) * k / steps for k in (index, index + 1))
        draw.add_rect_filled_multi_color((x0, top), (x1, bottom), first, second, second, first)


def progress(label: str, fraction: float | None, *, detail: str = "", cancel: bool = True) -> bool:
    """A progress bar, 0..1, or an animated one for None; returns whether Cancel was pressed."""
    visible, name = split_label(label)
    colors = style.palette()
    if fraction is not None and not math.isfinite(fraction):
        fraction = 0.0
    cancelled = False
    side = imgui.get_frame_height() if cancel else 0.0
    available = imgui.get_content_region_avail().x
    width = max(available - (side + style.px(8) if cancel else 0.0), style.px(24))
    low = imgui.get_cursor_screen_pos()
    draw = imgui.get_window_draw_list()
    percent = "" if fraction is None else f"{100 * min(max(fraction, 0.0), 1.0):.0f}%"
    room = imgui.calc_text_size(percent).x
    draw.add_text((low.x, low.y), ink(colors.text), ellipsis(visible, width - room - style.px(8)))
    draw.add_text((low.x + width - room, low.y), ink(colors.text_dim), percent)
    top = low.y + imgui.get_font_size() + style.px(5)
    bottom = top + style.px(6)
    radius = style.px(3)
    draw.add_rect_filled((low.x, top), (low.x + width, bottom), ink(colors.frame), radius)
    start, end = 0.0, 0.0 if fraction is None else min(max(fraction, 0.0), 1.0)
    if fraction is None:
        request_frame("progress", _PROGRESS_SECONDS)
        phase = imgui.get_time() * 0.7 % 1.0 * 1.3 - 0.3
        start, end = max(phase, 0.0), min(phase + 0.3, 1.0)
    if end > start:
        x0, x1 = low.x + width * start, low.x + width * end
        draw.add_rect_filled((x0, top), (x1, bottom), ink(colors.accent), radius)
    imgui.dummy((width, bottom - low.y + style.px(2)))
    record(name)
    if cancel:
        imgui.same_line(0.0, style.px(8))
        imgui.push_id(name)
        with scope(name):
            cancelled = icon_button(icons.ICON_FA_XMARK, tooltip="Cancel", name="Cancel")
        imgui.pop_id()
    if detail:
        # The button makes the line taller than the text and the bar, so the detail is moved up.
        imgui.set_cursor_screen_pos((low.x, bottom + style.px(4)))
        hint(detail)
    return cancelled
