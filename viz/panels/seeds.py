"""The seeds that a model's makers recommend, as the appearance and the motion show them."""

from __future__ import annotations

from collections.abc import Sequence

from viz.panels.widgets import cells, heading
from viz.types import Latent, Motion


def recommended(code: Latent | Motion, seeds: Sequence[int], what: str) -> int | None:
    """Cells for the recommended seeds, where there are any; the seed that was clicked.

    Args:
        code: what is shown now: its cell is lit.
        seeds: the recommended ones.
        what: one of them, "Person".
    """
    if not seeds:
        return None
    heading("Recommended")
    lit = [k for k, seed in enumerate(seeds) if (code.x, code.y) == (seed, 0.0)]
    clicked = cells(
        f"{what}s",
        [str(k + 1) for k in range(len(seeds))],
        lit,
        lambda k: f"{what} {k + 1} of those that the model's makers chose: seed {seeds[k]}.",
    )
    return None if clicked is None else seeds[clicked]
