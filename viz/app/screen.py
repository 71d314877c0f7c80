"""The window's layout: bar, viewport, timeline below it, panels at the right."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.controls.layout import ellipsis
from gui_utils.controls.registry import record
from gui_utils.controls.style import printable
from gui_utils.gl.texture import Texture
from gui_utils.window.imgui_window import Window
from viz.app.commands import Commands
from viz.app.gallery.gallery_view import Gallery, gallery_edge
from viz.app.live.camera_sign import CameraSign
from viz.app.panels import sidebar
from viz.app.portraits.photo_pane import PhotoPane
from viz.app.shortcuts import explained
from viz.app.stage import speaker
from viz.app.stage.audience import Audience
from viz.app.stage.kiosk import Kiosk
from viz.app.stage.show_keys import MouseGuard
from viz.app.timeline import driver_lane, path_lane
from viz.app.timeline.timeline_view import Timeline
from viz.app.viewport.first_hints import draw_hints
from viz.app.viewport.overlays import Rect
from viz.app.viewport.picture_view import Viewport
from viz.exports.choices import seconds_left
from viz.state import layouts
from viz.state.interface import Interface
from viz.state.settings import setting
from viz.state.types import RenderResult

BAR_HEIGHT = 40.0
TIMELINE_HEIGHT = 68.0
SIDEBAR_LIMITS = setting(Interface, "sidebar_width").range.ends
GRIP_WIDTH = 4.0
STATUS_WIDTH, TITLE_WIDTH = 360.0, 200.0
"""Of the status at most, and what it leaves to the title at least."""
STATUS_END = 84.0
"""Of the percentage and the button to cancel at its end; all in design pixels."""
STATUS_DELAY = 0.4
"""Seconds that something must take before the bar shows it."""

_FIXED = (
    imgui.WindowFlags_.no_decoration
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_bring_to_front_on_focus
    | imgui.WindowFlags_.no_background
)
_NO_SCROLL = imgui.WindowFlags_.no_scrollbar | imgui.WindowFlags_.no_scroll_with_mouse


@dataclass(frozen=True)
class Regions:
    """How the window is divided, in Dear ImGui units; parts without room are 0."""

    width: float
    height: float
    bar: float = 0.0
    timeline: float = 0.0
    sidebar: float = 0.0
    speaker: float = 0.0
    """Height of the speaker's strip below the timeline."""

    @property
    def viewport(self) -> Rect:
        """Left, top, right and bottom of the picture's region."""
        grip = style.px(GRIP_WIDTH) if self.sidebar else 0.0
        right = max(self.width - self.sidebar - grip, 1.0)
        bottom = self.height - self.timeline - self.speaker
        return 0.0, self.bar, right, max(bottom, self.bar + 1.0)


def regions(commands: Commands, audience_is_here: bool = False) -> Regions:
    """The present division of the window: the picture takes precedence if room is short. If the
    audience sees this very window, there is only its picture and the speaker's strip.
    """
    area = imgui.get_main_viewport().size
    if not commands.interface.sidebar_visible:
        return Regions(area.x, area.y)
    has_strip = commands.current_show is not None and area.y > style.px(2 * speaker.HEIGHT)
    strip = style.px(speaker.HEIGHT) if has_strip else 0.0
    if audience_is_here:
        return Regions(area.x, area.y, speaker=strip)
    low, high = SIDEBAR_LIMITS
    panels = style.px(min(max(commands.interface.sidebar_width, low), high) + sidebar.RAIL_WIDTH)
    return Regions(
        area.x,
        area.y,
        bar=style.px(BAR_HEIGHT) if area.y > style.px(200) else 0.0,
        timeline=_timeline_height(commands, area.y - strip),
        sidebar=panels if commands.interface.panels_visible and _has_room(area.x) else 0.0,
        speaker=strip,
    )


def _has_room(width: float) -> bool:
    """Whether a window is wide enough for the panels."""
    return width >= style.px(SIDEBAR_LIMITS[0] + sidebar.RAIL_WIDTH) * 1.6


def _timeline_height(commands: Commands, room: float) -> float:
    """Height of the timeline with the lanes of the path and of the motion track above it, as far as
    there is room."""
    if room <= style.px(260):
        return 0.0
    lanes = 0.0
    if room > style.px(380):
        lanes = path_lane.height(commands.interface) + driver_lane.height(commands.state)
    return style.px(TIMELINE_HEIGHT + lanes)


