"""A GLFW window on the desktop: its size and position, full screen, title and clipboard."""

from __future__ import annotations

from typing import Any

import glfw
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.window import monitors
from gui_utils.window.display import can_place, create_window, init_glfw

_LEAST = (200, 150)
"""Smallest width and height, screen coordinates."""


class PlacedWindow:
    """A window with an OpenGL 3.3 context, and its placement. For arguments and errors see
    `gui_utils.window.imgui_window.Window`."""

    def __init__(
        self,
        title: str,
        size: tuple[int, int] | None,
        position: tuple[int, int] | None,
        *,
        maximized: bool,
        visible: bool,
    ) -> None:
        self._before_fullscreen: tuple[monitors.Rect, bool] | None = None
        self._covered: monitors.Rect | None = None
        init_glfw()
        self.handle: Any = create_window(
            title, monitors.limit_size(size or monitors.default_size()), visible, maximized
        )
        """GLFW's window, for calls that have no method here."""
        self._place(position, maximized)
        glfw.make_context_current(self.handle)
        glfw.swap_interval(1)
        self._normal: monitors.Rect = self._rect()

    @property
    def fullscreen(self) -> bool:
        """Whether the window covers its monitor; False restores the previous placement."""
        return self._before_fullscreen is not None

    @fullscreen.setter
    def fullscreen(self, value: bool) -> None:
        if value == self.fullscreen:
            return
        if value:
            monitor: Any = monitors.monitor_at(self._rect())
            if monitor is None:
                return
            self._before_fullscreen = (self._normal, self._is_maximized())
            self._cover(monitor)
        elif self._before_fullscreen is not None:
            rect, maximized = self._before_fullscreen
            self._before_fullscreen = None
            glfw.set_window_monitor(self.handle, monitors.NONE, *rect, glfw.DONT_CARE)
            if maximized:
                glfw.maximize_window(self.handle)
        # Some drivers forget the swap interval when the window changes monitor.
        glfw.swap_interval(1)
        self._on_event()

    def follow_monitor(self) -> None:
        """Covers the monitor again if a fullscreen window no longer does, as its resolution or
        position has changed or it was off for a while."""
        if not self.fullscreen:
            return
        covered: Any = glfw.get_window_monitor(self.handle)
        monitor: Any = covered or monitors.monitor_at(self._rect())
        if monitor and (not covered or monitors.monitor_rect(monitor) != self._covered):
            self._cover(monitor)
            self._on_event()

    def _cover(self, monitor: Any) -> None:
        mode = monitors.mode_of(monitor)
        if mode is not None:
            self._covered = monitors.monitor_rect(monitor)
            glfw.set_window_monitor(
                self.handle, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate
            )

    @property
    def monitor(self) -> str:
        """Name of the monitor that shows most of the window, see `monitors.names`."""
        return monitors.name_at(self._rect())

    @property
    def monitor_names(self) -> list[str]:
        """Names of all monitors, the primary one first."""
        return monitors.names()

    @property
    def clipboard(self) -> str:
        """Text on the clipboard; empty if it holds something else."""
        no_window: Any = None
        text: Any = glfw.get_clipboard_string(no_window)
        return (text or b"").decode(errors="replace")

    @clipboard.setter
    def clipboard(self, text: str) -> None:
        imgui.set_clipboard_text(controls.printable(text))

    @property
    def framebuffer_size(self) -> tuple[int, int]:
        """Width and height in physical pixels, at least 1."""
        width, height = glfw.get_framebuffer_size(self.handle)
        return max(width, 1), max(height, 1)

    @property
    def geometry(self) -> dict[str, Any]:
        """Placement to pass to the constructor next time: size, position (tuples) and maximized.
        While the window is maximized or full screen, size and position are those to return to."""
        left, top, width, height = self._normal
        maximized = self._before_fullscreen[1] if self._before_fullscreen else self._is_maximized()
        return {"size": (width, height), "position": (left, top), "maximized": maximized}

    def set_title(self, title: str) -> None:
        """Changes the caption."""
        glfw.set_window_title(self.handle, controls.printable(title))

    def hide(self) -> None:
        """Hides the window, for example while the program shuts down."""
        glfw.hide_window(self.handle)

    def _place(self, position: tuple[int, int] | None, maximized: bool) -> None:
        glfw.set_window_size_limits(self.handle, *_LEAST, glfw.DONT_CARE, glfw.DONT_CARE)
        size = glfw.get_window_size(self.handle)
        if position is not None and not monitors.on_screen(position, size):
            position = None
        if position is None and not maximized:
            position = monitors.center(size)
        if position is not None and can_place():
            glfw.set_window_pos(self.handle, *position)

    def _rect(self) -> monitors.Rect:
        left, top = glfw.get_window_pos(self.handle) if can_place() else (0, 0)
        width, height = glfw.get_window_size(self.handle)
        return left, top, width, height

    def _is_maximized(self) -> bool:
        return bool(glfw.get_window_attrib(self.handle, glfw.MAXIMIZED))

    def _remember_placement(self) -> None:
        iconified = glfw.get_window_attrib(self.handle, glfw.ICONIFIED)
        if not self.fullscreen and not self._is_maximized() and not iconified:
            self._normal = self._rect()

    def _on_event(self, *_: object) -> None:
        """Called when something has changed that the next frame depends on."""
