"""Finds the part of a window that differs from the last frame.

Without a GPU, filling pixels takes most of a frame's time, and most of them stay the same while one
control or picture moves. Where the back buffer keeps its pixels, only that part is drawn again.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import glfw
import numpy as np
from imgui_bundle import imgui
from OpenGL import GL as gl  # noqa: N811 - the usual name

from gui_utils.gl.quads import Box, Quad
from gui_utils.gl.texture import read_rgb

Fill = tuple[Box, int]
"""A rectangle left, top, right and bottom, and its colour."""
_NOTHING: Box = (math.inf, math.inf, -math.inf, -math.inf)
_MOST_BUFFERS = 3
"""Most buffers that a driver uses in turn for a window."""
_LIGHTEST = 0.25
"""Shade of the first of the frames that try the back buffer, 0..1; each is darker than the last."""


def keeps_back_buffer(window: Any) -> bool:
    """Whether the current context's back buffer has the same pixels after a swap, which OpenGL does
    not promise. Clears the window.

    Args:
        window: GLFW's window, whose context is current.
    """
    gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
    gl.glDisable(gl.GL_SCISSOR_TEST)
    for step in range(_MOST_BUFFERS + 1):
        shade = _LIGHTEST * (1 - step / _MOST_BUFFERS)  # black in the end, as a new window is
        gl.glClearColor(shade, shade, shade, 1.0)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT)
        glfw.swap_buffers(window)
        if abs(int(read_rgb(1, 1)[0, 0, 0]) - 255 * shade) > 1:
            return False
    return True


@dataclass(frozen=True)
class _Drawn:
    """What a draw list, fill or quad puts on the screen; equal ones look the same."""

    content: object
    box: Box
    """What it may cover, in Dear ImGui units for lists and fills, in pixels for quads."""
    textures: Set[int] = frozenset()
    """OpenGL's names of its images."""


class ChangedPart:
    """Remembers a frame, to compare the next one with it."""

    def __init__(self) -> None:
        self._ground: object = None
        self._whole = 0
        """How many frames to draw as a whole: a driver notices late that a window has another size,
        and then starts with empty buffers."""
        self._drawn: list[_Drawn] = []

    def forget(self) -> None:
        """Makes the next frames be drawn as a whole."""
        self._ground = None

    def update(
        self,
        ground: object,
        fills: Sequence[Fill],
        quads: Sequence[Quad],
        lists: imgui.ImDrawData,
        changed: Set[int],
    ) -> Box | None:
        """The part in whole pixels that differs from the frame before, perhaps empty; None for the
        whole frame.

        Args:
            ground: equal for frames of the same size and background.
            fills: rectangles behind everything.
            quads: images over these.
            lists: what Dear ImGui draws over these, at one unit a pixel.
            changed: OpenGL's names of images with new content.
        """
        if any(texture.status != imgui.ImTextureStatus.ok for texture in lists.textures):
            self._ground = None  # nothing can be said of glyphs that are not uploaded yet
            return None
        before, known = self._drawn, self._ground
        self._drawn = [
            *(_Drawn(fill, fill[0]) for fill in fills),
            *(_Drawn(quad, quad.place, {quad.texture}) for quad in quads),
            *map(_drawn, lists.cmd_lists),
        ]
        self._ground = ground
        self._whole = _MOST_BUFFERS if ground != known else max(self._whole - 1, 0)
        if self._whole:
            return None
        box = functools.reduce(_around, _differences(before, self._drawn, changed), _NOTHING)
        if is_empty(box):
            return 0.0, 0.0, 0.0, 0.0
        left, top, right, bottom = box
        return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def _differences(
    before: Sequence[_Drawn], after: Sequence[_Drawn], changed: Set[int]
) -> Iterator[Box]:
    yield from (drawn.box for drawn in after if not changed.isdisjoint(drawn.textures))
    contents = [[drawn.content for drawn in frame] for frame in (before, after)]
    for kind, *ends in SequenceMatcher(None, *contents, autojunk=False).get_opcodes():
        if kind != "equal":
            i, j, k, m = ends
            yield from (drawn.box for drawn in (*before[i:j], *after[k:m]))


def _drawn(commands: imgui.ImDrawList) -> _Drawn:
    count = commands.vtx_buffer.size()
    vertices = ctypes.string_at(commands.vtx_buffer.data_address(), count * imgui.VERTEX_SIZE)
    size = commands.idx_buffer.size() * imgui.INDEX_SIZE
    indices = ctypes.string_at(commands.idx_buffer.data_address(), size)
    parts: list[object] = []
    textures: set[int] = set()
    clip = _NOTHING
    for part in commands.cmd_buffer:
        rect = part.clip_rect
        box = rect.x, rect.y, rect.z, rect.w
        texture = part.get_tex_id()
        parts.append((box, texture, part.elem_count, part.idx_offset, part.vtx_offset))
        if part.elem_count:
            textures.add(texture)
            clip = _around(clip, box)
    if not count:
        return _Drawn((), _NOTHING)
    places = np.frombuffer(vertices, np.float32).reshape(count, -1)[:, :2]
    low, high = places.min(axis=0), places.max(axis=0)
    box = common(clip, (float(low[0]), float(low[1]), float(high[0]), float(high[1])))
    return _Drawn((vertices, indices, tuple(parts)), box, frozenset(textures))


@contextmanager
def limited(lists: imgui.ImDrawData, part: Box) -> Iterator[None]:
    """Limits what a block draws to a part in whole pixels, at one Dear ImGui unit a pixel."""
    bottom = np.float32(lists.display_size.y)
    buffers = [commands.cmd_buffer for commands in lists.cmd_lists]
    former: list[tuple[imgui.ImDrawCmd, imgui.ImVec4]] = []
    for command in (buffer[k] for buffer in buffers for k in range(buffer.size())):
        rect = command.clip_rect
        former.append((command, imgui.ImVec4(rect.x, rect.y, rect.z, rect.w)))
        # Rounded to pixels as Dear ImGui's backend does it, which truncates place and size in
        # float32.
        x, y, z, w = np.array([rect.x, rect.y, rect.z, rect.w], np.float32)
        low = int(bottom) - int(bottom - w)
        left, top = int(x), low - int(w - y)
        box = common((left, top, left + int(z - x), low), part)
        command.clip_rect = imgui.ImVec4(*box)
    try:
        yield
    finally:
        for command, rect in former:
            command.clip_rect = rect


def is_empty(box: Box) -> bool:
    """Whether a rectangle has no area."""
    return box[0] >= box[2] or box[1] >= box[3]


def common(first: Box, second: Box) -> Box:
    """What two rectangles have in common."""
    return (
        max(first[0], second[0]),
        max(first[1], second[1]),
        min(first[2], second[2]),
        min(first[3], second[3]),
    )


def _around(first: Box, second: Box) -> Box:
    """The smallest rectangle around two."""
    return (
        min(first[0], second[0]),
        min(first[1], second[1]),
        max(first[2], second[2]),
        max(first[3], second[3]),
    )