class Screen:
    """Draws everything but notices and dialogs."""

    def __init__(self, commands: Commands, audience: Audience, window: Window) -> None:
        self.viewport, self.timeline, self.photo = Viewport(window), Timeline(), PhotoPane()
        self.camera_sign = CameraSign()
        self.gallery = Gallery()
        self._showed_gallery = False
        self._commands, self._audience = commands, audience
        self._kiosk = Kiosk()
        self._guard = MouseGuard()
        self._layer_texture = Texture("nearest")
        self._shown: RenderResult | None = None
        self._failed: set[str] = set()
        """Names of parts that failed and are no longer drawn."""

    def close(self) -> None:
        """Frees the GPU memory."""
        self.viewport.close()
        self.photo.close()
        self.camera_sign.close()
        self._layer_texture.delete()
        self._commands.small_pictures.close()

    def draw(self) -> None:
        """Draws the window's content, with the newest picture in it."""
        self._show_result()
        self._guard.update(self._commands.current_show)
        area = imgui.get_main_viewport()
        imgui.set_next_window_pos(area.pos)
        imgui.set_next_window_size(area.size)
        imgui.push_style_var(imgui.StyleVar_.window_padding, (0.0, 0.0))
        imgui.push_style_var(imgui.StyleVar_.item_spacing, (0.0, 0.0))
        imgui.push_style_var(imgui.StyleVar_.window_border_size, 0.0)
        imgui.push_style_var(imgui.StyleVar_.window_rounding, 0.0)
        imgui.begin("##screen", None, _FIXED | _NO_SCROLL)
        imgui.pop_style_var(4)
        self._draw_regions(regions(self._commands, self._audience.is_here))
        imgui.end()

    def _show_result(self) -> None:
        """Passes a new picture to the viewport."""
        commands, result = self._commands, self._commands.result
        if result is self._shown:
            return
        self._shown = result
        commands.layer_picture = None
        if result is None:
            return
        self.viewport.show(result)
        if result.probe is not None:
            self._layer_texture.update(result.probe.picture)
            commands.layer_picture = self._layer_texture.ref
        if result.request.preview is None:
            for problem in result.problems:
                commands.notify("warning", problem)

    def _draw_regions(self, parts: Regions) -> None:
        commands = self._commands
        left, top, right, bottom = parts.viewport
        if parts.bar:
            place = (0.0, 0.0, parts.width, parts.bar)
            with self._guard.region():
                self._part("bar", "the bar", place, lambda: draw_bar(commands), (10, 5))
        edge = left
        if self._showed_gallery and not self._shows_gallery:
            # otherwise the bar's first button would get the focus ring
            imgui.set_nav_cursor_visible(False)
        self._showed_gallery = self._shows_gallery
        if self._shows_gallery:
            edge = gallery_edge(parts.viewport)
            place = (left, top, edge, bottom)
            with self._guard.region():
                draw_gallery = functools.partial(self.gallery.draw, commands)
                self._part("gallery", "the gallery", place, draw_gallery, (8, 8))
        elif commands.portrait.shown and not self._audience.is_here:
            edge = round((left + right) / 2)  # photo and picture have the same size
            with self._guard.region(fade=False):
                draw_photo = functools.partial(self.photo.draw, commands)
                self._part("photo", "the photo", (left, top, edge, bottom), draw_photo)
        place = (edge, top, right, bottom)
        draw = self._draw_audience if self._audience.is_here else self._draw_viewport

        def picture() -> None:
            self._guarded("the picture", draw)
            self.camera_sign.draw(place, commands, alone=self._audience.is_here)

        _child("##viewport", place, picture)
        if parts.speaker:
            strip = functools.partial(speaker.draw, commands, self._audience)
            under = (left, parts.height - parts.speaker, right, parts.height)
            self._part("speaker", "the speaker's view", under, strip, (12, 10))
        if parts.timeline:
            under = (left, bottom, right, bottom + parts.timeline)
            with self._guard.region():
                self._part("timeline", "the timeline", under, self._draw_timeline, (12, 6))
        else:
            commands.scrubbing = False
        if parts.sidebar:
            edge = parts.width - parts.sidebar
            _splitter(commands, (right, top, edge, parts.height))
            content = functools.partial(sidebar.draw, commands, self._guard.region)
            _child("##sidebar", (edge, top, parts.width, parts.height), content, fill=True)

    def _part(
        self,
        name: str,
        words: str,
        place: Rect,
        draw: Callable[[], object],
        padding: tuple[float, float] | None = None,
    ) -> None:
        """A part of the window; with a padding it has a background. `words` name it to the user."""
        content = functools.partial(self._guarded, words, draw)
        _child(f"##{name}", place, content, padding or (0, 0), fill=padding is not None)

    @property
    def _shows_gallery(self) -> bool:
        interface = self._commands.interface
        return interface.gallery_shown and interface.sidebar_visible and not self._audience.is_here

    def _guarded(self, name: str, draw: Callable[[], object]) -> None:
        """Draws a part; after a failure, a button that tries again takes its place."""
        if name not in self._failed:
            error = controls.guarded(name, draw)
            if error is None:
                return
            self._failed.add(name)
            self._commands.report(f"{name.capitalize()} failed and was closed.", error)
        with controls.scope("Failed parts"):
            if controls.button(f"Show {name} again"):
                self._failed.discard(name)

    def _draw_viewport(self) -> None:
        commands = self._commands
        commands.dragging = False
        with_photo = commands.portrait.shown and not self._shows_gallery
        if with_photo and self.photo.draw_live(commands.portrait):
            return
        with self._guard.region(fade=False):
            commands.dragging = self.viewport.draw(commands.state, commands)
        beside = commands.portrait.shown or self._shows_gallery or layouts.compares(commands.state)
        rests = commands.result is not None and commands.current_show is None
        if rests and not beside:
            draw_hints(regions(commands).viewport, commands)

    def _draw_audience(self) -> None:
        """The audience's picture; a click goes to the next cue, a right click back."""
        if self._commands.is_kiosk:
            self._kiosk.draw(self._commands, self._audience, time.perf_counter())
            return
        low, size = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail()
        self._audience.draw_here(
            (low.x, low.y, low.x + size.x, low.y + size.y), time.perf_counter()
        )
        if imgui.is_window_hovered():
            if imgui.is_mouse_clicked(imgui.MouseButton_.left):
                self._commands.next_cue()
            elif imgui.is_mouse_clicked(imgui.MouseButton_.right):
                self._commands.previous_cue()

    def _draw_timeline(self) -> None:
        commands = self._commands
        commands.scrubbing = False
        ready = commands.ready_frames
        commands.scrubbing = self.timeline.draw(
            commands.state, commands, commands.animator.clock, ready
        )


