"""The pictures of cues, each rendered by its own model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from viz.exports.frame_options import Look
from viz.exports.pictures.frame_renderer import FrameRenderer
from viz.render.comparing.second_model import bring
from viz.render.models import load_model
from viz.render.renderer import Renderer
from viz.state import files, layouts, named_files
from viz.state.comparing.comparison import Comparison
from viz.state.errors import UserError
from viz.state.jobs import Steps
from viz.state.types import Cue, SessionState

_CACHE_BYTES = 2**28


class CueFrames:
    """Renders cues of any models; the renderer is that of the state's checkpoint.

    Raises:
        UserError: when a cue's model is not at hand.
    """

    def __init__(self, renderer: Renderer, state: SessionState) -> None:
        for cue in state.cues:  # before anything is rendered
            if cue.checkpoint != state.checkpoint:
                _path_of(cue)
        self._renderers = {state.checkpoint: renderer}
        if state.checkpoint == files.default_checkpoint():
            self._renderers[""] = renderer
        self._first = renderer
        self._compared: dict[tuple[str, str], Comparison] = {}
        """Comparisons whose second model is loaded, by both models."""

    def steps(
        self, cue: Cue, state: SessionState, detail: str, fraction: float
    ) -> Steps[np.ndarray]:
        """Steps of rendering a state of a cue; returns uint8 [H, W, 3].

        Raises:
            UserError: when its model is not at hand.
        """
        renderer = yield from self._renderer(cue)
        if layouts.compares(state):
            compare = yield from self._second(renderer, cue)
            state = replace(state, compare=compare)
        return (yield from FrameRenderer(renderer, Look()).steps(state, detail, fraction))

    def _second(self, renderer: Renderer, cue: Cue) -> Steps[Comparison]:
        """What the cue compares with, loaded."""
        compare = cue.compare or Comparison()
        key = cue.checkpoint, compare.path
        if key not in self._compared:
            path = _located(compare.path, f"the second model of the cue {cue.name}")
            self._compared[key] = yield from bring(renderer, replace(compare, path=path))
        return replace(compare, weights=self._compared[key].weights)

    def _renderer(self, cue: Cue) -> Steps[Renderer]:
        name = cue.checkpoint
        if name not in self._renderers:
            model = yield from load_model(_path_of(cue), self._first.G.device)
            self._renderers[name] = Renderer(model.G, _CACHE_BYTES, reference=model.reference)
        return self._renderers[name]


def _path_of(cue: Cue) -> str:
    if not cue.checkpoint:
        return files.default_checkpoint()
    return _located(cue.checkpoint, f"the model of the cue {cue.name}")


def _located(name: str, what: str) -> str:
    path = named_files.located_again(name, files.CHECKPOINTS, named_files.opened_before())
    if not path:
        raise UserError(f"{Path(name).name}, {what}, was not found: open it first.")
    return path
