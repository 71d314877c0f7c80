"""The values under the pointer, and the ruler between two points of the surface."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.registry import record_rect
from viz.app.commands import Commands
from viz.app.viewport.overlays import Rect, pill, pill_size, plate
from viz.app.viewport.readings import Point, Reading, place_of, read
from viz.state.types import PixelValues, Shot

_WAITING = "Values appear once the full picture is shown"
_MESH = "A mesh has no pixels to read"
_CLICK = 4.0
"""Longest movement of the pointer during a click, design pixels."""
_OFFSET = 18.0
"""Distance of the values from the pointer, design pixels."""

Row = tuple[str, str]
"""Caption and value."""


@dataclass(frozen=True)
class Sight:
    """A picture on the screen."""

    visible: Rect
    """Its visible part."""
    tile: Rect
    """The whole picture."""
    shot: Shot
    picture: np.ndarray | None
    """uint8 [H, W, 3]; None for a mesh."""
    values: PixelValues | None
    """The values behind it; None if they did not come with it."""
    is_full: bool
    """Whether it is a full picture, not a preview."""


class Inspector:
    """Draws the values under the pointer over the viewport."""

    def __init__(self) -> None:
        self.reading: Reading | None = None
        """The pixel under the pointer; None if nothing can be read."""
        self._pressed: tuple[float, float] | None = None

    def draw(self, area: Rect, sights: list[Sight], hovered: bool, commands: Commands) -> None:
        """Draws the ruler and the values, and handles clicks. Of `sights`, later ones lie on top;
        `hovered` is whether the pointer is over the viewport and not over anything drawn on it."""
        self.reading = None
        if commands.interface.inspect == "off":
            return
        mouse = imgui.get_mouse_pos()
        at = (mouse.x, mouse.y)
        sight = None
        for other in sights if hovered else ():
            left, top, right, bottom = other.visible
            if left <= mouse.x < right and top <= mouse.y < bottom:
                sight = other
        if sight is not None:
            self.reading = _read(sight, at)
            _draw_values(area, at, _rows(sight, self.reading), self.reading)
        clicked = self._clicked(at, hovered)
        if commands.interface.inspect == "ruler":
            if clicked and sight is not None:
                self._measure(sight, commands)
            self._draw_ruler(sights, sight, commands)
        elif clicked and self.reading is not None:
            commands.copy_color(self.reading.code)

    def _clicked(self, at: tuple[float, float], hovered: bool) -> bool:
        """Whether the left button was released where it was pressed: a drag turns the camera."""
        if hovered and imgui.is_mouse_clicked(imgui.MouseButton_.left):
            self._pressed = at
        if not imgui.is_mouse_released(imgui.MouseButton_.left):
            return False
        pressed, self._pressed = self._pressed, None
        return hovered and pressed is not None and math.dist(pressed, at) <= style.px(_CLICK)

    def _measure(self, sight: Sight, commands: Commands) -> None:
        reading = self.reading
        if reading is not None and (reading.hit or len(commands.ruler) == 2):
            commands.measure(reading.point, sight.shot)

    def _draw_ruler(self, sights: list[Sight], under: Sight | None, commands: Commands) -> None:
        """The measured points in every picture of the same surface, as its camera sees them."""
        points = commands.ruler
        reading, here = self.reading, under is not None and commands.ruler_fits(under.shot)
        if len(points) == 1 and here and reading is not None and reading.hit:
            points = (*points, reading.point)
        for sight in sights:
            if points and sight.picture is not None and commands.ruler_fits(sight.shot):
                _draw_line(sight, points, commands.length_text(points))


def _read(sight: Sight, at: tuple[float, float]) -> Reading | None:
    if sight.picture is None or sight.values is None or not sight.is_full:
        return None
    left, top, right, bottom = sight.tile
    place = ((at[0] - left) / (right - left), (at[1] - top) / (bottom - top))
    return read(sight.picture, sight.values, sight.shot.camera, place)


def _rows(sight: Sight, reading: Reading | None) -> list[Row]:
    if reading is None:
        return [("", _MESH if sight.shot.view == "mesh" else _WAITING)]
    rows = [
        ("Pixel", "{}, {}  of {} \u00d7 {}".format(*reading.pixel, *reading.size)),
        ("Colour", "{}  ({}, {}, {})".format(reading.code, *reading.color)),
        ("Opacity", f"{100 * reading.opacity:.1f} %"),
    ]
    if not reading.hit:
        return [*rows, ("Surface", "None here")]
    return [
        *rows,
        ("Depth", _number(reading.depth, 4)),
        ("Normal", "  ".join(_number(x, 2) for x in reading.normal)),
        ("Point", "  ".join(_number(x, 3) for x in reading.point)),
    ]


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "\u2212")


def _draw_values(
    area: Rect, at: tuple[float, float], rows: list[Row], reading: Reading | None
) -> None:
    """The rows beside the pointer, on the side where there is room."""
    colors, draw = style.palette(), imgui.get_window_draw_list()
    pad, gap = style.px(9), style.px(10)
    with style.font("body", style.SMALL_SIZE):
        line = imgui.get_font_size() + style.px(4)
        captions = max(imgui.calc_text_size(name).x for name, _ in rows)
        captions += gap if captions else 0.0
        swatch = imgui.get_font_size() if reading is not None else 0.0
        widest = max(imgui.calc_text_size(text).x for _, text in rows)
        widest += swatch + style.px(6) if swatch else 0.0
        width, height = captions + widest + 2 * pad, line * len(rows) + 2 * pad - style.px(4)
        x = _beside(at[0], width, (area[0], area[2]))
        y = _beside(at[1], height, (area[1], area[3]))
        corner = (x + width, y + height)
        plate((x, y, *corner), 0.93, style.px(6))
        for index, (name, text) in enumerate(rows):
            top = round(y + pad + index * line)
            draw.add_text((x + pad, top), colors.text_dim, name)
            left = x + pad + captions
            if name == "Colour" and reading is not None:
                box = ((left, top + 1), (left + swatch, top + swatch))
                draw.add_rect_filled(*box, style.hex_color(reading.code), style.px(2))
                draw.add_rect(*box, colors.border, style.px(2))
                left += swatch + style.px(6)
            draw.add_text((left, top), colors.text if reading else colors.text_dim, text)
    record_rect("Values", (x, y, *corner))


def _beside(at: float, size: float, ends: tuple[float, float]) -> float:
    """Position along one axis: after the pointer, or before it if the end is too near."""
    offset = style.px(_OFFSET)
    start = at + offset if at + offset + size <= ends[1] else at - offset - size
    return round(max(start, ends[0]))


def _draw_line(sight: Sight, points: tuple[Point, ...], text: str) -> None:
    left, top, right, bottom = sight.tile
    found = [place_of(point, sight.shot.camera) for point in points]
    places = [
        (left + (right - left) * place[0], top + (bottom - top) * place[1])
        for place in found
        if place is not None
    ]
    if len(places) < len(points):
        return
    colors, draw = style.palette(), imgui.get_window_draw_list()
    dark, light = style.hex_color("#000000a0"), style.hex_color("#ffffff")
    x0, y0, x1, y1 = sight.visible
    draw.push_clip_rect((x0, y0), (x1, y1), True)
    if len(places) == 2:
        draw.add_line(places[0], places[1], dark, style.px(4))
        draw.add_line(places[0], places[1], light, style.px(2))
    for place in places:
        draw.add_circle_filled(place, style.px(5.5), dark)
        draw.add_circle_filled(place, style.px(4), colors.accent)
    if len(places) == 2:
        width, height = pill_size(text)
        middle = ((places[0][0] + places[1][0]) / 2, (places[0][1] + places[1][1]) / 2)
        at = (middle[0] - width / 2, middle[1] - height - style.px(8))
        pill(at, text)
        record_rect("Ruler", (*at, at[0] + width, at[1] + height))
    draw.pop_clip_rect()
