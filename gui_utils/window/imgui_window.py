"""The application's window: GLFW, an OpenGL 3.3 core context and a Dear ImGui frame in it."""

from __future__ import annotations

import ctypes
import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from types import TracebackType

import glfw
import numpy as np
from imgui_bundle import imgui
from OpenGL import GL as gl  # noqa: N811 - the usual name

from gui_utils import controls
from gui_utils.controls import redraw, style
from gui_utils.controls.guard import quiet_recovery
from gui_utils.gl.quads import Box, Quad, QuadPainter
from gui_utils.gl.software import is_software
from gui_utils.gl.texture import Texture, changed, read_rgb
from gui_utils.window.changed_part import (
    ChangedPart,
    common,
    is_empty,
    keeps_back_buffer,
    limited,
)
from gui_utils.window.display import DisplayError
from gui_utils.window.missing_glyphs import FindFonts, MissingGlyphs
from gui_utils.window.placed_window import PlacedWindow

__all__ = ["DisplayError", "Window"]

logger = logging.getLogger(__name__)

# Dear ImGui needs a few frames to settle a layout, so each event is followed by this many.
_SETTLE_FRAMES = 2
# The caret of a text field is shown for 0.8 s and hidden for 0.4 s.
_CARET_STEP = 0.4
_POLL_SECONDS = 1 / 60


