"""Times and memory."""

from __future__ import annotations

from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout, registry, style
from gui_utils.files.folders import size_text
from viz.app.commands import Commands
from viz.app.panels.widgets import heading, preview_hint
from viz.app.performance_log import PerformanceLog

STAGES = {
    "mapping": ("Mapping", "Appearance code to ws."),
    "planes": ("Planes", "ws and motion to tri-planes: the backbone."),
    "render": ("Render", "Volume rendering of the raw picture."),
    "superresolution": ("Super-res.", "Super-resolution: the raw picture to the final one."),
    "copy": ("Copy", "Copying the picture from the device to the window."),
}
"""Captions and explanations of the renderer's stages."""
_NOTICED = 0.1
"""Milliseconds."""


def draw(commands: Commands) -> None:
    """Frame rates, milliseconds by stage, memory and plots."""
    log = commands.performance
    controls.key_value(
        [
            ("Window", f"{log.window_rate:.0f} frames/s"),
            ("Renderer", f"{log.render_rate:.1f} frames/s"),
            ("Precision", log.precision or "not known yet"),
        ]
    )
    preview_hint(log)
    heading("Latest picture")
    _stages(log)
    heading("Over time")
    controls.plot(
        "Window, ms",
        log.frame_ms,
        height=44,
        tooltip="Time the window takes to draw each frame, in milliseconds.",
    )
    controls.plot(
        "Renderer, ms",
        log.render_ms,
        height=44,
        fmt="%.0f",
        tooltip="Time the renderer takes for each picture, in milliseconds.",
    )
    heading("Memory")
    controls.key_value(
        [
            ("Program", size_text(log.process_bytes)),
            ("GPU", size_text(log.device_bytes) if log.device_bytes else "not used"),
            ("Kept stages", size_text(log.cache_bytes)),
            ("Kept pictures", size_text(log.picture_bytes)),
        ]
    )


def _stages(log: PerformanceLog) -> None:
    longest = max(log.stage_ms.values(), default=0.0)
    for stage, (caption, about) in STAGES.items():
        _bar(caption, log.stage_ms.get(stage), longest, about)
    # Others, such as work done once for a person, appear when they take time.
    for stage, spent in log.stage_ms.items():
        if stage not in STAGES and spent >= _NOTICED:
            _bar(stage.capitalize(), spent, longest, "")


def _bar(caption: str, milliseconds: float | None, longest: float, about: str) -> None:
    """A stage's time as a bar relative to the longest one; None if it was not run."""
    height = style.px(20)
    row = layout.begin_row(caption, height)
    low = imgui.get_cursor_screen_pos()
    colors = style.palette()
    draw_list = imgui.get_window_draw_list()
    number = style.px(66)
    room = max(row.width - number, 1.0)
    line = imgui.get_frame_height()
    middle, half = low.y + line / 2, style.px(4)
    radius = style.px(3)
    draw_list.add_rect_filled(
        (low.x, middle - half), (low.x + room, middle + half), layout.ink(colors.frame), radius
    )
    if milliseconds is not None:
        length = max(room * milliseconds / max(longest, 1e-9), style.px(3))
        end = (low.x + length, middle + half)
        draw_list.add_rect_filled((low.x, middle - half), end, layout.ink(colors.accent), radius)
    text = "kept" if milliseconds is None else f"{milliseconds:.1f} ms"
    tint = colors.text_dim if milliseconds is None else colors.text
    with style.font("body", style.SMALL_SIZE):
        extent = imgui.calc_text_size(text)
        at = (low.x + row.width - extent.x, middle - extent.y / 2)
        draw_list.add_text((round(at[0]), round(at[1])), layout.ink(tint), text)
    imgui.dummy((row.width, line))
    registry.record(row.name)
    layout.tooltip(
        row,
        about,
        "Not run for this picture: its result was cached." if milliseconds is None else "",
    )
