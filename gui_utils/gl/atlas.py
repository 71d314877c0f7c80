"""Many small images in few textures, so that Dear ImGui draws them together and memory is bounded.

The images drawn least recently make room for new ones.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from imgui_bundle import imgui
from PIL import Image

from gui_utils.gl.texture import Texture

_PAGE_SIDE = 2048
"""Pixels; every OpenGL 3.3 driver has textures of this size."""
_MOST_PAGES = 4
_SIDE = 128
"""Side of a cell, pixels."""
_ACROSS = _PAGE_SIDE // _SIDE


@dataclass(frozen=True)
class AtlasImage:
    """Where an image is; valid for this frame."""

    ref: imgui.ImTextureRef
    low: tuple[float, float]
    high: tuple[float, float]
    """Its corners in the texture, 0..1."""


@dataclass
class _Cell:
    pixels: np.ndarray
    """The image, kept so that no other array can get the same id."""
    image: AtlasImage
    place: int
    frame: int
    """The frame in which it was drawn last."""


class Atlas:
    """Images of at most 128 x 128 pixels; larger ones are reduced.

    Create and use it on the window's thread while the window is open.
    """

    def __init__(self) -> None:
        self._pages: list[Texture] = []
        self._cells: OrderedDict[int, _Cell] = OrderedDict()
        """By the id of their pixels, the one drawn least recently first."""
        self._free: list[int] = []

    def image(self, pixels: np.ndarray) -> AtlasImage | None:
        """The image of an array, uint8 [H, W, 3], which must not change afterwards; it is uploaded
        when first drawn. None if all cells are in use in this frame."""
        key, now = id(pixels), imgui.get_frame_count()
        cell = self._cells.get(key)
        if cell is None:
            place = self._place(now)
            if place is None:
                return None
            cell = _Cell(pixels, self._upload(place, pixels), place, now)
            self._cells[key] = cell
        cell.frame = now
        self._cells.move_to_end(key)
        return cell.image

    def delete(self) -> None:
        """Frees the textures."""
        for page in self._pages:
            page.delete()
        self._pages.clear()
        self._cells.clear()
        self._free.clear()

    def _place(self, now: int) -> int | None:
        """A free cell; the one drawn least recently if all are taken."""
        if self._free:
            return self._free.pop()
        count = _ACROSS**2
        if len(self._pages) < _MOST_PAGES:
            page = Texture()
            page.update(np.zeros((_PAGE_SIDE, _PAGE_SIDE, 3), np.uint8))
            first = len(self._pages) * count
            self._pages.append(page)
            self._free = list(range(first + count - 1, first, -1))
            return first
        key, oldest = next(iter(self._cells.items()))
        if oldest.frame == now:
            return None
        del self._cells[key]
        return oldest.place

    def _upload(self, place: int, pixels: np.ndarray) -> AtlasImage:
        if max(pixels.shape[:2]) > _SIDE:
            picture = Image.fromarray(pixels)
            picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            pixels = np.asarray(picture)
        height, width = pixels.shape[:2]
        page, index = divmod(place, _ACROSS**2)
        y, x = (_SIDE * k for k in divmod(index, _ACROSS))
        texture = self._pages[page]
        texture.replace(x, y, pixels)
        # Half a pixel inside, so that smooth enlargement takes nothing from the neighbours.
        low, high = ((x + 0.5, y + 0.5), (x + width - 0.5, y + height - 0.5))
        return AtlasImage(
            texture.ref,
            (low[0] / _PAGE_SIDE, low[1] / _PAGE_SIDE),
            (high[0] / _PAGE_SIDE, high[1] / _PAGE_SIDE),
        )
