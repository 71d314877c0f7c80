"""Rectangles of images, drawn straight into a framebuffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from OpenGL import GL as gl  # noqa: N811 - the usual name

from gui_utils.gl.shader_programs import compile_program

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""

# llvmpipe, which draws without a GPU, fills some rectangles row by row, in a third of the time. It
# recognises them by corners that go around, the plainest of shaders, and the order of the texture's
# channels. Blended rectangles must not be recognised, as Mesa 22 then mixes up their channels, so
# their opacity comes from the corners.
_VERTEX_SHADER = """#version 330 core
uniform vec4 place;
uniform vec4 part;
uniform float alpha;
out vec4 at;
out vec4 tint;
void main() {
    vec2 corner = vec2((gl_VertexID & 1) ^ (gl_VertexID >> 1), gl_VertexID >> 1);
    gl_Position = vec4(mix(place.xy, place.zw, corner), 0.0, 1.0);
    at = vec4(mix(part.xy, part.zw, corner), 0.0, 1.0);
    tint = vec4(1.0, 1.0, 1.0, alpha);
}
"""

_OPAQUE_SHADER = """#version 330 core
uniform sampler2D image;
in vec4 at;
out vec4 pixel;
void main() {
    pixel = texture(image, at.xy);
}
"""

_BLENDED_SHADER = """#version 330 core
uniform sampler2D image;
in vec4 at;
in vec4 tint;
out vec4 pixel;
void main() {
    pixel = texture(image, at.xy) * tint;
}
"""


@dataclass(frozen=True)
class Quad:
    """A part of an image, and where to draw it."""

    texture: int
    """OpenGL's name of the image, whose first row is the top one."""
    place: Box
    """Where to draw it, in pixels from the framebuffer's upper left corner."""
    part: Box = (0.0, 0.0, 1.0, 1.0)
    """Part of the image, 0..1."""
    alpha: float = 1.0
    """Opacity, 0..1."""
    see_through: bool = False
    """Whether the image has an opacity of its own."""


class QuadPainter:
    """Draws quads in the OpenGL context in which it was made.

    Raises:
        RuntimeError: when the graphics driver rejects the shaders.
    """

    def __init__(self) -> None:
        self._vertex_array = int(gl.glGenVertexArrays(1))
        gl.glBindVertexArray(self._vertex_array)
        self._opaque, self._blended = map(_program, (_OPAQUE_SHADER, _BLENDED_SHADER))

    def draw(self, quads: Sequence[Quad], size: tuple[int, int]) -> None:
        """Draws the quads one over the other into the bound framebuffer of `size` pixels."""
        width, height = size
        across, down = 2 / width, 2 / height
        gl.glViewport(0, 0, width, height)
        gl.glBlendFunc(gl.GL_SRC_ALPHA, gl.GL_ONE_MINUS_SRC_ALPHA)
        gl.glBindVertexArray(self._vertex_array)
        gl.glActiveTexture(gl.GL_TEXTURE0)
        for quad in quads:
            blends = quad.see_through or quad.alpha < 1
            program, uniforms = self._blended if blends else self._opaque
            (gl.glEnable if blends else gl.glDisable)(gl.GL_BLEND)
            gl.glUseProgram(program)
            left, top, right, bottom = quad.place
            place = (left * across - 1, 1 - top * down, right * across - 1, 1 - bottom * down)
            gl.glUniform4f(uniforms["place"], *place)
            gl.glUniform4f(uniforms["part"], *quad.part)
            gl.glUniform1f(uniforms["alpha"], quad.alpha)
            gl.glBindTexture(gl.GL_TEXTURE_2D, quad.texture)
            gl.glDrawArrays(gl.GL_TRIANGLE_FAN, 0, 4)

    def delete(self) -> None:
        """Frees its OpenGL objects; its context must be current."""
        for program, _ in (self._opaque, self._blended):
            gl.glDeleteProgram(program)
        gl.glDeleteVertexArrays(1, [self._vertex_array])


def _program(fragments: str) -> tuple[int, dict[str, int]]:
    """A program, and the locations of its uniforms."""
    program = compile_program(_VERTEX_SHADER, fragments)
    names = ("place", "part", "alpha")
    return program, {name: gl.glGetUniformLocation(program, name) for name in names}
