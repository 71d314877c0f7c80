"""Rectangles of images, drawn straight into a framebuffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from OpenGL import GL as gl  # noqa: N811 - the usual name
from OpenGL.GL import shaders

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""

_VERTEX_SHADER = """#version 330 core
uniform vec4 place;
uniform vec4 part;
out vec2 at;
void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    gl_Position = vec4(mix(place.xy, place.zw, corner), 0.0, 1.0);
    at = mix(part.xy, part.zw, corner);
}
"""

_FRAGMENT_SHADER = """#version 330 core
uniform sampler2D image;
uniform float alpha;
in vec2 at;
out vec4 pixel;
void main() {
    pixel = texture(image, at) * vec4(1.0, 1.0, 1.0, alpha);
}
"""


@dataclass(frozen=True)
class Quad:
    """A part of an image and where it is drawn."""

    texture: int
    """OpenGL's name of the image, whose first row is the top one."""
    place: Box
    """In pixels of the framebuffer, from its upper left corner."""
    part: Box = (0.0, 0.0, 1.0, 1.0)
    """Of the image, 0..1."""
    alpha: float = 1.0
    """Opacity, 0..1."""
    see_through: bool = False
    """Whether the image has an opacity of its own."""


class QuadPainter:
    """Draws quads in the OpenGL context in which it was made.

    Raises:
        RuntimeError: The graphics driver rejects the shaders.
    """

    def __init__(self) -> None:
        self._vertex_array = int(gl.glGenVertexArrays(1))
        gl.glBindVertexArray(self._vertex_array)
        try:
            self._program = shaders.compileProgram(
                shaders.compileShader(_VERTEX_SHADER, gl.GL_VERTEX_SHADER),
                shaders.compileShader(_FRAGMENT_SHADER, gl.GL_FRAGMENT_SHADER),
            )
        except shaders.ShaderCompilationError as error:
            reason = str(error.args[0]) if error.args else str(error)
            raise RuntimeError(f"The graphics driver rejects the shaders: {reason}") from error
        self._uniforms = {
            name: gl.glGetUniformLocation(self._program, name)
            for name in ("place", "part", "alpha")
        }

    def draw(self, quads: Sequence[Quad], size: tuple[int, int]) -> None:
        """Draws the quads one over the other into the bound framebuffer of `size` pixels."""
        width, height = size
        gl.glViewport(0, 0, width, height)
        gl.glBlendFunc(gl.GL_SRC_ALPHA, gl.GL_ONE_MINUS_SRC_ALPHA)
        gl.glUseProgram(self._program)
        gl.glBindVertexArray(self._vertex_array)
        gl.glActiveTexture(gl.GL_TEXTURE0)
        for quad in quads:
            # Where the processor draws, blending takes a fifth of the time.
            blends = quad.see_through or quad.alpha < 1
            (gl.glEnable if blends else gl.glDisable)(gl.GL_BLEND)
            left, top, right, bottom = quad.place
            across, down = 2 / width, 2 / height
            place = (left * across - 1, 1 - top * down, right * across - 1, 1 - bottom * down)
            gl.glUniform4f(self._uniforms["place"], *place)
            gl.glUniform4f(self._uniforms["part"], *quad.part)
            gl.glUniform1f(self._uniforms["alpha"], quad.alpha)
            gl.glBindTexture(gl.GL_TEXTURE_2D, quad.texture)
            gl.glDrawArrays(gl.GL_TRIANGLE_STRIP, 0, 4)

    def delete(self) -> None:
        """Frees its OpenGL objects; its context must be current."""
        gl.glDeleteProgram(self._program)
        gl.glDeleteVertexArrays(1, [self._vertex_array])
