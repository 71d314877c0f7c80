"""The application's exports without a window: the same pixels and meshes. Nothing here needs a
display, and several processes started by torchrun share the work."""

from __future__ import annotations

from viz.headless.export_source import Source

__all__ = ["Source"]
