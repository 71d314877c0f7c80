"""The messages between the window's process and the worker's. No torch here.

Each is a frozen dataclass; `message_encoding` turns them into bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np

from viz.state.files import Stamp
from viz.state.jobs import Job
from viz.state.types import ModelInfo, RenderRequest, RenderResult


@dataclass(frozen=True)
class Render:
    """Requests a picture in place of any that is waiting."""

    request: RenderRequest
    waits: bool = False
    """Whether the picture under way is finished first, even if it is a full one."""


@dataclass(frozen=True)
class RenderIdle:
    """Requests pictures to be rendered ahead, one after the other, in idle time. While the worker
    has other work, they take only a small part of its time."""

    requests: tuple[RenderRequest, ...]
    appends: bool = False
    """Whether they follow those requested before, instead of replacing them."""


@dataclass(frozen=True)
class Start:
    """Queues a job; jobs run one after the other."""

    number: int
    """Identifies the job."""
    kind: str
    """Name of the job's class."""
    job: bytes
    """Its fields, as `pack` makes them."""


@dataclass(frozen=True)
class Cancel:
    """Removes a queued job, or stops the one under way at its next step."""

    number: int


@dataclass(frozen=True)
class Quit:
    """Ends the worker after its current step."""


@dataclass(frozen=True)
class Ready:
    """The worker has started."""

    device: str
    """The device that models are on: "cpu", "cuda:0" or "mps"."""
    notes: tuple[str, ...] = ()
    """Sentences for the user, such as that the requested device is not available."""


@dataclass(frozen=True)
class Rendered:
    """A picture is ready."""

    result: RenderResult
    """The result, without meshes that were sent before."""
    cache_bytes: int
    """Memory of the cached results of stages."""
    stage_runs: dict[str, int] = field(default_factory=dict)
    """How often each stage was computed since the model was loaded."""
    process_bytes: int = 0
    """Memory of the worker's process."""
    device_bytes: int = 0
    """Memory that torch holds on the GPU; 0 without one."""
    idle: bool = False
    """Whether it was requested by `RenderIdle`."""
    same_meshes: tuple[int | None, ...] = ()
    """For each mesh, its index among the previous picture's meshes if it is one of them: meshes are
    large, and do not change while only the camera moves."""


@dataclass(frozen=True)
class Prepared:
    """A picture of a model that is not shown yet is ready."""

    result: RenderResult
    path: str
    """File of the model."""
    weights: str
    """Fingerprint of the model's weights."""


@dataclass(frozen=True)
class Dropped:
    """A picture was abandoned, or not begun, for a newer request."""

    request: RenderRequest


@dataclass(frozen=True)
class Loaded:
    """A model is ready."""

    info: ModelInfo
    stamp: Stamp | None = None
    """Time and size of its file before it was read."""
    again: bool = False
    """Whether it was loaded again because the worker was restarted."""


@dataclass(frozen=True)
class LoadedSecond:
    """The model that is compared with the one shown is ready."""

    info: ModelInfo
    stamp: Stamp | None = None
    """Time and size of its file before it was read."""


@dataclass(frozen=True)
class Progress:
    """A job is under way."""

    number: int
    fraction: float | None
    """0..1, or None while the length is unknown."""
    detail: str = ""
    picture: np.ndarray | None = None
    """A picture of the work so far, uint8 [H, W, 3]; None if there is no new one."""
    seconds_left: float | None = None
    """The job's own estimate; None without one."""


@dataclass(frozen=True)
class Finished:
    """A job succeeded."""

    number: int
    value: str
    """Its result, such as the path that was written."""


@dataclass(frozen=True)
class Failed:
    """Something went wrong; the worker goes on."""

    sentence: str
    """For the user."""
    details: str = ""
    """Traceback; empty if the sentence says it all."""
    request: RenderRequest | None = None
    """The request that failed, if it was one."""
    idle: bool = False
    """Whether that was requested by `RenderIdle`."""
    number: int | None = None
    """The job that failed, if it was one."""
    out_of_memory: bool = False


@dataclass(frozen=True)
class Cancelled:
    """A job was stopped by the user."""

    number: int
    name: str
    advice: str = ""
    """How to resume it, a sentence; empty if it would start over. Added on the window's side."""


@dataclass(frozen=True)
class Restarted:
    """The worker ended unexpectedly and was restarted; made on the window's side."""

    sentence: str
    """For the user."""


@dataclass(frozen=True)
class Stalled:
    """The worker has given no sign of life for long; made on the window's side."""

    sentence: str
    """For the user."""


Event = (
    Ready
    | Rendered
    | Prepared
    | Dropped
    | Loaded
    | LoadedSecond
    | Progress
    | Finished
    | Failed
    | Cancelled
    | Restarted
    | Stalled
)
Command = Render | RenderIdle | Start | Cancel | Quit

KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (*get_args(Command), *get_args(Event))
}
"""All messages by name, for `message_encoding.decode`."""


@dataclass(frozen=True)
class LoadModel(Job):
    """The job of loading a model in place of the current one, which stays until it is ready."""

    loses: ClassVar[bool] = False
    path: str
    """Empty for the untrained model."""
    keep: bool = False
    """Whether the current model stays in memory, so that returning to it takes no time."""

    @property
    def name(self) -> str:
        return f"Loading {Path(self.path).name or 'the untrained model'}"


NEXT_SECOND = "next"
"""Stands for the fingerprint of a second model that is not loaded yet."""


@dataclass(frozen=True)
class LoadAhead(Job):
    """The job of loading the model that will be needed next, and of rendering pictures with it,
    while the current one is shown."""

    title: ClassVar[str] = "Loading {path.name} ahead of time"
    loses: ClassVar[bool] = False
    background: ClassVar[bool] = True
    path: str
    requests: tuple[RenderRequest, ...] = ()
    """Full pictures, the most urgent first; each is reported as `Prepared`. Shots of the second
    model have `NEXT_SECOND` in place of its fingerprint."""
    second: str = ""
    """Path of the model that will be compared with it; empty for none."""


@dataclass(frozen=True)
class LoadSecond(Job):
    """The job of loading the model that is compared with the one shown, or of closing it."""

    loses: ClassVar[bool] = False
    background: ClassVar[bool] = True
    path: str
    """Empty to close the one that is loaded."""

    @property
    def name(self) -> str:
        name = Path(self.path).name
        return f"Loading {name} to compare" if name else "Closing the second model"
