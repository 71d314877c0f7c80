"""Long work, told step by step."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

Steps = Generator[tuple[str, float | None], None, T]
"""Yields progress as (detail, fraction 0..1 or None) and returns the result of the work."""


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
