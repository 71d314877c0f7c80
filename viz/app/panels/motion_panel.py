"""How the person moves: seeds, strength and blending of motion codes."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.seeds import blend_rows, recommended, seed_and_pad
from viz.app.panels.setting_controls import slider, toggle
from viz.app.panels.widgets import Button, button_row, disabled, driven_hint, heading
from viz.state.person import Motion
from viz.state.types import SessionState


def draw(commands: Commands) -> None:
    """Seed and pad of the motion code, strength, blend and locks."""
    state = commands.state
    model = commands.model
    if model is not None and not model.moves:
        controls.hint("This model makes still pictures: it has no motion code to change.")
    driven_hint(state)
    with disabled(model is None or not model.moves):
        _seed(state, commands)
        seed = recommended(state.motion, "motions", commands)
        if seed is not None:
            state.motion = Motion.at(seed, state.motion)
        heading("Blend")
        state.motion = blend_rows(state.motion)
        heading("Locks")
        toggle("Lock motion", commands.interface, "lock_motion")
        toggle("Lock person", commands.interface, "lock_person")


def _seed(state: SessionState, commands: Commands) -> None:
    state.motion = seed_and_pad(
        state.motion, "motion code z_motion", "a motion", "neighbours blend"
    )
    button_row(Button("Random", commands.random_motion, icon=icons.ICON_FA_DICE))
    state.motion = slider("Strength", state.motion, "strength")
    if state.latent.is_portrait:
        state.latent = slider("As in the photo", state.latent, "expression", default=1.0)
