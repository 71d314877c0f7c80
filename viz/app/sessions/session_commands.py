"""Commands for undo, bookmarks and whole sessions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from viz.app.viewport.view_commands import ViewCommands
from viz.state import session
from viz.state.animation import path_editing
from viz.state.animation.animator import keep_moving_parts
from viz.state.driving import driven
from viz.state.kept import favourites
from viz.state.types import PathOptions, SessionState


class SessionCommands(ViewCommands):
    """Commands for the session as a whole."""

    def take_state(self, state: SessionState) -> None:
        """Shows another state, at rest; its favourites are added to the present ones."""
        ours = self.state.favourites
        self.animator.stop_glide()
        self.interface.playing = False
        path_editing.pause(self.interface)
        self.interface.path_time = 0.0
        self.interface.path_view = path_editing.key_of(state, 0.0)  # its file keeps it
        self.interface.path_lane |= bool(state.keyframes)
        self.state = state
        self.state.favourites = favourites.joined(ours, state.favourites)

    def undo(self) -> None:
        """Undoes the last change."""
        self.note()
        self._restore(self.history.undo())

    def redo(self) -> None:
        """Makes the change again that was undone."""
        self.note()
        self._restore(self.history.redo())

    def note(self, busy: bool = False) -> None:
        """Records the user's changes as an undo step, unless they are still `busy` with them."""
        driven.settled(self.state)
        self.history.track(self._users_state(), busy)

    def _users_state(self) -> SessionState:
        """The state without what moves by itself."""
        return keep_moving_parts(self.state, self.history.present, self.interface)

    def _restore(self, state: SessionState | None) -> None:
        if state is None:
            return
        state.checkpoint = self.state.checkpoint  # opening a model is not an undo step
        self.history.amend(state)
        self.animator.stop_glide()
        before, self.state = self.state, keep_moving_parts(state, self.state, self.interface)
        path_editing.follow(before, self.state, self.interface)

    def store_bookmark(self, digit: int) -> None:
        """Stores the state under a digit, 1 to 9, for this and later sessions."""
        # A bookmark is a moment: the path is left out.
        moment = replace(
            self.state, keyframes=(), path=PathOptions(), cues=(), favourites=(), compare=None
        )
        self.preferences.bookmarks[str(digit)] = session.to_json(moment)
        if self.remember():
            self.notify("success", f"Stored as bookmark {digit}.")
        else:
            self.notify("warning", f"Bookmark {digit} is kept only until you quit.")

    def recall_bookmark(self, digit: int) -> None:
        """Glides to the state stored under a digit."""
        text = self.preferences.bookmarks.get(str(digit))
        if text is None:
            self.notify("info", f"Bookmark {digit} is empty: Ctrl+{digit} stores the state.")
            return

        def recall() -> None:
            end = session.from_json(text, f"Bookmark {digit}")
            end.keyframes, end.path = self.state.keyframes, self.state.path
            end.cues, end.favourites = self.state.cues, self.state.favourites
            end.checkpoint, end.compare = self.state.checkpoint, self.state.compare
            path_editing.pause(self.interface)
            self.animator.glide_to(self.state, end, time.perf_counter())

        self.guarded(recall)

    def bookmarks(self) -> Sequence[int]:
        """Digits 1-9 that hold a state."""
        return sorted(int(digit) for digit in self.preferences.bookmarks if digit.isdigit())
