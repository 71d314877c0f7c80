"""Where the worker runs, the connection to it, and a watch that notices when it seems to be stuck.

The connection is a pipe, shared memory and two threads.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import shutil
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil

from viz.render.message_encoding import ArrayRing, decode, encode
from viz.render.messages import KINDS, Event, Ready

RING_BYTES = 2**25
"""Bytes of shared memory for pictures: room for about ten of the largest layouts."""
_SHARED_FILES = Path("/dev/shm")
QUIET_SECONDS = 20.0
"""Silence after which a worker that hardly computes is reported."""
BUSY_SECONDS = 90.0
"""The same for one that computes, and may be merely slow."""
LOOK_SECONDS = 2.0
"""Time between two looks at how much it computes."""
REPEAT_SECONDS = 10.0
"""Time between two reports of the same silence, if the worker hardly computes."""
_BUSY_SHARE = 0.05
"""Share of a processor that a worker uses at least if it computes. One that waits for a result that
never comes may still look for it now and then."""
_AS_BEFORE = 5.0
"""A silence while it computes is also compared with the longest one that ended by itself: it may
last this many times as long."""
_AT_START = 4.0
"""Factor on the limits until the worker was first heard: its libraries may be on a slow disk."""
Serve = Callable[[Connection, str, SharedMemory | None], None]
"""Runs in the worker's process: serve(connection, device, memory)."""


class Host(Protocol):
    """Where a worker runs; a process is one."""

    def start(self) -> None: ...
    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...

    @property
    def exitcode(self) -> int | None: ...


Launch = Callable[[Connection, str, SharedMemory | None], Host]
"""Makes the host of a worker; its `start` starts the worker."""


def in_process(serve: Serve) -> Launch:
    """Launches workers as processes of their own, on every system spawned rather than forked."""
    context = multiprocessing.get_context("spawn")

    def launch(connection: Connection, device: str, memory: SharedMemory | None) -> Host:
        process = context.Process(
            target=serve, args=(connection, device, memory), name="renderer", daemon=True
        )
        return process  # pyright: ignore[reportReturnType]  # a process is a host by its methods

    return launch


class WorkerLine:
    """One worker, its connection and shared memory, and the thread that listens to it.

    Raises:
        OSError: when the system lets no process begin.
    """

    def __init__(self, launch: Launch, device: str, heard: Callable[[Event | None], None]) -> None:
        self._connection, other = multiprocessing.Pipe()
        self._memory = _shared_memory()
        self._ring = None if self._memory is None else ArrayRing(self._memory)
        self._heard = heard
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.host = launch(other, device, self._memory)
        try:
            self.host.start()
        except OSError:
            self._free()
            raise
        if isinstance(self.host, BaseProcess):
            other.close()  # the worker has its own copy
        for work in (self._listen, self._speak):
            threading.Thread(target=work, name=f"worker {work.__name__}", daemon=True).start()

    def send(self, message: Any) -> None:
        """Queues a message for sending, so that a busy worker does not block the window."""
        self._outgoing.put(message)

    def _speak(self) -> None:
        with contextlib.suppress(OSError):  # the listening thread notices that the worker is gone
            while (message := self._outgoing.get()) is not None:
                self._connection.send_bytes(encode(message))

    def _listen(self) -> None:
        try:
            while True:
                event = decode(self._connection.recv_bytes(), KINDS, self._ring)
                if isinstance(event, Ready):
                    self._unlink()  # so that nothing is left, even if both processes are killed
                self._heard(event)
        except (EOFError, OSError, ValueError, msgspec.MsgspecError):
            self._outgoing.put(None)
            self._heard(None)
            self._connection.close()

    def cpu_seconds(self) -> float | None:
        """CPU time that the worker's process has used; None for a thread, or one that has ended."""
        pid = self.host.pid if isinstance(self.host, BaseProcess) else None
        try:
            return None if pid is None else sum(psutil.Process(pid).cpu_times()[:2])
        except psutil.Error:
            return None

    def end(self, timeout: float) -> None:
        """Waits for the worker to end, terminates it after `timeout` seconds, and frees the shared
        memory."""
        self.host.join(timeout)
        for end in (self.host.terminate, self.host.kill):  # one that is held ignores the first
            if self.host.is_alive():
                end()
                self.host.join(1.0)
        self._free()

    def abandon(self) -> None:
        """Ends the worker at once, and does not wait for that."""
        self.host.kill()
        self._free()

    def _unlink(self) -> None:
        """Takes the shared memory's name away, which only a worker that begins needs."""
        if self._memory is not None:
            with contextlib.suppress(FileNotFoundError):
                self._memory.unlink()

    def _free(self) -> None:
        if self._memory is not None:
            with contextlib.suppress(BufferError):  # a picture in it is being copied
                self._memory.close()
            self._unlink()


