"""The audience's picture, and the window that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TypeGuard

import numpy as np
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.redraw import request_frame
from gui_utils.gl.quads import Box, Quad
from gui_utils.gl.texture import Texture
from gui_utils.window import monitors
from gui_utils.window.imgui_window import Window
from gui_utils.window.picture_window import PictureWindow
from viz.app.commands import Commands
from viz.app.comparing import compare_view
from viz.app.stage import show_keys
from viz.app.stage.awake import Awake
from viz.app.stage.board import Board
from viz.app.stage.captions import Caption, ModelNames
from viz.app.stage.virtual_camera import CameraScene
from viz.state import layouts
from viz.state.types import RenderResult, SessionState

TITLE = "PV3D visualizer: audience"
HERE, FRAMED = "here", "window"
"""Values of `Interface.audience` that are not names of monitors."""
_LOOK_SECONDS = 0.5
"""Seconds between checks of the connected monitors."""
_BLANKS = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0)}
_FRAME = 1 / 60


class Audience:
    """Manages the audience's picture during a show.

    Args:
        commands: the show, and the pictures.
        window: the speaker's.
    """

    def __init__(self, commands: Commands, window: Window) -> None:
        self._commands, self._window = commands, window
        self._boards = Board(), Board()
        """The present picture, and the one that fades out."""
        self._caption, self._model_names = Caption(), ModelNames()
        self._names: tuple[str, ...] = ()
        self._words = ("", "")
        self._solid = Texture()
        self._seen: RenderResult | None = None
        self._fade = (0.0, 0.0)
        """Clock time at which a fade began, and its seconds."""
        self.screen: PictureWindow | None = None
        """The audience's own window."""
        self._looked = 0.0
        self._entered_fullscreen = False
        self._awake = Awake()
        self._before_show = CameraScene()

    @property
    def is_here(self) -> bool:
        """Whether the audience sees the speaker's window, as there is no other."""
        return self._commands.current_show is not None and self.screen is None

    def update(self, now: float) -> None:
        """Updates the audience's picture for a frame of the show."""
        show = self._commands.current_show
        if show is None:
            self._end()
            return
        self._awake.hold()
        self._place_screen(now)
        self._take_picture(now)
        if self.screen is not None:
            size = self.screen.size
            boards = (board.version for board in self._boards)
            version = (*boards, self._caption.version, self._model_names.version)
            self.screen.show(self.quads(size, now, own=True), self.ground, version)
        if now - self._fade[0] < self._fade[1]:
            request_frame("fade", _FRAME)

    @property
    def ground(self) -> tuple[float, float, float]:
        """Colour around the pictures: black or white, as the theme is dark or light."""
        show = self._commands.current_show
        if show is not None and show.blank:
            return _BLANKS[show.blank]
        return _BLANKS["black" if self._commands.interface.theme == "dark" else "white"]

    @property
    def scene(self) -> CameraScene:
        """The scene that the audience sees, independent of a screen; without a show, what the
        window shows."""
        commands, (board, old) = self._commands, self._boards
        show, result = commands.current_show, commands.result
        if show is None:
            if result is not self._before_show.result and _fits(result, commands.state):
                self._before_show = CameraScene(result, commands.state.display)
            return replace(self._before_show, ground=self.ground, names=_names(commands))
        if show.blank:
            return CameraScene(ground=self.ground)
        one = commands.interface.audience_view == "one"
        words, names = self._words, self._names
        if show.touched is not None:
            words, names = ("", ""), ()
        before = (
            CameraScene(old.shown, old.display, one, self.ground) if self._fade[1] > 0 else None
        )
        return CameraScene(
            board.shown, board.display, one, self.ground, words, names, before, self._fade
        )

    def quads(self, size: tuple[int, int], now: float, own: bool = False) -> list[Quad]:
        """The audience's picture for a screen of `size` pixels; `own` if it is the audience's own
        window."""
        show = self._commands.current_show
        if show is None or show.blank:
            return []
        area: Box = (0.0, 0.0, float(size[0]), float(size[1]))
        one = self._commands.interface.audience_view == "one"
        board, old = self._boards
        begun, seconds = self._fade
        part = min((now - begun) / seconds, 1.0) if seconds > 0 else 1.0
        quads = board.quads(area, one, part, own=own)
        names = self._model_names.quads(self._names, [quad.place for quad in quads], size[1])
        if part < 1:
            ground = [Quad(self._ground_image(), gap, alpha=part) for gap in gaps(quads, area)]
            quads = [*old.quads(area, one, own=own), *ground, *quads]
        if show.touched is not None:
            return quads  # the caption does not describe a visitor's own picture
        return [*quads, *names, *self._caption.quads(*self._words, size)]

    def _ground_image(self) -> int:
        """OpenGL name of a texture in the background colour."""
        pixel = np.array(self.ground) * 255
        self._solid.update(pixel.astype(np.uint8).reshape(1, 1, 3))
        return self._solid.name

    @property
    def has_picture(self) -> bool:
        """Whether there is anything to see."""
        return self._boards[0].shown is not None

    def draw_small(self, place: Box, now: float) -> None:
        """Draws the audience's picture into a rectangle of the speaker's window."""
        size = self.screen.size if self.screen else self._window.framebuffer_size
        left, top, right, bottom = place
        scale = min((right - left) / size[0], (bottom - top) / size[1])
        left += ((right - left) - scale * size[0]) / 2
        top += ((bottom - top) - scale * size[1]) / 2
        self._draw_scaled((left, top), scale, size, now)

    def draw_here(self, place: Box, now: float) -> None:
        """Draws the audience's picture into a part of the speaker's window."""
        ratio = imgui.get_io().display_framebuffer_scale.x or 1.0
        width, height = place[2] - place[0], place[3] - place[1]
        size = (max(round(width * ratio), 1), max(round(height * ratio), 1))
        self._draw_scaled(place[:2], 1 / ratio, size, now)

    def _draw_scaled(
        self, corner: tuple[float, float], scale: float, size: tuple[int, int], now: float
    ) -> None:
        draw = imgui.get_window_draw_list()
        left, top = corner
        end = (left + scale * size[0], top + scale * size[1])
        draw.push_clip_rect((left, top), end, True)
        draw.add_rect_filled((left, top), end, imgui.get_color_u32((*self.ground, 1.0)))
        for quad in self.quads(size, now):
            x0, y0, x1, y1 = (scale * value for value in quad.place)
            u0, v0, u1, v1 = quad.part
            tint = style.with_alpha(0xFFFFFFFF, quad.alpha)
            low, high = (left + x0, top + y0), (left + x1, top + y1)
            draw.add_image(imgui.ImTextureRef(quad.texture), low, high, (u0, v0), (u1, v1), tint)
        draw.pop_clip_rect()

    def close(self) -> None:
        """Closes the window and frees the GPU memory."""
        self._awake.release()
        self._close_screen()
        for board in self._boards:
            board.close()
        self._caption.close()
        self._model_names.close()
        self._solid.delete()

    def _take_picture(self, now: float) -> None:
        commands = self._commands
        show, result = commands.current_show, commands.result
        assert show is not None
        waits = show.seen or show.frozen or show.failed or show.loading
        begins = not waits and commands.is_up_to_date
        if show.holds and not begins:
            return
        cue = commands.state.cues[show.index]
        display, words = commands.state.display, (cue.title, cue.line)
        self._names = _names(commands)
        if (display, words) == (self._boards[0].display, self._words) and result is self._seen:
            return
        if not _fits(result, commands.state):
            return
        show.seen = True
        if show.fade is not None:
            if show.fade > 0:
                self._boards = self._boards[1], self._boards[0]
            self._fade, show.fade = (now, show.fade), None
        self._seen, self._words = result, words
        self._boards[0].show(result, display)

    def _place_screen(self, now: float) -> None:
        """Opens the audience's window, or moves it when monitors come and go."""
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        target = self._target()
        if self.screen is not None and self.screen.closed:
            self._commands.interface.audience = HERE
            target = HERE
        if target == HERE:
            self._close_screen()
            if not self._entered_fullscreen:
                self._entered_fullscreen = True
                self._window.fullscreen = True
            self._window.follow_monitor()
            return
        self._leave_fullscreen()
        monitor = "" if target == FRAMED else target
        if self.screen is None:
            press = partial(show_keys.press, self._commands)
            try:
                self.screen = PictureWindow(self._window, TITLE, monitor, press)
            except RuntimeError as error:
                self._commands.notify("error", str(error))
                self._commands.interface.audience = HERE
        elif self.screen.monitor != monitor or not self.screen.fits:
            self.screen.cover(monitor)

    def _target(self) -> str:
        """Where the audience's picture goes now: a monitor's name, `HERE` or `FRAMED`."""
        wanted, there = self._commands.interface.audience, monitors.names()
        if wanted in (HERE, FRAMED) or wanted in there:
            return wanted
        own = self._window.monitor
        others = [name for name in there if name != own]
        return others[0] if others else HERE

    def _end(self) -> None:
        self._close_screen()
        if self._seen is not None:  # another show starts without anything of this one
            for board in self._boards:
                board.clear()
        self._seen, self._looked, self._words = None, 0.0, ("", "")
        self._fade = (0.0, 0.0)
        self._leave_fullscreen()
        self._awake.release()

    def _leave_fullscreen(self) -> None:
        if self._entered_fullscreen:
            self._entered_fullscreen = False
            self._window.fullscreen = False

    def _close_screen(self) -> None:
        if self.screen is not None:
            self.screen.close()
            self.screen = None


