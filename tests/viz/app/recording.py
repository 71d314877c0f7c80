"""The application's commands over no worker and no window."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

from viz.app.commands import Commands
from viz.app.program_commands import Notify
from viz.render.connection import WorkerConnection
from viz.state.jobs import JobStatus

ACTS = frozenset(
    name
    for kind in Commands.__mro__
    for name, value in vars(kind).items()
    if callable(value) and not name.startswith("_")
) - {"bookmarks", "recent_files", "notify", "listed_directions", "is_solo", "cue_problem"}
"""Names of all that commands do; what they only tell is left out."""


class IdleWorker:
    """Takes everything and does nothing."""

    status: JobStatus | None = None
    idle_fraction: float | None = None

    def submit(self, *_: object) -> None: ...
    def submit_idle(self, *_: object, **__: object) -> None: ...
    def start(self, *_: object) -> None: ...
    def load(self, *_: object) -> None: ...
    def cancel(self) -> None: ...
    def keep_spare(self, *_: object) -> None: ...


class NoShell:
    """A window that is not there."""

    fullscreen = False
    clipboard = ""
    geometry: dict[str, Any] = {}  # noqa: RUF012
    monitor_names: list[str] = ["Laptop", "Projector"]  # noqa: RUF012

    def nudge(self) -> None: ...


class RecordingCommands(Commands):
    """Commands that write down what they are asked for instead of doing it.

    Args:
        recorded: names of the acts that are written down; the others are done.
    """

    job: JobStatus | None = None  # pyright: ignore[reportIncompatibleMethodOverride]
    job_left: float | None = None  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, recorded: Collection[str] = ACTS) -> None:
        self.calls: list[tuple[object, ...]] = []
        self._recorded: Collection[str] = ()
        super().__init__(
            cast(WorkerConnection, IdleWorker()),
            NoShell(),
            cast(Notify, lambda *_, **__: None),
            Path("no such settings.json"),
        )
        self._recorded = recorded

    def __getattribute__(self, name: str) -> Any:
        if name in object.__getattribute__(self, "__dict__").get("_recorded", ()):
            return lambda *arguments: self.calls.append((name, *arguments))
        return super().__getattribute__(name)
