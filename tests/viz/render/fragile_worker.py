"""A worker without torch that dies of one picture, for tests of what its window does then."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from training.replacing import part_beside
from viz.exports.export_jobs import ExportJob
from viz.render.connection import WorkerConnection
from viz.render.message_encoding import decode, encode, unpack
from viz.render.messages import (
    KINDS,
    Failed,
    Finished,
    Progress,
    Quit,
    Ready,
    Render,
    Start,
)
from viz.render.worker_host import in_process
from viz.worker_process import end_with_window

DEADLY = 0.75
"""Time of the clip whose picture ends the process."""


def serve(connection: Connection, *_: object) -> None:
    """Answers each picture with a failure, but dies of one; jobs end at once."""
    connection.send_bytes(encode(Ready("cpu")))
    while not isinstance(message := decode(connection.recv_bytes(), KINDS), Quit):
        if isinstance(message, Start):
            connection.send_bytes(encode(Finished(message.number, "")))
        elif isinstance(message, Render):
            if message.request.shots[0].t == DEADLY:
                os._exit(7)
            connection.send_bytes(encode(Failed("No torch.", request=message.request)))


def die_writing(connection: Connection, *_: object) -> None:
    """Ends in the middle of an export, with half a file beside its target and another in it. Any
    other job stays under way."""
    _write(connection, lambda: os._exit(9))


def hang_writing(connection: Connection, *_: object) -> None:
    """The same, but hangs instead."""
    _write(connection, threading.Event().wait)


def hang(*_: object) -> None:
    """Does nothing, as a worker whose driver is stuck; its window's process sees no more than its
    number."""
    end_with_window(0.1)
    print(os.getpid(), flush=True)
    threading.Event().wait()


def hang_in_a_window() -> None:
    """A window's process with such a worker."""
    worker = WorkerConnection(in_process(hang), "cpu")
    assert worker.host is not None
    worker.host.join()


def _write(connection: Connection, then: Callable[[], object]) -> None:
    connection.send_bytes(encode(Ready("cpu")))
    while not isinstance(message := decode(connection.recv_bytes(), KINDS), Quit):
        if isinstance(message, Start):
            connection.send_bytes(encode(Progress(message.number, 0.5)))
            if message.kind != ExportJob.__name__:
                continue
            target = Path(unpack(message.job, ExportJob).path)
            with part_beside(target) as beside, part_beside(target / "frame.png") as within:
                for part in (beside, within):
                    part.write_bytes(b"half")
                then()


def die(*_: object) -> None:
    """Ends before anything is served."""
    os._exit(3)
