"""Values that inputs have sent since the last frame, and feedback to them."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Collection

_KEPT = 64
"""Most values of one input that are kept from frame to frame: the newest ones."""


class Inbox:
    """Accepts values from any thread; each frame takes all of them at once without waiting."""

    def __init__(self) -> None:
        self.wake: Callable[[], object] = bool
        """Asks for a frame, from any thread."""
        self._lock = threading.Lock()
        self._values: dict[str, list[float]] = {}
        self.wanted: Collection[str] | None = frozenset()
        """Inputs whose values are kept; None keeps all, for learning."""
        self._last: tuple[str, float | None] = "", None
        self.count = self.refused = 0
        """How many messages arrived, and how many of them were invalid."""

    @property
    def last(self) -> str:
        """The last message, as text for the user."""
        words, value = self._last
        return words if value is None else f"{words}: {value:.4g}"

    @property
    def has_values(self) -> bool:
        """Whether values wait for a frame."""
        return bool(self._values)

    def receive(self, key: str, *values: float, text: str = "") -> None:
        """Takes values of an input, in order.

        Args:
            key: the input, as bindings name it.
            values: 0..1, or -1..1 of a stick; in a setting's own unit where OSC names it.
            text: the message, for the user; the input and its value for "".
        """
        wanted, first = self.wanted, False
        if wanted is None or key in wanted:
            with self._lock:
                first = not self._values
                kept = self._values.setdefault(key, [])
                kept += values
                del kept[:-_KEPT]
        self._last = (text, None) if text else (key, values[-1])
        self.count += 1
        if first:  # once a frame at most, however many messages come
            self.wake()

    def refuse(self, reason: str) -> None:
        """Counts an invalid message."""
        self.count += 1
        self.refused += 1
        self._last = reason, None

    def take(self) -> dict[str, list[float]]:
        """The values received, by input, oldest first."""
        with self._lock:
            taken, self._values = self._values, {}
        return taken

    def put_back(self, values: dict[str, list[float]]) -> None:
        """Keeps values that cannot be applied yet; later ones are appended."""
        with self._lock:
            for key, old in values.items():
                self._values[key] = [*old, *self._values.get(key, ())][-_KEPT:]


class Outbox:
    """Sends on a separate thread, as a port may block; of several values for one destination only
    the newest is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._waiting: dict[str, Callable[[], object]] = {}
        self._thread: threading.Thread | None = None
        self._open = True

    def send(self, place: str, act: Callable[[], object]) -> None:
        """Has `act` called soon, unless a newer action for the same destination replaces it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="control out", daemon=True)
            self._thread.start()
        with self._lock:
            self._waiting[place] = act
        self._due.set()

    def close(self) -> None:
        """Ends the thread once everything queued has been sent."""
        self._open = False
        self._due.set()

    def _run(self) -> None:
        while self._open:
            self._due.wait()
            self._due.clear()
            with self._lock:
                acts, self._waiting = list(self._waiting.values()), {}
            for act in acts:
                # A port that is gone is noticed and reported by its reader.
                with contextlib.suppress(OSError, RuntimeError, ValueError):
                    act()


def finite(value: object) -> float | None:
    """A number or a switch as a finite float; None for anything else."""
    if isinstance(value, (bool, int, float)):
        with contextlib.suppress(OverflowError):
            number = float(value)
            return number if math.isfinite(number) else None
    return None
