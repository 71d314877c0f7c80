"""The pictures of cues, each rendered by its own model."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from viz.exports.frame_options import Look
from viz.exports.pictures.frame_renderer import FrameRenderer
from viz.render.models import load_model
from viz.render.renderer import Renderer
from viz.state import files, named_files
from viz.state.errors import UserError
from viz.state.types import Cue, SessionState

Rendering = Generator[tuple[str, float | None], None, np.ndarray]
_CACHE_BYTES = 2**28


class CueFrames:
    """Renders cues of any models.

    Args:
        renderer: of the model that is loaded.
        state: the session; its checkpoint is that model.
    """

    def __init__(self, renderer: Renderer, state: SessionState) -> None:
        self._renderers = {state.checkpoint: renderer}
        if state.checkpoint == files.default_checkpoint():
            self._renderers[""] = renderer
        self._first = renderer

    def steps(self, cue: Cue, state: SessionState, detail: str, fraction: float) -> Rendering:
        """Steps of rendering a state of a cue; returns uint8 [H, W, 3].

        Raises:
            UserError: when its model is not at hand.
        """
        renderer = yield from self._renderer(cue)
        pixels = yield from FrameRenderer(renderer, Look(), 8).steps(state, detail, fraction)
        return pixels

    def _renderer(self, cue: Cue) -> Generator[tuple[str, float | None], None, Renderer]:
        name = cue.checkpoint
        if name not in self._renderers:
            model = yield from load_model(_path_of(cue), self._first.G.device)
            self._renderers[name] = Renderer(model.G, _CACHE_BYTES, reference=model.reference)
        return self._renderers[name]


def _path_of(cue: Cue) -> str:
    if not cue.checkpoint:
        return files.default_checkpoint()
    path = named_files.located(cue.checkpoint, files.CHECKPOINTS, named_files.opened_before())
    if not path:
        name = Path(cue.checkpoint).name
        raise UserError(f"{name}, the model of the cue {cue.name}, is not here; open it first.")
    return path