class StallWatch:
    """Notices that a worker with something to do gives no sign of life.

    Signs of life are events: pictures, failures, steps of a job. That some thread of the worker
    still runs proves nothing, as the one that computes may wait for ever. Nor does a silence prove
    that it is stuck, so that one is only reported.
    """

    def __init__(self) -> None:
        self._begun = False
        self._longest = 0.0
        """Longest silence that ended by itself, seconds."""
        self._looked: float | None = None
        self._spent: float | None = None
        """Its CPU time at the last look, seconds."""
        self._rest()

    def _rest(self) -> None:
        self._silent = self._quiet = 0.0
        self._told: float | None = None

    def heard(self) -> None:
        """Notes a sign of life."""
        self._begun = True
        self._longest = max(self._longest, self._silent)
        self._rest()

    def look(self, now: float, waits: bool, spent: Callable[[], float | None]) -> str:
        """Looks at the worker, if it is time to.

        Args:
            now: clock time, seconds.
            waits: whether something is expected of the worker.
            spent: its CPU time so far, seconds; None where that is not known.

        Returns:
            a sentence on a silence that has lasted too long, from time to time; otherwise empty.
        """
        if not waits:
            self._rest()
        if self._looked is not None and now - self._looked < LOOK_SECONDS:
            return ""
        # A computer that was asleep, or a window that was held, has not waited meanwhile.
        passed = 0.0 if self._looked is None else min(now - self._looked, 2 * LOOK_SECONDS)
        self._looked = now
        if not waits:
            return ""
        before, self._spent = self._spent, spent()
        least = _BUSY_SHARE * passed
        busy = before is None or self._spent is None or self._spent - before > least
        self._silent += passed
        self._quiet = 0.0 if busy else self._quiet + passed
        factor = 1.0 if self._begun else _AT_START
        stuck = self._quiet >= factor * QUIET_SECONDS
        slow = self._silent >= max(factor * BUSY_SECONDS, _AS_BEFORE * self._longest)
        if not (stuck or slow):
            return ""
        # One that computes is most likely slow: each time it is reported after twice the silence.
        pause = REPEAT_SECONDS if stuck else self._silent / 2
        if self._told is not None and now - self._told < pause:
            return ""
        self._told = now
        begin = f"The renderer has not answered for {self._silent:.0f} seconds"
        if stuck:
            return f"{begin} and hardly uses the processor: it seems to be stuck."
        return f"{begin}, but is computing: it may be slow, or stuck."


def _shared_memory() -> SharedMemory | None:
    """Shared memory for pictures; None if the system has none, or too little left."""
    try:
        if _SHARED_FILES.is_dir() and shutil.disk_usage(_SHARED_FILES).free < 2 * RING_BYTES:
            return None
        memory = SharedMemory(create=True, size=RING_BYTES)
    except OSError:
        return None
    file = _SHARED_FILES / memory.name
    if file.exists():
        try:
            _reserve(file)
        except OSError:
            memory.close()
            memory.unlink()
            return None
    return memory


def _reserve(file: Path) -> None:
    """Allocates all pages of a file in memory: a process that writes to a page for which no memory
    is left is killed.

    Raises:
        OSError: when too little is left.
    """
    with file.open("rb+") as opened:
        os.posix_fallocate(opened.fileno(), 0, RING_BYTES)


def end_reason(exit_code: int | None) -> str:
    """Why a worker's process ended, as far as its exit code shows."""
    if exit_code is None or exit_code >= 0:
        return "its process ended unexpectedly"
    if exit_code == -getattr(signal, "SIGKILL", 9):
        return "the system ended its process, perhaps for lack of memory"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"its process ended unexpectedly ({name})"
