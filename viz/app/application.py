"""The application: panels edit the state, the state becomes requests, results are shown."""

from __future__ import annotations

import logging
import signal
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import psutil
import torch
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.gl.texture import Texture
from gui_utils.window.window import Window
from viz.app import preferences, screen, shortcuts
from viz.app.commands import AppActions
from viz.app.dialogs import Files
from viz.app.file_watcher import FileWatch, Stamp
from viz.app.performance_log import PerformanceLog
from viz.app.timeline.timeline_view import Timeline
from viz.app.viewport.picture_view import Viewport
from viz.exports.choices import ExportChoices
from viz.exports.pictures import captures
from viz.render import models
from viz.render.worker import Cancelled, Event, Failed, Loaded, Rendered, Worker
from viz.scheduling.scheduler import Asking
from viz.state import files
from viz.state.animation.animator import Movement
from viz.state.history import History
from viz.state.interface import Interface
from viz.state.types import Latent, ModelInfo, Motion, Quality, RenderResult, SessionState

log = logging.getLogger(__name__)

TITLE = "PV3D visualizer"
_SOFTWARE_RATE = 30.0
"""Frames a second where OpenGL runs on the processor, which the renderer needs more."""
_IDLE_SECONDS = 1.5
"""Time between two frames while nothing happens."""
_POINTER_SECONDS = 3.0
"""Rest of the mouse after which a fullscreen picture hides its pointer."""
_WHEEL_SECONDS = 0.4
"""Turns of the wheel that lie closer together are one step of undo."""


