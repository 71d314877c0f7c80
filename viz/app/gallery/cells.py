"""Cells with a small picture and a caption, as the gallery and the panels show them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import keyboard, layout, registry, style
from gui_utils.controls.style import printable
from gui_utils.gl.atlas import AtlasImage
from viz.app.gallery.small_pictures import SmallPictures
from viz.state.types import RenderRequest

GAP = 6.0
_LEAST_SIDE = 46.0
"""Design pixels."""
_RATE = 8.0
"""Frames per second of a moving picture."""

Place = tuple[float, float]


@dataclass(frozen=True)
class Cell:
    """The content of a cell."""

    caption: str
    requests: tuple[RenderRequest, ...]
    """Its picture, or the frames of a moving one, from the end of the movement to its beginning."""
    about: str = ""
    """Tooltip."""
    lit: bool = False
    """Whether it is what the viewport shows now."""
    keeps: bool = False
    """Whether it has a star button."""
    starred: bool = False
    model: str = ""
    """Fingerprint of the weights that rendered the picture; empty for the present model."""
    selected: bool = False
    """Whether it has the keyboard focus."""


def caption_height() -> float:
    """Height of a caption including its gap, Dear ImGui units."""
    with style.font("body", style.SMALL_SIZE):
        return imgui.get_text_line_height() + style.px(2)


def columns_for(width: float, side: float) -> tuple[int, float]:
    """How many cells of at least `side` design pixels fit side by side, and the side they then
    have, in Dear ImGui units like `width`."""
    gap = style.px(GAP)
    columns = max(int((width + gap) / (style.px(side) + gap)), 1)
    return columns, (width - gap * (columns - 1)) / columns


def draw_cell(
    pictures: SmallPictures,
    cell: Cell,
    low: Place,
    side: float,
    *,
    plays: bool = False,
    explains: bool = True,
    asks: bool = True,
) -> None:
    """Draws a cell over the last item, which receives the mouse.

    Args:
        pictures: the source of its pictures.
        cell: its content.
        low: top left corner.
        side: side of its picture, Dear ImGui units; the caption is below it.
        plays: whether a moving picture plays; under the mouse it always does.
        explains: whether it has a tooltip.
        asks: whether missing pictures are to be rendered now.
    """
    colors, draw = style.palette(), imgui.get_window_draw_list()
    corner, rounding = (low[0] + side, low[1] + side), style.px(4)
    hovered = imgui.is_item_hovered()
    moving = plays or hovered or cell.selected
    image, problem = _image(pictures, cell, moving, asks)
    draw.add_rect_filled(low, corner, layout.ink(colors.frame), rounding)
    if image is not None:
        white = layout.ink(style.hex_color("#ffffff"))
        draw.add_image_rounded(image.ref, low, corner, image.low, image.high, white, rounding)
    elif problem:
        layout.text_in((*low, *corner), icons.ICON_FA_TRIANGLE_EXCLAMATION, colors.text_dim)
    if explains:
        layout.tooltip(None, cell.about, "" if image else problem)
    if cell.keeps and (cell.starred or hovered):
        _draw_star(low, side, cell.starred)
    if cell.lit or cell.selected or hovered:
        color = colors.accent if cell.lit else colors.text if cell.selected else colors.text_dim
        width = style.px(2.5 if cell.lit or cell.selected else 1.5)
        draw.add_rect(low, corner, layout.ink(color), rounding, thickness=width)
    with style.font("body", style.SMALL_SIZE):
        shown = layout.ellipsis(printable(cell.caption), side)
        x = low[0] + (side - imgui.calc_text_size(shown).x) / 2
        tint = colors.text if cell.lit or hovered or cell.selected else colors.text_dim
        draw.add_text((round(x), round(corner[1] + style.px(2))), layout.ink(tint), shown)


def _image(
    pictures: SmallPictures, cell: Cell, moving: bool, asks: bool
) -> tuple[AtlasImage | None, str]:
    """The picture to draw now, or the reason why there is none."""
    requests = cell.requests
    first = pictures.image(requests[0], model=cell.model, asks=asks)
    if first is None:
        return None, pictures.thumbnails.problem(requests[0])
    if not moving or len(requests) == 1:
        return first, ""
    found = [first, *(pictures.image(request, urgency=1) for request in requests[1:])]
    controls.request_frame("moving pictures", 1 / _RATE)
    # Forwards and backwards, without repeating the first or the last frame.
    last = len(found) - 1
    step = int(time.perf_counter() * _RATE) % (2 * last)
    return found[abs(last - step)] or first, ""


def _star_side(side: float) -> float:
    """Side of the corner that holds the star, Dear ImGui units."""
    return max(0.26 * side, style.px(18))


def star_pressed() -> bool:
    """Whether the last item, a cell with a star, was just clicked on the star."""
    if keyboard.has_focus_ring():
        return False
    low, high, mouse = imgui.get_item_rect_min(), imgui.get_item_rect_max(), imgui.get_mouse_pos()
    corner = _star_side(high.x - low.x)
    return mouse.x >= high.x - corner and mouse.y <= low.y + corner


def _draw_star(low: Place, side: float, starred: bool) -> None:
    """The star in the upper right corner, on a dark background visible on any picture."""
    draw, corner = imgui.get_window_draw_list(), _star_side(side)
    middle = (low[0] + side - corner / 2, low[1] + corner / 2)
    draw.add_circle_filled(middle, 0.46 * corner, style.hex_color("#000000a0"))
    over = imgui.is_item_hovered() and star_pressed()
    color = style.hex_color("#ffd35a") if starred or over else style.hex_color("#ffffffb0")
    with style.font("body", 0.5 * corner / style.scale()):
        right, top = low[0] + side, low[1]
        layout.text_in((right - corner, top, right, top + corner), icons.ICON_FA_STAR, color)


def cell_rows(pictures: SmallPictures, name: str, cells: Sequence[Cell]) -> int | None:
    """Cells in rows that fill the line, all of them drawn; returns the index of the pressed one.
    Rectangles are recorded as "name/caption"."""
    gap = style.px(GAP)
    columns, side = columns_for(imgui.get_content_region_avail().x, _LEAST_SIDE)
    height = side + caption_height()
    pressed = None
    imgui.push_id(name)
    imgui.push_style_var(imgui.StyleVar_.item_spacing, (gap, gap))
    for index, cell in enumerate(cells):
        if index % columns:
            imgui.same_line(0.0, gap)
        low = imgui.get_cursor_screen_pos()
        if layout.press_area(f"##{index}", (side, height)):
            pressed = index
        registry.record(f"{name}/{cell.caption}")
        if imgui.is_item_visible():
            draw_cell(pictures, cell, (low.x, low.y), side)
    imgui.pop_style_var()
    imgui.pop_id()
    imgui.set_cursor_pos_y(imgui.get_cursor_pos_y() + imgui.get_style().item_spacing.y - gap)
    return pressed
