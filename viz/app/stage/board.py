"""The pictures of a layout as textures, placed for a screen of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gui_utils.gl.mesh_view import MeshView
from gui_utils.gl.quads import Box, Quad
from gui_utils.gl.texture import Texture, enlarged
from viz.app.viewport.picture_view import mesh_ground, tile_places
from viz.state.layouts import has_divider, inset_place, seen_pictures
from viz.state.types import Display, MeshData, RenderResult, Shot

_GAP = 0.006
"""Gap between pictures, as a fraction of the screen's height."""


@dataclass(frozen=True)
class Placed:
    """The place of a picture of a layout on a screen."""

    index: int
    """Index of the picture."""
    tile: Box
    """The picture's square, pixels."""
    part: tuple[float, float] = (0.0, 1.0)
    """The visible columns, as fractions of its width."""

    @property
    def shown(self) -> Box:
        """The visible part of the square, pixels."""
        left, top, right, bottom = self.tile
        start, end = (left + round((right - left) * part) for part in self.part)
        return start, top, end, bottom

    @property
    def texture(self) -> Box:
        """The visible part of the picture, 0..1."""
        left, _, right, _ = self.tile
        start, _, end, _ = self.shown
        return (start - left) / (right - left), 0.0, (end - left) / (right - left), 1.0


def placed(display: Display, count: int, area: Box, one: bool) -> list[Placed]:
    """Places for the pictures of a layout, as large as fit into an area of the screen, in pixels.

    Args:
        display: the layout.
        count: how many pictures it has.
        area: where they go.
        one: takes only the main picture of the layout.
    """
    if not count:
        return []
    layout = display.layout
    if has_divider(display) and count == 2:
        tile = tile_places(area, 1, None, 0.0)[0]
        return [Placed(0, tile, (0.0, display.split)), Placed(1, tile, (display.split, 1.0))]
    if layout == "single":
        tile = tile_places(area, 1, None, 0.0)[0]
        return [Placed(0, tile), Placed(1, inset_place(tile))][:count]
    chosen = range(count)
    if one:
        middle = count // 2 if layout in ("yaws", "times") else 0
        chosen = range(middle, middle + 1)
    columns = 2 if layout == "grid" and not one else None
    gap = round(_GAP * (area[3] - area[1]))
    tiles = tile_places(area, len(chosen), columns, gap)
    return [Placed(k, tile) for k, tile in zip(chosen, tiles, strict=True)]


class Board:
    """Shows a render result; needs the window's OpenGL context."""

    def __init__(self) -> None:
        self.version = 0
        """Increases whenever the content of a texture changes."""
        self.shown: RenderResult | None = None
        """The result being shown."""
        self.display = Display()
        """The layout of that result."""
        self._shots: tuple[Shot, ...] = ()
        self._pictures: list[np.ndarray | None] = []
        self._textures: dict[tuple[int, bool], Texture] = {}
        """Textures of the pictures by index, for the window and for the audience's own window."""
        self._sides: dict[tuple[int, bool], int] = {}
        """Sides to which up-to-date textures were enlarged; 0 if they were not."""
        self._meshes: list[MeshData | None] = []
        self._views: dict[int, MeshView] = {}
        self._uploaded: dict[int, MeshData] = {}

    def show(self, result: RenderResult, display: Display) -> None:
        """Sets the result, and the layout that it belongs to."""
        self.shown, self.display = result, display
        self._pictures = list(seen_pictures(display, result.pictures))
        self._shots = result.request.shots[: len(self._pictures)]
        self._meshes = [*result.meshes, *[None] * (len(self._shots) - len(result.meshes))]
        self._sides.clear()
        self.version += 1

    def clear(self) -> None:
        """Shows nothing."""
        self._shots, self.shown = (), None
        self._pictures, self._meshes = [], []
        self.version += 1

    def quads(self, area: Box, one: bool, alpha: float = 1.0, *, own: bool = False) -> list[Quad]:
        """Quads of the pictures, as large as fit into an area of the screen, in pixels.

        Args:
            area: where they go.
            one: takes only the main picture of the layout.
            alpha: opacity, 0..1.
            own: whether they are for a window of the audience's own.
        """
        return [
            Quad(self._image(place.index, place.tile, own), place.shown, place.texture, alpha)
            for place in placed(self.display, len(self._shots), area, one)
        ]

    def _image(self, index: int, tile: Box, own: bool) -> int:
        """OpenGL name of the texture with the picture or mesh of a tile."""
        side = max(round(tile[2] - tile[0]), 1)
        mesh = self._meshes[index]
        if mesh is not None:
            return self._draw_mesh(index, side, mesh)
        picture = self._pictures[index]
        if picture is None:
            picture = np.zeros((1, 1, 3), np.uint8)
        size = side if self.display.nearest and side > max(picture.shape[:2]) else 0
        key = index, own
        if key not in self._textures:
            self._textures[key] = Texture(for_quads=own)
        if self._sides.get(key) != size:
            self._sides[key] = size
            self._textures[key].update(enlarged(picture, size))
        return self._textures[key].name

    def _draw_mesh(self, index: int, side: int, mesh: MeshData) -> int:
        if index not in self._views:
            self._views[index] = MeshView()
        view = self._views[index]
        camera, mode = self._shots[index].camera, self.display.mesh_style
        ground = (*mesh_ground(self.display)[:3], 1.0)
        if self._uploaded.get(index) is not mesh:
            self._uploaded[index] = mesh
            view.set_mesh(mesh.vertices, mesh.faces, mesh.normals, mesh.colors)
        view.draw(
            camera.projection(), camera.position, size=(side, side), mode=mode, background=ground
        )
        return view.texture

    def close(self) -> None:
        """Frees the GPU memory."""
        for texture in self._textures.values():
            texture.delete()
        for view in self._views.values():
            view.delete()
