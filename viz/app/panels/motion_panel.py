"""How the person moves: seeds, strength and blending of motion codes."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.seeds import blend_rows, recommended, seed_and_pad
from viz.app.panels.widgets import Button, button_row, disabled, heading
from viz.state.interface import Interface
from viz.state.types import Motion, RenderResult, SessionState


def draw(state: SessionState, result: RenderResult | None, commands: Commands) -> None:
    """Seed and pad of the motion code, strength, blend and locks."""
    del result
    model = commands.model
    if model is not None and not model.moves:
        controls.hint("This model makes still pictures: it has no motion code to change.")
    with disabled(model is None or not model.moves):
        _seed(state, commands)
        seed = recommended(state.motion, model.motions if model else (), "Motion")
        if seed is not None:
            state.motion = replace(state.motion, x=float(seed), y=0.0, others=())
        heading("Blend")
        state.motion = blend_rows(state.motion, Motion(), "motion")
        heading("Locks")
        _locks(commands.interface)


def _seed(state: SessionState, commands: Commands) -> None:
    state.motion = seed_and_pad(
        state.motion, Motion(), "motion code z_motion", "a motion", "neighbours blend"
    )
    button_row(
        Button(
            "Random",
            commands.random_motion,
            "Shows a motion drawn at random. Key M.",
            icon=icons.ICON_FA_DICE,
        )
    )
    changed, strength = controls.slider(
        "Strength",
        state.motion.strength,
        0.0,
        2.0,
        default=Motion().strength,
        unit="\u00d7",
        tooltip="Factor on z_motion: 0 keeps the rest pose, 1 is as drawn, 2 moves most.",
    )
    if changed:
        state.motion = replace(state.motion, strength=strength)


def _locks(interface: Interface) -> None:
    _, interface.lock_motion = controls.toggle(
        "Lock motion",
        interface.lock_motion,
        default=True,
        tooltip="On, a new random person moves as the last one did; off, the motion is drawn too.",
    )
    _, interface.lock_person = controls.toggle(
        "Lock person",
        interface.lock_person,
        default=True,
        tooltip="On, a new random motion keeps the person; off, the person is drawn too.",
    )
