"""The viewport: pictures and meshes of the present layout, and the mouse that moves the camera."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.registry import record_rect
from gui_utils.controls.view_gestures import axis_gizmo, viewport_input
from gui_utils.gl.mesh_view import MeshView
from gui_utils.gl.texture import Texture, enlarged
from gui_utils.window.imgui_window import Window
from training.camera import Camera, wrapped
from viz.app.commands import Commands
from viz.app.comparing import compare_view
from viz.app.comparing.compare_view import DifferenceView
from viz.app.shortcuts import explained
from viz.app.viewport import overlays
from viz.app.viewport.camera_gestures import apply_gesture
from viz.app.viewport.inspector import Inspector, Sight
from viz.app.viewport.legends import LEGEND_SPACE, Legend, draw_normals_legend, legend_of
from viz.app.viewport.overlays import Badge, Rect
from viz.app.viewport.path_overlay import PathOverlay
from viz.app.viewport.trained_views import TrainedViews
from viz.scheduling.previews import leaves_nothing_out
from viz.state import layouts
from viz.state.maps.map_settings import CHECKS, GREYS, MapSettings, background
from viz.state.types import (
    VIEWS,
    Display,
    MeshData,
    PixelValues,
    RenderRequest,
    RenderResult,
    SessionState,
    Shot,
    View,
)

_GAP = 4.0
_LASTING = 1.0
"""Seconds of nothing but previews after which a note says so."""


def tile_places(area: Rect, count: int, columns: int | None, gap: float) -> list[Rect]:
    """Squares for `count` pictures, row by row, as large as fits and centred in `area`.

    `columns` None takes the number that makes them largest. A last row that is not full is centred,
    so that no picture seems to be missing. Edges lie on whole units, so that
    pictures stay crisp.
    """
    width, height = area[2] - area[0], area[3] - area[1]

    def side(across: int) -> float:
        down = math.ceil(count / across)
        return min((width - gap * (across - 1)) / across, (height - gap * (down - 1)) / down)

    # Among arrangements with equal sizes the widest is chosen: a sequence reads best in one row.
    across = columns or max(range(count, 0, -1), key=side)
    edge = max(math.floor(side(across)), 1)
    rows = math.ceil(count / across)
    step = edge + gap
    content = (across * step - gap, rows * step - gap)
    left = round(area[0] + (width - content[0]) / 2)
    top = round(area[1] + (height - content[1]) / 2)
    last = round(left - count % -across * step / 2)
    starts = [left] * (rows - 1) + [last]
    places = [divmod(k, across) for k in range(count)]
    corners = [(starts[row] + column * step, top + row * step) for row, column in places]
    return [(x, y, x + edge, y + edge) for x, y in corners]


class _Slot:
    """The renderer's answer to one shot."""

    def __init__(self) -> None:
        self.shot: Shot | None = None
        self.is_full = False
        self.values: PixelValues | None = None
        self.mesh: MeshData | None = None
        self.legend: Legend | None = None
        self.picture: np.ndarray | None = None
        self._texture: Texture | None = None
        self._uploaded: int | None = None

    @property
    def view(self) -> View | None:
        return self.shot.view if self.shot else None

    @property
    def model(self) -> str:
        return self.shot.model if self.shot else ""

    def shows(self, view: View, model: str) -> bool:
        """Whether it shows this view of this model."""
        return (self.view, self.model) == (view, model)

    @property
    def has_legend(self) -> bool:
        """Whether its colours need a legend."""
        return self.legend is not None or self.view == "normals"

    def take(
        self,
        shot: Shot,
        is_full: bool,
        picture: np.ndarray | None,
        mesh: MeshData | None,
        legend: Legend | None,
        values: PixelValues | None,
    ) -> None:
        """Stores an answer; one with neither a picture nor a mesh changes nothing."""
        if picture is None and mesh is None:
            return
        self.shot, self.is_full, self.values = shot, is_full, values
        self.mesh, self.legend = mesh, legend
        self.picture, self._uploaded = picture, None

    def image(self, side: int, nearest: bool) -> Texture | None:
        """The picture for a square of `side` pixels, uploaded when it is first shown.

        It is always drawn smoothly, so square pixels are made here.
        """
        if self.picture is None:
            return None
        size = side if nearest and side > max(self.picture.shape[:2]) else 0
        if self._texture is None:
            self._texture = Texture(for_quads=True)
        if self._uploaded != size:
            self._texture.update(enlarged(self.picture, size))
            self._uploaded = size
        return self._texture

    def delete(self) -> None:
        """Frees the GPU memory."""
        if self._texture is not None:
            self._texture.delete()


