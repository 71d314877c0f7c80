"""Choosing a code by its seed, as the appearance and the motion do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from gui_utils import controls
from viz.app.panels import setting_controls
from viz.app.panels.widgets import LEAST_SEED, cells, counted, heading, seed_caption
from viz.state.person import LAST_SEED, Latent, Motion, lattice_seed

Code = TypeVar("Code", Latent, Motion)


def seed_and_pad(code: Code, name: str, crossing: str, blend: str) -> Code:
    """A field for the seed, and the pad that seeds lie on; the code as they leave it.

    Args:
        code: what is shown now.
        name: the code in words, "appearance code z".
        crossing: what a crossing of the pad is, "a person".
        blend: what blends between them, "neighbours' w blend".
    """
    changed, seed = controls.drag_int(
        "Seed",
        counted(code.seed),
        LEAST_SEED,
        LAST_SEED,
        default=0,
        tooltip=f"Number that the {name} is drawn from; those below 0 count down from "
        "2\u00b3\u00b2.",
    )
    if changed:
        code = type(code).at(seed, code)
    # The pad's y runs down, the code's up; 0 - y, as -y would make a negative zero.
    changed, (x, y) = controls.pad(
        "##Pad",
        (code.x, 0.0 - code.y),
        height=132,
        default=(0.0, 0.0),
        caption=lambda column, row: seed_caption(lattice_seed(column, -row)),
        tooltip=f"Every crossing is {crossing}, named by its seed; between crossings the four "
        f"{blend}.",
    )
    return replace(code, x=x, y=0.0 - y, others=()) if changed else code


def blend_rows(code: Code) -> Code:
    """Fields for another seed and how much of it is in the blend; the code as they leave it."""
    code = setting_controls.seed("Other seed", code, "blend_seed")
    return setting_controls.slider("Amount", code, "blend")


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
