"""The caption of a cue, and the names of compared models, as images on the GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gui_utils.gl.quads import Box, Quad
from gui_utils.gl.texture import Texture
from viz.exports.captions.caption_pictures import LEAST_ROOM, LINE, MARGIN, picture


class Caption:
    """Draws a title and a line below it; needs the window's OpenGL context."""

    def __init__(self) -> None:
        self._texture = Texture()
        self._drawn: tuple[object, ...] = ()
        self.version = 0
        """Grows whenever the image changes."""

    def quads(self, title: str, line: str, size: tuple[int, int]) -> list[Quad]:
        """The caption in the lower left corner of a screen of `size` pixels."""
        texture = self.image(title, line, size)
        if texture is None:
            return []
        margin = round(MARGIN * size[1])
        bottom = size[1] - margin
        place = (margin, bottom - texture.height, margin + texture.width, bottom)
        return [Quad(texture.name, place, see_through=True)]

    def image(self, title: str, line: str, size: tuple[int, int]) -> Texture | None:
        """The caption as an image for a screen of `size` pixels; None if it is empty."""
        if not (title.strip() or line.strip()):
            return None
        wanted = (title, line, size)
        if wanted != self._drawn:
            self._texture.update(picture(title, line, size))
            self._drawn = wanted
            self.version += 1
        return self._texture

    def close(self) -> None:
        """Frees the GPU memory."""
        self._texture.delete()


class ModelNames:
    """Draws the names of two compared models over their pictures, and a line between those that
    share a square; needs the window's OpenGL context."""

    def __init__(self) -> None:
        self._names = Caption(), Caption()
        self._line = Texture()
        self._line.update(np.full((1, 1, 3), 255, np.uint8))

    @property
    def version(self) -> tuple[int, ...]:
        """Changes whenever an image does."""
        return tuple(name.version for name in self._names)

    def quads(self, names: Sequence[str], places: Sequence[Box], height: int) -> list[Quad]:
        """The names in the upper outer corners of pictures.

        Args:
            names: one per picture.
            places: the pictures, pixels.
            height: of the screen, pixels.
        """
        quads: list[Quad] = []
        for k, (name, place, caption) in enumerate(zip(names, places, self._names, strict=False)):
            left, top, right, _ = place
            room = round(right - left)
            has_room = room > LEAST_ROOM * height
            image = caption.image("", name, (max(room, 1), height)) if has_room else None
            if image is not None and image.width <= room:
                start = left if k == 0 else right - image.width
                low = (start, top, start + image.width, top + image.height)
                quads.append(Quad(image.name, low, see_through=True))
        if len(names) == len(places) == 2 and places[0][2] == places[1][0]:
            x, top, _, bottom = places[1]
            half = max(round(LINE * height / 2), 1)
            quads.append(Quad(self._line.name, (x - half, top, x + half, bottom)))
        return quads

    def close(self) -> None:
        """Frees the GPU memory."""
        for name in self._names:
            name.close()
        self._line.delete()
