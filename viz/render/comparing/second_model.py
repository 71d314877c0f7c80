"""Loading the second model of an export."""

from __future__ import annotations

from dataclasses import replace

from training.checkpoint import mark_of
from viz.render.models import load_model
from viz.render.renderer import Renderer
from viz.state.comparing.comparison import Comparison
from viz.state.jobs import Steps

_CACHE_BYTES = 2**28


def bring(renderer: Renderer, compare: Comparison) -> Steps[Comparison]:
    """Steps of loading the second model of a comparison, to be rendered beside the one of
    `renderer`; they return the comparison with the fingerprint of its weights.

    Raises:
        UserError: when the file cannot be used, with all reasons.
    """
    model = yield from load_model(compare.path, renderer.G.device)
    weights = model.info.weights
    if weights == mark_of(renderer.G):
        second = renderer
    else:
        second = Renderer(model.G, _CACHE_BYTES, reference=model.reference)
    renderer.beside = {**renderer.beside, weights: second}
    return replace(compare, weights=weights)
