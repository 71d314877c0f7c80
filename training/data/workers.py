"""Code needed by every worker process."""

from __future__ import annotations

import os
import signal
from multiprocessing import parent_process
from threading import Thread


def core_count() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def settle_worker() -> None:
    """Ties this process to its parent, and leaves Ctrl+C to the parent.

    The worker ends when its parent is killed; process pools and data loaders do not ensure that,
    for example while a worker is starting.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()
