"""The window's side of the worker: starts its process, exchanges messages with it, and restarts it.

Nothing here waits for the worker. If its process ends unexpectedly another one takes its place,
loads the same model and continues with the queue; the user notices only a pause.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from training.reasons import first_line
from training.replacing import remove_abandoned
from viz.render import message_encoding, messages
from viz.render.worker_host import Host, Launch, StallWatch, WorkerLine, end_reason
from viz.state.errors import UserError
from viz.state.jobs import Job, JobStatus
from viz.state.types import MeshData, RenderRequest

_OURS = 0
"""In place of a worker's number: an event made here, whichever worker there is by now."""
_FEW, _SOON = 3, 60.0
"""If the worker ends this many times within this many seconds while doing the same thing, that
thing is taken to be the cause."""


@dataclass
class _Pending:
    """A job that is queued or under way."""

    number: int
    job: Job
    done: Callable[[str], None]
    ended: Callable[[], None] = lambda: None
    begun: bool = False
    fraction: float | None = None
    detail: str = ""
    seconds_left: float | None = None

    def message(self) -> messages.Start:
        return messages.Start(self.number, type(self.job).__name__, message_encoding.pack(self.job))


@dataclass(frozen=True)
class _End:
    """An unexpected end of a worker."""

    time: float
    """Clock time, seconds."""
    request: RenderRequest | None
    """The picture that was requested, if any."""
    job: str | None
    """Name of the job under way, if any."""
    at_start: bool
    """Whether it ended before it was ready."""


@dataclass
class _Spare:
    """A worker that waits to take over."""

    number: int
    line: WorkerLine
    ready: messages.Ready | None = None


