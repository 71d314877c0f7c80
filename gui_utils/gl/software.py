"""OpenGL that runs on the processor."""

_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "swrast", "software", "gdi generic")
"""Parts of the names that such implementations give as their GL_RENDERER, in lower case."""


def is_software(renderer: str) -> bool:
    """Whether this GL_RENDERER draws on the processor, so that each frame costs its time."""
    return any(name in renderer.lower() for name in _RENDERERS)
