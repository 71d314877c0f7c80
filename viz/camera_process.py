"""Entry point of the process that reads the camera."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection

from viz.portrait.live.live_messages import CameraTask


def run(connection: Connection, task: CameraTask) -> None:
    """Serves the window until it closes the camera.

    Args:
        connection: to the window.
        task: which camera, and for which model.
    """
    # Ctrl+C in a terminal reaches all processes; the window alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from viz.portrait.live.watching import watch

    watch(connection, task)
    os._exit(0)  # a camera that hangs must not keep the process alive
