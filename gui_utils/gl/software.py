"""Recognises OpenGL that runs in software."""

_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "swrast", "software", "gdi generic")
"""Parts of such implementations' GL_RENDERER, in lower case."""


def is_software(renderer: str) -> bool:
    """Whether a GL_RENDERER draws in software, so that each frame takes CPU time."""
    return any(name in renderer.lower() for name in _RENDERERS)