def gaps(quads: Sequence[Quad], area: Box) -> list[Box]:
    """Rectangles that cover the part of an area that quads in rows leave free; quads on top of
    others are ignored."""
    left, top, right, bottom = area
    places = {quad.place for quad in quads}
    places = {place for place in places if not any(_lies_on(place, other) for other in places)}
    rows = sorted({place[1::2] for place in places})
    found: list[Box] = []
    y = top
    for start, end in rows:
        found.append((left, y, right, start))
        x = left
        for place in sorted(place for place in places if place[1::2] == (start, end)):
            found.append((x, start, place[0], end))
            x = place[2]
        found.append((x, start, right, end))
        y = end
    found.append((left, y, right, bottom))
    return [box for box in found if box[2] > box[0] and box[3] > box[1]]


def _fits(result: RenderResult | None, state: SessionState) -> TypeGuard[RenderResult]:
    """Whether pictures are those of the layout: while another layout is being rendered, the last
    picture stays."""
    if result is None:
        return False
    views = [
        [shot.view for shot in shots] for shots in (result.request.shots, layouts.shots(state))
    ]
    return views[0] == views[1]


def _lies_on(place: Box, other: Box) -> bool:
    """Whether a rectangle lies within another one."""
    low, high = (place[k] >= other[k] for k in (0, 1)), (place[k] <= other[k] for k in (2, 3))
    return place != other and all((*low, *high))


def _names(commands: Commands) -> tuple[str, ...]:
    """What is written over the pictures of two compared models."""
    state = commands.state
    if not (layouts.second_shots(state) and layouts.compares(state)):
        return ()
    if not commands.interface.audience_names:
        return ()
    names = compare_view.model_labels(commands)
    if layouts.shows_difference(state.display):
        return (compare_view.difference_label(state.display, names),)
    return names
