"""Undo and redo of the session, one step for each thing the user did."""

from __future__ import annotations

from viz.state.types import SessionState

_MOST_STEPS = 200


class History:
    """The states before and after the current one."""

    def __init__(self, state: SessionState) -> None:
        self.present = state.snapshot()
        """The state recorded last."""
        self._past: list[SessionState] = []
        self._future: list[SessionState] = []

    def track(self, state: SessionState, busy: bool) -> None:
        """Records the current state. While `busy` (a drag, playback) nothing is recorded, so that a
        whole drag becomes one step."""
        if busy or state == self.present:
            return
        self._past.append(self.present)
        del self._past[:-_MOST_STEPS]
        self._future.clear()
        self.present = state.snapshot()

    def amend(self, state: SessionState) -> None:
        """Replaces the current state without adding a step, for changes made by the program."""
        self.present = state.snapshot()

    def undo(self) -> SessionState | None:
        """The state before, or None when there is none."""
        return self._move(self._past, self._future)

    def redo(self) -> SessionState | None:
        """The state that was undone last, or None when there is none."""
        return self._move(self._future, self._past)

    @property
    def steps(self) -> int:
        """How many steps can be undone."""
        return len(self._past)

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    def _move(self, source: list[SessionState], target: list[SessionState]) -> SessionState | None:
        if not source:
            return None
        target.append(self.present)
        self.present = source.pop()
        return self.present.snapshot()
