"""Compiling shaders."""

from __future__ import annotations

from OpenGL import GL as gl  # noqa: N811 - the usual name
from OpenGL.GL import shaders


def compile_program(vertex: str, fragment: str) -> int:
    """OpenGL's name of the program made from the sources of two shaders.

    Raises:
        RuntimeError: when the graphics driver rejects them.
    """
    try:
        return int(
            shaders.compileProgram(
                shaders.compileShader(vertex, gl.GL_VERTEX_SHADER),
                shaders.compileShader(fragment, gl.GL_FRAGMENT_SHADER),
                validate=False,
            )
        )
    except (shaders.ShaderCompilationError, shaders.ShaderLinkError) as error:
        raise RuntimeError("The graphics driver rejects the shaders: update the driver.") from error
