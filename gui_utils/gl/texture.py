"""Images on the GPU for Dear ImGui to draw."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from imgui_bundle import imgui
from OpenGL import GL as gl  # noqa: N811 - the usual name
from PIL import Image

Filter = Literal["linear", "nearest"]

_NEAREST_SIDE = 1024
"""Side up to which images with square pixels are enlarged by whole factors, pixels."""
changed: set[int] = set()
"""OpenGL's names of images with new content since the window was last drawn."""
_FORMATS, _SIZED = {3: gl.GL_RGB, 4: gl.GL_RGBA}, {3: gl.GL_RGB8, 4: gl.GL_RGBA8}


class Texture:
    """A 2D image; create and use it on the window's thread while the window is open.

    Args:
        filter: how it is magnified: "linear" (smooth) or "nearest" (square pixels).
        for_quads: whether the channels are in the order of framebuffers, so that llvmpipe can draw
            it quickly; only for `QuadPainter`, as Dear ImGui's shader draws nothing of such an
            image with Mesa 22.

    Raises:
        ValueError: for another filter.
    """

    def __init__(self, filter: Filter = "linear", *, for_quads: bool = False) -> None:
        if filter not in get_args(Filter):
            raise ValueError(f"Unknown filter {filter!r}: choose linear or nearest.")
        self.filter: Filter = filter
        self.width = 0
        self.height = 0
        self._allocated = (0, 0, 0)
        self._for_quads = for_quads
        self.name = int(gl.glGenTextures(1))
        """OpenGL's name of the image."""
        with _bound(self.name):
            for axis in (gl.GL_TEXTURE_WRAP_S, gl.GL_TEXTURE_WRAP_T):
                gl.glTexParameteri(gl.GL_TEXTURE_2D, axis, gl.GL_CLAMP_TO_EDGE)
            gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAX_LEVEL, 0)
            gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR)
            gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR)

    def update(self, pixels: np.ndarray) -> None:
        """Uploads uint8 [H, W, 3 or 4], top row first; a strided array is copied first.

        Raises:
            ValueError: for another type or shape.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in _FORMATS:
            raise ValueError(
                "A texture takes uint8 pixels [H, W, 3 or 4], "
                f"not {pixels.dtype} {list(pixels.shape)}."
            )
        height, width, channels = pixels.shape
        if height == 0 or width == 0:
            raise ValueError(f"A texture needs at least one pixel, not {width} x {height}.")
        self.width, self.height = width, height
        if self.filter == "nearest":
            # Dear ImGui's OpenGL backend ignores the texture's filter and always samples smoothly.
            factor = max(1, _NEAREST_SIDE // max(height, width))
            pixels = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
            height, width = height * factor, width * factor
        data = np.ascontiguousarray(pixels)
        layout = _FORMATS[channels]
        internal, order = (
            (gl.GL_RGBA, gl.GL_BGRA) if self._for_quads else (_SIZED[channels], layout)
        )
        with _bound(self.name):
            # Rows of odd widths do not start on 4 byte boundaries.
            gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
            gl.glPixelStorei(gl.GL_UNPACK_ROW_LENGTH, 0)
            if (width, height, channels) != self._allocated:
                whole = (gl.GL_TEXTURE_2D, 0, internal, width, height, 0)
                gl.glTexImage2D(*whole, order, gl.GL_UNSIGNED_BYTE, None)
            part = (gl.GL_TEXTURE_2D, 0, 0, 0, width, height)
            gl.glTexSubImage2D(*part, layout, gl.GL_UNSIGNED_BYTE, data)
            gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 4)
        self._allocated = (width, height, channels)
        changed.add(self.name)

    def replace(self, x: int, y: int, pixels: np.ndarray) -> None:
        """Uploads a part, uint8 [h, w, 3], with its top left corner at a pixel of the image, which
        must have three channels and the filter "linear"."""
        height, width = pixels.shape[:2]
        data = np.ascontiguousarray(pixels)
        with _bound(self.name):
            gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
            gl.glPixelStorei(gl.GL_UNPACK_ROW_LENGTH, 0)
            gl.glTexSubImage2D(
                gl.GL_TEXTURE_2D, 0, x, y, width, height, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, data
            )
            gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 4)
        changed.add(self.name)

    @property
    def ref(self) -> imgui.ImTextureRef:
        """The argument of `imgui.image` and `draw_list.add_image`."""
        return imgui.ImTextureRef(self.name)

    def delete(self) -> None:
        """Frees the image; further calls do nothing."""
        if self.name:
            gl.glDeleteTextures([self.name])
            self.name = 0


def read_rgb(width: int, height: int) -> np.ndarray:
    """The pixels of the bound framebuffer, uint8 [H, W, 3], its lowest row first."""
    pixels = np.empty((height, width, 3), np.uint8)
    gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
    gl.glReadPixels(0, 0, width, height, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, pixels)
    return pixels


def enlarged(pixels: np.ndarray, side: int) -> np.ndarray:
    """A picture uint8 [H, W, 3] enlarged to `side` with square pixels; 0 for no change."""
    if not side:
        return pixels
    squares = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
    return np.asarray(squares)


class ShownPicture:
    """A picture on the GPU, uploaded when first shown."""

    def __init__(self) -> None:
        self._texture: Texture | None = None
        self._pixels: np.ndarray | None = None

    def ref(self, pixels: np.ndarray) -> imgui.ImTextureRef:
        """The picture of an array, uint8 [H, W, 3], which must not change afterwards."""
        self._texture = self._texture or Texture()
        if self._pixels is not pixels:
            self._texture.update(pixels)
            self._pixels = pixels
        return self._texture.ref

    def delete(self) -> None:
        """Frees the GPU memory."""
        if self._texture is not None:
            self._texture.delete()


class _bound:  # noqa: N801 - reads as a verb in `with`
    """Binds a texture for a block, then the one bound before."""

    def __init__(self, name: int) -> None:
        self._name = name
        self._former = 0

    def __enter__(self) -> None:
        self._former = int(gl.glGetIntegerv(gl.GL_TEXTURE_BINDING_2D))
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._name)

    def __exit__(self, *_: object) -> None:
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._former)
