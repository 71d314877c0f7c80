"""A worker that tests can look into."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from viz.exports.export_jobs import JOBS as EXPORT_JOBS
from viz.portrait.portrait_jobs import JOBS as PORTRAIT_JOBS
from viz.render.message_encoding import ArrayRing
from viz.render.picture.thumbnail_store import ThumbnailStore
from viz.render.worker import RunJob, Worker

JOBS: Mapping[type[Any], RunJob] = {**EXPORT_JOBS, **PORTRAIT_JOBS}


class WorkerThread:
    """A worker in a thread of this process, so that a test can look into it and starts at once."""

    def __init__(
        self, jobs: Mapping[type[Any], RunJob] = JOBS, store: ThumbnailStore | None = None
    ) -> None:
        self._jobs, self._store = jobs, store
        self.worker: Worker | None = None
        self.exitcode: int | None = None
        self._thread = threading.Thread()
        self._connection: Connection | None = None

    def launch(
        self, connection: Connection, device: str, memory: SharedMemory | None
    ) -> WorkerThread:
        self._connection = connection
        ring = None if memory is None else ArrayRing(memory)
        self.worker = Worker(connection, self._jobs, device, ring, self._store)
        self._thread = threading.Thread(target=self.worker.serve, name="worker", daemon=True)
        return self

    def start(self) -> None:
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> None:
        self._thread.join(timeout)

    def vanish(self) -> None:
        """Cuts the connection, as where the worker's process is killed."""
        assert self._connection is not None
        with socket.socket(fileno=os.dup(self._connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def terminate(self) -> None:
        """A thread cannot be ended."""

    def kill(self) -> None:
        """Nor can it be killed."""
