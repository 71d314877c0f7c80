"""Exports as jobs of the worker, described by plain values. Torch is imported when one begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from viz.exports.figures.figure_job import MomentJob
from viz.exports.table import EXPORTERS, deferred
from viz.state.jobs import Job, Steps
from viz.state.types import SessionState


@dataclass(frozen=True)
class ExportJob(Job):
    """An export as it was requested; later edits of the session do not change it."""

    title: ClassVar[str] = "Exporting {path.name}"
    what: str
    """Key of `EXPORTERS`."""
    options: dict[str, Any]
    """The exporter's options by name."""
    state: SessionState
    path: str
    overwrite: bool = False

    @property
    def resuming(self) -> str:
        kept = EXPORTERS[self.what].splits
        return "Start it again; finished frames are kept." if kept else ""

    @classmethod
    def of(
        cls, what: str, options: Any, state: SessionState, path: Path, overwrite: bool = False
    ) -> ExportJob:
        """The job of exporting a state with an exporter's options."""
        return cls(what, msgspec.to_builtins(options), state.snapshot(), str(path), overwrite)


@dataclass(frozen=True)
class CaptureJob(Job):
    """A capture of the state by a keyboard shortcut; a number is added if the name is taken."""

    title: ClassVar[str] = "Saving the {kind}"

    kind: Literal["picture", "raw", "depth"]
    state: SessionState
    path: str


@dataclass(frozen=True)
class WindowCaptureJob(Job):
    """The pixels of the window, saved with the session that it shows."""

    title: ClassVar[str] = "Saving the window"

    state: SessionState
    path: str
    size: tuple[int, int]
    """Height and width."""
    pixels: bytes = field(repr=False)
    """uint8 [H, W, 3]."""


@dataclass(frozen=True)
class SaveWsJob(Job):
    """The ws of a state's person as .npz or .npy."""

    title: ClassVar[str] = "Saving {path.name}"

    state: SessionState
    path: str


@dataclass(frozen=True)
class CheckPersonJob(Job):
    """Checks that the loaded model fits the person in a file. If the person belongs to another
    model that can be found, the result is that model's path."""

    title: ClassVar[str] = "Reading {path.name}"

    path: str
    """A person file, or ws."""
    candidates: tuple[str, ...] = ()
    """Files to look for a person's model in."""


@dataclass(frozen=True)
class FindModelJob(Job):
    """Finds the file with the weights that made an export; the result is empty if there is none."""

    title: ClassVar[str] = "Finding the model of {source.name}"

    weights: str
    """Fingerprint of the weights."""
    candidates: tuple[str, ...]
    """Files to search."""
    source: str
    """The export."""


@dataclass(frozen=True)
class FindDirectionsJob(Job):
    """Finds the directions that the model has learnt, or those found before; the path of their
    file. It advances only in idle time, and is not shown as a job."""

    title: ClassVar[str] = "Finding directions"
    loses: ClassVar[bool] = False
    idle: ClassVar[bool] = True


@dataclass(frozen=True)
class FiguresJob(Job):
    """Measures how much two pictures differ; the result is JSON of
    `viz.state.comparing.comparison.Figures`."""

    title: ClassVar[str] = "Comparing the pictures"
    loses: ClassVar[bool] = False
    background: ClassVar[bool] = True
    first: bytes = field(repr=False)
    """uint8 [h, h, 3]."""
    second: bytes = field(repr=False)
    """uint8 [h, h, 3], of any side."""


_measure = deferred("viz.exports.figures.measuring:figures")
_save = deferred("viz.exports.pictures.captures:save")
_save_window = deferred("viz.exports.pictures.captures:save_window")
_save_ws = deferred("viz.exports.pictures.captures:save_ws")
_check_person = deferred("viz.exports.pictures.captures:check_person")
_find_directions = deferred("viz.render.directions.direction_finder:cached")
_find_model = deferred("viz.render.models:find")
_compare = deferred("viz.render.comparing.figures:compared")


def _export(job: ExportJob, renderer: Any) -> Steps[Path]:
    exporter = EXPORTERS[job.what]
    options = msgspec.convert(job.options, exporter.options)
    return exporter.run(renderer, job.state, options, Path(job.path), overwrite=job.overwrite)


JOBS: dict[type[Any], Callable[[Any, Any], Steps[Any]]] = {
    ExportJob: _export,
    CaptureJob: lambda job, renderer: _save(renderer, job.state, job.kind, Path(job.path)),
    WindowCaptureJob: lambda job, renderer: _save_window(
        renderer, job.pixels, job.size, job.state, Path(job.path)
    ),
    SaveWsJob: lambda job, renderer: _save_ws(renderer, job.state, Path(job.path)),
    CheckPersonJob: lambda job, renderer: _check_person(renderer, job.path, job.candidates),
    FindModelJob: lambda job, _: _find_model(job.weights, job.candidates),
    FindDirectionsJob: lambda _, renderer: _find_directions(renderer.G),
    FiguresJob: lambda job, _: _compare(job.first, job.second),
    MomentJob: lambda job, renderer: _measure(renderer, job.state),
}
"""How each job is done, for `viz.render.worker.Worker`."""
