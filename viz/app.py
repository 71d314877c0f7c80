"""The application: panels edit the state, the state becomes requests, results are shown."""

from __future__ import annotations

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import torch
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.files import FileDialog
from gui_utils.texture import Texture
from gui_utils.window import Window
from viz import captures, keys, models, playback, preferences, screen, session, transitions
from viz.actions import CaptureKind, Interface, JobStatus, PerformanceLog, ToastLevel
from viz.errors import UserError
from viz.history import History
from viz.previews import PreviewController
from viz.timeline import Timeline
from viz.types import ModelInfo, Orbit, Quality, RenderRequest, RenderResult, SessionState
from viz.viewport import Viewport
from viz.worker import Cancelled, Event, Failed, Finished, Job, Loaded, Rendered, Worker

log = logging.getLogger(__name__)

TITLE = "PV3D visualizer"
_SOFTWARE_RATE = 30.0
"""Frames a second where OpenGL runs on the processor, which the renderer needs more."""
_WATCH_SECONDS = 1.0
"""Time between two looks at the checkpoint's file."""


class App:
    """The program in its window; see `viz.actions.Actions` for what panels may call.

    Args:
        checkpoint: path of the model; empty for the one that the program brings.
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
        self.interface = Interface()
        self.preferences.restore(self.interface)
        controls.open_sections.update(self.preferences.sections)
        self.window = self._open_window()
        if "llvmpipe" in self.window.gl_renderer or "softpipe" in self.window.gl_renderer:
            self.window.max_fps = _SOFTWARE_RATE
        self.state = state or SessionState()
        self.state.checkpoint = checkpoint or self.state.checkpoint or models.default_checkpoint()
        self.history = History(self.state)
        self.viewport, self.timeline, self.clock = Viewport(), Timeline(), playback.Clock()
        self.toasts = controls.Toasts()
        self.performance = PerformanceLog()
        self.model: ModelInfo | None = None
        self.result: RenderResult | None = None
        self.dragging = self.scrubbing = self.help_open = self.quitting = False
        self._dialog = FileDialog(builtin_dialogs)
        self._chosen: Callable[[str], None] | None = None
        self._asked: RenderRequest | None = None
        self._waiting = False
        self._glide: transitions.Glide | None = None
        self._eight = transitions.FigureOfEight()
        self._previews = PreviewController()
        self._probe_texture = Texture("nearest")
        self._last = time.perf_counter()
        self._frames: deque[float] = deque(maxlen=240)
        self._renders: deque[float] = deque(maxlen=240)
        self._watched: tuple[str, float | None] = ("", None)
        self._next_watch = self._next_memory = 0.0
        self._window_capture = self._quit_asked = False
        self.worker = Worker(device or models.pick_device(), self.window.wake)
        self.worker.load(self.state.checkpoint)

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
        """Until the user quits."""
        try:
            while not self.quitting:
                self.frame()
        finally:
            self.close()

    def frame(self) -> None:
        """One frame of the window."""
        self.window.begin_frame(self._patience())
        try:
            self._update()
            self._draw()
        except Exception as error:
            self.report("Something in the interface failed; it goes on with the next frame.", error)
            return
        self.window.end_frame()
        self._after_frame()

    def close(self) -> None:
        """Remembers the settings and ends the worker."""
        self.preferences.window = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.window.geometry.items()
        }
        self.preferences.keep(self.interface)
        self.preferences.sections = dict(controls.open_sections)
        preferences.save(self._settings, self.preferences)
        self.worker.close()
        self.viewport.close()
        self._probe_texture.delete()
        self.window.close()

    @property
    def moving(self) -> bool:
        """Whether the picture changes from frame to frame."""
        interface = self.interface
        return (
            self.dragging
            or self.scrubbing
            or interface.playing
            or interface.animate_person
            or interface.auto_orbit
            or self._glide is not None
            or imgui.is_any_item_active()
        )

    @property
    def modal(self) -> bool:
        """Whether a dialog has the keyboard."""
        return (
            self.help_open
            or self._quit_asked
            or self.window.close_requested
            or self._dialog.is_open
        )

    def _patience(self) -> float:
        """Seconds that the next frame may wait for an event. The worker's results are events."""
        if self.moving or self.window.busy or self.toasts.animating:
            return 0.0
        longest = 0.1 if self._dialog.is_open or self.job is not None else 0.5
        return min(longest, self.toasts.rest)

    def _update(self) -> None:
        now = time.perf_counter()
        # A frame that took long (a window dragged by its title) must not make a jump.
        seconds, self._last = min(now - self._last, 0.5), now
        for event in self.worker.poll():
            self._handle(event, now)
        for path in self.window.take_drops():
            self.open_any(path)
        keys.handle(self)
        self._advance(seconds, now)
        self._watch(now)

    def _draw(self) -> None:
        interface = self.interface
        screen.draw(self)
        self.window.theme, self.window.ui_scale = interface.theme, interface.ui_scale
        if self.help_open:
            self.help_open = controls.key_help(keys.help_rows())
        answer = self._dialog.poll()
        if answer is not None:
            chosen, self._chosen = self._chosen, None
            if answer and chosen is not None:
                self._guarded(lambda: chosen(answer[0]))
        self._ask_to_quit()
        self.toasts.draw()
        self.history.track(self.state, busy=self.moving)
        self._ask()

    def _ask_to_quit(self) -> None:
        """The window's close button quits at once unless work would be lost; Escape asks."""
        if self.window.close_requested and self.job is None:
            self.quitting = True
        elif self.window.close_requested or self._quit_asked:
            job = self.job
            sentence = f"{job.name} is under way and would be stopped." if job else ""
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
        log.preview_level = self._previews.words if self.moving else ""
        if now > self._next_memory:
            self._next_memory = now + 1
            log.process_bytes = psutil.Process().memory_info().rss
            if self.worker.device.type == "cuda":
                log.device_bytes = torch.cuda.memory_reserved(self.worker.device)
        if self._window_capture:
            self._window_capture = False
            self._save_capture("window", self.window.read_pixels())

    # Requests and results --------------------------------------------------------------------

    def _ask(self) -> None:
        """Asks for what the state shows: a preview while it changes, then the full picture."""
        if self.model is None:
            return
        full = replace(captures.full_request(self.state), probe=self.interface.probe)
        asked = self._asked
        if asked is not None and replace(asked, preview=None) == full:
            if asked.preview is None or self.moving:
                return
            request = full
        elif self.interface.previews and self.moving:
            request = replace(full, preview=self._previews.choose(self.interface.preview_floor))
        else:
            request = full
        self._asked = request
        self._waiting = True
        self.worker.submit(request)

    def _handle(self, event: Event, now: float) -> None:
        if isinstance(event, Rendered):
            self._show(event, now)
        elif isinstance(event, Loaded):
            self._loaded(event.info)
        elif isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, Cancelled):
            self.toast("info", f"{event.name}: stopped.")
        elif isinstance(event, Finished):
            self._guarded(lambda: event.job.done(event.value))

    def _show(self, event: Rendered, now: float) -> None:
        result = event.result
        self.result = result
        self.viewport.show(result)
        if result.probe is not None:
            self._probe_texture.update(result.probe.picture)
        self._previews.measured(result, self.interface.target_rate)
        log = self.performance
        log.cache_bytes = event.cache_bytes
        log.precision = result.precision
        if result.stage_ms.keys() - {"copy"}:
            log.stage_ms = {**log.stage_ms, **result.stage_ms}
            log.render_ms.append(result.total_ms)
            self._renders.append(now)
        self._waiting = result.request != self._asked

    def _loaded(self, info: ModelInfo) -> None:
        self.model, self.result = info, None
        self.state.checkpoint = info.path
        self.interface.probe = None
        self.history.amend(self.state)
        self._asked = None
        self._watched = (info.path, _changed_at(info.path))
        if info.path:
            self.preferences.opened(info.path)
        self.window.set_title(f"{TITLE} - {info.name}")
        for note in info.notes:
            self.toast("info", note)

    def _failed(self, event: Failed) -> None:
        self._waiting = False
        log.error("%s\n%s", event.sentence, event.details)
        sentence = event.sentence
        quality = self.state.quality
        if event.out_of_memory and event.request is not None and event.request.preview is None:
            lowered = _lowered(quality, self.model)
            if lowered != quality:
                self.state.quality = lowered
                sentence += " The quality was lowered; raise it again under Quality."
        self.toast("error", sentence, event.details)
        if self.model is None and event.request is None:
            self.worker.load("")  # the first model cannot be used: show that the program works

    def _advance(self, seconds: float, now: float) -> None:
        """What moves by itself."""
        state, interface = self.state, self.interface
        if self._glide is not None:
            if self.dragging:
                self._glide = None
            else:
                moved, over = self._glide.at(now)
                self._glide = None if over else self._glide
                self.state = state = moved
        if interface.playing and not self.scrubbing:
            state.t, interface.playing = playback.advance(
                state.t, seconds, state.playback, self.clock
            )
        if interface.animate_person:
            state.latent = transitions.wander(state.latent, seconds, interface.animate_speed, now)
        if interface.auto_orbit and not self.dragging:
            state.orbit = self._eight.advance(
                state.orbit,
                seconds,
                period=interface.orbit_period,
                yaw=interface.orbit_yaw,
                pitch=interface.orbit_pitch,
            )
        elif not interface.auto_orbit:
            self._eight = transitions.FigureOfEight()

    def _watch(self, now: float) -> None:
        """Loads the checkpoint again when its file changed, and says when it went away."""
        path, known = self._watched
        if not path or now < self._next_watch or self.job is not None:
            return
        self._next_watch = now + _WATCH_SECONDS
        found = _changed_at(path)
        if found == known:
            return
        self._watched = (path, found)
        if found is None:
            name = Path(path).name
            self.toast("warning", f"{name} is gone from the disk. It stays loaded until you quit.")
        elif self.interface.reload_on_change:
            self.reload_model()

    # Actions ---------------------------------------------------------------------------------

    @property
    def job(self) -> JobStatus | None:
        return self.worker.status

    @property
    def recent(self) -> Sequence[str]:
        return self.preferences.recent

    @property
    def capture_folder(self) -> str:
        return self.preferences.capture_folder

    @property
    def probe_texture(self) -> object | None:
        return self._probe_texture.ref if self.result and self.result.probe else None

    def open_any(self, path: str) -> None:
        """Opens a dropped or chosen file by what it is: a session, ws, or a model."""
        suffix = Path(path).suffix.lower()
        if suffix in (".json", ".png"):
            self._guarded(lambda: self._open_session(path))
        elif suffix in (".npy", ".npz"):
            self.state.latent = replace(self.state.latent, ws_file=path)
        else:
            self.open_model(path)

    def open_model(self, path: str) -> None:
        self.worker.load(path)

    def open_model_dialog(self) -> None:
        kinds = ["*.safetensors", "*.ckpt", "*.pkl", "*.json", "*.png"]
        filters = (("Models and sessions", kinds), ("All files", ["*"]))
        self._choose("open", "Open a model or a session", filters, self.open_any)

    def reload_model(self) -> None:
        self.worker.load(self.model.path if self.model else "")

    def cancel_job(self) -> None:
        self.worker.cancel()

    def random_person(self) -> None:
        self._glide = None
        seed = int(np.random.default_rng().integers(0, 10000))
        self.state.latent = replace(self.state.latent, x=float(seed), y=0.0, ws_file="")
        if not self.interface.lock_motion:
            self._new_motion()

    def random_motion(self) -> None:
        self._glide = None
        self._new_motion()
        if not self.interface.lock_person:
            seed = int(np.random.default_rng().integers(0, 10000))
            self.state.latent = replace(self.state.latent, x=float(seed), y=0.0, ws_file="")

    def _new_motion(self) -> None:
        seed = int(np.random.default_rng().integers(0, 10000))
        self.state.motion = replace(self.state.motion, x=float(seed), y=0.0)

    def save_ws_dialog(self) -> None:
        filters = (("NumPy", ["*.npz", "*.npy"]),)
        name = f"seed{self.state.latent.seed:04d}_ws.npz"
        self._choose("save", "Save the ws of this person", filters, self._save_ws, name)

    def _save_ws(self, path: str) -> None:
        state, target = self.state.snapshot(), Path(path)
        name = f"Saving {target.name}"
        self.worker.start(Job(name, lambda r: captures.save_ws(r, state, target), self._saved))

    def load_ws_dialog(self) -> None:
        filters = (("NumPy", ["*.npz", "*.npy"]),)
        self._choose("open", "Load ws", filters, self.open_any)

    def open_session_dialog(self) -> None:
        filters = (("Sessions and saved pictures", ["*.json", "*.png"]),)
        self._choose("open", "Open a session", filters, self.open_any)

    def _open_session(self, path: str) -> None:
        state = session.open_session(path)
        shown = self.model.path if self.model else ""
        self._glide = None
        self.state = state
        self.interface.playing = False
        if state.checkpoint != shown:
            if state.checkpoint and not Path(state.checkpoint).exists():
                name = Path(state.checkpoint).name
                self.toast("warning", f"The session's model {name} is not here; this one stays.")
                state.checkpoint = shown
            else:
                self.worker.load(state.checkpoint)
        self.toast("success", f"Opened {Path(path).name}.")

    def save_session_dialog(self) -> None:
        filters = (("Sessions", ["*.json"]),)
        self._choose("save", "Save the session", filters, self._save_session, "session.json")

    def _save_session(self, path: str) -> None:
        path = path if Path(path).suffix else f"{path}.json"
        session.save_session(path, self.state)
        self.toast("success", f"Saved {Path(path).name}.")

    def copy_camera(self) -> None:
        imgui.set_clipboard_text(session.camera_to_json(self.state.orbit.camera()))
        self.toast("success", "The camera is on the clipboard.")

    def paste_camera(self) -> None:
        self._guarded(self._paste_camera)

    def _paste_camera(self) -> None:
        text = imgui.get_clipboard_text() or ""
        orbit = Orbit.from_camera(session.camera_from_json(text))
        self._glide_to(replace(self.state, orbit=orbit))

    def set_conditioning(self) -> None:
        self.state.conditioning = "set"
        self.state.conditioning_orbit = self.state.orbit

    def set_before(self) -> None:
        self.state.before = self.state.shot()
        self.state.display = replace(self.state.display, layout="split")

    def glide_to(self, yaw: float, pitch: float) -> None:
        self._glide_to(replace(self.state, orbit=replace(self.state.orbit, yaw=yaw, pitch=pitch)))

    def reset_camera(self) -> None:
        self._glide_to(replace(self.state, orbit=Orbit()))

    def _glide_to(self, end: SessionState) -> None:
        self._glide = transitions.Glide(self.state.snapshot(), end, time.perf_counter())

    def capture(self, kind: CaptureKind) -> None:
        if kind == "window":
            self._window_capture = True  # after this frame, so that a pressed button is not seen
        else:
            self._save_capture(kind)

    def _save_capture(self, kind: CaptureKind, window: np.ndarray | None = None) -> None:
        state = self.state.snapshot()
        name = captures.file_name(state, kind, self.model.name if self.model else "")
        path = Path(self.capture_folder) / name
        self.worker.start(
            Job(
                f"Saving the {kind}",
                lambda renderer: captures.save(renderer, state, kind, path, window),
                self._saved,
            )
        )

    def _saved(self, path: Path) -> None:
        self.toast("success", f"Saved {path.name}.", str(path))

    def capture_folder_dialog(self) -> None:
        def take(path: str) -> None:
            self.preferences.capture_folder = path

        self._choose("folder", "Folder for saved pictures", (), take, self.capture_folder)

    def toast(self, level: ToastLevel, sentence: str, details: str = "") -> None:
        self.toasts.add(level, sentence, details)

    def report(self, sentence: str, error: Exception) -> None:
        """Tells of a fault of the program itself."""
        details = "".join(traceback.format_exception(error))
        log.error("%s\n%s", sentence, details)
        self.toast("error", sentence, details)

    def undo(self) -> None:
        self._restore(self.history.undo())

    def redo(self) -> None:
        self._restore(self.history.redo())

    def _restore(self, state: SessionState | None) -> None:
        if state is None:
            return
        self._glide = None
        state.checkpoint = self.state.checkpoint
        self.state = state

    def can_undo(self) -> bool:
        return self.history.can_undo

    def can_redo(self) -> bool:
        return self.history.can_redo

    def store_bookmark(self, digit: int) -> None:
        self.preferences.bookmarks[str(digit)] = session.to_json(self.state)
        self.toast("success", f"Stored as bookmark {digit}.")

    def recall_bookmark(self, digit: int) -> None:
        text = self.preferences.bookmarks.get(str(digit))
        if text is None:
            self.toast("info", f"Bookmark {digit} is empty: Ctrl+{digit} stores the state.")
            return

        def recall() -> None:
            end = session.from_json(text, f"Bookmark {digit}")
            self._glide_to(replace(end, checkpoint=self.state.checkpoint))

        self._guarded(recall)

    def bookmarks(self) -> Sequence[int]:
        return sorted(int(digit) for digit in self.preferences.bookmarks if digit.isdigit())

    def toggle_play(self) -> None:
        playing = not self.interface.playing
        if playing:
            self.state.t = playback.begin(self.state.t, self.state.playback, self.clock)
        self.interface.playing = playing

    def toggle_fullscreen(self) -> None:
        self.window.fullscreen = not self.window.fullscreen

    def open_help(self) -> None:
        self.help_open = True

    def escape(self) -> None:
        """Leaves what can be left; quits only after asking."""
        if not self.interface.sidebar_visible:
            self.interface.sidebar_visible = True
        elif self.window.fullscreen:
            self.window.fullscreen = False
        else:
            self._quit_asked = True

    def _choose(self, kind, title: str, filters, chosen: Callable[[str], None], name="") -> None:
        self._chosen = chosen
        self._dialog.open(kind, title, filters, name)

    def _guarded(self, act: Callable[[], object]) -> None:
        """Runs an action whose failure the user can mend."""
        try:
            act()
        except UserError as error:
            self.toast("error", str(error))


def _changed_at(path: str) -> float | None:
    """When a file last changed; None where there is none."""
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return None


def _lowered(quality: Quality, model: ModelInfo | None) -> Quality:
    """A quality that takes less memory."""
    if model is None:
        return quality
    resolution = quality.raw_resolution or model.raw_resolution
    if resolution > 32:
        return replace(quality, raw_resolution=max(32, resolution // 2))
    return replace(quality, superresolution=False)
