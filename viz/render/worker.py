"""The one thread that owns torch.

Requests go through one slot, where the newest replaces what waits. Long jobs are generators: the
worker alternates one picture and one step of a job, so both go on, and either can be stopped.
"""

from __future__ import annotations

import contextlib
import gc
import queue
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from viz.render.models import Model, load_model
from viz.render.renderer import Renderer
from viz.state.errors import SupersededError, UserError
from viz.state.files import Stamp, file_stamp
from viz.state.jobs import JobStatus, Steps
from viz.state.types import ModelInfo, RenderRequest, RenderResult


@dataclass(frozen=True)
class Job:
    """A long piece of work."""

    name: str
    """What is being done, for the user: "Loading NAME"."""
    start: Callable[[Renderer | None], Steps]
    """Begins the work on the worker's thread."""
    done: Callable[[Any], None] = lambda _: None
    """Takes the result, on the thread that polls."""


@dataclass(frozen=True)
class Rendered:
    """A picture is ready."""

    result: RenderResult
    cache_bytes: int
    stage_runs: dict[str, int]


@dataclass(frozen=True)
class Loaded:
    """A model is ready."""

    info: ModelInfo
    stamp: Stamp | None = None
    """Of its file, from before it was read."""


@dataclass(frozen=True)
class Finished:
    """A job ended well."""

    job: Job
    value: Any


@dataclass(frozen=True)
class Failed:
    """Something went wrong; the worker goes on."""

    sentence: str
    """For the user."""
    details: str = ""
    """Traceback, or nothing where the sentence says it all."""
    request: RenderRequest | None = None
    """The request that failed, if it was one."""
    out_of_memory: bool = False


@dataclass(frozen=True)
class Cancelled:
    """A job was stopped by the user."""

    name: str


Event = Rendered | Loaded | Finished | Failed | Cancelled


