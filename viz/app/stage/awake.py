"""Keeping the screens on."""

from __future__ import annotations

import logging
import threading

from wakepy import keep

log = logging.getLogger(__name__)


class Awake:
    """Prevents the screen saver and power saving, where the system allows it."""

    def __init__(self) -> None:
        self._over: threading.Event | None = None

    def hold(self) -> None:
        """Starts, unless it is running."""
        if self._over is None:
            self._over = threading.Event()
            # On a separate thread: an unresponsive desktop must not block the window.
            threading.Thread(target=_hold, args=(self._over,), name="awake", daemon=True).start()

    def release(self) -> None:
        """Ends it."""
        if self._over is not None:
            self._over.set()
            self._over = None


def _hold(over: threading.Event) -> None:
    with keep.presenting(on_fail="pass") as mode:
        if not mode.active:
            log.info("The screen saver cannot be disabled here.")
        over.wait()
