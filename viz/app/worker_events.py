"""Handling of the worker's events: shows pictures, takes over models, reports failures."""

from __future__ import annotations

import logging
from dataclasses import replace

from viz.app.commands import Commands
from viz.app.file_watcher import FileWatch
from viz.render.messages import (
    Cancelled,
    Dropped,
    Event,
    Failed,
    Loaded,
    LoadedSecond,
    Prepared,
    Progress,
    Ready,
    Rendered,
    Restarted,
    Stalled,
)
from viz.state import files
from viz.state.person import Latent, Motion
from viz.state.types import ModelInfo, Orbit, Quality

log = logging.getLogger(__name__)


class WorkerEvents:
    """Handles the worker's events. The `fallbacks` are models to try in turn if the first one
    cannot be used."""

    def __init__(self, commands: Commands, fallbacks: list[str]) -> None:
        self._commands, self._fallbacks = commands, fallbacks
        self._watch = FileWatch()
        self._job_name = ""

    def poll(self, now: float) -> None:
        """Handles everything that happened since the last call; `now` in seconds of a clock."""
        commands = self._commands
        for event in commands.worker.poll():
            self._take_in(event, now)
        job = commands.job
        if job is None or job.name != self._job_name:
            self._job_name = job.name if job else ""
            commands.job_since = now if job else None
        self._look_at_file(now)

    def _take_in(self, event: Event, now: float) -> None:
        commands = self._commands
        if isinstance(event, Rendered):
            self._show(event, now)
        elif isinstance(event, Prepared):
            commands.keep_prepared(event)
        elif isinstance(event, Progress):
            commands.portrait_progress(event)
        elif isinstance(event, Loaded):
            self._loaded(event)
        elif isinstance(event, LoadedSecond):
            commands.second_loaded(event)
        elif isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, Dropped):
            commands.scheduler.dropped(event.request)
        elif isinstance(event, Cancelled):
            commands.notify("info", f"{event.name}: stopped. {event.advice}".rstrip())
            self._fall_back()
        elif isinstance(event, Ready):
            for note in event.notes:
                commands.notify("warning", note)
        elif isinstance(event, Restarted):
            log.warning(event.sentence)
            commands.thumbnails.lost()
            commands.prepare_again()
            commands.second_lost()
            commands.notify("warning", event.sentence)
        elif isinstance(event, Stalled):
            log.warning(event.sentence)
            restart = "Restart the renderer", commands.restart_renderer
            commands.notify("warning", event.sentence, buttons=(restart,))

    def _show(self, event: Rendered, now: float) -> None:
        commands, result = self._commands, event.result
        if event.idle:
            commands.thumbnails.take(result)
            return
        commands.stage_runs = event.stage_runs
        shown = commands.scheduler.answered(result)
        if shown is not None:
            commands.show(shown)
        commands.performance.rendered(event, now)

    def _loaded(self, event: Loaded) -> None:
        commands, info = self._commands, event.info
        begins = commands.model is None and not commands.history.can_undo
        commands.model = info
        commands.thumbnails.use(info)
        if event.again:  # the picture on show is still this model's
            commands.scheduler.ask_again()
            return
        commands.result, commands.interface.swing = None, None
        commands.state.checkpoint = info.path
        if commands.is_new:
            self._introduce(info)
        commands.history.amend(replace(commands.history.present, checkpoint=info.path))
        if begins:
            commands.autosave.begin(commands.history.present)
        commands.performance.full_ms.clear()
        probe = commands.interface.probe
        if probe is not None and probe.layer not in [layer.name for layer in info.layers]:
            commands.interface.probe = None
        commands.scheduler.forget(info)
        self._watch.begin(info.path, event.stamp)
        if info.path:
            commands.preferences.opened(info.path)
            commands.remember()
            # Notes of the bundled model would be repeated at each start.
            told = info.path == files.default_checkpoint() or commands.current_show is not None
            for note in () if told else info.notes:
                commands.notify("info", note)

    def _introduce(self, info: ModelInfo) -> None:
        """Starts with a person and a motion that the model's makers recommend, and with a camera
        that circles the head."""
        commands = self._commands
        state = commands.state
        commands.is_new = False
        if info.people and state.latent == Latent():
            state.latent = Latent.at(info.people[0])
        if info.motions and state.motion == Motion():
            state.motion = Motion.at(info.motions[0])
        if state.orbit == Orbit():
            state.orbit = Orbit.around(info.head)
        present = commands.history.present
        introduced = replace(present, latent=state.latent, motion=state.motion, orbit=state.orbit)
        commands.history.amend(introduced)
        commands.mark_saved()

    def _failed(self, event: Failed) -> None:
        commands = self._commands
        log.error("%s\n%s", event.sentence, event.details)
        sentence = event.sentence
        if commands.second_refused(event):
            return
        if event.idle and event.request is not None:
            commands.thumbnails.failed(event.request, sentence)
            return
        if event.request is not None:
            commands.scheduler.failed(event.request)
            quality = commands.state.quality
            if event.out_of_memory and event.request.preview is None:
                lowered = _lowered(quality, commands.model)
                if lowered != quality:
                    commands.state.quality = lowered
                    sentence += " The quality was lowered; raise it again under Quality."
        commands.notify("error", sentence, event.details)
        if event.number is not None:
            self._fall_back()

    def _fall_back(self) -> None:
        """The first model cannot be used: another one shows that the program works, unless the user
        has chosen one meanwhile."""
        commands = self._commands
        if commands.model is None and self._fallbacks and commands.job is None:
            commands.worker.load(self._fallbacks.pop(0))

    def _look_at_file(self, now: float) -> None:
        """Loads the checkpoint again when its file changes, and reports when the file is gone."""
        commands = self._commands
        if commands.model is None or commands.job is not None or commands.current_show:
            return
        found = self._watch.look(now)
        if found == "gone":
            commands.tell_removed(commands.model)
        elif found == "changed" and commands.interface.reload_on_change:
            commands.reload_model()


def _lowered(quality: Quality, model: ModelInfo | None) -> Quality:
    """A quality that takes less memory."""
    if model is None:
        return quality
    resolution = quality.raw_resolution or model.raw_resolution
    if resolution > 32:
        return replace(quality, raw_resolution=max(32, resolution // 2))
    return replace(quality, superresolution=False)
