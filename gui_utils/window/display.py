"""Opens a window with an OpenGL context, or says why that is impossible."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import glfw
from OpenGL import GL as gl  # noqa: N811 - the usual name
from OpenGL.error import Error as OpenGLError

from gui_utils.controls.style import printable

logger = logging.getLogger(__name__)


class DisplayError(RuntimeError):
    """No window can open; the message is one sentence that says why, and what to do."""


def init_glfw() -> None:
    """Starts GLFW.

    Raises:
        DisplayError: when there is no display.
    """
    glfw.set_error_callback(_log_glfw_error)
    if not glfw.init():
        raise DisplayError(_no_display_sentence())


def _log_glfw_error(code: int, description: object) -> None:
    logger.info("GLFW error %#x: %s", code, _as_text(description))


def _as_text(description: object) -> str:
    # The glfw package declares str but returns bytes.
    if isinstance(description, bytes):
        return description.decode(errors="replace")
    return str(description)


def _no_display_sentence() -> str:
    reason = _glfw_reason()
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        if os.environ.get("WAYLAND_DISPLAY"):
            return (
                "This Wayland session offers no XWayland, which the window needs, as DISPLAY is "
                "not set: install the package xwayland and log in again."
            )
        return (
            "No display to open a window on, as DISPLAY is not set: start from a desktop "
            "session, connect with 'ssh -X', or prefix the command with 'xvfb-run'."
        )
    return f"The display cannot be used ({reason}): start from a desktop session that you own."


def _glfw_reason() -> str:
    code, description = glfw.get_error()
    if not code or not description:
        return "GLFW gives no reason"
    return _as_text(description).rstrip(".")


def create_window(title: str, size: tuple[int, int], visible: bool, maximized: bool) -> Any:
    """A window whose OpenGL 3.3 core context is current.

    Raises:
        DisplayError: when the display or the graphics driver does not support that.
    """
    title = printable(title)
    glfw.default_window_hints()
    for hint, value in (
        (glfw.CONTEXT_VERSION_MAJOR, 3),
        (glfw.CONTEXT_VERSION_MINOR, 3),
        (glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE),
        (glfw.OPENGL_FORWARD_COMPAT, glfw.TRUE),
        (glfw.DEPTH_BITS, 0),
        (glfw.STENCIL_BITS, 0),
        (glfw.VISIBLE, visible),
        (glfw.MAXIMIZED, maximized),
        (glfw.FOCUS_ON_SHOW, glfw.TRUE),
        (glfw.AUTO_ICONIFY, glfw.FALSE),  # fullscreen stays when something takes the focus
    ):
        glfw.window_hint(hint, value)
    glfw.window_hint_string(glfw.X11_CLASS_NAME, title)
    glfw.window_hint_string(glfw.X11_INSTANCE_NAME, title)
    handle = glfw.create_window(max(size[0], 1), max(size[1], 1), title, None, None)
    if not handle:
        reason = _glfw_reason()
        glfw.terminate()
        raise DisplayError(
            f"This display offers no OpenGL 3.3 core context ({reason}): update the graphics "
            "driver, or set LIBGL_ALWAYS_SOFTWARE=1 to draw without one."
        )
    try:
        glfw.make_context_current(handle)
        gl.glGetString(gl.GL_VERSION)
    except OpenGLError as error:
        glfw.destroy_window(handle)
        glfw.terminate()
        raise DisplayError(
            f"OpenGL does not answer on this display ({error}): update the graphics driver."
        ) from error
    return handle


def can_place() -> bool:
    """Whether positions of windows can be read and set, which Wayland does not support."""
    return glfw.get_platform() != glfw.PLATFORM_WAYLAND
