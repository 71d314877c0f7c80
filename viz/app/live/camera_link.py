"""The window's side of the process that reads the camera. Nothing here waits for that process."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from viz.portrait.live.live_messages import KINDS, CameraFailed, CameraTask, CloseCamera, SeenFace
from viz.render.message_encoding import decode, encode

Serve = Callable[[Connection, CameraTask], None]
"""Runs in the camera's process: serve(connection, task)."""
_ENDING = 1.5
"""Seconds that the process may take to release the device before it is terminated."""


class CameraLink:
    """A camera's process.

    Args:
        serve: the function that runs in it.
        task: which camera, and for which model.
        wake: called from another thread when `poll` has something new.
    """

    def __init__(self, serve: Serve, task: CameraTask, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._connection, other = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=serve, args=(other, task), name="camera", daemon=True)
        # On a thread: starting a process takes a moment.
        threading.Thread(target=self._run, args=(other,), name="camera link", daemon=True).start()

    def send(self, message: Any) -> None:
        """Queues a message."""
        self._outgoing.put(message)

    def close(self) -> None:
        """Closes the device and ends the process, without waiting for it."""
        self.send(CloseCamera())
        self.send(None)

    def poll(self) -> list[Any]:
        """Messages received since the last call, oldest first; of those with pictures only the
        newest."""
        found: list[Any] = []
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, SeenFace):
                    found = [other for other in found if not isinstance(other, SeenFace)]
                found.append(event)
        return found

    def _run(self, other: Connection) -> None:
        self.process.start()
        other.close()  # the process has its own
        threading.Thread(target=self._speak, name="camera speaker", daemon=True).start()
        try:
            while True:
                self._hear(decode(self._connection.recv_bytes(), KINDS))
        except (EOFError, OSError, ValueError, msgspec.MsgspecError):
            self._hear(CameraFailed("The camera was closed: its process ended."))
        self.send(None)
        self._end()

    def _hear(self, event: Any) -> None:
        self._events.put(event)
        self._wake()

    def _speak(self) -> None:
        with contextlib.suppress(OSError):  # it has ended already
            while (message := self._outgoing.get()) is not None:
                self._connection.send_bytes(encode(message))
        self._end()

    def _end(self) -> None:
        self.process.join(_ENDING)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(_ENDING)
        if self.process.is_alive():
            self.process.kill()
