"""Watches whether a file changes on disk."""

from __future__ import annotations

from typing import Literal

from viz.state.files import Stamp, file_stamp

_STEP = 1.0
"""Seconds between checks."""


class FileWatch:
    """Reports changes once they have lasted from one check to the next: a file that is being
    written or replaced is best left alone."""

    def __init__(self) -> None:
        self.begin("")

    def begin(self, path: str, stamp: Stamp | None = None) -> None:
        """Watches another file from now on, empty for none; `stamp` is from when it was read."""
        self._path = path
        self._known = self._seen = stamp or file_stamp(path)
        self._next = 0.0

    def look(self, now: float) -> Literal["changed", "gone"] | None:
        """What happened to the file, reported once; `now` in seconds of any clock."""
        if not self._path or now < self._next:
            return None
        self._next = now + _STEP
        found = file_stamp(self._path)
        settled, self._seen = found == self._seen, found
        if found == self._known or not settled:
            return None
        self._known = found
        return "gone" if found is None else "changed"
