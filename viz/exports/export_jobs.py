"""Exports as jobs of the worker, described by plain values. Torch is imported when one begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from viz.exports.figures.figure_job import MomentJob
from viz.exports.table import EXPORTERS
from viz.state.jobs import Job, Steps
from viz.state.types import SessionState

if TYPE_CHECKING:
    from viz.render.renderer import Renderer


@dataclass(frozen=True)
class ExportJob(Job):
    """An export as it was requested; later edits of the session do not change it."""

    advice: ClassVar[str] = "Start it again; finished frames are kept."
    what: str
    """Key of `EXPORTERS`."""
    options: dict[str, Any]
    """The exporter's options by name."""
    state: SessionState
    path: str
    overwrite: bool = False

    @classmethod
    def of(
        cls, what: str, options: Any, state: SessionState, path: Path, overwrite: bool = False
    ) -> ExportJob:
        """The job of exporting a state with an exporter's options."""
        return cls(what, msgspec.to_builtins(options), state.snapshot(), str(path), overwrite)

    @property
    def name(self) -> str:
        return f"Exporting {Path(self.path).name}"


@dataclass(frozen=True)
class CaptureJob(Job):
    """A capture of the state by a keyboard shortcut; a number is added if the name is taken."""

    kind: Literal["picture", "raw", "depth"]
    state: SessionState
    path: str

    @property
    def name(self) -> str:
        return f"Saving the {self.kind}"


@dataclass(frozen=True)
class WindowCaptureJob(Job):
    """The pixels of the window, saved with the session that it shows."""

    state: SessionState
    path: str
    size: tuple[int, int]
    """Height and width."""
    pixels: bytes = field(repr=False)
    """uint8 [H, W, 3]."""

    @property
    def name(self) -> str:
        return "Saving the window"


@dataclass(frozen=True)
class SaveWsJob(Job):
    """The ws of a state's person as .npz or .npy."""

    state: SessionState
    path: str

    @property
    def name(self) -> str:
        return f"Saving {Path(self.path).name}"


@dataclass(frozen=True)
class CheckPersonJob(Job):
    """Checks that the loaded model fits the person in a file. If the person belongs to another
    model that can be found, the result is that model's path."""

    path: str
    """A person file, or ws."""
    candidates: tuple[str, ...] = ()
    """Files to look for a person's model in."""

    @property
    def name(self) -> str:
        return f"Reading {Path(self.path).name}"


@dataclass(frozen=True)
class FindModelJob(Job):
    """Finds the file with the weights that made an export; the result is empty if there is none."""

    weights: str
    """Fingerprint of the weights."""
    candidates: tuple[str, ...]
    """Files to search."""
    source: str
    """The export."""

    @property
    def name(self) -> str:
        return f"Finding the model of {Path(self.source).name}"


@dataclass(frozen=True)
class FindDirectionsJob(Job):
    """Finds the directions that the model has learnt, or those found before; the path of their
    file. It goes on only in idle time, and is not shown as a job."""

    loses: ClassVar[bool] = False
    idle: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "Finding directions"


@dataclass(frozen=True)
class FiguresJob(Job):
    """Measures how much two pictures differ; the result is JSON of
    `viz.state.comparing.measured.Figures`."""

    loses: ClassVar[bool] = False
    background: ClassVar[bool] = True
    first: bytes = field(repr=False)
    """uint8 [h, h, 3]."""
    second: bytes = field(repr=False)
    """uint8 [h, h, 3], of any side."""

    @property
    def name(self) -> str:
        return "Comparing the pictures"


def _figures(job: FiguresJob, _: Renderer) -> Steps[str]:
    from viz.render.comparing import figures

    measured = yield from figures.measure(*map(figures.from_bytes, (job.first, job.second)))
    return json.dumps(asdict(measured))


def _find_directions(_: FindDirectionsJob, renderer: Renderer) -> Steps[str]:
    from viz.render.directions import direction_finder

    return direction_finder.cached(renderer.G)


def _moment(job: MomentJob, renderer: Renderer) -> Steps[str]:
    from viz.exports.figures import measuring

    return measuring.figures(renderer, job.state)


def _export(job: ExportJob, renderer: Renderer) -> Steps[Path]:
    exporter = EXPORTERS[job.what]
    options = msgspec.convert(job.options, exporter.options)
    return exporter.run(renderer, job.state, options, Path(job.path), overwrite=job.overwrite)


def _capture(job: CaptureJob, renderer: Renderer) -> Steps[Path]:
    from viz.exports.pictures import captures

    return captures.save(renderer, job.state, job.kind, Path(job.path))


def _capture_window(job: WindowCaptureJob, renderer: Renderer) -> Steps[Path]:
    from viz.exports.pictures import captures

    return captures.save_window(renderer, job.pixels, job.size, job.state, Path(job.path))


def _save_ws(job: SaveWsJob, renderer: Renderer) -> Steps[Path]:
    from viz.exports.pictures import captures

    return captures.save_ws(renderer, job.state, Path(job.path))


def _check_person(job: CheckPersonJob, renderer: Renderer) -> Steps[str]:
    from viz.exports.pictures import captures

    return captures.check_person(renderer, job.path, job.candidates)


def _find_model(job: FindModelJob, _: Renderer) -> Steps[str]:
    from viz.render import models

    return models.find(job.weights, job.candidates)


JOBS: dict[type[Any], Callable[[Any, Any], Steps[Any]]] = {
    ExportJob: _export,
    CaptureJob: _capture,
    WindowCaptureJob: _capture_window,
    SaveWsJob: _save_ws,
    CheckPersonJob: _check_person,
    FindModelJob: _find_model,
    FindDirectionsJob: _find_directions,
    FiguresJob: _figures,
    MomentJob: _moment,
}
"""How each job is done, for `viz.render.worker.Worker`."""
