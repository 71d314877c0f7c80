"""Runs exports without a window."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from viz.exports import recipes, writing
from viz.exports.embedding import Opened
from viz.exports.frame_options import MovingOptions
from viz.exports.pictures.frames import require_folder
from viz.exports.recipes import Recipe
from viz.exports.table import EXPORTERS, Run
from viz.headless.export_source import (
    Item,
    Source,
    around_head,
    base_state,
    items,
    named_model,
    opened_session,
)
from viz.headless.progress_bar import shown
from viz.headless.ranks import Ranks, from_environment
from viz.render import memory, models, person_file
from viz.render.comparing import second_model
from viz.render.models import Model
from viz.render.renderer import Renderer
from viz.state import files, named_files
from viz.state.comparing.comparison import Comparison
from viz.state.driving import driven
from viz.state.driving.drive import Drive
from viz.state.errors import UserError, require_none
from viz.state.jobs import Progress, Steps, finish, with_progress
from viz.state.layouts import compares
from viz.state.person import Latent, Motion
from viz.state.types import SessionState

log = logging.getLogger(__name__)


def export(
    name: str,
    source: Source,
    options: Any,
    *,
    show: bool = False,
    drive: Drive | None = None,
    seed: int | None = None,
    run: Run | None = None,
) -> list[Path]:
    """Runs an export command; all processes of a torchrun share the work.

    Args:
        name: name of the exporter.
        source: what is exported, and where to.
        options: the exporter's options.
        show: whether progress is shown.
        drive: what drives the person; None for the session's.
        seed: of the person shown; None for the session's person. Unlike those of `source`, it makes
            no folder.
        run: replaces the exporter's own `run`.

    Returns:
        paths that this process made, or found finished.

    Raises:
        UserError: when something cannot be read, rendered or written.
    """
    ranks = from_environment()
    opened = opened_session(source)
    state = base_state(source, opened.state)
    state.drive = drive or state.drive
    if not source.checkpoint:
        found = "" if source.session else _model_of_person(state.latent)
        state.checkpoint = found or _model_of(opened)
    if source.session is None:
        _introduce(state, source)
    if seed is not None:
        state.latent = Latent.at(seed, state.latent)
    options = _following(options, source)
    exporter = EXPORTERS[name]
    work = items(source, state, exporter.suffixes)
    many = work[0].path != source.output
    if not (exporter.splits or many):
        writing.check(options, work[0].path, source.overwrite)
    else:
        require_none(options.problems_with(work[0].path))
    split = exporter.splits and len(work) < ranks.size
    mine = work if split else ranks.share(work)
    if not mine:
        return []
    device = pick_device(source.device, ranks)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # timers and libraries use the current device
    model = load(state.checkpoint, device)
    _check_track(state, model)
    renderer = Renderer(model.G, reference=model.reference)
    if compares(state):
        compare = _second_model(renderer, state)
        mine = [replace(i, state=replace(i.state, compare=compare)) for i in mine]
    if source.session is None:
        mine = [replace(i, state=around_head(i.state, model.info.head)) for i in mine]
    if source.cameras is not None:
        # Only here, as it loads SciPy and all metrics, which takes as long as a picture.
        from viz.headless.data_cameras import DataCameras

        cameras = DataCameras(source.cameras)
        mine = [replace(i, state=cameras.filmed(i.state, i.number)) for i in mine]
    batch = _Batch(renderer, name, options, source, many)
    batch.run_one = run or batch.run_one
    if split:
        batch.share = ranks.rank, ranks.size
    try:
        with torch.inference_mode():
            batch.run(mine, show and ranks.rank == 0)
    except (RuntimeError, MemoryError) as e:
        if not memory.is_lacking(e):
            raise
        raise UserError(
            "There is not enough memory for this: lower the session's quality, or the export's "
            "resolution."
        ) from e
    return [item.path for item in mine]


def _second_model(renderer: Renderer, state: SessionState) -> Comparison:
    """Loads the model that the session compares with.

    Raises:
        UserError: when it cannot be used.
    """
    compare = state.compare or Comparison()
    if not Path(compare.path).is_absolute():
        raise UserError(
            f"The session compares with {compare.path}, which is not here: name it with --compare."
        )
    return finish(second_model.bring(renderer, compare))


def _check_track(state: SessionState, model: Model) -> None:
    """Refuses a motion track of another model.

    Raises:
        UserError: with what to do.
    """
    track = driven.loaded(state.drive)
    if state.drive is not None and track is not None and track.weights != model.info.weights:
        raise UserError(
            f"{Path(state.drive.track).name} was made with another model: name that one by "
            f"--checkpoint, or make a track of {track.source} with this one."
        )


def _model_of(opened: Opened) -> str:
    """Path of a session's model, or of the one that comes with the program.

    Raises:
        UserError: when there is none.
    """
    named = opened.state.checkpoint
    if not named:
        return named_model("")
    if opened.weights:
        if found := finish(models.find(opened.weights, opened.candidates)):
            return found
        if opened.model:
            log.warning("%s has other weights than the session's model.", opened.model)
    if not opened.model:
        why = named_files.why_not(named)
        raise UserError(f"The session's model {named} {why}: name one with --checkpoint.")
    return opened.model


def _model_of_person(latent: Latent) -> str:
    """Path of the model that a person file was made with; empty if it cannot be found."""
    if not latent.is_portrait:
        return ""
    near = named_files.neighbours(Path(latent.ws_file).parent)
    candidates = (*near, *files.bundled(), *named_files.opened_before())
    return finish(models.find(person_file.read(latent.ws_file).weights, candidates))


def _introduce(state: SessionState, source: Source) -> None:
    """Starts as the window does, with a person and a motion that the model recommends."""
    people, motions = models.recommended(state.checkpoint)
    if people and not source.person:
        state.latent = Latent.at(people[0], state.latent)
    if motions:
        state.motion = Motion.at(motions[0], state.motion)


def load(path: str, device: torch.device) -> Model:
    """Loads a model and waits for it.

    Raises:
        UserError: when it cannot be used.
    """
    memory.keep_freed()
    return finish(models.load_model(path, device))


def pick_device(name: str, ranks: Ranks) -> torch.device:
    """The device of a process; "auto" gives each its own GPU.

    Raises:
        UserError: when there is no such device.
    """
    if name == "auto" and torch.cuda.is_available():
        name = f"cuda:{ranks.local_rank % torch.cuda.device_count()}"
    return models.pick_device(name)


def _following(options: Any, source: Source) -> Any:
    """The options with the movement changed to follow a data set's cameras."""
    if source.cameras is None:
        return options
    if not isinstance(options, MovingOptions):
        raise UserError("--cameras is for frames and videos: leave it out.")
    return replace(options, movement=replace(options.movement, moving="path"))


