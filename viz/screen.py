"""The window's layout: bar, viewport, timeline below it, panels at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls, style
from viz.panels import PANELS, Panel

if TYPE_CHECKING:
    from viz.app import App

BAR_HEIGHT = 40.0
TIMELINE_HEIGHT = 68.0
SIDEBAR_LIMITS = (260.0, 560.0)
"""Design pixels."""

_FIXED = (
    imgui.WindowFlags_.no_decoration
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_bring_to_front_on_focus
)
_NO_SCROLL = imgui.WindowFlags_.no_scrollbar | imgui.WindowFlags_.no_scroll_with_mouse


def draw(app: App) -> None:
    """Draws everything but notices and dialogs."""
    area = imgui.get_main_viewport()
    imgui.set_next_window_pos(area.pos)
    imgui.set_next_window_size(area.size)
    imgui.push_style_var(imgui.StyleVar_.window_padding, (0.0, 0.0))
    imgui.push_style_var(imgui.StyleVar_.item_spacing, (0.0, 0.0))
    imgui.push_style_var(imgui.StyleVar_.window_border_size, 0.0)
    imgui.push_style_var(imgui.StyleVar_.window_rounding, 0.0)
    imgui.begin("##screen", None, _FIXED | _NO_SCROLL)
    imgui.pop_style_var(4)
    width, height = area.size.x, area.size.y
    if not app.interface.sidebar_visible:
        _child("##viewport", (width, height), lambda: _viewport(app))
    else:
        _draw_interface(app, width, height)
    imgui.end()


def _draw_interface(app: App, width: float, height: float) -> None:
    bar = min(style.px(BAR_HEIGHT), height)
    timeline = style.px(TIMELINE_HEIGHT) if height > style.px(260) else 0.0
    sidebar = style.px(min(max(app.interface.sidebar_width, SIDEBAR_LIMITS[0]), SIDEBAR_LIMITS[1]))
    if width < style.px(SIDEBAR_LIMITS[0]) * 1.8:
        sidebar = 0.0  # too narrow for both: the picture comes first
    middle = width - sidebar
    spacing = (0.0, 0.0)
    imgui.push_style_var(imgui.StyleVar_.item_spacing, spacing)
    _child("##bar", (width, bar), lambda: _bar(app), padding=(10, 5), fill=True)
    top = imgui.get_cursor_screen_pos()
    _child("##viewport", (middle, max(height - bar - timeline, 1.0)), lambda: _viewport(app))
    if timeline:
        _child("##timeline", (middle, timeline), lambda: _timeline(app), (12, 6), fill=True)
    imgui.pop_style_var()
    if sidebar:
        imgui.set_cursor_screen_pos((top.x + middle, top.y))
        _child("##sidebar", (sidebar, height - bar), lambda: _sidebar(app), (10, 8), True, True)
        _splitter(app, top.x + middle, top.y, height - bar)


def _child(name, size, content, padding=(0, 0), fill=False, scrolls=False) -> None:
    """A region of the window with its content. The default item spacing holds inside."""
    colors = style.palette()
    imgui.push_style_var(
        imgui.StyleVar_.window_padding, (style.px(padding[0]), style.px(padding[1]))
    )
    imgui.push_style_color(imgui.Col_.child_bg, colors.background if fill else colors.canvas)
    flags = imgui.WindowFlags_.none if scrolls else _NO_SCROLL
    padded = imgui.ChildFlags_.always_use_window_padding
    imgui.begin_child(name, size, padded, flags)
    imgui.pop_style_color()
    imgui.pop_style_var()
    imgui.push_style_var(imgui.StyleVar_.item_spacing, (style.px(8), style.px(6)))
    try:
        content()
    finally:
        imgui.pop_style_var()
        imgui.end_child()


def _viewport(app: App) -> None:
    app.dragging = app.viewport.draw(app.state, app)


def _timeline(app: App) -> None:
    app.scrubbing = app.timeline.draw(app.state, app, app.clock)


def _bar(app: App) -> None:
    """What is loaded at the left, the most used actions at the right."""
    model, job = app.model, app.job
    room = imgui.get_content_region_avail().x
    side = imgui.get_frame_height()
    gap = imgui.get_style().item_spacing.x
    buttons = [
        (icons.ICON_FA_FOLDER_OPEN, "Open a model or a session (Ctrl+O)", app.open_model_dialog),
        (icons.ICON_FA_ROTATE_LEFT, "Undo (Ctrl+Z)", app.undo),
        (icons.ICON_FA_ROTATE_RIGHT, "Redo (Ctrl+Shift+Z)", app.redo),
        (icons.ICON_FA_CAMERA, "Save the picture (S)", lambda: app.capture("picture")),
        (icons.ICON_FA_EXPAND, "Fullscreen (F)", app.toggle_fullscreen),
        (icons.ICON_FA_CIRCLE_QUESTION, "All keys (?)", app.open_help),
    ]
    left = imgui.get_cursor_pos()
    width = len(buttons) * (side + gap)
    if job is not None and room > width + style.px(380):
        _job(app, left.x + room - width - style.px(240), left.y)
        width += style.px(250)
    imgui.set_cursor_pos(left)
    imgui.align_text_to_frame_padding()
    name = model.name if model else "No model yet"
    with style.font("bold"):
        imgui.text_unformatted(_cut(name, room - width))
    if model is not None and room > width + style.px(420):
        facts = f"{model.format} · {model.image_resolution} px · {model.parameters / 1e6:.1f} M"
        imgui.same_line(0, style.px(12))
        imgui.text_disabled(_cut(f"{facts} · {model.device}", room - width - style.px(180)))
    if room < len(buttons) * (side + gap):
        return
    imgui.set_cursor_pos((left.x + room - len(buttons) * (side + gap) + gap, left.y))
    with controls.scope("Bar"):
        for k, (icon, tooltip, act) in enumerate(buttons):
            if k:
                imgui.same_line()
            if controls.icon_button(icon, tooltip=tooltip, name=tooltip.split(" (")[0]):
                act()


def _job(app: App, x: float, y: float) -> None:
    assert app.job is not None
    imgui.set_cursor_pos((x, y - style.px(1)))
    imgui.begin_child("##job", (style.px(230), style.px(BAR_HEIGHT - 8)), 0, _NO_SCROLL)
    if controls.progress(app.job.name, app.job.fraction, cancel=True):
        app.cancel_job()
    imgui.end_child()


def _cut(text: str, width: float) -> str:
    """Text shortened by an ellipsis to a width in pixels."""
    if imgui.calc_text_size(text).x <= width:
        return text
    while text and imgui.calc_text_size(text + "…").x > width:
        text = text[:-1]
    return text + "…"


def _sidebar(app: App) -> None:
    for panel in PANELS:
        with controls.section(
            panel.title, icon=panel.icon, default_open=panel.default_open
        ) as is_open:
            if is_open:
                _panel(app, panel)


def _panel(app: App, panel: Panel) -> None:
    """One panel; if it fails it is folded with a notice, and the rest goes on."""
    try:
        panel.draw(app.state, app.result, app)
    except Exception as error:
        controls.open_sections[panel.title] = False
        app.report(f"The panel {panel.title} failed and was folded; open it to try again.", error)


def _splitter(app: App, x: float, y: float, height: float) -> None:
    """The sidebar's left edge: dragging it changes the width."""
    grip = style.px(6)
    imgui.set_cursor_screen_pos((x - grip / 2, y))
    imgui.invisible_button("##splitter", (grip, max(height, 1.0)))
    controls.rects["Splitter"] = (x - grip / 2, y, x + grip / 2, y + height)
    if imgui.is_item_hovered() or imgui.is_item_active():
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
        color = style.palette().accent
        imgui.get_window_draw_list().add_line((x, y), (x, y + height), color, style.px(2))
    if imgui.is_item_active():
        width = app.interface.sidebar_width - imgui.get_io().mouse_delta.x / style.scale()
        app.interface.sidebar_width = min(max(width, SIDEBAR_LIMITS[0]), SIDEBAR_LIMITS[1])
