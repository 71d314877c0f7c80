"""Drawn over the viewport's pictures: labels, notes, the split handle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.controls.layout import ellipsis, text_in
from gui_utils.controls.registry import record, record_rect
from gui_utils.controls.style import printable
from viz.app.commands import Commands

Rect = tuple[float, float, float, float]
"""Left, top, right, bottom in Dear ImGui units."""

MARGIN = 10.0
"""Distance from overlays to the edge of the area below them, design pixels."""
_HANDLE_WIDTH = 18.0


@dataclass(frozen=True)
class Badge:
    """A note in the corner of the viewport."""

    text: str
    icon: str = ""
    level: str = "info"
    """Palette colour of the icon."""


def plate(rect: Rect, opacity: float, rounding: float) -> None:
    """A background on which text can be read over any picture."""
    colors, draw = style.palette(), imgui.get_window_draw_list()
    low, high = rect[:2], rect[2:]
    draw.add_rect_filled(low, high, style.with_alpha(colors.popup, opacity), rounding)
    draw.add_rect(low, high, style.with_alpha(colors.border, 0.8), rounding)


def pill_size(text: str, icon: str = "") -> tuple[float, float]:
    """Width and height of a pill, Dear ImGui units."""
    with style.font("body", style.SMALL_SIZE):
        width = imgui.calc_text_size(printable(text)).x
        if icon:
            width += imgui.calc_text_size(icon).x + style.px(6)
    return width + style.px(16), style.px(22)


def pill(at: tuple[float, float], text: str, *, icon: str = "", level: str = "text_dim") -> None:
    """Small text on a rounded background, readable on any picture; `at` is its top left corner."""
    width, height = pill_size(text, icon)
    x, y = round(at[0]), round(at[1])
    colors, draw = style.palette(), imgui.get_window_draw_list()
    plate((x, y, x + width, y + height), 0.88, height / 2)
    with style.font("body", style.SMALL_SIZE):
        text_y = round(y + (height - imgui.get_font_size()) / 2)
        pen = x + style.px(8)
        if icon:
            draw.add_text((pen, text_y), getattr(colors, level), icon)
            pen += imgui.calc_text_size(icon).x + style.px(6)
        draw.add_text((pen, text_y), colors.text, printable(text))


def draw_label(tile: Rect, text: str) -> None:
    """Name of a tile, in its top right corner, if it fits: half a number would mislead."""
    margin = style.px(MARGIN if tile[2] - tile[0] > style.px(160) else 4)
    width = pill_size(text)[0]
    if width + 2 * margin <= tile[2] - tile[0]:
        pill((tile[2] - margin - width, tile[1] + margin), text)


def draw_badges(area: Rect, badges: Sequence[Badge]) -> None:
    """Notes below each other in the viewport's top left corner."""
    margin = style.px(MARGIN)
    x, y = area[0] + margin, area[1] + margin
    for badge in badges:
        room = area[2] - area[0] - 2 * margin - style.px(38 if badge.icon else 16)
        with style.font("body", style.SMALL_SIZE):
            text = ellipsis(badge.text, room) if room > style.px(12) else ""
        if text:
            width, height = pill_size(text, badge.icon)
            pill((x, y), text, icon=badge.icon, level=badge.level)
            record_rect(badge.text, (x, y, x + width, y + height))
            y += height + style.px(6)


def gizmo_place(tile: Rect) -> tuple[tuple[float, float], float] | None:
    """Centre and radius of the axes in the tile's bottom left corner; None in small tiles."""
    side = min(tile[2] - tile[0], tile[3] - tile[1])
    if side < style.px(130):
        return None
    radius = min(max(side * 0.055, style.px(20)), style.px(28))
    reach = radius * 1.3 + style.px(MARGIN)
    return (tile[0] + reach, tile[3] - reach), radius


