"""OpenGL that runs on the processor."""

_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "swrast", "software", "gdi generic")
"""Parts of the names that such implementations give as their GL_RENDERER, in lower case."""


def is_software(renderer: str) -> bool:
    """Whether a GL_RENDERER draws on the processor, which each frame then costs."""
    return any(name in renderer.lower() for name in _RENDERERS)
