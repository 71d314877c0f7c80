"""The caption of a cue as a picture: the same on the audience's screen, the virtual camera and in
videos."""

from __future__ import annotations

import bisect
import functools
import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from viz.exports.captions.system_fonts import FontFile, Weight, font_with, own_font

_HEIGHTS: dict[Weight, float] = {"bold": 0.055, "body": 0.034}
"""Heights of the title and of the line below it, as fractions of the screen's height."""
MARGIN = 0.045
"""Distance to the edge, as a fraction of the screen's height."""
LEAST_ROOM, LINE = 0.2, 0.003
"""Least width of a picture that shows a model's name, and width of the line between two models, as
fractions of the screen's height."""
_PLATE, _INK = (0, 0, 0, 150), (255, 255, 255, 255)
_UNKNOWN = "\ufffd"
"""Replaces characters that no font of the computer has."""
_STRIKES = (109, 136, 128, 160, 96, 72, 64)
"""Sizes of the bitmaps in emoji fonts, in pixels."""

Piece = tuple[str, FontFile]
"""Characters, and the font that has them."""


@functools.lru_cache(4)
def picture(title: str, line: str, size: tuple[int, int]) -> np.ndarray:
    """The caption as uint8 [H, W, 4], no larger than the screen: long lines are wrapped, and what
    does not fit is left out."""
    rows: list[tuple[list[Piece], Weight, int]] = []
    room = round(size[0] - 2 * MARGIN * size[1])
    for text, (weight, part) in zip((title, line), _HEIGHTS.items(), strict=True):
        height = max(round(part * size[1]), 8)
        broken = _broken(text, weight, height, (room - height, size[1]))
        rows.extend((row, weight, height) for row in broken)
    pad = max(round(_HEIGHTS["body"] * size[1] * 0.6), 4)
    while len(rows) > 1 and sum(_step(height) for *_, height in rows) + 2 * pad > size[1]:
        rows.pop()
    width = max(round(_length(row, height)) for row, _, height in rows) + 2 * pad
    made = Image.new("RGBA", (width, sum(_step(h) for *_, h in rows) + 2 * pad), _PLATE)
    y = pad
    for row, weight, height in rows:
        _draw(made, row, (pad, y + _font(own_font(weight).path, height).getmetrics()[0]), height)
        y += _step(height)
    return np.asarray(made)


def with_caption(canvas: Image.Image, words: tuple[str, str]) -> Image.Image:
    """A picture with a title and a line below it in its lower left corner, where the audience's
    window has them."""
    if not any(text.strip() for text in words):
        return canvas
    return pasted(canvas, Image.fromarray(picture(*words, canvas.size)))


def pasted(canvas: Image.Image, caption: Image.Image) -> Image.Image:
    """A picture with a drawn caption in its lower left corner."""
    margin = round(MARGIN * canvas.height)
    canvas = canvas.copy()
    canvas.paste(caption, (margin, canvas.height - margin - caption.height), caption)
    return canvas


def with_names(
    canvas: Image.Image, names: Sequence[str], places: Sequence[tuple[int, int, int, int]]
) -> Image.Image:
    """A picture with the names of compared models in the upper outer corners of their pictures, and
    a line between two that touch, as the audience sees it.

    Args:
        canvas: both models' pictures.
        names: one for each place; those without room are left out.
        places: left, top, right and bottom of the models' pictures, pixels.
    """
    for k, (name, (left, top, right, _)) in enumerate(zip(names, places, strict=False)):
        room = right - left
        if room <= LEAST_ROOM * canvas.height:
            continue
        made = Image.fromarray(picture("", name, (room, canvas.height)))
        if made.width <= room:
            canvas.paste(made, (left if k == 0 else right - made.width, top), made)
    if len(names) == len(places) == 2 and places[0][2] == places[1][0]:
        half = max(round(LINE * canvas.height / 2), 1)
        edge, top, bottom = places[1][0], places[1][1], places[1][3]
        canvas.paste(_INK[:3], (edge - half, top, edge + half, bottom))
    return canvas


def _step(height: int) -> int:
    """Pixels from one line to the next."""
    return round(height * 1.25)


