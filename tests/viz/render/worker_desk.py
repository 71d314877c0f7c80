"""A worker with a real model in a thread, to look into it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from tests.viz.render.worker_thread import WorkerThread
from training.checkpoint import save
from training.networks.generator import Generator as Network
from viz.render.connection import WorkerConnection
from viz.render.inference.stage_interface import Stages
from viz.render.messages import Event, Finished, Loaded
from viz.render.renderer import Renderer
from viz.state import jobs, layouts
from viz.state.types import Preview, Quality, RenderRequest, SessionState

PATIENCE = 20.0
STEPS: dict[str, Callable[[], Generator[tuple[str, float | None], None, Any]]] = {}
"""What the jobs of these tests do, by name."""


@dataclass(frozen=True)
class Job(jobs.Job):
    """A job of these tests."""

    word: str

    @property
    def name(self) -> str:
        return self.word


@dataclass(frozen=True)
class IdleJob(Job):
    """One that is done in idle time."""

    idle: ClassVar[bool] = True


class Desk(WorkerConnection):
    """A worker in a thread, and the connection to it."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self.thread = WorkerThread(dict.fromkeys((Job, IdleJob), lambda job, _: STEPS[job.name]()))
        super().__init__(self.thread.launch, "cpu")
        self.wake = wake

    @property
    def renderer(self) -> Renderer:
        assert self.thread.worker is not None
        assert self.thread.worker.renderer is not None
        return self.thread.worker.renderer


@pytest.fixture
def worker() -> Iterator[Desk]:
    STEPS.clear()
    _LEFT.clear()
    worker = Desk()
    yield worker
    worker.close()


@pytest.fixture
def path(small_generator: Network, tmp_path: Path) -> str:
    save(tmp_path / "small.safetensors", small_generator)
    return str(tmp_path / "small.safetensors")


@pytest.fixture
def ready(worker: Desk, path: str) -> Desk:
    """A worker with a model."""
    worker.load(path)
    wait(worker, Loaded)
    wait(worker, Finished)
    return worker


EventKind = TypeVar("EventKind", bound=Event)
_LEFT: dict[int, list[Event]] = {}
"""What came and was not waited for yet, by worker."""


def wait(
    worker: WorkerConnection, kind: type[EventKind], events: list[Event] | None = None
) -> EventKind:
    """The next event of a kind; those before it go to `events`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        _LEFT.setdefault(id(worker), []).extend(worker.poll())
        while _LEFT[id(worker)]:
            event = _LEFT[id(worker)].pop(0)
            if isinstance(event, kind):
                return event
            if events is not None:
                events.append(event)
        time.sleep(0.002)
    raise AssertionError(f"no {kind.__name__} came")


def stages_of(renderer: Renderer) -> Stages:
    """The stages that full pictures are computed by."""
    return renderer.stages(renderer.plan(Quality()))


def request(t: float = 0.0, preview: Preview | None = None) -> RenderRequest:
    return RenderRequest(layouts.shots(SessionState(t=t)), preview=preview)


def until(worker: WorkerConnection, done: Callable[[], object]) -> None:
    """Polls until something is so."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        worker.poll()
        time.sleep(0.002)
