"""Who is shown: seeds, truncation, style mixing and blending of appearance codes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels import setting_controls
from viz.app.panels.seeds import blend_rows, recommended, seed_and_pad
from viz.app.panels.widgets import (
    Button,
    button_row,
    cells,
    counted,
    disabled,
    fold,
    heading,
    person_file_row,
    times,
    value_with_button,
)
from viz.state.person import Latent
from viz.state.settings import setting
from viz.state.types import ModelInfo, SessionState

_UNKNOWN_NUM_WS = 14
LAYER_GROUPS = {
    "Coarse": (4, 8, "pose and the shape of the head"),
    "Middle": (16, 32, "features, hair and expression"),
    "Fine": (64, 4096, "colours and texture"),
}
"""Sides of the planes' layers in px, from and to, and what they control."""


def draw(commands: Commands) -> None:
    """Seed and pad, truncation, style mixing, blend, and person files."""
    state = commands.state
    with disabled(commands.model is None):
        _seed(state, commands)
        seed = recommended(state.latent, "people", commands)
        if seed is not None:
            state.latent = Latent.at(seed, state.latent)
        _truncation(state, commands.model)
        heading("Style mixing")
        _mixing(state, commands.model)
        heading("Blend")
        state.latent = blend_rows(state.latent)
        heading("Latent code (ws)")
        _files(state, commands)


def _seed(state: SessionState, commands: Commands) -> None:
    _blended(state)
    with disabled(bool(state.latent.ws_file)):
        state.latent = seed_and_pad(
            state.latent, "appearance code z", "a person", "neighbours' w blend"
        )
    interface = commands.interface
    button_row(
        Button("Random", commands.random_person, icon=icons.ICON_FA_DICE),
        Button(
            "Animate",
            partial(setattr, interface, "animate_person", not interface.animate_person),
            "Lets the person wander over the pad; press again to stop.",
            icon=icons.ICON_FA_PAUSE if interface.animate_person else icons.ICON_FA_PLAY,
            enabled=interface.animate_person or not state.latent.ws_file,
            lit=interface.animate_person,
        ),
    )
    setting_controls.slider("Speed", interface, "animate_speed")


def _blended(state: SessionState) -> None:
    """Lists the people blended into this one, between two keyframes of a path."""
    others = state.latent.others
    if not (others or state.keyframes):  # a playing path has blends only now and then
        return
    shares = ", ".join(f"seed {counted(o.latent.seed)}: {o.share:.0%}" for o in others)
    about = "Shows this person alone. Between two keyframes of a path, their people blend."
    with controls.reserved(bool(others)) as shown:
        if shown and value_with_button("Blended with", shares, icons.ICON_FA_XMARK, about):
            state.latent = replace(state.latent, others=())


def _truncation(state: SessionState, model: ModelInfo | None) -> None:
    state.latent = setting_controls.slider("Truncation ψ", state.latent, "psi")
    num_ws = model.num_ws if model else _UNKNOWN_NUM_WS
    state.latent = setting_controls.slider(
        "Cutoff", state.latent, "cutoff", none=num_ws, ends=(0, num_ws)
    )
    if fold("Truncation by layer"):
        _layer_curve(state, model, num_ws)


def _layer_curve(state: SessionState, model: ModelInfo | None, num_ws: int) -> None:
    """The truncation of each layer's w, as a curve to drag."""
    declared, planes = setting(Latent, "layer_psi"), model.plane_resolution if model else 256
    lo, hi = -1.0, 2.0

    def caption(layer: int) -> str:
        side = layer_resolution(layer, planes)
        return f"Layer {layer}, {times(side, side)} px"

    changed, factors = controls.curve(
        "##By layer",
        state.latent.layer_factors(num_ws),
        lo,
        hi,
        default=1.0,
        tooltip=declared.sentence,
        caption=caption,
    )
    if changed:
        kept = () if all(factor == 1 for factor in factors) else factors
        state.latent = replace(state.latent, layer_psi=kept)


def layer_resolution(layer: int, plane_resolution: int) -> int:
    """Side in pixels of the first block that the w of this layer controls (StyleGAN2's order)."""
    return min(4 * 2 ** ((layer + 1) // 2), plane_resolution)


def _mixing(state: SessionState, model: ModelInfo | None) -> None:
    state.latent = setting_controls.seed("Second seed", state.latent, "mix_seed")
    num_ws = model.num_ws if model else _UNKNOWN_NUM_WS
    planes = model.plane_resolution if model else 256
    sides = [layer_resolution(layer, planes) for layer in range(num_ws)]
    chosen = set(state.latent.mix_layers)

    def about(layer: int) -> str:
        side = sides[layer]
        ends = {0: ", and the raw picture", num_ws - 1: ": output, and super-resolution"}
        block = f"block of {times(side, side)} px{ends.get(layer, '')}"
        origin = "the second seed" if layer in chosen else "the person"
        return f"Layer {layer}, {block}. Its w comes from {origin}; click to change."

    clicked = cells("Layers", [str(layer) for layer in range(num_ws)], chosen, about)
    if clicked is not None:
        _mix(state, chosen ^ {clicked})
    buttons: list[Button] = []
    for name, (low, high, what) in LAYER_GROUPS.items():
        group = {layer for layer, side in enumerate(sides) if low <= side <= high}
        full = bool(group) and group <= chosen
        buttons.append(
            Button(
                name,
                partial(_mix, state, chosen - group if full else chosen | group),
                f"Takes {what} from the second seed: the layers of "
                f"{f'{low} and {high}' if high < planes else f'{low} or more'} px. "
                "Press again to stop.",
                lit=full,
            )
        )
    none = Button(
        "None", partial(_mix, state, set()), "Stops mixing: no layer takes the second seed."
    )
    button_row(*buttons, none)


def _mix(state: SessionState, layers: set[int]) -> None:
    state.latent = replace(state.latent, mix_layers=tuple(sorted(layers)))


def _files(state: SessionState, commands: Commands) -> None:
    if state.latent.ws_file:
        person_file_row("Person" if state.latent.is_portrait else "Loaded ws", state)
    button_row(
        Button("Save ws", commands.save_ws_dialog, icon=icons.ICON_FA_FLOPPY_DISK),
        Button("Load ws", commands.open_ws_dialog, icon=icons.ICON_FA_FOLDER_OPEN),
    )