def _broken(text: str, weight: Weight, height: int, room: tuple[int, int]) -> list[list[Piece]]:
    """Rows that fit into a box of `room` pixels (width, height), broken at spaces, or within a word
    that is too long; the rest is left out."""
    rows: list[str] = []
    most = max(room[1] // _step(height), 1)

    def fits(row: str) -> bool:
        return _length(_pieces(row, weight), height) <= room[0]

    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows else word
        if rows and fits(longer):
            rows[-1] = longer
            continue
        if len(rows) == most:
            break
        while word and len(rows) < most:
            lengths = range(1, len(word) + 1)
            fitting = bisect.bisect_left(lengths, True, key=lambda k, w=word: not fits(w[:k]))
            end = max(fitting, 1)
            while end < len(word) and _joins(word[end]):
                end += 1
            rows.append(word[:end])
            word = word[end:]
    return [_pieces(row, weight) for row in rows]


def _joins(character: str) -> bool:
    """Whether a character belongs to the one before, as accents and selectors of emoji do."""
    return unicodedata.category(character) in ("Mn", "Me", "Cf")


def _pieces(text: str, weight: Weight) -> list[Piece]:
    """A text in pieces of one font each; what no font has is replaced. Where the first letter is
    written from right to left, its font is used for all characters that it has: the order of words,
    digits and brackets can only be right within a piece."""
    own = program = own_font(weight)
    if text.isascii():
        return [(text, own)]
    ways = ((c, unicodedata.bidirectional(c)) for c in text)
    first, way = next(((c, way) for c, way in ways if way in ("L", "R", "AL")), ("", "L"))
    if way != "L":
        own = font_with(first, outlines=True) or program
    pieces: list[Piece] = []
    for character in text:
        before = pieces[-1][1] if pieces else own
        joins = _joins(character)
        # A space between two words written from right to left belongs to them.
        stays = joins or (character.isspace() and before.outlines)
        stays = stays and before.has(character)
        known = next((font for font in (own, program) if font.has(character)), None)
        font = before if stays else known or font_with(character)
        if joins and font is not before:
            continue
        if font is None:
            character, font = _UNKNOWN, program
        if pieces and font is before:
            pieces[-1] = pieces[-1][0] + character, font
        else:
            pieces.append((character, font))
    return pieces


@functools.lru_cache(64)
def _font(path: str, height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, height)


@functools.lru_cache(8)
def _strike(path: str) -> tuple[ImageFont.FreeTypeFont, int] | None:
    """A bitmap font at the first of `_STRIKES` that it has; None if it has none of them."""
    for size in _STRIKES:
        try:
            return ImageFont.truetype(path, size), size
        except OSError:
            continue
    return None


def _length(pieces: list[Piece], height: int) -> float:
    """Pixels across."""
    return sum(_piece_length(text, font, height) for text, font in pieces)


def _piece_length(text: str, font: FontFile, height: int) -> float:
    if font.outlines:
        return _font(font.path, height).getlength(text)
    strike = _strike(font.path)
    return strike[0].getlength(text) * height / strike[1] if strike else 0.0


def _draw(
    canvas: Image.Image, pieces: list[Piece], place: tuple[float, float], height: int
) -> None:
    """Draws a row from the left end of its base line."""
    draw = ImageDraw.Draw(canvas)
    x, y = place
    for text, font in pieces:
        if font.outlines:
            draw.text((x, y), text, _INK, _font(font.path, height), anchor="ls")
        elif strike := _strike(font.path):
            _draw_pictures(canvas, text, strike, (x, y), height)
        x += _piece_length(text, font, height)


def _draw_pictures(
    canvas: Image.Image,
    text: str,
    strike: tuple[ImageFont.FreeTypeFont, int],
    place: tuple[float, float],
    height: int,
) -> None:
    """Draws colour emoji, which a font has in one size only."""
    font, size = strike
    box = font.getbbox(text, anchor="ls")
    left, top, right, bottom = (round(edge) for edge in box)
    if right <= left or bottom <= top:
        return
    tile = Image.new("RGBA", (right - left, bottom - top))
    ImageDraw.Draw(tile).text((-left, -top), text, font=font, anchor="ls", embedded_color=True)
    scale = height / size
    sides = max(round(tile.width * scale), 1), max(round(tile.height * scale), 1)
    tile = tile.resize(sides, Image.Resampling.LANCZOS)
    canvas.alpha_composite(tile, (round(place[0] + left * scale), round(place[1] + top * scale)))