@dataclass
class _MeshTile:
    """A tile's mesh on the GPU, and the settings that its image was last drawn with."""

    view: MeshView
    mesh: MeshData | None = None
    drawn: tuple[object, ...] = ()
    image: imgui.ImTextureRef | None = None


class Viewport:
    """Shows render results in the present layout; needs the window's OpenGL context.

    Raises:
        RuntimeError: The graphics driver rejects the mesh shaders (on the first mesh).
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._slots: list[_Slot] = []
        self._shown = 0
        self._request: RenderRequest | None = None
        self._mesh_tiles: dict[int, _MeshTile] = {}
        self._checkerboard: Texture | None = None
        self._chosen: dict[int, int] = {}
        self._path, self._views = PathOverlay(), TrainedViews()
        self._difference = DifferenceView()
        self.inspector = Inspector()
        self._sights: list[Sight] = []
        """The pictures that the inspector can read in this frame."""
        self._previews_since: float | None = None
        """Clock time since which only previews have been shown, without input from the user."""

    def show(self, result: RenderResult) -> None:
        """Takes a result's pictures and meshes; a shot that has neither keeps its earlier ones."""
        shots = result.request.shots
        while len(self._slots) < len(shots):
            self._slots.append(_Slot())
        is_full = leaves_nothing_out(result.request)
        answers = zip_longest(
            shots, result.pictures, result.meshes, result.map_ranges, result.values
        )
        for slot, (shot, picture, mesh, ends, values) in zip(self._slots, answers, strict=False):
            legend = legend_of(shot, result.request.maps, ends)
            slot.take(shot, is_full, picture, mesh, legend, values)
        self._shown = len(shots)
        self._request = result.request

    def draw(self, state: SessionState, commands: Commands) -> bool:
        """Fills the current window's content region; the mouse moves `state.orbit`.

        Returns:
            Whether a drag is under way, during which cheaper pictures suffice.
        """
        low, size = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail()
        if size.x < 1 or size.y < 1:
            return False
        area = (low.x, low.y, low.x + size.x, low.y + size.y)
        tiles = _places(area, state)
        gesture = viewport_input("Viewport", (size.x, size.y))
        if gesture.reset and commands.interface.inspect != "ruler":
            commands.reset_camera()
        else:
            scale = size.y / (tiles[0][3] - tiles[0][1])
            turned = apply_gesture(state.orbit, gesture, scale)
            limits = commands.model.trained_turn if commands.model else None
            state.orbit = self._views.held(state.orbit, turned, gesture, limits)
        held = False
        self._sights.clear()
        if any(slot.view for slot in self._slots[: self._shown]):
            held = self._draw_layout(tiles, state, commands)
            interface = commands.interface
            asked = (interface.path_shown or gesture.active) and not interface.path_playing
            if interface.path_lane and asked:
                camera = layouts.shots(state)[-1 if state.display.layout == "split" else 0].camera
                self._path.draw(tiles[0], state, interface, camera)
        else:
            overlays.draw_waiting(area, commands)
        overlays.draw_badges(area, self._badges(commands))
        self.inspector.draw(area, self._sights, gesture.hovered, commands)
        imgui.set_cursor_screen_pos(low)
        imgui.dummy(size)
        return gesture.active or held

    def close(self) -> None:
        """Frees the GPU memory."""
        for slot in self._slots:
            slot.delete()
        self._difference.close()
        for tile in self._mesh_tiles.values():
            tile.view.delete()
        if self._checkerboard is not None:
            self._checkerboard.delete()
            self._checkerboard = None
        self._slots.clear()
        self._mesh_tiles.clear()
        self._chosen.clear()
        self._shown = 0

    def _draw_layout(self, tiles: list[Rect], state: SessionState, commands: Commands) -> bool:
        """Pictures and everything on top of them; returns whether the split's handle is held."""
        shots = layouts.shots(state)
        if layouts.has_divider(state.display) and len(shots) == 2:
            return self._draw_split(tiles[0], shots, state, commands)
        if layouts.shows_difference(state.display) and len(shots) == 2:
            return self._draw_difference(tiles[0], shots, state, commands)
        labels = _labels(state, commands)
        if state.display.layout == "single" and len(shots) == 2:
            tiles = [*tiles, layouts.inset_place(tiles[0])]
        slots = [self._slot(index, shot) for index, shot in enumerate(shots)]
        for index, (tile, shot, slot) in enumerate(zip(tiles, shots, slots, strict=True)):
            self._draw_tile(index, tile, slot, shot.camera, state)
            record_rect(f"Tile {index}", tile)
            if state.display.layout == "grid":
                view = shot.view if slot is None or slot.view is None else slot.view
                overlays.draw_label(tile, VIEWS[view])
            elif labels:
                overlays.draw_label(tile, labels[index])
        kept = _draw_gizmo(tiles[0], shots[0].camera, state, commands)
        self._draw_ring(tiles[0], kept, state, commands)
        has_inset = state.display.layout == "single" and len(shots) == 2
        for index, (tile, slot) in enumerate(zip(tiles, slots, strict=True)):
            if not (has_inset and index == 0):  # the inset's area
                _draw_legend(index, tile, slot, 0.0 if index else kept)
        if state.display.layout == "models" and state.compare is None:
            label = "Open a second model to compare##Offer"
            about = explained(commands.compare_dialog)
            if overlays.top_button(tiles[0], label, icons.ICON_FA_SCALE_BALANCED, about):
                commands.compare_dialog()
        return False

    def _draw_difference(
        self, tile: Rect, shots: tuple[Shot, ...], state: SessionState, commands: Commands
    ) -> bool:
        slots = [self._slot(index, shot) for index, shot in enumerate(shots)]
        found = [slot.picture for slot in slots if slot is not None and slot.picture is not None]
        if len(found) == 2:
            self._difference.draw(tile, found[0], found[1], state.display)
            names = compare_view.model_labels(commands)
            overlays.draw_label(tile, compare_view.difference_label(state.display, names))
        else:
            self._draw_tile(0, tile, slots[0], shots[0].camera, state)
        record_rect("Tile 0", tile)
        kept = _draw_gizmo(tile, shots[0].camera, state, commands)
        self._draw_ring(tile, kept, state, commands)
        return False

    def _draw_split(
        self, tile: Rect, shots: tuple[Shot, ...], state: SessionState, commands: Commands
    ) -> bool:
        before, after = self._slot(0, shots[0]), self._slot(1, shots[1])
        fraction = min(max(state.display.split, 0.0), 1.0)
        self._draw_tile(0, tile, before, shots[0].camera, state, (0.0, fraction))
        self._draw_tile(1, tile, after, shots[1].camera, state, (fraction, 1.0))
        record_rect("Tile 0", tile)
        kept = _draw_gizmo(tile, shots[1].camera, state, commands)
        self._draw_ring(tile, kept, state, commands)
        edge = tile[0] + (tile[2] - tile[0]) * fraction
        _draw_legend(0, (tile[0], tile[1], edge, tile[3]), before, kept)
        _draw_legend(1, (edge, *tile[1:]), after)
        above = style.px(LEGEND_SPACE) if after is not None and after.has_legend else 0.0
        names = ("before", "after")
        if state.display.layout == "models":
            names = compare_view.model_labels(commands)
        overlays.draw_split_labels(tile, fraction, kept, names, above)
        moved, held = overlays.split_handle(tile, fraction)
        if moved != state.display.split:
            state.display = replace(state.display, split=moved)
        unset = state.display.layout == "split" and state.before is None
        if unset and overlays.top_button(
            tile,
            "Keep this picture as \u201cbefore\u201d##Keep",
            icons.ICON_FA_THUMBTACK,
            "Both sides show the same. Keep this picture as the left side, then change it.",
        ):
            commands.set_before()
        return held

    def _slot(self, index: int, shot: Shot) -> _Slot | None:
        """What to show for a shot: its own answer or, until that arrives, the closest one.

        An answer to an earlier layout is used if it shows the same view; otherwise the tile keeps
        its picture.
        """
        slots = self._slots[: self._shown]
        same = [k for k, slot in enumerate(slots) if slot.shows(shot.view, shot.model)]
        kept = self._chosen.get(index, index)
        chosen = index if index in same else same[0] if same else kept
        if chosen >= len(slots) or bool(slots[chosen].model) != bool(shot.model):
            return None  # the other model's picture would be wrong
        self._chosen[index] = chosen
        return slots[chosen]

    def _draw_tile(
        self,
        index: int,
        tile: Rect,
        slot: _Slot | None,
        camera: Camera,
        state: SessionState,
        part: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        """One picture, or the columns between two fractions of its width."""
        left, top, right, bottom = tile
        x0, x1 = (round(left + (right - left) * fraction) for fraction in part)
        if x1 <= x0:
            return
        draw = imgui.get_window_draw_list()
        u0, u1 = (x0 - left) / (right - left), (x1 - left) / (right - left)
        if slot is None or slot.view is None:
            draw.add_rect_filled((x0, top), (x1, bottom), style.palette().background)
        elif slot.mesh is not None:
            if state.display.background == "checkerboard":
                ends = (part[0], 0.0), (part[1], 1.0)
                draw.add_image(self._checks(), (x0, top), (x1, bottom), *ends)
            image = self._draw_mesh(index, tile, slot.mesh, camera, state)
            if image is not None:
                draw.add_image(image, (x0, top), (x1, bottom), (u0, 0.0), (u1, 1.0))
        elif picture := slot.image(_pixels(right - left), state.display.nearest):
            self._window.paint(picture, (x0, top, x1, bottom), (u0, 0.0, u1, 1.0))
        if slot is not None and slot.shot is not None:
            visible = (x0, top, x1, bottom)
            self._sights.append(
                Sight(visible, tile, slot.shot, slot.picture, slot.values, slot.is_full)
            )
        if slot is not None and slot.mesh is not None and not slot.mesh.faces.size:
            overlays.draw_note((x0, top, x1, bottom), "No surface at this density level.")

    def _checks(self) -> imgui.ImTextureRef:
        """The checkerboard behind the pictures."""
        if self._checkerboard is None:
            self._checkerboard = Texture("nearest")
            picture = background(MapSettings(background="checkerboard"), (CHECKS, CHECKS))
            self._checkerboard.update((255 * picture).round().astype(np.uint8))
        return self._checkerboard.ref

    def _draw_mesh(
        self, index: int, tile: Rect, mesh: MeshData, camera: Camera, state: SessionState
    ) -> imgui.ImTextureRef:
        """The tile's mesh as the camera sees it now; drawn again only if something changed."""
        if index not in self._mesh_tiles:
            self._mesh_tiles[index] = _MeshTile(MeshView())
        kept = self._mesh_tiles[index]
        if kept.mesh is not mesh:
            kept.view.set_mesh(mesh.vertices, mesh.faces, mesh.normals, mesh.colors)
            kept.mesh, kept.image = mesh, None
        side = _pixels(tile[2] - tile[0])
        ground = mesh_ground(state.display)
        wanted = (camera, side, state.display.mesh_style, ground)
        if kept.image is None or kept.drawn != wanted:
            kept.image = kept.view.draw(
                camera.projection(),
                camera.position,
                size=(side, side),
                mode=state.display.mesh_style,
                background=ground,
            )
            kept.drawn = wanted
        return kept.image

    def _draw_ring(self, tile: Rect, kept: float, state: SessionState, commands: Commands) -> None:
        """The ring of trained views beside the gizmo; nothing while the interface is hidden."""
        limits = commands.model.trained_turn if commands.model else None
        if limits is not None and commands.interface.sidebar_visible:
            self._views.draw(tile, kept, state.orbit, limits)

    def _badges(self, commands: Commands) -> list[Badge]:
        badges = []
        model = commands.model
        if model is not None and not model.path:
            text = "Untrained random model \u2013 open a checkpoint to see people"
            badges.append(Badge(text, icons.ICON_FA_SHUFFLE, "warning"))
        if model is not None and not model.moves and commands.interface.playing:
            text = "Still model: time and motion do nothing"
            badges.append(Badge(text, icons.ICON_FA_CIRCLE_INFO, "info"))
        badges += compare_view.badges(commands.state, commands)
        if self._previews_last(commands) and commands.interface.sidebar_visible:
            badges.append(Badge("Preview"))
        return badges

    def _previews_last(self, commands: Commands) -> bool:
        """Whether only previews have been shown for a while, without input from the user: otherwise
        a note would flash at each movement, between two full pictures."""
        now, request = time.perf_counter(), self._request
        held = imgui.is_any_item_active() or commands.animator.gliding
        if request is None or leaves_nothing_out(request) or held:
            self._previews_since = None
        elif self._previews_since is None:
            self._previews_since = now
        since = self._previews_since
        return since is not None and now - since > _LASTING


def _places(area: Rect, state: SessionState) -> list[Rect]:
    layout = state.display.layout
    several = layout in ("grid", "yaws", "times") or state.display.models == "beside"
    count = len(layouts.shots(state)) if several and layout not in ("single", "split") else 1
    columns = 2 if layout == "grid" else None
    return tile_places(area, count, columns, style.px(_GAP))


def _pixels(length: float) -> int:
    """Screen pixels in a length of Dear ImGui units."""
    return round(length * imgui.get_io().display_framebuffer_scale.x)


def _labels(state: SessionState, commands: Commands) -> list[str]:
    """Text that distinguishes the tiles of the layout; empty if nothing needs to."""
    if state.display.layout == "models" and layouts.grid_shape(state) == (1, 2):
        return list(compare_view.model_labels(commands))
    if state.display.layout == "yaws":
        yaws = [state.orbit.yaw + yaw for yaw in layouts.tile_yaws(state)]
        degrees = [round(wrapped(yaw)) for yaw in yaws]
        return [f"{yaw:+d}°".replace("-", "\u2212") if yaw else "0°" for yaw in degrees]
    if state.display.layout == "times":
        return [f"t {t:.2f}".replace("-", "\u2212") for t in layouts.tile_times(state)]
    return []


def _draw_legend(index: int, tile: Rect, slot: _Slot | None, keep_left: float = 0.0) -> None:
    if slot is None or not slot.has_legend:
        return
    if slot.legend is not None:
        slot.legend.draw(tile, f"Legend {index}", keep_left)
    else:
        draw_normals_legend(tile, f"Legend {index}", keep_left)


def mesh_ground(display: Display) -> tuple[float, float, float, float]:
    """Colour behind a mesh, in 0..1; transparent in front of a checkerboard."""
    if display.background == "color":
        return (*display.background_color, 1.0)
    if display.background == "checkerboard":
        grey = sum(GREYS) / 2
        return grey, grey, grey, 0.0
    return style.rgba(style.palette().raised)


def _draw_gizmo(tile: Rect, camera: Camera, state: SessionState, commands: Commands) -> float:
    """The axes in a tile's corner; returns the width in Dear ImGui units that they take at its left
    edge."""
    shown = state.display.gizmo and commands.interface.sidebar_visible
    place = overlays.gizmo_place(tile) if shown else None
    if place is None:
        return 0.0
    center, radius = place
    axis_gizmo(center, radius, camera.rotation.T)
    return center[0] + 1.3 * radius - tile[0]