class App(AppActions):
    """The program in its window; see `viz.app.actions.Actions` for what panels may call.

    Args:
        checkpoint: path of the model; empty for the session's, or the one that the program brings.
        state: session to begin with.
        device: where the model runs.
        settings: file of the preferences.
        builtin_dialogs: True always takes the file browser drawn in the window.

    Raises:
        gui_utils.window.DisplayError: without a display or OpenGL 3.3.
    """

    def __init__(
        self,
        checkpoint: str = "",
        state: SessionState | None = None,
        device: torch.device | None = None,
        settings: Path | None = None,
        builtin_dialogs: bool | None = None,
    ) -> None:
        self._settings = settings or preferences.default_path()
        self.preferences = preferences.load(self._settings)
        self._bookmarks = dict(self.preferences.bookmarks)
        self.interface = Interface()
        self.exports = ExportChoices()
        self.preferences.restore(self.interface, self.exports)
        controls.open_sections.update(self.preferences.sections)
        self.window = self._open_window()
        if "llvmpipe" in self.window.gl_renderer or "softpipe" in self.window.gl_renderer:
            self.window.max_fps = _SOFTWARE_RATE
        brought = files.default_checkpoint()
        wanted = checkpoint or (state.checkpoint if state else "") or brought
        self.state = state or SessionState()
        self.interface.path_lane = bool(self.state.keyframes)
        self._newcomer = state is None
        self.history = History(self.state)
        self.viewport, self.timeline, self.movement = Viewport(), Timeline(), Movement()
        self.toasts = controls.Toasts()
        self.files = Files(self, builtin_dialogs)
        self.performance = PerformanceLog()
        self.model: ModelInfo | None = None
        self.result: RenderResult | None = None
        self.stage_runs: dict[str, int] = {}
        """How often the renderer has run each stage since the model was loaded."""
        self.dragging = self.scrubbing = self.help_open = self.quitting = False
        self._job_name = ""
        self.job_since: float | None = None
        """Clock time at which the job under way, if any, was first seen."""
        self._probe_texture = Texture("nearest")
        self._last = time.perf_counter()
        self._frames: deque[float] = deque(maxlen=240)
        self._renders: deque[float] = deque(maxlen=240)
        self._watch = FileWatch()
        self._next_memory = self._wheel_until = self._pointer_moved = 0.0
        self._pointer = (0.0, 0.0)
        self._window_capture = self._quit_asked = False
        self._fallbacks = [path for path in dict.fromkeys((brought, "")) if path != wanted]
        self.worker = Worker(device or models.pick_device(), self.window.wake)
        self.asking = Asking(self.worker.submit)
        self.open_model(wanted)

    def _open_window(self) -> Window:
        interface, placement = self.interface, self.preferences.window
        try:
            size, position = placement.get("size"), placement.get("position")
            return Window(
                TITLE,
                size=tuple(size) if size else None,
                position=tuple(position) if position else None,
                maximized=bool(placement.get("maximized")),
                theme=interface.theme,
                ui_scale=interface.ui_scale,
            )
        except (TypeError, ValueError):  # damaged settings
            return Window(TITLE, theme=interface.theme, ui_scale=interface.ui_scale)

    # The loop --------------------------------------------------------------------------------

    def run(self) -> None:
        """Until the user quits, in the window or with Ctrl+C in the terminal."""

        def stop(*_: object) -> None:
            self.quitting = True

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not self.quitting:
                self.frame()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.close()

    def frame(self) -> None:
        """One frame of the window."""
        self.window.begin_frame(self._patience())
        try:
            self._update()
            self._draw()
        except Exception as error:
            # A bare frame with the notice takes the place of the one that failed.
            self.report("Something in the interface failed; it goes on with the next frame.", error)
            self.window.begin_frame()
            self._ask_to_quit()
            self.toasts.draw()
        self.window.end_frame()
        self._after_frame()

    def close(self) -> None:
        """Remembers the settings and ends the worker."""
        self.remember()
        self.window.hide()  # the worker may take a moment to end what it does
        self.worker.close()
        self.viewport.close()
        self._probe_texture.delete()
        self.window.close()

    def remember(self) -> None:
        """Writes the settings."""
        self.preferences.window = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.window.geometry.items()
        }
        self.preferences.join(preferences.load(self._settings), self._bookmarks)
        self._bookmarks = dict(self.preferences.bookmarks)
        self.preferences.keep(self.interface, self.exports)
        self.preferences.sections = dict(controls.open_sections)
        preferences.save(self._settings, self.preferences)

    @property
    def moving(self) -> bool:
        """Whether the state changes from frame to frame, by itself or in the user's hand."""
        interface = self.interface
        by_itself = (
            interface.playing
            or interface.path_playing
            or interface.animate_person
            or interface.auto_orbit
        )
        return by_itself or self.movement.gliding or self._held

    @property
    def _held(self) -> bool:
        """Whether the user drags something. A text field that waits for letters is no drag."""
        typing = imgui.get_io().want_text_input
        return self.dragging or self.scrubbing or (imgui.is_any_item_active() and not typing)

    @property
    def modal(self) -> bool:
        """Whether a dialog has the keyboard."""
        return self.help_open or self._asks_to_quit or self.files.dialog_open or self.files.asks

    def _patience(self) -> float:
        """Seconds that the next frame may wait for an event. The worker's results are events."""
        if self.moving or self.window.busy or self.toasts.animating:
            return 0.0
        longest = _IDLE_SECONDS
        if self.asking.is_due:
            longest = 0.05
        elif self.files.dialog_open or self.job is not None or self.asking.waiting_since:
            longest = 0.1
        return min(longest, self.toasts.rest)

    def _update(self) -> None:
        now = time.perf_counter()
        # A frame that took long (a window dragged by its title) must not make a jump.
        seconds, self._last = min(now - self._last, 0.5), now
        for event in self.worker.poll():
            self._handle(event, now)
        job = self.job
        if job is None or job.name != self._job_name:
            self._job_name = job.name if job else ""
            self.job_since = now if job else None
        drops = self.window.take_drops()
        if drops:
            self.files.open_all(drops)
        while self.window.callback_errors:
            error = self.window.callback_errors.popleft()
            self.toast("error", "A window event could not be handled.", error)
        shortcuts.handle(self)
        self.state = self.movement.advance(
            self.state,
            self.interface,
            seconds,
            now,
            dragging=self.dragging,
            scrubbing=self.scrubbing,
        )
        self._look_at_file(now)

    def _draw(self) -> None:
        now, interface = time.perf_counter(), self.interface
        screen.draw(self)
        self.window.theme, self.window.ui_scale = interface.theme, interface.ui_scale
        # One at a time: of two dialogs at once, each would close the other.
        if self._asks_to_quit:
            self._ask_to_quit()
        elif self.files.asks:
            self.files.ask()
        elif self.files.dialog_open:
            self.files.draw()
        elif self.help_open:
            self.help_open = controls.key_help(shortcuts.help_rows())
        self.toasts.draw(screen.toast_area(self))
        self._hide_pointer(now)
        if imgui.get_io().mouse_wheel:
            self._wheel_until = now + _WHEEL_SECONDS
        stepping = any(imgui.is_key_down(key) for key in shortcuts.STEPPING)
        busy = self._held or stepping or self.movement.gliding or now < self._wheel_until
        self._note(busy)
        if self.model is not None:
            full = replace(captures.full_request(self.state), probe=interface.probe)
            self.asking.ask(full, self.moving, interface, now)

    def _hide_pointer(self, now: float) -> None:
        """In fullscreen, for as long as the mouse rests."""
        place = imgui.get_mouse_pos()
        at = (place.x, place.y)
        if at != self._pointer or any(imgui.is_mouse_down(button) for button in range(3)):
            self._pointer, self._pointer_moved = at, now
        if self.window.fullscreen and now - self._pointer_moved > _POINTER_SECONDS:
            imgui.set_mouse_cursor(imgui.MouseCursor_.none)

    @property
    def _asks_to_quit(self) -> bool:
        return self._quit_asked or self.window.close_requested

    def _ask_to_quit(self) -> None:
        """The window's close button quits at once unless work would be lost; Escape asks."""
        job = self.job
        if self.window.close_requested and job is None:
            self.quitting = True
        elif self._asks_to_quit:
            sentence = "The session is not saved by itself; bookmarks and settings are."
            if job is not None:
                sentence = f"{job.name} is under way and would be stopped."
            answer = controls.confirm("Quit the visualizer?", sentence, ("Quit", "Stay"))
            if answer is not None:
                self.quitting = answer == "Quit"
                self.window.close_requested = self._quit_asked = False

    def _after_frame(self) -> None:
        now = time.perf_counter()
        log = self.performance
        self._frames.append(now)
        log.window_rate = sum(t > now - 1 for t in self._frames)
        log.render_rate = sum(t > now - 1 for t in self._renders)
        log.frame_ms.append(self.window.frame_times[-1] * 1000)
        # Kept between previews, so that nothing in the panels jumps when they come and go.
        log.preview_level = self.asking.preview_words or log.preview_level
        if now > self._next_memory:
            self._next_memory = now + 1
            log.process_bytes = psutil.Process().memory_info().rss
            if self.worker.device.type == "cuda":
                log.device_bytes = torch.cuda.memory_reserved(self.worker.device)
        if self._window_capture:
            self._window_capture = False
            self.files.capture("window", self.window.read_pixels())

    # Results ---------------------------------------------------------------------------------

    def _handle(self, event: Event, now: float) -> None:
        if isinstance(event, Rendered):
            self._show(event, now)
        elif isinstance(event, Loaded):
            self._loaded(event.info, event.stamp)
        elif isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, Cancelled):
            self.toast("info", f"{event.name}: stopped.")
            self._fall_back()

    def _show(self, event: Rendered, now: float) -> None:
        result = event.result
        self.result, self.stage_runs = result, event.stage_runs
        self.viewport.show(result)
        if result.probe is not None:
            self._probe_texture.update(result.probe.picture)
        if result.request.preview is None:
            for problem in result.problems:
                self.toast("warning", problem)
        self.asking.answered(result, self.interface)
        log = self.performance
        log.cache_bytes = event.cache_bytes
        log.precision = result.precision
        if result.request.preview is None:
            shots = len(result.request.shots)
            log.full_ms |= {stage: ms / shots for stage, ms in result.stage_ms.items()}
        if result.stage_ms.keys() - {"copy"}:
            log.stage_ms = result.stage_ms
            log.render_ms.append(result.total_ms)
            self._renders.append(now)

    def _loaded(self, info: ModelInfo, stamp: Stamp | None) -> None:
        self.model, self.result = info, None
        self.state.checkpoint = info.path
        if self._newcomer:
            self._introduce(info)
        self.history.amend(replace(self.history.present, checkpoint=info.path))
        self.performance.full_ms.clear()
        probe = self.interface.probe
        if probe is not None and probe.layer not in [layer.name for layer in info.layers]:
            self.interface.probe = None
        self.asking.forget()
        self._watch.begin(info.path, stamp)
        if info.path:
            self.preferences.opened(info.path)
            self.remember()
            for note in info.notes if info.path != files.default_checkpoint() else ():
                self.toast("info", note)  # of the program's own model they would come each time
        self.window.set_title(f"{info.name} - {TITLE}")

    def _introduce(self, info: ModelInfo) -> None:
        """Begins with a person and a motion that the model's makers recommend."""
        self._newcomer = False
        state = self.state
        if info.people and state.latent == Latent():
            state.latent = Latent(x=float(info.people[0]))
        if info.motions and state.motion == Motion():
            state.motion = Motion(x=float(info.motions[0]))
        self.history.amend(replace(self.history.present, latent=state.latent, motion=state.motion))

    def _failed(self, event: Failed) -> None:
        if event.request is not None:
            self.asking.failed()
        log.error("%s\n%s", event.sentence, event.details)
        sentence = event.sentence
        quality = self.state.quality
        if event.out_of_memory and event.request is not None and event.request.preview is None:
            lowered = _lowered(quality, self.model)
            if lowered != quality:
                self.state.quality = lowered
                sentence += " The quality was lowered; raise it again under Quality."
        self.toast("error", sentence, event.details)
        if event.request is None:
            self._fall_back()

    def _fall_back(self) -> None:
        """The first model cannot be used: another one shows that the program works, unless the
        user has chosen one meanwhile."""
        if self.model is None and self._fallbacks and self.job is None:
            self.worker.load(self._fallbacks.pop(0))

    def _look_at_file(self, now: float) -> None:
        """Loads the checkpoint again when its file changed, and says when it went away."""
        if self.model is None or self.job is not None:
            return
        found = self._watch.look(now)
        if found == "gone":
            name = self.model.name
            self.toast("warning", f"{name} is gone from the disk. It stays loaded until you quit.")
        elif found == "changed" and self.interface.reload_on_change:
            self.reload_model()


def _lowered(quality: Quality, model: ModelInfo | None) -> Quality:
    """A quality that takes less memory."""
    if model is None:
        return quality
    resolution = quality.raw_resolution or model.raw_resolution
    if resolution > 32:
        return replace(quality, raw_resolution=max(32, resolution // 2))
    return replace(quality, superresolution=False)
