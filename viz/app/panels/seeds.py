"""Choosing a code by its seed, for appearance and motion alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeVar

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.gallery.cells import Cell, cell_rows
from viz.app.panels import setting_controls
from viz.app.panels.widgets import LEAST_SEED, counted, heading, seed_caption
from viz.scheduling.thumbnails import of_code
from viz.state.person import LAST_SEED, Latent, Motion, lattice_seed
from viz.state.types import RenderRequest

Code = TypeVar("Code", Latent, Motion)


def seed_and_pad(code: Code, name: str, crossing: str, blend: str) -> Code:
    """A field for the seed, and the pad of seeds; returns the code after the user's changes.

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
        tooltip=f"Seed from which the {name} is drawn; negative ones count down from 2³².",
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
        tooltip=f"Each grid point is {crossing}, labelled with its seed; between grid points the "
        f"four {blend}.",
    )
    return replace(code, x=x, y=0.0 - y, others=()) if changed else code


def blend_rows(code: Code) -> Code:
    """Fields for another seed and its share in the blend; returns the code after the user's
    changes."""
    code = setting_controls.seed("Other seed", code, "blend_seed")
    return setting_controls.slider("Amount", code, "blend")


Kind = Literal["people", "motions"]
_ONE_OF: dict[Kind, str] = {"people": "person", "motions": "motion"}


def recommended(code: Latent | Motion, kind: Kind, commands: Commands) -> int | None:
    """Small pictures of the recommended seeds, if there are any; returns the seed that was
    clicked."""
    seeds = getattr(commands.model, kind, ())
    if not seeds:
        return None
    heading("Recommended")
    present = commands.history.present  # not while dragging

    def pictures(seed: int) -> tuple[RenderRequest, ...]:
        if isinstance(code, Latent):
            return of_code(Latent.at(seed, present.latent), present.latent)
        return of_code(Motion.at(seed, present.motion), present.latent)

    words = getattr(commands.model, f"{kind}_words") or [""] * len(seeds)
    cells = [
        Cell(
            word or str(seed),
            pictures(seed),
            f"Seed {seed}, one of {len(seeds)} that the model's makers recommend.",
            lit=(code.x, code.y) == (seed, 0.0),
        )
        for seed, word in zip(seeds, words, strict=True)
    ]
    clicked = cell_rows(commands.small_pictures, _ONE_OF[kind].capitalize() + "s", cells)
    return None if clicked is None else seeds[clicked]