class _Batch:
    """The exports of one process."""

    def __init__(
        self, renderer: Renderer, name: str, options: Any, source: Source, many: bool
    ) -> None:
        self.renderer, self.name, self.options, self.source = renderer, name, options, source
        self.many = many
        """Whether the output is a folder with several exports."""
        self.exporter = EXPORTERS[name]
        self.run_one: Run = self.exporter.run
        self.share: tuple[int, int] = (0, 1)
        """This process's number and the number of processes, for exports that split."""

    def run(self, items: list[Item], show: bool) -> None:
        """Makes the exports that are not finished yet."""
        waiting = [item for item in items if not self._is_made(item)]
        shown(self._steps(waiting), self.exporter.label, show)

    def _steps(self, items: list[Item]) -> Steps[None]:
        """Steps of all exports, one after the other."""
        run = self.run_one
        if self.exporter.splits:
            run = partial(run, share=self.share)
        overwrite = self.source.overwrite
        for number, item in enumerate(items):
            steps = run(self.renderer, item.state, self.options, item.path, overwrite=overwrite)

            def progress(step: Progress, number: int = number, item: Item = item) -> Progress:
                return f"{item.path.name}: {step[0]}", (number + (step[1] or 0)) / len(items)

            yield from with_progress(steps, progress)

    def _is_made(self, item: Item) -> bool:
        """Whether one of several exports is finished already. Exports that split check their own
        parts.

        Raises:
            UserError: when something else is in its place and may not be replaced.
        """
        path, overwrite = item.path, self.source.overwrite
        if not writing.exists(path) or not (self.many or self.exporter.splits):
            return False
        folder = path if path.is_dir() else path.parent
        recipe = Recipe.of(self.renderer, item.state, self.name, self.options)
        recipe = recipe.text(item.state, folder)
        if self.exporter.splits:
            require_folder(path, recipe, overwrite)
            return False
        if recipes.made(path, recipe):
            return True
        writing.check(self.options, path, overwrite)
        return False