class WorkerConnection:
    """Requests pictures and jobs from a worker, and reports the results.

    Args:
        launch: makes the host that the worker runs in.
        device: name of the device that models are loaded to.
    """

    def __init__(self, launch: Launch, device: str = "auto") -> None:
        self.device = ""
        """Name of the device that models are on; empty until the worker is ready."""
        self.wake: Callable[[], None] = lambda: None
        """Called from another thread when `poll` has something new."""
        self._launch, self._wanted_device = launch, device
        self._events: queue.SimpleQueue[tuple[int, messages.Event | None]] = queue.SimpleQueue()
        self._pending: list[_Pending] = []
        self._numbers = 0
        self._request: RenderRequest | None = None
        self._model: str | None = None
        self._meshes: tuple[MeshData | None, ...] = ()
        self._restoring: int | None = None
        self._ends: deque[_End] = deque(maxlen=_FEW)
        self._lines = 0
        self._spare: _Spare | None = None
        self._lost_spares = 0
        """How many have ended by themselves since the last call that wanted none."""
        self._line: WorkerLine | None = None
        self._open_line()

    def _open_line(self) -> None:
        """Begins with another worker: the spare one, or a new one."""
        self._watch = StallWatch()
        spare, self._spare = self._spare, None
        if spare is None:
            self._line_number, self._line = self._new_line()
            return
        self._line_number, self._line = spare.number, spare.line
        if spare.ready is not None:
            self._events.put((spare.number, spare.ready))

    def _new_line(self) -> tuple[int, WorkerLine]:
        self._lines += 1
        number = self._lines

        def heard(event: messages.Event | None) -> None:
            self._events.put((number, event))
            self.wake()

        return number, WorkerLine(self._launch, self._wanted_device, heard)

    def keep_spare(self, wanted: bool) -> None:
        """Keeps a second worker waiting to take over if this one ends, as starting one takes
        seconds. It holds no model, only the memory of a process. Workers in threads get none.

        There is too little memory for one after the system has ended a few, or started none.
        """
        if not wanted:
            spare, self._spare, self._lost_spares = self._spare, None, 0
            if spare is not None:
                spare.line.abandon()
        elif self._spare is None and isinstance(self.host, BaseProcess):
            self._start_spare()

    def _start_spare(self) -> None:
        if self._lost_spares >= _FEW:
            return
        try:
            self._spare = _Spare(*self._new_line())
        except OSError:
            self._lost_spares = _FEW

    def _hear_spare(self, event: messages.Event | None) -> None:
        assert self._spare is not None
        if isinstance(event, messages.Ready):
            self._spare.ready = event
        elif event is None:
            self._spare.line.abandon()
            self._spare = None
            self._lost_spares += 1

    def _send(self, message: Any) -> None:
        if self._line is not None:
            self._line.send(message)

    @property
    def host(self) -> Host | None:
        """The worker's process; None after it was closed or could not be restarted."""
        return None if self._line is None else self._line.host

    def submit(self, request: RenderRequest, waits: bool = False) -> None:
        """Requests a picture in place of any that is waiting. An unfinished full picture is
        dropped; an unfinished preview is not, or a continuous drag would never show one.

        Args:
            request: what to show.
            waits: whether an unfinished full picture is finished first, too.
        """
        self._request = request
        self._send(messages.Render(request, waits))

    def submit_idle(self, requests: tuple[RenderRequest, ...], appends: bool = False) -> None:
        """Requests pictures to be rendered in idle time, one after the other; they are lost if the
        worker is restarted.

        Args:
            requests: the most urgent one first.
            appends: whether they follow those requested before, instead of replacing them.
        """
        self._send(messages.RenderIdle(requests, appends))

    def start(
        self,
        job: Job,
        done: Callable[[str], None] = lambda _: None,
        ended: Callable[[], None] = lambda: None,
    ) -> int:
        """Queues a job; jobs run one after the other.

        Args:
            job: what is to be done, one of those that the worker knows.
            done: called with the result, within `poll`.
            ended: called instead, also within `poll`, if it failed or was stopped.

        Returns:
            its number, which `Progress` names.
        """
        self._numbers += 1
        pending = _Pending(self._numbers, job, done, ended)
        self._pending.append(pending)
        if self._line is None:  # restarting failed before; try again
            self._ends.clear()
            try:
                self._recover()
            except OSError as error:
                failed = messages.Failed(_cannot_start(first_line(error)), number=pending.number)
                self._events.put((self._line_number, failed))
        else:
            self._send(pending.message())
        return pending.number

    def load(self, path: str, keep: bool = False, ended: Callable[[], None] = lambda: None) -> None:
        """Loads a model in place of the current one, which stays until the new one is ready.

        Args:
            path: of the file; empty for the untrained model.
            keep: whether the current one stays in memory, for a quick return to it.
            ended: called within `poll` if it failed or was stopped.
        """
        self.start(messages.LoadModel(path, keep), ended=ended)

    @property
    def loading(self) -> str | None:
        """Path of the model that `load` was called for last; None once that has ended."""
        asked = [p.job.path for p in self._pending if isinstance(p.job, messages.LoadModel)]
        return asked[-1] if asked else None

    def cancel(self, idle: bool = False) -> None:
        """Stops the job under way at its next step, or at once if it is waiting for a picture.

        Args:
            idle: whether to stop the one that runs in idle time instead.
        """
        shown = self._shown(idle)
        if shown is not None:
            self._send(messages.Cancel(shown.number))

    @property
    def status(self) -> JobStatus | None:
        """The job under way, or the next one, without those that run in idle time."""
        shown = self._shown()
        if shown is None:
            return None
        loses = any(pending.job.loses for pending in self._pending)
        return JobStatus(
            shown.job.name,
            shown.fraction,
            shown.detail,
            loses,
            shown.seconds_left,
            shown.job.background,
        )

    @property
    def idle_fraction(self) -> float | None:
        """Fraction done of the job that runs in idle time, 0..1; None if there is none, or it has
        not begun."""
        shown = self._shown(idle=True)
        return None if shown is None else shown.fraction

    def _shown(self, idle: bool = False) -> _Pending | None:
        some = (p for p in self._pending if p.job.idle == idle)
        return next((p for p in some if p.number != self._restoring), None)

    def poll(self) -> list[messages.Event]:
        """What happened since the last call, oldest first; `done` of finished jobs runs here."""
        events: list[messages.Event] = []
        with contextlib.suppress(queue.Empty):
            while True:
                number, event = self._events.get_nowait()
                if self._spare is not None and number == self._spare.number:
                    self._hear_spare(event)
                elif number == _OURS and event is not None:
                    events += self._take_in(event)  # no sign of life
                elif number != self._line_number:
                    continue  # from a worker that is gone
                elif event is None:
                    events += self._worker_ended()
                else:
                    self._watch.heard()
                    events += self._take_in(event)
        if self._line is not None:
            stall = self._watch.look(time.monotonic(), self._waits, self._line.cpu_seconds)
            events += [messages.Stalled(stall)] if stall else []
        return events

    @property
    def _waits(self) -> bool:
        """Whether something is expected of the worker."""
        asked = self._request is not None and self._model is not None
        return asked or not self.device or any(not pending.job.idle for pending in self._pending)

    def _take_in(self, event: messages.Event) -> list[messages.Event]:
        if isinstance(event, messages.Ready):
            self.device = event.device
        elif isinstance(event, messages.Rendered) and not event.idle:
            self._forget_request(event.result.request)
            return [self._with_meshes(event)]
        elif isinstance(event, messages.Dropped):
            self._forget_request(event.request)
        elif isinstance(event, messages.Loaded):
            again = self._restoring is not None
            self._model = event.info.path
            return [messages.Loaded(event.info, event.stamp, again)]
        elif isinstance(event, messages.Progress):
            for pending in self._pending:
                if pending.number == event.number:
                    pending.begun = True
                    pending.fraction, pending.detail = event.fraction, event.detail
                    pending.seconds_left = event.seconds_left
        elif isinstance(event, messages.Finished):
            pending = self._end(event.number)
            return self._finish(pending, event) if pending is not None else []
        elif isinstance(event, (messages.Failed, messages.Cancelled)):
            ended = None if event.number is None else self._end(event.number)
            if ended is not None:
                ended.ended()
            if isinstance(event, messages.Cancelled) and ended is not None:
                return [replace(event, advice=ended.job.resuming)]
            if isinstance(event, messages.Failed) and event.request is not None and not event.idle:
                self._forget_request(event.request)
        return [event]

    def _with_meshes(self, event: messages.Rendered) -> messages.Rendered:
        """The event, with meshes that the worker left out because the previous picture had them."""
        before, pairs = self._meshes, zip(event.result.meshes, event.same_meshes, strict=True)
        self._meshes = tuple(mesh if k is None else before[k] for mesh, k in pairs)
        return replace(event, result=replace(event.result, meshes=self._meshes))

    def _forget_request(self, request: RenderRequest) -> None:
        if self._request == request:
            self._request = None

    def _end(self, number: int) -> _Pending | None:
        found = next((p for p in self._pending if p.number == number), None)
        if found is not None:
            self._pending.remove(found)
        if number == self._restoring:
            self._restoring = None
        return found

    def _finish(self, pending: _Pending, event: messages.Finished) -> list[messages.Event]:
        try:
            pending.done(event.value)
        except Exception as error:  # later events are still handled
            sentence = f"{pending.job.name}: the result could not be used."
            if isinstance(error, UserError):
                sentence = str(error)
            details = "".join(traceback.format_exception(error))
            return [messages.Failed(sentence, details, number=event.number)]
        return [event]

    def _worker_ended(self) -> list[messages.Event]:
        """Starts another worker, and drops what the last one was doing if that keeps ending it."""
        line, self._line = self._line, None
        if line is None:
            return []  # it was closed
        line.end(1.0)
        reason = end_reason(line.host.exitcode)
        return self._begin_anew(reason, f"The renderer was restarted: {reason}.")

    def restart(self) -> None:
        """Ends the worker, whatever it does, and starts another one, without waiting for either;
        if none could be started before, tries again."""
        line, self._line = self._line, None
        jobs = [pending.job for pending in self._pending if pending.begun]
        if line is None:
            self._ends.clear()
        else:
            line.abandon()  # what a stuck driver holds may take long to end
            tidy = partial(_remove_half_files_after, line.host, jobs)
            threading.Thread(target=tidy, name="ending worker", daemon=True).start()
        reason = "the renderer was restarted"
        for event in self._begin_anew(reason, "The renderer was restarted.", wanted=True):
            self._events.put((_OURS, event))
        self.wake()

    def _begin_anew(self, reason: str, sentence: str, wanted: bool = False) -> list[messages.Event]:
        """Starts another worker after one ended for a reason.

        Args:
            reason: why it ended.
            sentence: says that another one was started.
            wanted: whether the user ended it, so that its end says nothing about starting workers.

        Returns:
            what became of its work, and the sentence that says it was restarted.
        """
        # One of idle time that has made room for another one has begun, too.
        begun = min((p for p in self._pending if p.begun), key=lambda p: p.job.idle, default=None)
        name = None if begun is None else begun.job.name
        at_start = not self.device and not wanted
        self._ends.append(_End(time.monotonic(), self._request, name, at_start))
        self.device = ""
        if self._ends_alike(lambda end: end.at_start or None):
            return [self._give_up(reason)]
        events: list[messages.Event] = []
        if begun is not None:
            events += self._job_ended(begun, reason)
        if self._ends_alike(lambda end: end.request):
            sentence = f"This picture cannot be rendered here: {reason}, three times."
            events.append(messages.Failed(sentence, request=self._request))
            self._request = None
        try:
            self._recover()
        except OSError as error:
            return [*events, self._give_up(first_line(error))]
        return [*events, messages.Restarted(sentence)]

    def _give_up(self, reason: str) -> messages.Failed:
        """Drops all jobs, as no worker can be started; the next job is another attempt."""
        dropped, self._pending, self._restoring = self._pending, [], None
        for pending in dropped:
            pending.ended()
        return messages.Failed(_cannot_start(reason))

    def _job_ended(self, begun: _Pending, reason: str) -> list[messages.Event]:
        """Handles the job during which the worker ended: a model is loaded again, others fail."""
        if begun.job.background:  # nobody waits for it
            self._end(begun.number)
            begun.ended()
            return []
        loads = isinstance(begun.job, messages.LoadModel)
        if loads and not self._ends_alike(lambda end: end.job):
            return []
        restored = begun.number == self._restoring
        self._end(begun.number)
        if loads:
            self._model = None if restored else self._model
            sentence = f"{begun.job.name} failed three times: {reason}."
        else:
            _remove_half_files(begun.job)
            begun.ended()
            advice = begun.job.resuming or "Start it again."
            sentence = f"{begun.job.name} stopped: {reason}. {advice}"
        return [messages.Failed(sentence, number=begun.number)]

    def _ends_alike(self, what: Callable[[_End], Any]) -> bool:
        """Whether the last few ends came soon after each other, with the same thing under way."""
        ends = list(self._ends)
        if len(ends) < _FEW or ends[-1].time - ends[0].time > _SOON:
            return False
        first = what(ends[0])
        return first is not None and all(what(end) == first for end in ends)

    def _recover(self) -> None:
        """Starts a worker, and sends it the loaded model and the queue."""
        self._open_line()
        self._meshes = ()
        # What was loaded ahead is gone; the window requests it again when it is due.
        self._pending = [p for p in self._pending if not isinstance(p.job, messages.LoadAhead)]
        for pending in self._pending:
            pending.begun, pending.fraction, pending.detail = False, None, ""
        if self._restoring is not None:
            self._end(self._restoring)
        loads = any(isinstance(p.job, messages.LoadModel) for p in self._pending)
        if self._model is not None and not loads:
            self._numbers += 1
            self._restoring = self._numbers
            self._pending.insert(
                0, _Pending(self._numbers, messages.LoadModel(self._model), lambda _: None)
            )
        for pending in self._pending:
            self._send(pending.message())
        if self._request is not None:
            self._send(messages.Render(self._request))

    def close(self, timeout: float = 5.0) -> None:
        """Ends the worker after its current step; terminates it after `timeout` seconds."""
        line, self._line = self._line, None
        if line is not None:
            line.send(messages.Quit())
            line.end(timeout)
        self.keep_spare(False)


def _cannot_start(reason: str) -> str:
    return f"The renderer cannot be started: {reason}. Open a model to try again."


def _remove_half_files_after(host: Host, jobs: list[Job]) -> None:
    """Removes the partial files of some jobs once their worker is gone: while its process exists,
    they count as its own."""
    host.join()
    for job in jobs:
        _remove_half_files(job)


def _remove_half_files(job: Job) -> None:
    """Removes the partial files of a job that ended with its worker, beside its target or in it."""
    target = getattr(job, "path", "")
    if target:
        for folder in (Path(target).parent, Path(target)):
            remove_abandoned(folder)
