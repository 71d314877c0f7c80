"""The worker: the process that runs torch.

Requests go through one slot, where the newest replaces any that is waiting. Long jobs are
generators: the worker alternates between one picture and one step of a job, so that both make
progress and either can be stopped.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import psutil
import torch

from viz.render import memory, message_encoding, messages
from viz.render.comparing import side_by_side
from viz.render.models import load_model, pick_device
from viz.render.open_models import OpenModel, OpenModels
from viz.render.picture.thumbnail_store import ThumbnailStore
from viz.render.renderer import Renderer
from viz.state.errors import SupersededError, UserError
from viz.state.files import Stamp, file_stamp
from viz.state.jobs import Job, Report, ReportingSteps, Steps
from viz.state.types import MeshData, RenderRequest, RenderResult

log = logging.getLogger(__name__)

RunJob = Callable[[Any, Renderer], ReportingSteps[Any]]
"""Begins a job: run(job, renderer) returns its steps."""


@dataclass
class _Task:
    """A job that is queued or under way."""

    number: int
    job: Job
    steps: ReportingSteps[Any] | None = None
    cancelled: bool = False


_QUIET_SECONDS = 0.15
"""Time without a request after which the worker counts as idle."""
_IDLE_PAUSE = 6.0
"""While the worker is busy, the next picture rendered ahead waits this many times as long as the
last one took."""
_LONG_SECONDS = 0.1
"""Pictures that take longer than this, and longer than the pictures shown, are rendered ahead only
while the worker is idle."""
_AHEAD_SECONDS = 6.0
"""Longest time spent on rendering ahead with a model that is not shown yet."""


class Worker:
    """Renders pictures and runs jobs as the window requests.

    Args:
        connection: connection to the window.
        jobs: functions that run each class of jobs; loading models is built in.
        device: name of the device that models run on, as `viz.render.models.pick_device` takes it.
        ring: shared memory for pictures.
        store: small pictures on disk.
    """

    def __init__(
        self,
        connection: Connection,
        jobs: Mapping[type[Any], RunJob] | None = None,
        device: str = "auto",
        ring: message_encoding.ArrayRing | None = None,
        store: ThumbnailStore | None = None,
    ) -> None:
        self._models = OpenModels()
        self._connection, self._ring, self._store = connection, ring, store
        self._sending = threading.Lock()
        self._jobs = dict(jobs or {})
        self._loads: dict[type[Any], Callable[[Any], Steps]] = {
            messages.LoadModel: self._load,
            messages.LoadAhead: self._load_ahead,
            messages.LoadSecond: self._load_second,
        }
        self._kinds = {kind.__name__: kind for kind in (*self._loads, *self._jobs)}
        self._device_name = device
        self._device = torch.device("cpu")
        self._changed = threading.Condition()
        self._slot: messages.Render | None = None
        self._requested = 0.0
        """When a picture to show was requested last; see `time.monotonic`."""
        self._idle: deque[RenderRequest] = deque()
        self._idle_due = 0.0
        """When a picture may next be rendered ahead even if that delays others."""
        self._shown_seconds = 0.0
        """How long the last picture shown took."""
        self._waiting: list[_Task] = []
        self._running: _Task | None = None
        self._meshes: tuple[MeshData | None, ...] = ()
        self._stop = False

    @property
    def renderer(self) -> Renderer | None:
        """Renderer of the model that is shown; None without one."""
        return None if self._models.shown is None else self._models.shown.renderer

    def serve(self) -> None:
        """Serves the window until it sends `Quit` or is gone."""
        memory.keep_freed()
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        self._choose_device()
        with torch.inference_mode():
            while self._work_once():
                pass
            if self._running is not None and self._running.steps is not None:
                with contextlib.suppress(Exception):
                    self._running.steps.close()  # removes its partial files

    # On the listening thread:

    def _listen(self) -> None:
        try:
            while not self._stop:
                self._take_in(
                    message_encoding.decode(self._connection.recv_bytes(), messages.KINDS)
                )
        except (EOFError, OSError):
            self._take_in(messages.Quit())  # the window is gone
        self._connection.close()

    def _take_in(self, message: Any) -> None:
        if isinstance(message, messages.RenderIdle):
            message = replace(message, requests=tuple(self._not_stored(message.requests)))
        with self._changed:
            if isinstance(message, messages.Render):
                if self._slot is not None and not self._is_asked_again(self._slot.request, message):
                    self._tell(messages.Dropped(self._slot.request))
                self._slot, self._requested = message, time.monotonic()
            elif isinstance(message, messages.RenderIdle):
                if not message.appends:
                    self._idle.clear()
                self._idle.extend(message.requests)
            elif isinstance(message, messages.Start):
                job = message_encoding.unpack(message.job, self._kinds[message.kind])
                self._waiting.append(_Task(message.number, job))
            elif isinstance(message, messages.Cancel):
                self._cancel(message.number)
            elif isinstance(message, messages.Quit):
                self._stop, self._slot = True, None
                self._idle.clear()
            self._changed.notify()

    def _not_stored(self, requests: Sequence[RenderRequest]) -> Iterator[RenderRequest]:
        """Reports at once the pictures that are on disk; yields the other requests."""
        shown, store = self._models.shown, self._store
        for request in requests:
            found = None
            if store is not None and shown is not None:
                found = store.get(shown.info.weights, request)
            if found is None:
                yield request
            else:
                self._tell(messages.Rendered(RenderResult(request, (found,)), 0, idle=True))

    def _cancel(self, number: int) -> None:
        if self._running is not None and self._running.number == number:
            self._running.cancelled = True
        for task in [task for task in self._waiting if task.number == number]:
            self._waiting.remove(task)
            self._tell(messages.Cancelled(number, task.job.name))

    # On the working thread:

    def _choose_device(self) -> None:
        notes: tuple[str, ...] = ()
        try:
            self._device = pick_device(self._device_name)
        except UserError as error:
            self._device = pick_device("auto")
            device = "CPU" if self._device.type == "cpu" else f"GPU {self._device}"
            notes = (f"{error} The {device} is used instead.",)
        if self._device.type == "cuda":
            torch.cuda.set_device(self._device)  # set per thread; timers use it
        self._tell(messages.Ready(str(self._device), notes))

    def _work_once(self) -> bool:
        """Renders the picture requested, one ahead if that is due, and does one step of a job;
        False when the worker is to end."""
        with self._changed:
            while not (self._stop or self._has_request):
                pauses = [p for p in (self._idle_pause, self._job_pause) if p is not None]
                if 0 in pauses:
                    break
                self._changed.wait(min(pauses, default=None))
            if self._stop:
                return False
            message = None
            if self._has_request:
                message, self._slot = self._slot, None
        if self.renderer is not None:
            if message is not None:
                self._render(self.renderer, message.request)
            if self._idle_pause == 0:
                self._render_idle(self.renderer)
        if self._job_pause == 0:
            self._step_job()
        return True

    @property
    def _idle_pause(self) -> float | None:
        """Seconds until a picture may be rendered ahead; None if there is none."""
        if not self._idle or self.renderer is None:
            return None
        due = self._idle_due
        task = self._next_task
        if not self._has_request and (task is None or task.job.idle):
            due = min(due, self._requested + _QUIET_SECONDS)
        return max(due - time.monotonic(), 0.0)

    @property
    def _next_task(self) -> _Task | None:
        """The job under way, or the next one; idle jobs make way for others."""
        running = [] if self._running is None else [self._running]
        tasks = [*running, *self._waiting]
        return next((task for task in tasks if not task.job.idle), tasks[0] if tasks else None)

    @property
    def _job_pause(self) -> float | None:
        """Seconds until a job may go on; None if there is none."""
        task = self._next_task
        if task is None:
            return None
        if not task.job.idle or task.cancelled:
            return 0.0
        return max(self._requested + _QUIET_SECONDS - time.monotonic(), 0.0)

    def _render_idle(self, renderer: Renderer) -> None:
        """Renders the next picture ahead, or puts it back if a picture to show is requested
        meanwhile and must not wait."""
        begun = time.monotonic()
        may_delay = begun >= self._idle_due
        with self._changed:
            if not self._idle:  # the window has withdrawn them
                return
            request = self._idle.popleft()

        def check() -> None:
            if self._stop or (self._slot is not None and not may_delay):
                raise SupersededError

        try:
            result = side_by_side.render(renderer, request, check, idle=True)
        except SupersededError:
            with self._changed:
                self._idle.appendleft(request)
            return
        except Exception as error:
            if memory.is_lacking(error):
                self._free_memory()
            sentence = str(error) or type(error).__name__
            details = "" if isinstance(error, UserError) else traceback.format_exc()
            self._tell(messages.Failed(sentence, details, request, idle=True))
        else:
            self._tell(self._rendered(renderer, result, idle=True))
            picture = result.pictures[0]
            shown = self._models.shown
            if self._store is not None and shown is not None and picture is not None:
                self._store.put(shown.info.weights, request, picture)
        end = time.monotonic()
        long = end - begun > max(_LONG_SECONDS, self._shown_seconds)
        self._idle_due = math.inf if long else end + _IDLE_PAUSE * (end - begun)

    @property
    def _has_request(self) -> bool:
        """Whether a picture can be rendered now; a request that arrives before its model waits for
        it."""
        return self._slot is not None and self.renderer is not None

    def _tell(self, event: messages.Event) -> None:
        with self._sending, contextlib.suppress(OSError):  # the window may be gone
            self._connection.send_bytes(message_encoding.encode(event, self._ring))

    def _render(self, renderer: Renderer, request: RenderRequest) -> None:
        def check() -> None:
            slot = self._slot
            replaced = slot is not None and not slot.waits and request.preview is None
            if self._stop or (replaced and not self._is_asked_again(request, slot)):
                raise SupersededError

        try:
            result = side_by_side.render(renderer, request, check)
            if self._is_asked_again(request, self._slot):
                return  # its files may have changed meanwhile; if not, all stages are cached
        except SupersededError:
            self._tell(messages.Dropped(request))
        except UserError as e:
            self._tell(messages.Failed(str(e), request=request))
        except Exception as e:
            text = f"The picture could not be rendered: {str(e) or type(e).__name__}"
            short = memory.is_lacking(e)
            if short:
                self._free_memory()
                text = "There is not enough memory for this picture."
            renderer.cache.clear()
            failed = messages.Failed(text, traceback.format_exc(), request, out_of_memory=short)
            self._tell(failed)
        else:
            self._shown_seconds = result.total_ms / 1000
            same = tuple(_place(mesh, self._meshes) for mesh in result.meshes)
            self._meshes = result.meshes
            fresh = tuple(
                mesh if place is None else None
                for mesh, place in zip(result.meshes, same, strict=True)
            )
            result = replace(result, meshes=fresh)
            self._tell(replace(self._rendered(renderer, result), same_meshes=same))

    @staticmethod
    def _is_asked_again(request: RenderRequest, newer: messages.Render | None) -> bool:
        """Whether a newer message requests the same picture. If it dropped the one under way, the
        window would learn of that and request the picture once more, which would drop it again."""
        return newer is not None and newer.request == request

    def _rendered(
        self, renderer: Renderer, result: RenderResult, idle: bool = False
    ) -> messages.Rendered:
        return messages.Rendered(
            result,
            renderer.cache.used_bytes,
            dict(renderer.stage_runs),
            psutil.Process().memory_info().rss,
            torch.cuda.memory_reserved(self._device) if self._on_cuda else 0,
            idle,
        )

    @property
    def _on_cuda(self) -> bool:
        return self._device.type == "cuda"

    def _free_memory(self) -> None:
        """Drops cached results, and returns torch's cached memory to the GPU."""
        self._models.clear_caches()
        self._return_device_memory()

    def _return_device_memory(self) -> None:
        if self._on_cuda:
            torch.cuda.empty_cache()
        elif self._device.type == "mps":
            torch.mps.empty_cache()

    def _step_job(self) -> None:
        """Does one step of the job under way, or begins the next one."""
        with self._changed:
            task, running = self._next_task, self._running
            if task is None:
                return
            if task is not running:
                self._waiting.remove(task)
                if running is not None:
                    self._waiting.append(running)
                self._running = task
        if task is not running:
            self._tell(messages.Progress(task.number, None))
        try:
            if task.steps is None:
                task.steps = self._begin(task.job)
            if task.cancelled:
                task.steps.close()
                self._end_job(messages.Cancelled(task.number, task.job.name))
                return
            step = next(task.steps)
            report = step if isinstance(step, Report) else Report(*step)
        except StopIteration as end:
            self._end_job(
                messages.Finished(task.number, "" if end.value is None else str(end.value))
            )
        except Exception as error:
            self._fail_job(task, error)
        else:
            told = (report.fraction, report.detail, report.picture, report.seconds_left)
            self._tell(messages.Progress(task.number, *told))

    def _begin(self, job: Any) -> ReportingSteps[Any]:
        if type(job) in self._loads:
            return self._loads[type(job)](job)
        if self.renderer is None:
            raise UserError("No model is loaded yet: wait for it, or open one.")
        return self._jobs[type(job)](job, self.renderer)

    def _load(self, job: messages.LoadModel) -> Steps:
        stamp = file_stamp(job.path)  # before reading, so that a change during it is noticed
        models = self._models
        kept = models.to_show(job.path, stamp)
        model = None if kept else (yield from load_model(job.path, self._device))
        old = models.shown
        models.show(None)
        if job.keep and old is not None:
            models.keep(old)
        elif old is not None:
            models.forget()
            old.renderer.cache.clear()
            del old
            gc.collect()  # its hooks form a cycle with the model, which would stay on the GPU
            self._return_device_memory()
        if kept is None:
            assert model is not None
            kept = OpenModel.of(model, stamp)
        models.show(kept)
        self._tell(messages.Loaded(kept.info, stamp))

    def _load_second(self, job: messages.LoadSecond) -> Steps:
        models = self._models
        if not job.path:
            models.compare(None)
            gc.collect()
            self._return_device_memory()
            return
        stamp = file_stamp(job.path)
        found = yield from self._opened(job.path, stamp)
        models.compare(found)
        self._tell(messages.LoadedSecond(found.info, stamp))

    def _load_ahead(self, job: messages.LoadAhead) -> Steps:
        first, requests = (yield from self._open_ahead(job.path)), job.requests
        if job.second:
            second = yield from self._open_ahead(job.second)
            requests = [side_by_side.with_second(r, second.info.weights) for r in requests]
        begin = time.monotonic()
        for k, request in enumerate(requests):
            yield "Rendering", k / len(requests)
            # The first picture is worth a pause; the others wait until nothing else is requested.
            while k and self._slot is not None and not self._waiting:
                yield "Rendering", k / len(requests)
            if self._waiting or time.monotonic() - begin > _AHEAD_SECONDS:
                return  # what the user has requested meanwhile comes first
            try:
                result = side_by_side.render(first.renderer, request)
            except Exception as error:  # the user is told when the picture is wanted
                log.warning("A picture could not be rendered ahead: %s", error)
                return
            self._tell(messages.Prepared(result, job.path, first.info.weights))

    def _open_ahead(self, path: str) -> Steps[OpenModel]:
        found = yield from self._opened(path, file_stamp(path))
        if found not in (self._models.shown, self._models.second):
            self._models.keep(found)
        return found

    def _opened(self, path: str, stamp: Stamp | None) -> Steps[OpenModel]:
        """A model from memory, loaded first if it is not there."""
        found = self._models.to_compare(path, stamp)
        return found or OpenModel.of((yield from load_model(path, self._device)), stamp)

    def _fail_job(self, task: _Task, error: Exception) -> None:
        if isinstance(error, UserError):
            self._end_job(messages.Failed(str(error), number=task.number))
            return
        reason = str(error) or type(error).__name__
        short = memory.is_lacking(error)
        if short:
            self._free_memory()
            reason = "there is not enough memory."
        details = "".join(traceback.format_exception(error))
        sentence = f"{task.job.name} failed: {reason}"
        self._end_job(messages.Failed(sentence, details, number=task.number, out_of_memory=short))

    def _end_job(self, event: messages.Event) -> None:
        with self._changed:
            self._running = None
        self._tell(event)
        memory.give_back()


def _place(mesh: MeshData | None, meshes: tuple[MeshData | None, ...]) -> int | None:
    """Index of a mesh among others; None if it is not one of them, or is None."""
    return next((k for k, other in enumerate(meshes) if other is mesh is not None), None)