def _child(
    name: str,
    place: Rect,
    content: Callable[[], object],
    padding: tuple[float, float] = (0, 0),
    fill: bool = False,
) -> None:
    """A region of the window with its content, which has the default item spacing."""
    imgui.set_cursor_screen_pos(place[:2])
    size = (place[2] - place[0], place[3] - place[1])
    imgui.push_style_var(
        imgui.StyleVar_.window_padding, (style.px(padding[0]), style.px(padding[1]))
    )
    imgui.push_style_var(imgui.StyleVar_.child_rounding, 0.0)
    imgui.push_style_color(imgui.Col_.child_bg, style.palette().background)
    flags = _NO_SCROLL
    # the window is cleared in the picture's background colour; another layer would cost time
    if not fill:
        flags |= imgui.WindowFlags_.no_background
    padded = imgui.ChildFlags_.always_use_window_padding | imgui.ChildFlags_.nav_flattened
    imgui.begin_child(name, size, padded, flags)
    imgui.pop_style_color()
    imgui.pop_style_var(2)
    imgui.push_style_var(imgui.StyleVar_.item_spacing, (style.px(8), style.px(6)))
    try:
        content()
    finally:
        imgui.pop_style_var()
        imgui.end_child()


def draw_bar(commands: Commands) -> None:
    """The model at the left, the present job, and the most used actions at the right."""
    history = commands.history
    beside, has_room = (
        commands.interface.sidebar_visible,
        _has_room(imgui.get_main_viewport().size.x),
    )
    save = functools.partial(commands.capture, "picture")
    buttons: tuple[tuple[str, str, Callable[[], None], bool], ...] = (
        (icons.ICON_FA_FOLDER_OPEN, "Open", commands.open_dialog, True),
        (icons.ICON_FA_ROTATE_LEFT, "Undo", commands.undo, history.can_undo),
        (icons.ICON_FA_ROTATE_RIGHT, "Redo", commands.redo, history.can_redo),
        (icons.ICON_FA_CAMERA, "Save the picture", save, True),
        (icons.ICON_FA_EXPAND, "Fullscreen", commands.toggle_fullscreen, True),
        (icons.ICON_FA_TABLE_CELLS, "Gallery", commands.toggle_gallery, beside),
        (icons.ICON_FA_TABLE_COLUMNS, "Panels", commands.toggle_panels, has_room),
        (icons.ICON_FA_MAGNIFYING_GLASS, "Find", commands.open_palette, True),
        (icons.ICON_FA_CIRCLE_QUESTION, "All keys", commands.open_help, True),
    )
    left = imgui.get_cursor_pos()
    gap = imgui.get_style().item_spacing.x
    actions = len(buttons) * (imgui.get_frame_height() + gap) - gap
    room = imgui.get_content_region_avail().x - actions - gap
    if room < 0:
        _title(commands, imgui.get_content_region_avail().x)
        return
    # Space for the status is always reserved, so that nothing moves when it appears.
    status = min(style.px(STATUS_WIDTH), room - style.px(TITLE_WIDTH))
    status = status if status > style.px(STATUS_WIDTH / 2) else 0.0
    _title(commands, room - status - gap)
    if status:
        imgui.set_cursor_pos((left.x + room - status, left.y))
        _status(commands, status)
    imgui.set_cursor_pos((left.x + room + gap, left.y))
    with controls.scope("Bar"):
        for k, (icon, name, act, enabled) in enumerate(buttons):
            if k:
                imgui.same_line()
            if controls.icon_button(icon, tooltip=explained(act), name=name, enabled=enabled):
                act()