class Worker:
    """Renders and runs jobs on a thread of its own.

    Args:
        device: where the models live.
        wake: called from the worker's thread when `poll` has something new.
    """

    def __init__(self, device: torch.device, wake: Callable[[], None] = lambda: None) -> None:
        self.device = device
        self._wake = wake
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._slot: RenderRequest | None = None
        self._jobs: list[Job] = []
        self._cancel = False
        self._stop = False
        self._renderer: Renderer | None = None
        self._running: tuple[Job, Steps] | None = None
        self._status: JobStatus | None = None
        self._thread = threading.Thread(target=self._run, name="torch worker", daemon=True)
        self._thread.start()

    # From the interface's thread -------------------------------------------------------------

    def submit(self, request: RenderRequest) -> None:
        """Asks for a picture instead of any that waits. An unfinished full picture is dropped;
        an unfinished preview is not, or a steady drag would never show one."""
        with self._changed:
            self._slot = request
            self._changed.notify()

    def start(self, job: Job) -> None:
        """Queues a job; jobs run one after the other."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def load(self, path: str) -> None:
        """Loads a model in place of the present one, which stays until the new one is ready."""

        def steps(old: Renderer | None) -> Steps:
            stamp = file_stamp(path)  # what is written while it is read is newer
            model = yield from load_model(path, self.device)
            del old  # the last reference but the worker's own, which `_take` drops
            self._take(model, stamp)

        name = Path(path).name or "the untrained model"
        self.start(Job(f"Loading {name}", steps))

    def cancel(self) -> None:
        """Stops the job under way at its next step; one that waits for a picture at once."""
        with self._changed:
            if self._status is None and self._jobs:
                self._tell(Cancelled(self._jobs.pop(0).name))
            self._cancel = True
            self._changed.notify()

    @property
    def status(self) -> JobStatus | None:
        """The job under way, or the one that will be next."""
        with self._changed:
            if self._status is None and self._jobs:
                return JobStatus(self._jobs[0].name, None)
            return self._status

    def poll(self) -> list[Event]:
        """What happened since the last call, oldest first; callbacks of finished jobs run here."""
        events: list[Event] = []
        with contextlib.suppress(queue.Empty):
            while True:
                events.append(self._events.get_nowait())
        for index, event in enumerate(events):
            if isinstance(event, Finished):
                try:
                    event.job.done(event.value)
                except Exception as error:  # the events after it still count
                    sentence = f"{event.job.name}: what followed failed."
                    if isinstance(error, UserError):
                        sentence = str(error)
                    details = "".join(traceback.format_exception(error))
                    events[index] = Failed(sentence, details)
        return events

    def close(self, timeout: float = 5.0) -> None:
        """Ends the thread after what it does now; gives up waiting after `timeout` seconds."""
        with self._changed:
            self._stop = True
            self._slot = None
            self._changed.notify()
        self._thread.join(timeout)

    # On the worker's thread ------------------------------------------------------------------

    def _run(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)  # each thread has its own; clocks take it
        with torch.inference_mode():
            while True:
                with self._changed:
                    while not (self._stop or self._slot or self._jobs or self._running):
                        self._changed.wait()
                    if self._stop:
                        break
                    request, self._slot = self._slot, None
                if request is not None and self._renderer is not None:
                    self._render(self._renderer, request)
                self._step_job()
            if self._running is not None:
                with contextlib.suppress(Exception):
                    self._running[1].close()  # it takes away what it has half written

    def _tell(self, event: Event) -> None:
        self._events.put(event)
        self._wake()

    def _take(self, model: Model, stamp: Stamp | None) -> None:
        old, self._renderer = self._renderer, None
        if old is not None:
            old.cache.clear()
            del old
            gc.collect()  # its hooks hold the model in a cycle, which could keep the GPU full
            self._free_device()
        self._renderer = Renderer(model.G, _cache_budget(self.device))
        self._tell(Loaded(model.info, stamp))

    def _render(self, renderer: Renderer, request: RenderRequest) -> None:
        def check() -> None:
            if self._stop or (request.preview is None and self._slot is not None):
                raise SupersededError

        try:
            result = renderer.render(request, check)
        except SupersededError:
            return
        except UserError as e:
            self._tell(Failed(str(e), request=request))
        except (torch.OutOfMemoryError, MemoryError):
            renderer.cache.clear()
            self._free_device()
            self._tell(
                Failed(
                    "There is not enough memory for this picture.",
                    traceback.format_exc(),
                    request,
                    out_of_memory=True,
                )
            )
        except Exception as e:
            renderer.cache.clear()
            text = f"The picture could not be rendered: {str(e) or type(e).__name__}"
            self._tell(Failed(text, traceback.format_exc(), request))
        else:
            self._tell(Rendered(result, renderer.cache.used_bytes, dict(renderer.stage_runs)))

    def _free_device(self) -> None:
        """Gives the memory that torch keeps for reuse back to the GPU."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _step_job(self) -> None:
        """One step of the job under way, or the beginning of the next one."""
        if self._running is None:
            with self._changed:
                if not self._jobs:
                    return
                job = self._jobs.pop(0)
                self._cancel = False
                self._status = JobStatus(job.name, None)
            try:
                self._running = job, job.start(self._renderer)
            except Exception as e:
                self._fail_job(job, e)
            return
        job, steps = self._running
        try:
            if self._cancel:
                steps.close()
                self._end_job(Cancelled(job.name))
                return
            detail, fraction = next(steps)
        except StopIteration as e:
            self._end_job(Finished(job, e.value))
        except Exception as e:
            self._fail_job(job, e)
        else:
            self._status = JobStatus(job.name, fraction, detail)
            self._wake()

    def _fail_job(self, job: Job, error: Exception) -> None:
        if isinstance(error, UserError):
            self._end_job(Failed(str(error)))
        elif isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            details = "".join(traceback.format_exception(error))
            if self._renderer is not None:
                self._renderer.cache.clear()
            self._free_device()
            self._end_job(Failed(f"{job.name} failed: there is not enough memory.", details))
        else:
            text = f"{job.name} failed: {str(error) or type(error).__name__}"
            self._end_job(Failed(text, "".join(traceback.format_exception(error))))

    def _end_job(self, event: Event) -> None:
        self._running = None
        self._status = None
        self._tell(event)


def _cache_budget(device: torch.device) -> int:
    """Bytes for kept stages: a share of what is free, to hold a clip's planes where they fit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 4
    return min(2 * 2**30, psutil.virtual_memory().available // 8)
