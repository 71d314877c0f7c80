"""The indicator that the camera is open: a red dot, and the camera's picture."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.registry import record_rect
from gui_utils.gl.texture import ShownPicture
from viz.app.commands import Commands
from viz.app.viewport.overlays import MARGIN, Rect, pill, pill_size
from viz.portrait.live.live_messages import SeenFace

_WIDTH = 128.0
"""Width of the small picture, design pixels."""
_ABOVE = 53.0
"""Space left free below it for the legend of depths, design pixels."""


class CameraSign:
    """Draws the indicator; needs the window's OpenGL context."""

    def __init__(self) -> None:
        self._picture = ShownPicture()

    def draw(self, area: Rect, commands: Commands, *, alone: bool = False) -> None:
        """Draws it in the lower right corner of an area, while the camera is open. `alone` leaves
        out the small picture."""
        live = commands.live
        if not commands.camera_on or live is None:
            return
        margin = style.px(MARGIN)
        right, bottom = area[2] - margin, area[3] - margin - style.px(_ABOVE)
        text = f"{commands.live_thing.capitalize()} on"
        width, height = pill_size(text, icons.ICON_FA_CIRCLE)
        if live.seen is not None and not alone and area[2] - area[0] > style.px(3 * _WIDTH):
            bottom = self._draw_picture(live.seen, right, bottom) - style.px(6)
        pill((right - width, bottom - height), text, icon=icons.ICON_FA_CIRCLE, level="error")
        record_rect(text, (right - width, bottom - height, right, bottom))

    def close(self) -> None:
        """Frees the GPU memory."""
        self._picture.delete()

    def _draw_picture(self, seen: SeenFace, right: float, bottom: float) -> float:
        """Draws the small picture with the face's points; returns its top edge."""
        rows, columns = seen.picture.shape[:2]
        width = style.px(_WIDTH) * min(1.0, columns / rows)
        height = width * rows / columns
        left, top = right - width, bottom - height
        draw, colors = imgui.get_window_draw_list(), style.palette()
        draw.add_image(self._picture.ref(seen.picture), (left, top), (right, bottom))
        draw.add_rect((left, top), (right, bottom), style.with_alpha(colors.border, 0.8))
        for x, y in seen.landmarks[::3].tolist():
            dot = (left + x * width, top + y * height)
            draw.add_rect_filled(dot, (dot[0] + 1, dot[1] + 1), colors.accent)
        record_rect("Camera picture", (left, top, right, bottom))
        return top
