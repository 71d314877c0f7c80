"""Where the renderer's worker runs, and the line to it: a pipe, a ring of pictures, two threads."""

from __future__ import annotations

import contextlib
import multiprocessing
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

from viz.render.messages import ArrayRing, Event, decode, encode

RING_BYTES = 2**25
"""Bytes of shared memory for pictures: room for about ten of the largest layouts."""
_SHARED_FILES = Path("/dev/shm")
Serve = Callable[[Connection, str, SharedMemory | None], None]
"""Runs in the worker's process: serve(connection, device, memory)."""


class Host(Protocol):
    """Where a worker runs; a process is one."""

    def start(self) -> None: ...
    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...
    def terminate(self) -> None: ...

    @property
    def exitcode(self) -> int | None: ...


Launch = Callable[[Connection, str, SharedMemory | None], Host]
"""Makes the host of a worker, which `start` starts."""


def in_process(serve: Serve) -> Launch:
    """Launches workers as processes of their own, begun afresh on every system."""
    context = multiprocessing.get_context("spawn")

    def launch(connection: Connection, device: str, memory: SharedMemory | None) -> Host:
        process = context.Process(
            target=serve, args=(connection, device, memory), name="renderer", daemon=True
        )
        return process  # pyright: ignore[reportReturnType]  # a process is a host by its methods

    return launch


class WorkerLine:
    """One worker, its connection, and the thread that listens to it."""

    def __init__(
        self,
        launch: Launch,
        device: str,
        memory: SharedMemory | None,
        heard: Callable[[Event | None], None],
    ) -> None:
        self._connection, other = multiprocessing.Pipe()
        self._ring = None if memory is None else ArrayRing(memory)
        if self._ring is not None:
            self._ring.restart()
        self._heard = heard
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.host = launch(other, device, memory)
        self.host.start()
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
                self._heard(decode(self._connection.recv_bytes(), self._ring))
        except (EOFError, OSError, ValueError, msgspec.MsgspecError):
            self._outgoing.put(None)
            self._heard(None)
            self._connection.close()

    def end(self, timeout: float) -> None:
        """Waits for the worker to end, and terminates it after `timeout` seconds."""
        self.host.join(timeout)
        if self.host.is_alive():
            self.host.terminate()
            self.host.join(1.0)


def shared_memory() -> SharedMemory | None:
    """Shared memory for pictures; None if the system has none, or too little left."""
    try:
        if _SHARED_FILES.is_dir() and shutil.disk_usage(_SHARED_FILES).free < 2 * RING_BYTES:
            return None  # writing beyond the memory available would kill the process
        return SharedMemory(create=True, size=RING_BYTES)
    except OSError:
        return None


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
