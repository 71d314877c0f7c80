"""Getting from nothing to a window with an OpenGL context, or to a clear reason why not."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import glfw
from OpenGL import GL as gl  # noqa: N811 - the usual name
from OpenGL.error import Error as OpenGLError

logger = logging.getLogger(__name__)


class DisplayError(RuntimeError):
    """No window can open here; the message says why and what to do, in one sentence."""


def init_glfw() -> None:
    """Start GLFW. Raises :class:`DisplayError` without a display."""
    glfw.set_error_callback(_log_glfw_error)
    if not glfw.init():
        raise DisplayError(_no_display_sentence())


def _log_glfw_error(code: int, description: object) -> None:
    logger.info("GLFW error %#x: %s", code, _as_text(description))


def _as_text(description: object) -> str:
    # The glfw package declares text and hands out bytes.
    if isinstance(description, bytes):
        return description.decode(errors="replace")
    return str(description)


def _no_display_sentence() -> str:
    reason = _glfw_reason()
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
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
    """A window with an OpenGL 3.3 core context, current; else raises :class:`DisplayError`."""
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
    """Whether windows have positions: Wayland tells nobody where they are."""
    return glfw.get_platform() != glfw.PLATFORM_WAYLAND
