"""The photo beside the picture: its faces, marked and corrected, or the part used for the
person."""

from __future__ import annotations

import math

from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.registry import record, record_rect, scope
from gui_utils.gl.texture import ShownPicture
from viz.app.commands import Commands
from viz.app.portraits.photo_at_work import Portrait, with_box, with_eye
from viz.app.viewport import overlays
from viz.app.viewport.overlays import Rect
from viz.app.viewport.picture_view import tile_places
from viz.portrait.face_marks import FaceMark

_MARGIN = 8.0
_HANDLE = 16.0
"""Side of a drag handle, design pixels."""
_CORNERS = ((0, 1), (2, 1), (2, 3), (0, 3))
"""Indices into a box of the coordinates of its corners, clockwise from the upper left."""
_CORNER_NAMES = ("Upper left", "Upper right", "Lower right", "Lower left")
_EYE_NAMES = ("Eye at the left", "Eye at the right")


class PhotoPane:
    """Draws the photo, and the person while it is being made; needs the window's OpenGL context."""

    def __init__(self) -> None:
        self._photo, self._live = ShownPicture(), ShownPicture()

    def draw(self, commands: Commands) -> None:
        """Fills the current window's content region with the photo; dragging corrects its face."""
        portrait, area = commands.portrait, _content()
        if portrait.pixels is None:
            overlays.draw_note(area, "Reading the photo")
            return
        image = self._photo.ref(portrait.pixels)
        if not portrait.whole and portrait.crop is not None and portrait.found is not None:
            tile = tile_places(area, 1, None, 0.0)[0]
            _draw_crop(image, tile, portrait.crop, portrait.found.size)
            overlays.draw_label(tile, "Photo")
            record_rect("Photo", tile)
            return
        height, width = portrait.pixels.shape[:2]
        place = _fitted(area, width, height)
        imgui.get_window_draw_list().add_image(image, place[:2], place[2:])
        record_rect("Photo", place)
        if portrait.found is not None:
            with scope("Photo"):
                _Marks(place, portrait.found.size[0]).draw(commands)

    def draw_live(self, portrait: Portrait) -> bool:
        """Fills the region with the person as found so far; returns False if there is nothing
        yet."""
        if portrait.live is None:
            return False
        tile = tile_places(_content(), 1, None, 0.0)[0]
        image = self._live.ref(portrait.live)
        imgui.get_window_draw_list().add_image(image, tile[:2], tile[2:])
        overlays.draw_label(tile, "As found so far")
        record_rect("Found so far", tile)
        return True

    def close(self) -> None:
        """Frees the GPU memory."""
        self._photo.delete()
        self._live.delete()


