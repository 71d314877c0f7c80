"""Tooltips of the timeline's lanes about the position under the pointer."""

from __future__ import annotations

from collections.abc import Sequence

from imgui_bundle import imgui

from gui_utils.controls import style


def tell_above(x: float, bottom: float, lines: Sequence[str]) -> None:
    """A tooltip that shows at once, as its text changes with every pixel, and that ends above
    `bottom`, clear of the lane; the first line is the brightest. Dear ImGui units."""
    imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(10), style.px(7)))
    width = max(imgui.get_main_viewport().size.x, 1.0)
    pivot = (min(max(x / width, 0.0), 1.0), 1.0)
    imgui.set_next_window_pos((x, bottom), imgui.Cond_.always, pivot)
    if imgui.begin_tooltip():
        imgui.text_unformatted(lines[0])
        with style.font("body", style.SMALL_SIZE):
            for line in lines[1:]:
                imgui.text_disabled(line)
        imgui.end_tooltip()
    imgui.pop_style_var()
