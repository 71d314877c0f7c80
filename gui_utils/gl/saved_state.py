"""Drawing that leaves the OpenGL state as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from OpenGL import GL as gl  # noqa: N811 - the usual name

_CAPABILITIES = (
    gl.GL_BLEND,
    gl.GL_CULL_FACE,
    gl.GL_DEPTH_TEST,
    gl.GL_MULTISAMPLE,
    gl.GL_POLYGON_OFFSET_FILL,
    gl.GL_SCISSOR_TEST,
)


def _integer(name: int) -> int:
    return int(gl.glGetIntegerv(name))


@contextmanager
def saved_state() -> Iterator[None]:
    """Restores, after a block, the state that drawing into another framebuffer changes."""
    draw = _integer(gl.GL_DRAW_FRAMEBUFFER_BINDING)
    read = _integer(gl.GL_READ_FRAMEBUFFER_BINDING)
    renderbuffer = _integer(gl.GL_RENDERBUFFER_BINDING)
    program = _integer(gl.GL_CURRENT_PROGRAM)
    vertex_array = _integer(gl.GL_VERTEX_ARRAY_BINDING)
    array_buffer = _integer(gl.GL_ARRAY_BUFFER_BINDING)
    texture = _integer(gl.GL_TEXTURE_BINDING_2D)
    depth_func = _integer(gl.GL_DEPTH_FUNC)
    pack_alignment = _integer(gl.GL_PACK_ALIGNMENT)
    depth_mask = bool(gl.glGetBooleanv(gl.GL_DEPTH_WRITEMASK))
    viewport = [int(value) for value in gl.glGetIntegerv(gl.GL_VIEWPORT)]
    clear_color = [float(value) for value in gl.glGetFloatv(gl.GL_COLOR_CLEAR_VALUE)]
    enabled = {name: bool(gl.glIsEnabled(name)) for name in _CAPABILITIES}
    try:
        yield
    finally:
        gl.glBindFramebuffer(gl.GL_DRAW_FRAMEBUFFER, draw)
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, read)
        gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, renderbuffer)
        gl.glUseProgram(program)
        gl.glBindVertexArray(vertex_array)
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, array_buffer)
        gl.glBindTexture(gl.GL_TEXTURE_2D, texture)
        gl.glDepthFunc(depth_func)
        gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, pack_alignment)
        gl.glDepthMask(depth_mask)
        gl.glViewport(*viewport)
        gl.glClearColor(*clear_color)
        for name, value in enabled.items():
            (gl.glEnable if value else gl.glDisable)(name)