def _title(commands: Commands, room: float) -> None:
    """The model's name, and its facts if there is room."""
    imgui.align_text_to_frame_padding()
    model = commands.model
    if model is None:
        imgui.text_disabled(ellipsis("No model yet", room))
        return
    with style.font("bold"):
        imgui.text_unformatted(ellipsis(model.name, room))
        room -= imgui.get_item_rect_size().x + style.px(12)
    facts = f"{model.format} · {model.image_resolution} px · {model.parameters / 1e6:.1f} M"
    for text in map(printable, (f"{facts} · {model.device}", facts, model.format)):
        if imgui.calc_text_size(text).x <= room:
            imgui.same_line(0, style.px(12))
            imgui.text_disabled(text)
            return


def _status(commands: Commands, width: float) -> None:
    """The present job or picture, once it has taken a moment: a flash would disturb."""
    now = time.perf_counter()
    job, since = commands.job, commands.job_since
    if job is not None and since is not None and now - since > STATUS_DELAY:
        if commands.model is None:
            return  # the viewport shows it
        imgui.begin_child("##job", (width, style.px(BAR_HEIGHT - 8)), 0, _NO_SCROLL)
        left = commands.job_left
        name = job.name if left is None else f"{seconds_left(left)} · {job.name}"
        if imgui.calc_text_size(name).x > width - style.px(STATUS_END):
            name = job.name
        if controls.progress(f"{name}##{job.name}", job.fraction, cancel=True):
            commands.cancel_job()
        imgui.end_child()
        return
    waiting = commands.scheduler.waiting_since
    if waiting is not None and now - waiting > STATUS_DELAY:
        text = "Rendering…"
        offset = width - imgui.calc_text_size(text).x - style.px(8)
        imgui.set_cursor_pos_x(imgui.get_cursor_pos_x() + offset)
        imgui.align_text_to_frame_padding()
        imgui.text_disabled(text)
        record("Rendering")


def _splitter(commands: Commands, place: Rect) -> None:
    """The bar between picture and panels; dragging it resizes them."""
    left, top, right, bottom = place
    imgui.set_cursor_screen_pos((left, top))
    imgui.invisible_button("##splitter", (right - left, max(bottom - top, 1.0)))
    record("Splitter")
    lit = imgui.is_item_hovered() or imgui.is_item_active()
    if lit:
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
    colors = style.palette()
    color = colors.accent if lit else colors.background
    imgui.get_window_draw_list().add_rect_filled((left, top), (right, bottom), color)
    # The frame of the release may bring the last move with it.
    if imgui.is_item_deactivated() or (imgui.is_item_active() and not imgui.is_item_activated()):
        width = (imgui.get_main_viewport().size.x - imgui.get_mouse_pos().x) / style.scale()
        width -= sidebar.RAIL_WIDTH
        commands.interface.sidebar_width = min(max(width, SIDEBAR_LIMITS[0]), SIDEBAR_LIMITS[1])
