"""Long work in steps that report progress."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

S = TypeVar("S")
T = TypeVar("T")

Progress = tuple[str, float | None]
"""What is being done, and the fraction 0..1 that is done; None while that is unknown."""
Steps = Generator[Progress, None, T]
"""Yields progress and returns the result of the work."""


def with_progress(steps: Generator[S, None, T], progress: Callable[[S], Progress]) -> Steps[T]:
    """The same steps, with whatever each yields turned into progress by `progress`."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        yield progress(step)


@dataclass(frozen=True, eq=False)
class Report:
    """Progress of a job, in more detail than `Progress`."""

    detail: str
    """What is being done."""
    fraction: float | None
    """0..1, or None while the length is unknown."""
    picture: np.ndarray | None = field(default=None, repr=False)
    """A picture of the work so far, uint8 [H, W, 3]; None if there is no new one."""
    seconds_left: float | None = None
    """Estimated time left; None where there is no estimate."""


ReportingSteps = Generator[Report | Progress, None, T]
"""Like `Steps`, but may also yield reports."""


def finish(steps: Generator[Any, None, T]) -> T:
    """Drives a generator to its end, without showing progress; returns its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


class Job:
    """A long piece of work for the worker. Subclasses are frozen dataclasses of plain values that
    say what is to be done."""

    loses: ClassVar[bool] = True
    """Whether stopping it loses work; False for what can simply start over, such as loading."""
    idle: ClassVar[bool] = False
    """Whether it advances only while nothing else is asked for, and is not shown as a job."""
    background: ClassVar[bool] = False
    """Whether it leaves idle time to pictures that are needed sooner."""
    title: ClassVar[str] = ""
    """What is being done, for the user. "{path.name}" stands for the name of the file in the field
    `path`, "{path.stem}" for that without its ending."""

    @property
    def resuming(self) -> str:
        """How to continue where it was stopped, a sentence; empty where it would start over."""
        return ""

    @property
    def name(self) -> str:
        """The title with its names filled in: "Loading NAME"."""
        return self.title.format(
            **{key: Path(text) for key, text in vars(self).items() if isinstance(text, str)}
        )


@dataclass(frozen=True)
class JobStatus:
    """A long job under way."""

    name: str
    """What is being done, for the user: "Loading NAME"."""
    fraction: float | None
    """0..1, or None while the length is unknown."""
    detail: str = ""
    loses: bool = True
    """Whether stopping it, or the jobs queued behind it, loses work; False for loading."""
    seconds_left: float | None = None
    """The job's own estimate; None without one."""
    background: bool = False
    """Whether it leaves the idle time to pictures that are needed sooner."""
