"""When the window takes the steps of what moves by itself."""

from __future__ import annotations

_MOST_LATE = 0.1
"""Seconds behind which missed steps are left out."""
_SLIP = 0.25
"""By how much of a step the next one comes earlier after one that changed nothing."""


class StepTimes:
    """Steps that are evenly spaced, however long the frames between them take.

    Where each step lies just at the border between two frames of a clip of the same rate, tiny
    delays decide which frame it sees, and every second one may be left out for as long as the clip
    plays. A step that changes nothing therefore moves the following ones.
    """

    def __init__(self, now: float) -> None:
        self._due = now

    def wait(self, now: float, rate: float) -> float:
        """Seconds until the next step, at `rate` steps per second; `now` is the clock time."""
        if now >= self._due:
            self._due = max(self._due, now - _MOST_LATE) + 1 / rate
        return max(self._due - now, 0.0)

    def taken(self, now: float, rate: float, changed: bool) -> None:
        """Notes that the state went on, and whether that changed what it shows."""
        if not changed and now >= self._due:
            self._due += (1 - _SLIP) / rate
