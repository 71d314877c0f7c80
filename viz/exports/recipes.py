"""Recipes: every export carries the session that made it, and how it was made.

A recipe is a session's JSON with one more entry, "export", which plain sessions lack: the kind of
export, its options, the program's version and a fingerprint of the model's weights.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viz.exports.embedding import session_text
from viz.state import named_files, session
from viz.state.errors import UserError
from viz.state.files import Stamp, file_stamp
from viz.state.types import SessionState

if TYPE_CHECKING:
    from viz.render.renderer import Renderer


@dataclass(frozen=True)
class Recipe:
    """How an export is made, apart from the session."""

    kind: str
    """Name of the exporter."""
    options: Any
    """Its options, a dataclass."""
    weights: str
    """Fingerprint of the model's weights."""
    plan: dict[str, Any]
    """Number formats of the model's stages."""

    @classmethod
    def of(cls, renderer: Renderer, state: SessionState, kind: str, options: Any) -> Recipe:
        """The recipe of an export of a state by a renderer's model."""
        from training.checkpoint import mark_of

        plan = dataclasses.asdict(renderer.plan(state.quality))
        return cls(kind, options, mark_of(renderer.G), plan)

    def text(self, state: SessionState, folder: Path) -> str:
        """The recipe with the session that is exported to a folder, as JSON in one line. Paths of
        the model and the ws are left out, except within that folder."""
        data = json.loads(session.to_json(named_files.portable(state, folder)))
        data["export"] = {
            "kind": self.kind,
            "options": dataclasses.asdict(self.options),
            "program": version(),
            "weights": self.weights,
            "ws": [_digest(path) for path in named_files.people_and_tracks(state)],
            "formats": self.plan,
        }
        return json.dumps(data)


def same(first: str, second: str) -> bool:
    """Whether two recipes make the same picture, wherever their model's file is."""
    try:
        one, other = json.loads(first), json.loads(second)
        for data in (one, other):
            data["state"].pop("checkpoint", None)
            if data["state"].get("compare"):
                data["state"]["compare"].pop("path", None)
            data["export"].pop("program", None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return one == other


def made(path: Path, recipe: str) -> bool:
    """Whether a file that exists was made by a recipe."""
    try:
        found = session_text(path)
    except UserError:
        return False
    return found is not None and same(found, recipe)


def version() -> str:
    """Version of this program; empty if it is not installed."""
    try:
        return metadata.version("pv3d-visualizer")
    except metadata.PackageNotFoundError:
        return ""


def capture_text(state: SessionState, folder: Path, weights: str) -> str:
    """JSON of the session for a picture of the window or of one of its views (not an export).

    Args:
        state: what was shown.
        folder: where the picture goes; see `Recipe.text`.
        weights: fingerprint of the model's weights.
    """
    data = json.loads(session.to_json(named_files.portable(state, folder)))
    return json.dumps(data | {"export": {"program": version(), "weights": weights}})


def _digest(path: str) -> str:
    """Digest of a file's content; empty if the file is gone."""
    stamp = file_stamp(path)
    return "" if stamp is None else _digest_at(path, stamp)


@functools.lru_cache(maxsize=256)
def _digest_at(path: str, stamp: Stamp) -> str:
    del stamp  # part of the cache key: it changes when the file does
    try:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()
    except OSError:
        return ""
