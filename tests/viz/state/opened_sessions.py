"""Sessions read back from files, for comparison with the states that were saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from viz.exports.embedding import read_session
from viz.state.types import SessionState


def open_session(path: str | Path, known: Iterable[str] = ()) -> SessionState:
    """The state, with its checkpoint as an absolute path if that was found."""
    opened = read_session(path, known)
    return replace(opened.state, checkpoint=opened.model or opened.state.checkpoint)
