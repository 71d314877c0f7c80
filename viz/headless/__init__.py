"""What the application exports, without a window: the same pixels and meshes.

`Source` says whose and where, an exporter's options say what; `export` does it. Nothing here needs
a display, and several processes that torchrun started share the work.
"""

from __future__ import annotations

from viz.headless.export_source import Source

__all__ = ["Source"]