class _Marks:
    """The marks of faces over a photo. `width` is the photo's in the pixels that faces are marked
    in."""

    def __init__(self, place: Rect, width: int) -> None:
        self._left, self._top = place[:2]
        self._scale = (place[2] - place[0]) / width

    def draw(self, commands: Commands) -> None:
        """Draws all faces; the chosen one has handles unless a person is being made of it."""
        portrait = commands.portrait
        chosen = portrait.face
        if chosen is not None:
            self._draw_points(chosen)
            if not portrait.making:
                self._drag(chosen, commands)
            self._outline(chosen, chosen=True)
        for number, face in enumerate(portrait.faces):
            if number == portrait.chosen:
                continue
            low, high = self._at(face.box[:2]), self._at(face.box[2:])
            pressed = self._area(f"Face {number + 1}", low, high)
            self._outline(face, chosen=False, lit=imgui.is_item_hovered())
            if pressed and not portrait.making:
                commands.choose_face(number)

    def _at(self, point: tuple[float, ...]) -> tuple[float, float]:
        return self._left + point[0] * self._scale, self._top + point[1] * self._scale

    def _area(self, name: str, low: tuple[float, float], high: tuple[float, float]) -> bool:
        """An area to press; returns whether it was pressed."""
        imgui.set_cursor_screen_pos(low)
        size = (max(high[0] - low[0], 1.0), max(high[1] - low[1], 1.0))
        pressed = imgui.invisible_button(f"##{name}", size)
        record(name)
        return pressed

    def _handle(self, name: str, point: tuple[float, ...]) -> tuple[float, float] | None:
        """A handle around a point of the photo; returns how far it was dragged."""
        x, y = self._at(point)
        reach = style.px(_HANDLE) / 2
        self._area(name, (x - reach, y - reach), (x + reach, y + reach))
        return self._dragged()

    def _dragged(self) -> tuple[float, float] | None:
        """How far the last area was dragged in this frame, pixels of the photo."""
        if imgui.is_item_hovered() or imgui.is_item_active():
            imgui.set_mouse_cursor(imgui.MouseCursor_.resize_all)
        # The frame of the release may include the last movement, and that of the press the movement
        # before it.
        held = imgui.is_item_active() or imgui.is_item_deactivated()
        if not held or imgui.is_item_activated():
            return None
        delta = imgui.get_io().mouse_delta
        moved = delta.x / self._scale, delta.y / self._scale
        return moved if any(moved) else None

    def _drag(self, face: FaceMark, commands: Commands) -> None:
        # Areas on top come first, as they take the mouse.
        left_off = False
        for which, name in enumerate(_EYE_NAMES):
            x, y = face.eyes[which]
            moved = self._handle(name, (x, y))
            left_off |= imgui.is_item_deactivated()
            if moved is not None:
                face = with_eye(face, which, (x + moved[0], y + moved[1]))
                commands.mark_face(face)
        for (across, down), name in zip(_CORNERS, _CORNER_NAMES, strict=True):
            moved = self._handle(name, (face.box[across], face.box[down]))
            left_off |= imgui.is_item_deactivated()
            if moved is not None:
                box = [*face.box]
                box[across] += moved[0]
                box[down] += moved[1]
                face = with_box(face, (box[0], box[1], box[2], box[3]))
                commands.mark_face(face)
        self._area("Box", self._at(face.box[:2]), self._at(face.box[2:]))
        moved = self._dragged()
        left_off |= imgui.is_item_deactivated()
        if moved is not None:
            x, y, right, bottom = face.box
            dx, dy = moved
            commands.mark_face(with_box(face, (x + dx, y + dy, right + dx, bottom + dy)))
        if left_off:
            commands.look_again()

    def _draw_points(self, face: FaceMark) -> None:
        draw, color = imgui.get_window_draw_list(), style.palette().accent
        radius = max(style.px(1.0), 1.0)
        for point in face.landmarks:
            draw.add_circle_filled(self._at(point), radius, style.with_alpha(color, 0.7), 6)

    def _outline(self, face: FaceMark, *, chosen: bool, lit: bool = False) -> None:
        draw, colors = imgui.get_window_draw_list(), style.palette()
        low, high = self._at(face.box[:2]), self._at(face.box[2:])
        color = colors.accent if chosen or lit else colors.text
        draw.add_rect(low, high, style.with_alpha(colors.shade, 0.8), style.px(3), style.px(4))
        draw.add_rect(low, high, color, style.px(3), style.px(2))
        if not chosen:
            return
        for across, down in _CORNERS:
            corner = self._at((face.box[across], face.box[down]))
            draw.add_circle_filled(corner, style.px(4.5), color)
        for eye in face.eyes:
            draw.add_circle(self._at(eye), style.px(7), style.with_alpha(colors.shade, 0.8), 24, 4)
            draw.add_circle(self._at(eye), style.px(7), colors.text, 24, style.px(2))


def _content() -> Rect:
    low, size = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail()
    return low.x, low.y, low.x + size.x, low.y + size.y


def _fitted(area: Rect, width: int, height: int) -> Rect:
    """The largest place for a picture of that shape, centred."""
    margin = style.px(_MARGIN)
    room = (area[2] - area[0] - 2 * margin, area[3] - area[1] - 2 * margin)
    scale = max(min(room[0] / width, room[1] / height), 1e-3)
    wide, high = width * scale, height * scale
    left, top = (area[0] + area[2] - wide) / 2, (area[1] + area[3] - high) / 2
    return left, top, left + wide, top + high


def _draw_crop(
    image: imgui.ImTextureRef,
    tile: Rect,
    crop: tuple[float, float, float, float],
    size: tuple[int, int],
) -> None:
    """Draws the part of a photo of that size in which the person was found, upright and level."""
    x, y, side, angle = crop
    cos, sin = (f(math.radians(angle)) for f in (math.cos, math.sin))
    left, top, right, bottom = tile
    places = ((left, top), (right, top), (right, bottom), (left, bottom))
    corners = [
        (x + side * (cos * u - sin * v), y + side * (sin * u + cos * v))
        for u, v in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    within = [(u / size[0], v / size[1]) for u, v in corners]
    (p1, p2, p3, p4), (uv1, uv2, uv3, uv4) = places, within
    imgui.get_window_draw_list().add_image_quad(image, p1, p2, p3, p4, uv1, uv2, uv3, uv4)