def split_handle(tile: Rect, fraction: float) -> tuple[float, bool]:
    """The line between before and after: its place 0..1 of the tile's width, and whether it is
    held."""
    left, top, right, bottom = tile
    width = max(right - left, 1.0)
    half = style.px(_HANDLE_WIDTH) / 2
    x = left + width * min(max(fraction, 0.0), 1.0)
    imgui.set_cursor_screen_pos((x - half, top))
    imgui.invisible_button("##split", (2 * half, max(bottom - top, 1.0)))
    record("Split")
    hovered, held = imgui.is_item_hovered(), imgui.is_item_active()
    if hovered or held:
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
    if held and not imgui.is_item_activated():
        fraction = min(max((imgui.get_mouse_pos().x - left) / width, 0.0), 1.0)
        x = left + width * fraction
    if hovered and imgui.is_mouse_double_clicked(0):
        fraction = 0.5
    _draw_split_line(round(x), tile, hovered or held)
    return fraction, held


def _draw_split_line(x: float, tile: Rect, lit: bool) -> None:
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    _, top, _, bottom = tile
    thin = style.px(1)
    line = colors.accent if lit else style.hex_color("#ffffff")
    draw.add_rect_filled((x - 2 * thin, top), (x + 2 * thin, bottom), style.hex_color("#00000070"))
    draw.add_rect_filled((x - thin, top), (x + thin, bottom), line)
    center = (x, (top + bottom) / 2)
    radius = style.px(13)
    draw.add_circle_filled(center, radius, style.with_alpha(colors.popup, 0.96), 32)
    draw.add_circle(center, radius, line, 32, style.px(1.5))
    with style.font("body", 12):
        text_in((x, top, x, bottom), icons.ICON_FA_ARROWS_LEFT_RIGHT, colors.text)


def draw_split_labels(
    tile: Rect, fraction: float, keep_left: float, names: tuple[str, str], above: float = 0.0
) -> None:
    """Names on both sides of the split's line, each if it fits; `above` Dear ImGui units at the
    bottom stay free."""
    x = tile[0] + (tile[2] - tile[0]) * fraction
    gap = style.px(MARGIN)
    width, height = pill_size(names[0])
    y = tile[3] - gap - height - above
    if x - gap - width > tile[0] + keep_left:
        pill((x - gap - width, y), names[0])
    width, _ = pill_size(names[1])
    if x + gap + width < tile[2] - gap:
        pill((x + gap, y), names[1])


def top_button(tile: Rect, label: str, icon: str, tooltip: str) -> bool:
    """A button at the top of a picture, "Text##name", if there is room; returns whether it was
    pressed."""
    room = tile[2] - tile[0] - style.px(2 * MARGIN)
    with style.font("body", style.SMALL_SIZE):
        width = imgui.calc_text_size(label.partition("##")[0]).x + style.px(40)
        if width > room:
            return False
        imgui.set_cursor_screen_pos(((tile[0] + tile[2] - width) / 2, tile[1] + style.px(MARGIN)))
        return controls.button(label, icon=icon, width=width / style.scale(), tooltip=tooltip)


def draw_waiting(area: Rect, commands: Commands) -> None:
    """Shows progress in the middle of the viewport while there is no picture yet."""
    job = commands.job
    if job is not None:
        width = min(style.px(320), area[2] - area[0] - style.px(24))
        if width > style.px(40):
            height = style.px(64)
            left, top = (area[0] + area[2] - width) / 2, (area[1] + area[3] - height) / 2
            imgui.set_cursor_screen_pos((round(left), round(top)))
            imgui.begin_child("##waiting", (width, height), 0, imgui.WindowFlags_.no_background)
            controls.progress(f"{job.name}…", job.fraction, detail=job.detail, cancel=False)
            imgui.end_child()
        return
    none = commands.model is None  # the first one is opened before the first frame
    draw_note(area, "No model is open." if none else "Rendering the first picture…")


def draw_note(area: Rect, text: str) -> None:
    """Dim text in the middle of an area."""
    text_in(area, ellipsis(text, area[2] - area[0] - style.px(16)), style.palette().text_dim)
