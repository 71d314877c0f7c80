"""Recipes: every export carries the session that made it, and how it was made.

A recipe is a session's JSON with one more entry, "export", that sessions do without: the kind of
export, its options, the program's version and a mark of the model's weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from viz.state import session
from viz.state.types import SessionState

if TYPE_CHECKING:
    from training.networks.generator import Generator
    from viz.render.renderer import Renderer

_NUMBERS_A_TENSOR = 4096


@dataclass(frozen=True)
class Recipe:
    """How an export is made, apart from the session."""

    kind: str
    """Name of the exporter."""
    options: Any
    """Its options, a dataclass."""
    weights: str
    """Mark of the model's weights."""
    plan: dict[str, Any]
    """Number formats of the model's stages."""

    @classmethod
    def of(cls, renderer: Renderer, state: SessionState, kind: str, options: Any) -> Recipe:
        """The recipe of an export of a state by a renderer's model."""
        plan = dataclasses.asdict(renderer.plan(state.quality))
        return cls(kind, options, weights_mark(renderer.G), plan)

    def text(self, state: SessionState) -> str:
        """The recipe with the session that is exported, as JSON in one line."""
        data = json.loads(session.to_json(state))
        data["export"] = {
            "kind": self.kind,
            "options": dataclasses.asdict(self.options),
            "program": version(),
            "weights": self.weights,
            "formats": self.plan,
        }
        return json.dumps(data)


def same(first: str, second: str) -> bool:
    """Whether two recipes make the same picture, wherever their model's file lies."""
    try:
        one, other = json.loads(first), json.loads(second)
        for data in (one, other):
            data["state"].pop("checkpoint", None)
            data["export"].pop("program", None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return one == other


def version() -> str:
    """Version of this program, or nothing where it is not installed."""
    try:
        return metadata.version("pv3d-visualizer")
    except metadata.PackageNotFoundError:
        return ""


def weights_mark(G: Generator) -> str:
    """Sixteen letters that tell one model's weights from another's: a digest of numbers taken
    evenly from each tensor, so that it costs nothing."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(G.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        some = flat[:: max(1, flat.numel() // _NUMBERS_A_TENSOR)].float().cpu().numpy()
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(some.astype("<f4").tobytes())
    return digest.hexdigest()
