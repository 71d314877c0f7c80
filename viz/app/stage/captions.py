"""The caption of a cue as an image on the GPU."""

from __future__ import annotations

from gui_utils.gl.quads import Quad
from gui_utils.gl.texture import Texture
from viz.exports.captions.caption_pictures import MARGIN, picture


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
