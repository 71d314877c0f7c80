"""A part of a panel that scrolls by itself if it would become too high."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from imgui_bundle import imgui

from gui_utils.controls import registry

_heights: dict[str, float] = {}
"""Heights of the contents of such parts in the last frame, Dear ImGui units."""


@contextmanager
def scrolled(name: str, most: float) -> Generator[bool]:
    """Draws the block as high as it is, or in a region that scrolls. The block receives whether it
    is visible, and draws nothing if not. `name` is unique within the panel; `most` is the greatest
    height, as a fraction of the window's."""
    if registry.is_indexing():
        yield True
        return
    key = f"{registry.scope_name()}/{name}"
    limit = most * imgui.get_main_viewport().size.y
    height = max(min(_heights.get(key, limit), limit), 1.0)
    seen = imgui.begin_child(f"##{name}", (0.0, height), imgui.ChildFlags_.nav_flattened)
    yield seen
    if seen:
        # Without the space below the last item, which the block may have set for itself.
        drawn = imgui.internal.get_current_window().dc
        _heights[key] = drawn.cursor_max_pos.y - drawn.cursor_start_pos.y
    imgui.end_child()  # after a failure `controls.guarded` does so, as a table may be open in it
    low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
    registry.record_rect(name, (low.x, low.y, high.x, high.y))
