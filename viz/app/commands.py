"""The actions of panels and keys: what they do to the session and the program."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from imgui_bundle import imgui

from gui_utils.controls import Toasts
from gui_utils.gl.texture import Texture
from gui_utils.window.window import Window
from viz.app.actions import CaptureKind, ToastLevel
from viz.app.dialogs import Files
from viz.app.performance_log import PerformanceLog
from viz.app.preferences import Preferences
from viz.app.timeline import timeline_view
from viz.exports.choices import ExportChoices
from viz.render.worker import Worker
from viz.state import session
from viz.state.animation import path_editing
from viz.state.animation.animator import Movement, keep_moving_parts
from viz.state.errors import UserError
from viz.state.history import History
from viz.state.interface import Interface
from viz.state.jobs import JobStatus
from viz.state.types import ModelInfo, Orbit, PathOptions, RenderResult, SessionState

log = logging.getLogger(__name__)


class AppActions:
    """Implements `viz.app.actions.Actions`; `viz.app.application.App` adds the window's loop."""

    window: Window
    worker: Worker
    files: Files
    state: SessionState
    history: History
    movement: Movement
    interface: Interface
    exports: ExportChoices
    preferences: Preferences
    toasts: Toasts
    performance: PerformanceLog
    model: ModelInfo | None
    result: RenderResult | None
    help_open: bool
    job_since: float | None
    _probe_texture: Texture
    _quit_asked: bool
    _window_capture: bool
    _reported: str = ""

    def remember(self) -> None:
        """Writes the settings."""
        raise NotImplementedError

    @property
    def job(self) -> JobStatus | None:
        return self.worker.status

    @property
    def job_left(self) -> float | None:
        job, since = self.job, self.job_since
        if job is None or since is None or not job.fraction or job.fraction < 0.01:
            return None
        return (time.perf_counter() - since) * (1 - job.fraction) / job.fraction

    @property
    def recent(self) -> Sequence[str]:
        return self.preferences.recent

    @property
    def capture_folder(self) -> str:
        return self.preferences.capture_folder

    @property
    def probe_texture(self) -> object | None:
        return self._probe_texture.ref if self.result and self.result.probe else None

    def open_model(self, path: str) -> None:
        # Absolute, so that a session that is saved now finds it from anywhere.
        self.worker.load(str(Path(path).expanduser().absolute()) if path else "")

    def open_model_dialog(self) -> None:
        self.files.open_dialog()

    def reload_model(self) -> None:
        self.worker.load(self.model.path if self.model else "")

    def cancel_job(self) -> None:
        self.worker.cancel()

    def random_person(self) -> None:
        self._new_person()
        if not self.interface.lock_motion:
            self._new_motion()

    def random_motion(self) -> None:
        self._new_motion()
        if not self.interface.lock_person:
            self._new_person()

    def _new_person(self) -> None:
        x = float(np.random.default_rng().integers(0, 10000))
        self.state.latent = replace(self.state.latent, x=x, y=0.0, ws_file="", others=())

    def _new_motion(self) -> None:
        x = float(np.random.default_rng().integers(0, 10000))
        self.state.motion = replace(self.state.motion, x=x, y=0.0, others=())

    def save_ws_dialog(self) -> None:
        self.files.save_ws_dialog()

    def load_ws_dialog(self) -> None:
        self.files.open_ws_dialog()

    def open_session_dialog(self) -> None:
        self.files.open_session_dialog()

    def save_session_dialog(self) -> None:
        self.files.save_session_dialog()

    def take_state(self, state: SessionState) -> None:
        """Shows another state, at rest."""
        self.movement.stop_glide()
        self.interface.playing = False
        path_editing.pause(self.interface)
        self.interface.path_time = 0.0
        self.interface.path_lane |= bool(state.keyframes)
        self.state = state

    def copy_camera(self) -> None:
        imgui.set_clipboard_text(session.camera_to_json(self.state.orbit.camera()))
        self.toast("success", "The camera is on the clipboard.")

    def paste_camera(self) -> None:
        def paste() -> None:
            camera = session.camera_from_json(imgui.get_clipboard_text() or "")
            self._turn_to(Orbit.from_camera(camera))

        self.guarded(paste)

    def set_conditioning(self) -> None:
        self.state.conditioning = "set"
        self.state.conditioning_orbit = self.state.orbit

    def set_before(self) -> None:
        self.state.before = self.state.shot()
        self.state.display = replace(self.state.display, layout="split")

    def glide_to(self, yaw: float, pitch: float) -> None:
        self._turn_to(replace(self.state.orbit, yaw=yaw, pitch=pitch))

    def reset_camera(self) -> None:
        self._turn_to(Orbit())

    def _turn_to(self, orbit: Orbit) -> None:
        path_editing.pause(self.interface)
        self.movement.glide_camera(self.state, orbit, time.perf_counter())

    def capture(self, kind: CaptureKind) -> None:
        if kind == "window":
            self._window_capture = True  # once this frame is drawn
        else:
            self.files.capture(kind)

    def capture_folder_dialog(self) -> None:
        self.files.capture_folder_dialog()

    def export(self) -> None:
        self.files.export()

    def toast(self, level: ToastLevel, sentence: str, details: str = "") -> None:
        self.toasts.add(level, sentence, details)

    def report(self, sentence: str, error: Exception) -> None:
        """Tells of a fault of the program itself."""
        details = "".join(traceback.format_exception(error))
        if details != self._reported:  # what fails in each frame would flood the log
            self._reported = details
            log.error("%s\n%s", sentence, details)
        self.toast("error", sentence, details)

    def guarded(self, act: Callable[[], object]) -> None:
        """Runs an action whose failure the user can mend."""
        try:
            act()
        except UserError as error:
            self.toast("error", str(error))

    def undo(self) -> None:
        self._note()
        self._restore(self.history.undo())

    def redo(self) -> None:
        self._note()
        self._restore(self.history.redo())

    def _note(self, busy: bool = False) -> None:
        """Notes what the user changed as a step, unless he is still `busy` with it."""
        users = keep_moving_parts(self.state, self.history.present, self.interface)
        self.history.track(users, busy)

    def _restore(self, state: SessionState | None) -> None:
        if state is None:
            return
        state.checkpoint = self.state.checkpoint  # opening a model is no step
        self.history.amend(state)
        self.movement.stop_glide()
        self.state = keep_moving_parts(state, self.state, self.interface)

    def can_undo(self) -> bool:
        return self.history.can_undo

    def can_redo(self) -> bool:
        return self.history.can_redo

    def store_bookmark(self, digit: int) -> None:
        # A bookmark is a moment: the path goes its own way.
        moment = replace(self.state, keyframes=(), path=PathOptions())
        self.preferences.bookmarks[str(digit)] = session.to_json(moment)
        self.remember()
        self.toast("success", f"Stored as bookmark {digit}.")

    def recall_bookmark(self, digit: int) -> None:
        text = self.preferences.bookmarks.get(str(digit))
        if text is None:
            self.toast("info", f"Bookmark {digit} is empty: Ctrl+{digit} stores the state.")
            return

        def recall() -> None:
            end = session.from_json(text, f"Bookmark {digit}")
            end.keyframes, end.path = self.state.keyframes, self.state.path
            end.checkpoint = self.state.checkpoint
            path_editing.pause(self.interface)
            self.movement.glide_to(self.state, end, time.perf_counter())

        self.guarded(recall)

    def bookmarks(self) -> Sequence[int]:
        return sorted(int(digit) for digit in self.preferences.bookmarks if digit.isdigit())

    def toggle_play(self) -> None:
        timeline_view.toggle_play(self.state, self, self.movement.clock)

    def step(self, frames: int) -> None:
        """Stops playback and goes some frames on, or back if negative."""
        timeline_view.step(self.state, self, frames)

    def add_key(self) -> None:
        """Keeps what is shown as a key of the path."""
        self.movement.stop_glide()
        path_editing.add(self.state, self.interface)

    def update_key(self) -> None:
        """Keeps what is shown in the key under the path's playhead."""
        if path_editing.current(self.state, self.interface) is None:
            self.toast("info", "The path's playhead stands on no key: K adds one.")
        path_editing.update(self.state, self.interface)

    def delete_key(self) -> None:
        """Takes the key under the path's playhead away."""
        if self.interface.path_lane:
            path_editing.remove(self.state, self.interface)

    def go_to_key(self, step: int) -> None:
        """Shows the path's next key, or for a negative step the one before."""
        self.movement.stop_glide()
        path_editing.go(self.state, self.interface, step)

    def toggle_path(self) -> None:
        """Plays or pauses the path."""
        if not path_editing.can_play(self.state):
            self.toast("info", "There is no path yet: K keeps what is shown as a key.")
        self.movement.stop_glide()
        path_editing.toggle_play(self.state, self.interface)

    def toggle_fullscreen(self) -> None:
        self.window.fullscreen = not self.window.fullscreen

    def toggle_interface(self) -> None:
        self.interface.sidebar_visible = not self.interface.sidebar_visible
        if not self.interface.sidebar_visible:
            self.toast("info", "H or Esc brings the interface back.")

    def open_help(self) -> None:
        self.help_open = True

    def escape(self) -> None:
        """Leaves what can be left; quits only after asking."""
        if imgui.is_popup_open("", imgui.PopupFlags_.any_popup):
            imgui.internal.close_popup_to_level(0, True)
        elif not self.interface.sidebar_visible:
            self.interface.sidebar_visible = True
        elif self.window.fullscreen:
            self.window.fullscreen = False
        else:
            self._quit_asked = True
