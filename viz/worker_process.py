"""Where the worker's process begins: it brings the renderer and the jobs together."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory

from training.quick_imports import quick_imports

_NICENESS = 2
"""By how much the window goes before: where both want the processor, its frames are in time."""


_LEAVE_SECONDS = 10.0
"""How long a worker whose window is gone may take to end by itself."""


def end_with_window(seconds: float = _LEAVE_SECONDS) -> None:
    """Lets this process end some seconds after the one that started it, even if it is stuck."""
    window = multiprocessing.parent_process()

    def wait() -> None:
        assert window is not None
        window.join()
        time.sleep(seconds)
        os._exit(1)

    if window is not None:
        threading.Thread(target=wait, name="end with window", daemon=True).start()


def run(connection: Connection, device: str, memory: SharedMemory | None) -> None:
    """Serves the window until it ends.

    Args:
        connection: to the window.
        device: name of the device that models live on.
        memory: shared with the window, for pictures; None sends them through the connection.
    """
    # Ctrl+C in a terminal reaches both processes; the window alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_window()
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    if sys.stderr is not None:
        faulthandler.enable()
    with quick_imports():
        from training.user_folders import user_folder
        from viz.exports.export_jobs import JOBS
        from viz.portrait.portrait_jobs import JOBS as PORTRAIT_JOBS
        from viz.render.message_encoding import ArrayRing
        from viz.render.picture.thumbnail_store import ThumbnailStore
        from viz.render.worker import Worker

    ring = None if memory is None else ArrayRing(memory)
    store = ThumbnailStore(user_folder("cache") / "thumbnails.sqlite")
    Worker(connection, {**JOBS, **PORTRAIT_JOBS}, device, ring, store).serve()
    os._exit(0)  # what libraries still hold (threads, the GPU) must not keep the window waiting
