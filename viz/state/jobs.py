"""Long work, told step by step."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

S = TypeVar("S")
T = TypeVar("T")

Progress = tuple[str, float | None]
"""What is being done, and the fraction 0..1 that is done; None while that is not known."""
Steps = Generator[Progress, None, T]
"""Yields progress and returns the result of the work."""


def with_progress(steps: Generator[S, None, T], progress: Callable[[S], Progress]) -> Steps[T]:
    """The same steps, whose progress is what `progress` makes of what each of them yields."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        yield progress(step)


@dataclass(frozen=True, eq=False)
class Report:
    """Progress of a job that tells more than `Steps` do."""

    detail: str
    """What is being done."""
    fraction: float | None
    """0..1, or None while the length is unknown."""
    picture: np.ndarray | None = field(default=None, repr=False)
    """What there is to see, uint8 [H, W, 3]; None where nothing is new."""
    seconds_left: float | None = None
    """An estimate; None where there is none."""


ReportingSteps = Generator[Report | Progress, None, T]
"""As `Steps`, with reports."""


def finish(steps: Generator[Any, None, T]) -> T:
    """Drives a generator to its end where nobody shows its progress; returns its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@dataclass(frozen=True)
class JobStatus:
    """A long job under way."""

    name: str
    """What is being done, for the user: "Loading NAME"."""
    fraction: float | None
    """0..1, or None while the length is unknown."""
    detail: str = ""
    loses: bool = True
    """Whether something is lost if it, or what waits behind it, is stopped: not so for loading."""
    seconds_left: float | None = None
    """As the job itself estimates it."""
