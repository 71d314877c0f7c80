"""A second window that shows nothing but images: no pointer, no interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import glfw
import numpy as np
from OpenGL import GL as gl  # noqa: N811 - the usual name

from gui_utils.controls.style import printable
from gui_utils.gl.quads import Quad, QuadPainter
from gui_utils.gl.texture import read_rgb
from gui_utils.window import monitors
from gui_utils.window.imgui_window import Window

Color = tuple[float, float, float]

_WINDOWED = (960, 540)
_NO_TEXT = glfw.MOD_CONTROL | glfw.MOD_ALT | glfw.MOD_SUPER
"""Modifiers with which a key types no character."""


@dataclass(frozen=True)
class _Shown:
    quads: tuple[Quad, ...]
    ground: Color
    version: object
    size: tuple[int, int]


class PictureWindow:
    """Shows images made in the OpenGL context of `parent`, which is current again after each call.

    Args:
        parent: the application's window, to be closed after this one.
        title: its caption.
        monitor: name of the monitor to cover (see `monitors.names`); empty for a window with a
            frame.
        pressed: called with GLFW's number of a key pressed in this window, and with the character
            that it types, or ""; with 0 for a click and -1 for a right click.

    Raises:
        RuntimeError: when no second window can open, or the driver rejects the shaders.
    """

    def __init__(
        self, parent: Window, title: str, monitor: str, pressed: Callable[[int, str], None]
    ) -> None:
        self.closed = False
        """Whether the user wants to close it."""
        self._parent = parent
        self._pressed = pressed
        self._typing = 0
        """The key whose character comes next; 0 for none."""
        self._exposed = True
        self._shown: _Shown | None = None
        for hint, value in (
            (glfw.FOCUS_ON_SHOW, glfw.FALSE),
            (glfw.FOCUSED, glfw.FALSE),
            (glfw.AUTO_ICONIFY, glfw.FALSE),
            (glfw.MAXIMIZED, glfw.FALSE),
            (glfw.VISIBLE, glfw.FALSE),
        ):
            glfw.window_hint(hint, value)
        self.handle: Any = glfw.create_window(
            *_WINDOWED, printable(title), monitors.NONE, parent.handle
        )
        """GLFW's window."""
        if not self.handle:
            raise RuntimeError("No second window can open on this display.")
        self._covered: monitors.Rect | None = None
        self.monitor = ""
        """Name of the covered monitor; empty for a window with a frame."""
        self.cover(monitor)
        glfw.show_window(self.handle)
        try:
            with self._current():
                # The first window waits for the display; a second wait would halve the rate.
                glfw.swap_interval(0)
                self._painter = QuadPainter()
        except RuntimeError:
            glfw.destroy_window(self.handle)
            raise
        # Querying it in each frame would wait until the display server has shown the last one.
        self._size = glfw.get_framebuffer_size(self.handle)
        actions = (
            self._on_key,
            self._on_character,
            self._on_button,
            self._on_close,
            self._on_refresh,
            self._on_size,
        )
        self._callbacks = tuple(map(parent.as_callback, actions))
        key, character, button, close, refresh, resized = self._callbacks
        glfw.set_key_callback(self.handle, key)
        glfw.set_char_callback(self.handle, character)
        glfw.set_mouse_button_callback(self.handle, button)
        glfw.set_window_close_callback(self.handle, close)
        glfw.set_window_refresh_callback(self.handle, refresh)
        glfw.set_framebuffer_size_callback(self.handle, resized)

    def cover(self, monitor: str) -> None:
        """Covers a monitor; if there is none of that name, becomes a window with a frame."""
        found: Any = monitors.by_name(monitor)
        mode = monitors.mode_of(found) if found else None
        if mode is None:
            if glfw.get_window_monitor(self.handle):
                place = (64, 64, *_WINDOWED)
                glfw.set_window_monitor(self.handle, monitors.NONE, *place, glfw.DONT_CARE)
            glfw.set_input_mode(self.handle, glfw.CURSOR, glfw.CURSOR_NORMAL)
            self.monitor = ""
        else:
            size = (mode.size.width, mode.size.height)
            glfw.set_window_monitor(self.handle, found, 0, 0, *size, mode.refresh_rate)
            glfw.set_input_mode(self.handle, glfw.CURSOR, glfw.CURSOR_HIDDEN)
            self.monitor = monitor
            self._covered = monitors.monitor_rect(found)
        self._exposed = True

    @property
    def fits(self) -> bool:
        """Whether it still covers its monitor, which may have changed."""
        found: Any = monitors.by_name(self.monitor)
        return found is None or monitors.monitor_rect(found) == self._covered

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, at least 1."""
        width, height = self._size
        return max(width, 1), max(height, 1)

    def show(self, quads: Sequence[Quad], ground: Color, version: object) -> bool:
        """Draws the images if that changes what is seen.

        Args:
            quads: the images, from back to front.
            ground: colour behind them, 0..1.
            version: a value that changes whenever the content of an image does.

        Returns:
            whether anything was drawn.
        """
        size = self.size
        wanted = _Shown(tuple(quads), ground, version, size)
        if wanted == self._shown and not self._exposed:
            return False
        self._shown, self._exposed = wanted, False
        with self._current():
            self._draw(size)
            glfw.swap_buffers(self.handle)
        return True

    def read_pixels(self) -> np.ndarray:
        """What was shown last, drawn once more, uint8 [H, W, 3], top row first."""
        with self._current():
            self._draw(self.size)
            gl.glReadBuffer(gl.GL_BACK)
            pixels = read_rgb(*self.size)
        return np.ascontiguousarray(pixels[::-1])

    def close(self) -> None:
        """Destroys the window."""
        with self._current():
            self._painter.delete()
        glfw.destroy_window(self.handle)

    @contextmanager
    def _current(self) -> Iterator[None]:
        """Makes its OpenGL context current for a block, then the parent's again."""
        glfw.make_context_current(self.handle)
        try:
            yield
        finally:
            glfw.make_context_current(self._parent.handle)

    def _draw(self, size: tuple[int, int]) -> None:
        if self._shown is None:
            return
        quads, ground = self._shown.quads, self._shown.ground
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
        gl.glDisable(gl.GL_SCISSOR_TEST)
        gl.glClearColor(*ground, 1.0)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT)
        self._painter.draw(quads, size)

    def _on_key(self, _: object, key: int, code: int, action: int, held: int) -> None:
        # A held key must not end a show or run through it, and Ctrl+B must not count as B.
        if action != glfw.PRESS or held & _NO_TEXT:
            return
        self._parent.wake()
        types = glfw.get_key_name(key, code)
        self._typing = key if types else 0
        if not types:
            self._pressed(key, "")

    def _on_character(self, _: object, code: int) -> None:
        key, self._typing = self._typing, 0
        if key:
            self._parent.wake()
            self._pressed(key, chr(code))

    def _on_button(self, _: object, button: int, action: int, __: int) -> None:
        if action == glfw.PRESS and button in (0, 1):
            self._parent.wake()
            self._pressed(-button, "")

    def _on_close(self, _: object) -> None:
        glfw.set_window_should_close(self.handle, False)
        self.closed = True
        self._parent.wake()

    def _on_size(self, _: object, width: int, height: int) -> None:
        self._size = width, height
        self._parent.wake()

    def _on_refresh(self, _: object) -> None:
        self._exposed = True
        self._parent.wake()