class Window(PlacedWindow):
    """A window that draws Dear ImGui frames; one may be open at a time, on the main thread.

    Args:
        title: its caption.
        size: width and height in screen coordinates; None takes 80 % of the work area.
        position: left and top in screen coordinates; None, or a position on no monitor, centres.
        maximized: whether it opens maximized.
        theme: "dark" or "light".
        ui_scale: the user's factor on the monitor's scale, clamped to 0.5..3.
        visible: False keeps the window hidden; drawing and `read_pixels` still work.
        find_fonts: returns paths of fonts that contain some characters that the interface's own
            fonts lack; called on another thread.

    Raises:
        DisplayError: when there is no display or no OpenGL 3.3.
    """

    def __init__(
        self,
        title: str,
        *,
        size: tuple[int, int] | None = None,
        position: tuple[int, int] | None = None,
        maximized: bool = False,
        theme: style.ThemeName = "dark",
        ui_scale: float = 1.0,
        visible: bool = True,
        find_fonts: FindFonts = lambda _: (),
    ) -> None:
        self.max_fps = 60.0
        self.between: Callable[[], object] = lambda: None
        """Called after each event while the window waits for the next frame; must not raise."""
        self.close_requested = False
        self.frame_times: deque[float] = deque(maxlen=600)
        self.callback_errors: deque[str] = deque(maxlen=100)
        self.poll: Callable[[], bool] | None = None
        """Called 60 times a second while the window waits, for input without window events such as
        a gamepad's; True begins the frame."""
        self._theme: style.ThemeName = theme
        self._ui_scale = min(max(float(ui_scale), 0.5), 3.0)
        self._drops: list[str] = []
        self._fills: list[tuple[tuple[float, float, float, float], int]] = []
        self._images: list[Quad] = []
        self._painter: QuadPainter | None = None
        self._callbacks: list[Callable[..., None]] = []
        self._settle = _SETTLE_FRAMES
        self._woken = False
        self._moved = False
        """Whether the pointer may have moved since the last frame began."""
        self._frame_start = 0.0
        self._work_start = 0.0
        self._in_frame = False
        self._open = True
        self._stale = True
        self._applied: tuple[str, float] | None = None
        self._glyphs = MissingGlyphs(find_fonts, self.wake)

        style.palette(theme)  # an unknown name must fail before anything opens
        super().__init__(title, size, position, maximized=maximized, visible=visible)
        renderer = gl.glGetString(gl.GL_RENDERER)
        self.gl_renderer = renderer.decode(errors="replace") if renderer else "unknown"
        self._parts: ChangedPart | None = None
        if self.draws_in_software and keeps_back_buffer(self.handle):
            self._parts = ChangedPart()
        self._install_callbacks()
        self._context = imgui.create_context()
        imgui.set_current_context(self._context)
        try:
            self._init_imgui()
        except BaseException:
            imgui.destroy_context(self._context)
            glfw.destroy_window(self.handle)
            glfw.terminate()
            raise

    def begin_frame(self, timeout: float = 0.0) -> None:
        """Begins a frame as soon as there may be something new to draw, or after `timeout` seconds.

        That is after input, `wake` from another thread, and when a control asked for it with
        `controls.request_frame` during the last frame. Keeps to `max_fps`. A frame that an
        exception cut short is dropped first.
        """
        self._drop_frame()
        self._wait(timeout)
        self._work_start = time.perf_counter()
        self._frame_start = self._work_start
        self._settle = max(self._settle - 1, 0)
        self._woken = False
        if self._stale:
            # These query the display server, so they run only after an event.
            self._stale = False
            self._remember_placement()
            self._apply_style()
        self._glyphs.update()
        imgui.backends.opengl3_new_frame()
        imgui.backends.glfw_new_frame()
        imgui.new_frame()
        imgui.get_io().mouse_source = imgui.MouseSource.mouse  # tooltips lie elsewhere for a finger
        self._moved = self._context.input_events_queue.size() > 0  # pyright: ignore[reportAttributeAccessIssue]
        self._in_frame = True
        self._fills.clear()
        self._images.clear()
        controls.begin_frame()

    def wait(self, timeout: float) -> bool:
        """Waits like `begin_frame`, for work between two frames.

        Returns:
            whether input or a control asks for a frame; `wake` alone does not count.
        """
        self._wait(timeout)
        self._woken = False
        return bool(self.frame_requests)

    def end_frame(self) -> None:
        """Draws the frame and shows it."""
        imgui.render()
        self._in_frame = False
        width, height = self.framebuffer_size
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
        try:
            self._draw(width, height, self._changed_part(width, height))
        except BaseException:
            if self._parts is not None:
                self._parts.forget()  # what it was to draw is missing
            raise
        glfw.swap_buffers(self.handle)
        self.frame_times.append(time.perf_counter() - self._work_start)

    def fill(self, rect: tuple[float, float, float, float], color: int) -> None:
        """Paints an opaque rectangle behind everything that this frame draws.

        In software this takes almost no time, whereas the background of a Dear ImGui window blends
        a texture over each of its pixels. `rect` is left, top, right and bottom in Dear ImGui
        units.
        """
        self._fills.append((rect, color))

    def paint(self, image: Texture, rect: Box, part: Box = (0.0, 0.0, 1.0, 1.0)) -> None:
        """Paints a part of an opaque image behind what Dear ImGui draws in this frame.

        In software this takes a third of the time of `draw_list.add_image`. The image must be made
        with `for_quads`; `rect` is in Dear ImGui units, `part` in 0..1.
        """
        across, down = imgui.get_io().display_framebuffer_scale
        left, top, right, bottom = rect
        place = (left * across, top * down, right * across, bottom * down)
        self._images.append(Quad(image.name, place, part))

    @property
    def busy(self) -> bool:
        """Whether the next frame is due now, so that `begin_frame` would not wait."""
        return any(seconds <= 0 for seconds in self.frame_requests.values())

    @property
    def frame_requests(self) -> dict[str, float]:
        """Seconds until the next frame is due, by what requests it; empty if nothing does."""
        wanted = redraw.requests()
        if self._settle > 0:
            wanted["input"] = 0.0
        if self._woken:
            wanted["wake"] = 0.0
        if self._context.input_events_queue.size() > 0:  # pyright: ignore[reportAttributeAccessIssue]
            # Dear ImGui handles the press and the release of a button in different frames.
            wanted["queued input"] = 0.0
        if imgui.get_io().want_text_input:
            wanted["caret"] = self._frame_start + _CARET_STEP - time.perf_counter()
        return wanted

    def wake(self) -> None:
        """Requests one frame, which ends a wait in `begin_frame`; may be called from any thread."""
        self._woken = True
        if self._open:
            glfw.post_empty_event()

    def nudge(self) -> None:
        """Calls `between` soon, without a frame; may be called from any thread."""
        if self._open:
            glfw.post_empty_event()

    def take_drops(self) -> list[str]:
        """Paths of files dropped on the window since the last call."""
        drops, self._drops = self._drops, []
        return drops

    def read_pixels(self) -> np.ndarray:
        """The last finished frame, drawn once more off screen: framebuffer pixels uint8 [H, W, 3],
        top row first.

        Raises:
            RuntimeError: between `begin_frame` and `end_frame`, and before the first frame.
        """
        draw_data = imgui.get_draw_data()
        if self._in_frame or draw_data is None or not draw_data.valid:
            raise RuntimeError("Pixels can be read after end_frame and before begin_frame.")
        width, height = self.framebuffer_size
        framebuffer = gl.glGenFramebuffers(1)
        buffer = gl.glGenRenderbuffers(1)
        try:
            gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, buffer)
            gl.glRenderbufferStorage(gl.GL_RENDERBUFFER, gl.GL_RGBA8, width, height)
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, framebuffer)
            gl.glFramebufferRenderbuffer(
                gl.GL_FRAMEBUFFER, gl.GL_COLOR_ATTACHMENT0, gl.GL_RENDERBUFFER, buffer
            )
            self._draw(width, height)
            pixels = read_rgb(width, height)
        finally:
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
            gl.glDeleteFramebuffers(1, [framebuffer])
            gl.glDeleteRenderbuffers(1, [buffer])
        return np.ascontiguousarray(pixels[::-1])

    @property
    def keyboard_moves_focus(self) -> bool:
        """Whether the keyboard reaches controls; False leaves all keys to the application."""
        return bool(imgui.get_io().config_flags & imgui.ConfigFlags_.nav_enable_keyboard)

    @keyboard_moves_focus.setter
    def keyboard_moves_focus(self, value: bool) -> None:
        io, flag = imgui.get_io(), imgui.ConfigFlags_.nav_enable_keyboard
        io.config_flags = io.config_flags | flag if value else io.config_flags & ~flag

    @property
    def draws_in_software(self) -> bool:
        """Whether OpenGL draws in software, so that each frame takes CPU time."""
        return is_software(self.gl_renderer)

    @property
    def theme(self) -> style.ThemeName:
        """ "dark" or "light"; takes effect with the next frame."""
        return self._theme

    @theme.setter
    def theme(self, value: style.ThemeName) -> None:
        if value == self._theme:
            return
        style.palette(value)
        self._theme = value
        self._on_event()

    @property
    def ui_scale(self) -> float:
        """The user's scale, 0.5..3 (other values are clamped); takes effect next frame."""
        return self._ui_scale

    @ui_scale.setter
    def ui_scale(self, value: float) -> None:
        value = min(max(float(value), 0.5), 3.0)
        if value == self._ui_scale:
            return
        self._ui_scale = value
        self._on_event()

    @property
    def scale(self) -> float:
        """Dear ImGui units per design pixel: the monitor's content scale times `ui_scale`, without
        the part by which the system itself scales windows (macOS)."""
        content = glfw.get_window_content_scale(self.handle)[0] or 1.0
        window_width = glfw.get_window_size(self.handle)[0]
        system = self.framebuffer_size[0] / window_width if window_width else 1.0
        return content / (system or 1.0) * self._ui_scale

    def close(self) -> None:
        """Destroys the window and its context; further calls do nothing."""
        if not self._open:
            return
        self._open = False
        glfw.make_context_current(self.handle)
        self._drop_frame()
        imgui.backends.opengl3_shutdown()
        imgui.backends.glfw_shutdown()
        style.forget_fonts()
        imgui.destroy_context(self._context)
        glfw.destroy_window(self.handle)
        glfw.terminate()

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _init_imgui(self) -> None:
        io = imgui.get_io()
        io.set_ini_filename(None)
        io.config_flags |= imgui.ConfigFlags_.nav_enable_keyboard
        # Windows are fixed panels here, so Dear ImGui's Ctrl+Tab list of windows is of no use.
        self._context.config_nav_windowing_key_next = 0
        self._context.config_nav_windowing_key_prev = 0
        io.config_windows_move_from_title_bar_only = True
        style.load_fonts()
        address = ctypes.cast(self.handle, ctypes.c_void_p).value
        assert address is not None
        imgui.backends.glfw_init_for_opengl(address, True)
        imgui.backends.opengl3_init("#version 330")
        self._apply_style()

    def _drop_frame(self) -> None:
        """Ends a frame that an exception cut short, and closes what it left open."""
        if not self._in_frame:
            return
        self._in_frame = False
        with quiet_recovery():
            imgui.end_frame()

    def _apply_style(self) -> None:
        wanted = (self._theme, self.scale)
        if wanted != self._applied:
            style.apply(*wanted)
            self._applied = wanted
            self._settle = _SETTLE_FRAMES

    def _changed_part(self, width: int, height: int) -> Box | None:
        """The part of the back buffer, in pixels, that this frame has to draw; None for all."""
        if self._parts is None:
            return None
        lists = imgui.get_draw_data()
        ground = width, height, self._theme, tuple(lists.framebuffer_scale)
        part = self._parts.update(ground, self._fills, self._images, lists, changed)
        changed.clear()
        return part if tuple(lists.framebuffer_scale) == (1.0, 1.0) else None

    def _draw(self, width: int, height: int, part: Box | None = None) -> None:
        """Draws the frame, or only a part, in pixels."""
        limit = part or (0.0, 0.0, float(width), float(height))
        if is_empty(limit):
            return
        gl.glViewport(0, 0, width, height)
        gl.glEnable(gl.GL_SCISSOR_TEST)

        def clear(rect: Box, color: tuple[float, ...]) -> None:
            left, top, right, bottom = common(rect, limit)
            size = max(round(right) - round(left), 0), max(round(bottom) - round(top), 0)
            gl.glScissor(round(left), height - round(bottom), *size)
            red, green, blue = color[:3]
            gl.glClearColor(red, green, blue, 1.0)
            gl.glClear(gl.GL_COLOR_BUFFER_BIT)

        clear(limit, style.rgba(style.palette(self._theme).canvas))
        across, down = imgui.get_io().display_framebuffer_scale
        for (left, top, right, bottom), color in self._fills:
            clear((left * across, top * down, right * across, bottom * down), style.rgba(color))
        left, top, right, bottom = (round(x) for x in limit)
        gl.glScissor(left, height - bottom, right - left, bottom - top)
        if self._images:
            self._painter = self._painter or QuadPainter()
            self._painter.draw(self._images, (width, height))
        gl.glDisable(gl.GL_SCISSOR_TEST)
        lists = imgui.get_draw_data()
        with limited(lists, limit) if part else nullcontext():
            imgui.backends.opengl3_render_draw_data(lists)

    def _wait(self, timeout: float) -> None:
        now = time.perf_counter()
        # The buffer swap sets the pace; aiming slightly early avoids missing a refresh.
        interval = 0.9 / max(self.max_fps, 1.0)
        due = self._frame_start + interval
        end = now + timeout
        while True:
            # A wait also ends for events that change nothing on screen.
            left = min(end - time.perf_counter(), *self.frame_requests.values(), math.inf)
            if left <= 0 or (self.poll is not None and self.poll()):
                break
            glfw.wait_events_timeout(left if self.poll is None else min(left, _POLL_SECONDS))
            self.between()
        while (left := due - time.perf_counter()) > 0:
            glfw.wait_events_timeout(left)
            self.between()
        glfw.poll_events()

    def _on_event(self, *_: object) -> None:
        self._settle = _SETTLE_FRAMES
        self._stale = True

    def _on_move(self, *_: object) -> None:
        self._moved = True
        imgui.get_io().add_mouse_source_event(imgui.MouseSource.mouse)
        self._on_event()

    def _on_button(self, _: object, button: int, action: int, *__: object) -> None:
        del button
        # Dear ImGui knows what the pointer is over from the last frame. A press at a new place, as
        # on a touch screen, must wait for the next one, which it does for this source.
        touch, mouse = imgui.MouseSource.touch_screen, imgui.MouseSource.mouse
        waits = self._moved and action == glfw.PRESS
        imgui.get_io().add_mouse_source_event(touch if waits else mouse)
        self._on_event()

    def _on_size(self, *_: object) -> None:
        if self._parts is not None:
            self._parts.forget()  # even if the next frame has the old size again
        self._on_event()

    def drop(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        """Handles files as if they were dropped on the window."""
        self._drops.extend(os.fspath(path) for path in paths)
        self._on_event()

    def _on_close(self, _: object) -> None:
        self.close_requested = True
        glfw.set_window_should_close(self.handle, False)
        self._on_event()

    def _install_callbacks(self) -> None:
        for install, action in (
            (glfw.set_window_close_callback, self._on_close),
            (glfw.set_drop_callback, lambda _, paths: self.drop(paths)),
            (glfw.set_cursor_pos_callback, self._on_move),
            (glfw.set_cursor_enter_callback, self._on_event),
            (glfw.set_mouse_button_callback, self._on_button),
            (glfw.set_scroll_callback, self._on_event),
            (glfw.set_key_callback, self._on_event),
            (glfw.set_char_callback, self._on_event),
            (glfw.set_window_focus_callback, self._on_event),
            (glfw.set_window_iconify_callback, self._on_event),
            (glfw.set_window_refresh_callback, self._on_event),
            (glfw.set_framebuffer_size_callback, self._on_size),
            (glfw.set_window_content_scale_callback, self._on_event),
            (glfw.set_window_pos_callback, self._on_event),
            (glfw.set_window_maximize_callback, self._on_event),
        ):
            callback = self.as_callback(action)
            self._callbacks.append(callback)
            install(self.handle, callback)

    def as_callback(self, action: Callable[..., None]) -> Callable[..., None]:
        """Wraps a function for GLFW, through whose C code no exception can pass: exceptions are
        logged, and kept in `callback_errors` for the application."""

        def callback(*arguments: object) -> None:
            try:
                action(*arguments)
            except Exception as error:
                logger.exception("A window event could not be handled.")
                self.callback_errors.append(f"{type(error).__name__}: {error}")

        return callback
