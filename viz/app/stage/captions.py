"""The caption of a cue as an image."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gui_utils.controls import style
from gui_utils.gl.quads import Quad
from gui_utils.gl.texture import Texture

_TITLE, _LINE, MARGIN = 0.055, 0.034, 0.045
"""Heights of the two lines and the distance to the edge, as parts of the screen's height."""
_PLATE = (0, 0, 0, 150)


class Caption:
    """Draws a title and a line below it; needs the window's OpenGL context."""

    def __init__(self) -> None:
        self._texture: Texture | None = None
        self._drawn: tuple[object, ...] = ()
        self.version = 0
        """Grows whenever the image changes."""

    def quads(self, title: str, line: str, size: tuple[int, int]) -> list[Quad]:
        """The caption in the lower left corner of a screen of `size` pixels."""
        if not (title.strip() or line.strip()):
            return []
        if self._texture is None:
            self._texture = Texture()
        wanted = (title, line, size)
        if wanted != self._drawn:
            self._texture.update(picture(title, line, size))
            self._drawn = wanted
            self.version += 1
        margin = round(MARGIN * size[1])
        width, height = self._texture.width, self._texture.height
        bottom = size[1] - margin
        place = (margin, bottom - height, margin + width, bottom)
        return [Quad(self._texture.name, place, see_through=True)]

    def close(self) -> None:
        """Frees what lies on the GPU."""
        if self._texture is not None:
            self._texture.delete()


def picture(title: str, line: str, size: tuple[int, int]) -> np.ndarray:
    """The caption as uint8 [H, W, 4], no larger than the screen: long lines are broken, and what
    has no room is left out."""
    lines: list[tuple[str, ImageFont.FreeTypeFont, int]] = []
    room = round(size[0] - 2 * MARGIN * size[1])
    for text, part, name in ((title, _TITLE, "bold"), (line, _LINE, "body")):
        height = max(round(part * size[1]), 8)
        font = _font(name, height)
        lines += [(row, font, round(height * 1.25)) for row in _broken(text, font, room - height)]
    pad = max(round(_LINE * size[1] * 0.6), 4)
    while len(lines) > 1 and sum(step for *_, step in lines) + 2 * pad > size[1]:
        lines.pop()
    width = max(round(font.getlength(text)) for text, font, _ in lines) + 2 * pad
    height = sum(step for *_, step in lines) + 2 * pad
    picture = Image.new("RGBA", (width, height), _PLATE)
    draw = ImageDraw.Draw(picture)
    y = pad
    for text, font, step in lines:
        draw.text((pad, y), text, (255, 255, 255, 255), font)
        y += step
    return np.asarray(picture)


@functools.lru_cache(16)
def _font(name: style.FontName, height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(style.font_file(name), height)


def _broken(text: str, font: ImageFont.FreeTypeFont, room: int) -> list[str]:
    """Rows no wider than `room` pixels, broken at spaces, and within a word that is too long."""
    rows: list[str] = []
    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows else word
        if rows and font.getlength(longer) <= room:
            rows[-1] = longer
            continue
        rows.append("")
        for letter in word:
            if rows[-1] and font.getlength(rows[-1] + letter) > room:
                rows.append("")
            rows[-1] += letter
    return rows
