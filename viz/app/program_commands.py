"""Commands for the program as a whole, without any drawing."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from gui_utils import controls
from gui_utils.controls import keyboard, registry
from training.user_folders import expanded
from viz.app import preferences
from viz.app.gallery.favourites_file import FavouritesFile
from viz.app.gallery.small_pictures import SmallPictures
from viz.app.performance_log import PerformanceLog
from viz.app.sessions.autosave import Autosave, Origin
from viz.exports.choices import ExportChoices
from viz.render.connection import WorkerConnection
from viz.scheduling.loops import LoopFinder
from viz.scheduling.scheduler import RequestScheduler
from viz.scheduling.steady_probe import steadied
from viz.scheduling.thumbnails import Thumbnails
from viz.state import files, layouts
from viz.state.animation.animator import Animator
from viz.state.driving import driven
from viz.state.errors import UserError
from viz.state.history import History
from viz.state.interface import PANEL_GROUPS, Interface, PanelGroup
from viz.state.jobs import JobStatus
from viz.state.kept import favourites
from viz.state.kept.seen import SeenList
from viz.state.types import ModelInfo, RenderRequest, RenderResult, SessionState

log = logging.getLogger(__name__)


class Shell(Protocol):
    """The window as commands need it."""

    @property
    def fullscreen(self) -> bool: ...
    @fullscreen.setter
    def fullscreen(self, value: bool) -> None: ...
    @property
    def clipboard(self) -> str: ...
    @clipboard.setter
    def clipboard(self, text: str) -> None: ...
    @property
    def geometry(self) -> dict[str, Any]: ...
    @property
    def monitor_names(self) -> list[str]: ...
    def nudge(self) -> None: ...


class Notify(Protocol):
    """Shows a sentence to the user, for a time that depends on its level."""

    def __call__(
        self,
        level: controls.Level,
        sentence: str,
        details: str = "",
        buttons: controls.Buttons = (),
    ) -> None: ...


@dataclass(frozen=True)
class Question:
    """A question that waits for an answer."""

    title: str
    sentence: str
    choices: tuple[str, ...]
    answered: Callable[[str], None]
    default: str = ""
    """The choice that Enter and Escape take: one that loses nothing."""


class ProgramCommands:
    """The program around the session: pictures, settings, notices, models and jobs. `settings` is
    the preferences file."""

    def __init__(
        self,
        worker: WorkerConnection,
        shell: Shell,
        notify: Notify,
        settings: Path,
        state: SessionState | None = None,
    ) -> None:
        self.worker, self.shell = worker, shell
        self.notify = notify
        self._settings = settings
        self.preferences = preferences.load(settings)
        self._bookmarks = dict(self.preferences.bookmarks)
        self._remembers = True
        """Whether the settings could be written the last time."""
        self.interface, self.exports = Interface(), ExportChoices()
        self.preferences.restore(self.interface, self.exports)
        controls.open_sections.update(self.preferences.sections)
        self.is_new = state is None
        """Whether the session is still as the program starts, so that a model may choose its
        start."""
        self.state = state or SessionState()
        self.favourites_file = FavouritesFile(settings.with_name("favourites.json"))
        kept = self.favourites_file.known
        self.state.favourites = favourites.joined(kept, self.state.favourites)
        self.seen = SeenList()
        """The people and motions looked at."""
        self.interface.path_lane = bool(self.state.keyframes)
        self.history, self.animator = History(self.state), Animator()
        self.scheduler, self._loops = RequestScheduler(worker.submit), LoopFinder()
        self.performance = PerformanceLog()
        self.thumbnails = Thumbnails(worker.submit_idle)
        self.small_pictures = SmallPictures(self.thumbnails)
        self.model: ModelInfo | None = None
        """The loaded model; None while the first one loads."""
        self.asked_model = ""
        """Path of the model that the user requested last."""
        self.result: RenderResult | None = None
        """The newest picture."""
        self.shows_all = False
        """Whether it is the full picture of the state."""
        self.layer_picture: object | None = None
        """Picture of the activation under `interface.probe`, as Dear ImGui draws it."""
        self.stage_runs: dict[str, int] = {}
        """How often the renderer has run each stage since the model was loaded."""
        self.question: Question | None = None
        self.dragging = self.scrubbing = False
        """Whether the user is dragging the camera or the playhead."""
        self.help_open = self.palette_open = self.quitting = False
        self.notice_reached = False
        """Whether the newest notice should get the keyboard focus."""
        self.window_capture = False
        """Whether the window is to be saved once it is drawn."""
        self.job_since: float | None = None
        """Clock time at which the present job, if any, was first seen."""
        self.autosave = Autosave(settings.parent / "sessions")
        self.autosave.begin(self.state)
        self.origin = Origin(saved=self.state.snapshot())
        """The session's file, and the session as it is in that file or as it began."""
        self._resumed = False
        """Whether the session began with another window's unsaved changes."""
        self._warned = False
        self._reported = ""

    @property
    def moves_by_itself(self) -> bool:
        """Whether the state changes from frame to frame without input from the user."""
        interface = self.interface
        return (
            interface.playing
            or interface.path_playing
            or interface.animate_person
            or interface.auto_orbit
            or interface.swing is not None
            or self.animator.gliding
        )

    def advance(self, seconds: float, now: float) -> None:
        """Advances what moves by itself by `seconds`; `now` is the clock time."""
        self.state = self.animator.advance(
            self.state,
            self.interface,
            seconds,
            now,
            dragging=self.dragging,
            scrubbing=self.scrubbing,
        )

    def ask(self, moving: bool, now: float) -> None:
        """Requests the picture of the state, or shows it if it is cached. It is `moving` where it
        changes from frame to frame."""
        if self.model is None:
            return
        self.animator.rate = self.scheduler.step_rate
        seen = self.result.probe if self.result else None
        self.interface.probe = steadied(self.interface.probe, seen, moving)
        values = self.wants_values
        full = replace(layouts.full_request(self.state), probe=self.interface.probe, values=values)
        shown = self.result is not None and replace(self.result.request, values=values) == full
        moves = self.model.moves
        upcoming = self._loops.find(self.state, self.interface, self.animator, moves)
        fills = self.job is None or self.job.background
        ahead = self.ahead if self.scheduler.lacks(self.ahead) else ()
        # Small pictures in view come before the clip's pictures; while the clip plays, its pictures
        # do.
        first = bool(ahead) or self.thumbnails.waiting
        kept = self.scheduler.ask(
            full,
            moving,
            self._pace,
            now,
            upcoming,
            may_fill=fills and (moving or not first),
            whole=self.awaits_whole or (values and shown),  # a preview of it would be a step back
        )
        if kept is not None:
            self.show(kept)
        playing = upcoming if upcoming is not None and upcoming.playing else None
        if fills and (playing is not None or not moving):
            self.scheduler.spare(ahead, now, playing)
        self.thumbnails.send()
        self.shows_all = self.result is not None and self.result.request == full

    @property
    def _pace(self) -> Interface:
        """The settings that decide how fast and how good previews should be."""
        return self.interface

    @property
    def ahead(self) -> Sequence[RenderRequest]:
        """Full pictures that will be needed soon, the next one first."""
        return ()

    @property
    def awaits_whole(self) -> bool:
        """Whether previews would be useless, as only the full picture will be shown."""
        return False

    @property
    def wants_values(self) -> bool:
        """Whether to render the values behind the picture; nobody reads those of moving pictures,
        which are cached without them."""
        return self.interface.inspect != "off" and not self.moves_by_itself

    @property
    def ready_frames(self) -> tuple[bool, ...]:
        """Which frames of the clip are cached at full quality; empty if that is of no interest."""
        turns = self.dragging or (self.moves_by_itself and not self.interface.playing)
        # While the camera turns, the pictures of each frame differ.
        if self.model is None or turns or driven.plays(self.state):
            return ()
        return self.scheduler.ready(self._loops.clip(self.state, self.interface))

    def show(self, result: RenderResult) -> None:
        """Makes a picture the newest one."""
        self.result = result

    def remember(self) -> bool:
        """Writes the settings, and tells the user once if that fails; returns whether they were
        written."""
        kept = self.preferences
        kept.window = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.shell.geometry.items()
        }
        kept.join(preferences.load(self._settings), self._bookmarks)
        kept.keep(self.interface, self.exports)
        kept.sections = dict(controls.open_sections)
        try:
            preferences.save(self._settings, kept)
        except UserError as error:
            if self._remembers:
                sentence = f"Settings, bookmarks and recent models cannot be saved: {error}"
                log.warning(sentence)
                self.notify("warning", sentence)
            self._remembers = False
            return False
        self._bookmarks = dict(kept.bookmarks)
        self._remembers = True
        return True

    def report(self, sentence: str, error: Exception) -> None:
        """Reports an internal error."""
        details = "".join(traceback.format_exception(error))
        if details != self._reported:  # an error in every frame would flood the log
            self._reported = details
            log.error("%s\n%s", sentence, details)
        self.notify("error", sentence, details)

    def tell_saved(self, path: str | Path) -> None:
        """Tells the user that a file was saved."""
        self.notify("success", f"Saved {Path(path).name}.", str(path))

    def tell_removed(self, model: ModelInfo) -> None:
        """Tells the user that a model's file is gone."""
        sentence = f"{model.name} was removed from the disk. It stays loaded until you quit."
        self.notify("warning", sentence)

    def guarded(self, act: Callable[[], object]) -> None:
        """Runs an action whose failure the user can fix."""
        try:
            act()
        except UserError as error:
            self.notify("error", str(error))

    def when_free(self, act: Callable[[], object]) -> None:
        """Does what changes the picture once nobody is disturbed by that: now, or after a show."""
        act()

    def reach_notice(self) -> None:
        """Moves the keyboard focus to the buttons of the newest notice."""
        self.notice_reached = True

    def open_help(self) -> None:
        """Lists all keys and mouse gestures."""
        self.help_open = True

    def learn(self, hint: str) -> None:
        """Notes that a hint was followed, so that it is not shown again."""
        if hint not in self.preferences.learned:
            self.preferences.learned.append(hint)
            self.remember()

    def open_palette(self) -> None:
        """Finds any command or setting by name, whichever panel it is in."""
        self.palette_open = True

    def toggle_fullscreen(self) -> None:
        """Switches between the window and the full screen."""
        self.shell.fullscreen = not self.shell.fullscreen

    def toggle_interface(self) -> None:
        """Hides everything but the picture, or shows it again."""
        self.interface.sidebar_visible = not self.interface.sidebar_visible
        if not self.interface.sidebar_visible:
            self.notify("info", "H or Esc brings the interface back.")

    def toggle_panels(self) -> None:
        """Shows or hides the panels beside the picture."""
        self.interface.panels_visible = not self.interface.panels_visible
        self.interface.sidebar_visible = True

    def open_panel(self, title: str) -> None:
        """Shows a panel beside the picture, with its group."""
        controls.show_section(title)
        self.interface.panels_visible = self.interface.sidebar_visible = True

    def show_group(self, group: PanelGroup) -> None:
        """Shows a group of panels beside the picture."""
        self.interface.panel_group = group
        self.interface.panels_visible = self.interface.sidebar_visible = True

    def next_group(self, step: int = 1) -> None:
        """Shows the next or the previous group of panels.

        Negative steps go back. The focus ring, if shown, moves along.
        """
        self.show_group(layouts.neighbour(PANEL_GROUPS, self.interface.panel_group, step))
        if keyboard.focus_ring():
            registry.reach(f"Rail/{self.interface.panel_group}")

    def leave(self) -> None:
        """Leaves the hidden interface, then fullscreen."""
        if not self.interface.sidebar_visible:
            self.interface.sidebar_visible = True
        elif self.shell.fullscreen:
            self.shell.fullscreen = False

    @property
    def job(self) -> JobStatus | None:
        """The present job, if any."""
        return self.worker.status

    @property
    def job_left(self) -> float | None:
        """Estimated seconds until it is done; None if unknown."""
        job, since = self.job, self.job_since
        if job is not None and job.seconds_left is not None:
            return job.seconds_left
        if job is None or since is None or not job.fraction or job.fraction < 0.01:
            return None
        return (time.perf_counter() - since) * (1 - job.fraction) / job.fraction

    @property
    def model_path(self) -> str:
        """Path of the loaded model; empty for none and for the untrained one."""
        return self.model.path if self.model else ""

    @property
    def recent(self) -> Sequence[str]:
        """Paths of models opened before, newest first."""
        return self.preferences.recent

    def recent_files(self, suffix: str) -> list[str]:
        """Paths of person files, or of motion tracks, opened before, newest first."""
        return [p for p in self.preferences.ws if Path(p).suffix.lower() == suffix]

    def open_model(self, path: str) -> None:
        """Loads a model, or the newest one of a training run's folder; empty for the untrained
        one."""
        # Absolute, so that a session that is saved now finds it from anywhere.
        self.asked_model = str(expanded(files.model_file(path)).absolute()) if path else ""
        self.worker.load(self.asked_model)

    def reload_model(self) -> None:
        """Reads the model's file again."""
        self.worker.load(self.model_path)

    def restart_renderer(self) -> bool:
        """Ends the renderer, which may be stuck, and starts it anew.

        The model is loaded again; a job under way stops. Returns True, which closes the notice that
        offered it.
        """
        self.worker.restart()
        return True

    def cancel_job(self) -> None:
        """Stops the present job."""
        self.worker.cancel()
