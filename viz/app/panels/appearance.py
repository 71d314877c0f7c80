"""Who is shown: seeds, truncation, style mixing and blending of appearance codes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.seeds import blend_rows, recommended, seed_and_pad
from viz.app.panels.widgets import (
    Button,
    button_row,
    cells,
    counted,
    disabled,
    heading,
    times,
    value_with_button,
)
from viz.state.interface import Interface
from viz.state.types import LAST_SEED, Latent, ModelInfo, RenderResult, SessionState

_UNKNOWN_NUM_WS = 14
_GROUPS = {
    "Coarse": (4, 8, "pose and the shape of the head"),
    "Middle": (16, 32, "features, hair and expression"),
    "Fine": (64, 4096, "colours and texture"),
}


def draw(state: SessionState, result: RenderResult | None, commands: Commands) -> None:
    """Seed and pad, truncation, style mixing, blend, and ws files."""
    del result
    with disabled(commands.model is None):
        _seed(state, commands)
        _recommended(state, commands.model)
        _truncation(state, commands.model)
        heading("Style mixing")
        _mixing(state, commands.model)
        heading("Blend")
        state.latent = blend_rows(state.latent, Latent(), "person", "; between them their w blend")
        heading("Latent code (ws)")
        _files(state, commands)


def _seed(state: SessionState, commands: Commands) -> None:
    _blended(state)
    with disabled(bool(state.latent.ws_file)):
        state.latent = seed_and_pad(
            state.latent, Latent(), "appearance code z", "a person", "neighbours' w blend"
        )
    interface = commands.interface
    button_row(
        Button(
            "Random",
            commands.random_person,
            "Shows a person drawn at random. Key R.",
            icon=icons.ICON_FA_DICE,
        ),
        Button(
            "Animate",
            partial(_toggle_animation, interface),
            "Lets the person wander over the pad by itself; press again to stop.",
            icon=icons.ICON_FA_PAUSE if interface.animate_person else icons.ICON_FA_PLAY,
            enabled=interface.animate_person or not state.latent.ws_file,
            lit=interface.animate_person,
        ),
    )
    if interface.animate_person:
        _, interface.animate_speed = controls.slider(
            "Speed",
            interface.animate_speed,
            0.05,
            5.0,
            default=Interface().animate_speed,
            unit="seeds/s",
            log=True,
            tooltip="How fast the person changes, in seeds a second.",
        )


def _blended(state: SessionState) -> None:
    """Who has a share in the person, between two keys of a path."""
    others = state.latent.others
    if not others:
        return
    shares = [f"seed {counted(other.latent.seed)}: {other.share:.0%}" for other in others]
    if value_with_button(
        "On the way to",
        ", ".join(shares),
        icons.ICON_FA_XMARK,
        "Shows the person alone. Between two keys of a path their people blend.",
    ):
        state.latent = replace(state.latent, others=())


def _recommended(state: SessionState, model: ModelInfo | None) -> None:
    seed = recommended(state.latent, model.people if model else (), "Person")
    if seed is not None:
        state.latent = replace(state.latent, x=float(seed), y=0.0, ws_file="", others=())


def _toggle_animation(interface: Interface) -> None:
    interface.animate_person = not interface.animate_person


def _truncation(state: SessionState, model: ModelInfo | None) -> None:
    changed, psi = controls.slider(
        "Truncation ψ",
        state.latent.psi,
        -1.0,
        2.0,
        default=Latent().psi,
        tooltip="1 is the person as drawn, 0 the average person; below 0 the opposite, above 1 "
        "exaggerated. No unit.",
    )
    if changed:
        state.latent = replace(state.latent, psi=psi)
    num_ws = model.num_ws if model else _UNKNOWN_NUM_WS
    cutoff = num_ws if state.latent.cutoff is None else min(state.latent.cutoff, num_ws)
    changed, cutoff = controls.slider_int(
        "Cutoff",
        cutoff,
        0,
        num_ws,
        default=num_ws,
        unit="layers",
        tooltip="How many layers ψ acts on, from the coarsest one; the finer ones stay as drawn.",
    )
    if changed:
        state.latent = replace(state.latent, cutoff=None if cutoff == num_ws else cutoff)


def layer_resolution(layer: int, plane_resolution: int) -> int:
    """Side in pixels of the block that the w of this layer steers first (StyleGAN2's order)."""
    return min(4 * 2 ** ((layer + 1) // 2), plane_resolution)


def _mixing(state: SessionState, model: ModelInfo | None) -> None:
    changed, seed = controls.drag_int(
        "Second seed",
        state.latent.mix_seed,
        0,
        LAST_SEED,
        default=Latent().mix_seed,
        tooltip="Seed of the person whose w the layers marked below take.",
    )
    if changed:
        state.latent = replace(state.latent, mix_seed=seed)
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
    buttons = []
    for name, (low, high, what) in _GROUPS.items():
        group = {layer for layer, side in enumerate(sides) if low <= side <= high}
        full = bool(group) and group <= chosen
        buttons.append(
            Button(
                name,
                partial(_mix, state, chosen - group if full else chosen | group),
                f"Takes {what} from the second seed: the layers of "
                f"{f'{low} and {high}' if high < planes else f'{low} or more'} px. "
                "Press again to give them back.",
                lit=full,
            )
        )
    none = Button("None", partial(_mix, state, set()), "Gives all layers back to the person.")
    button_row(*buttons, none)


def _mix(state: SessionState, layers: set[int]) -> None:
    state.latent = replace(state.latent, mix_layers=tuple(sorted(layers)))


def _files(state: SessionState, commands: Commands) -> None:
    path = state.latent.ws_file
    if path and value_with_button(
        "Loaded ws",
        Path(path).name,
        icons.ICON_FA_XMARK,
        "Clears the loaded ws and shows the seed again.",
        full_text=path,
    ):
        state.latent = replace(state.latent, ws_file="")
    button_row(
        Button(
            "Save ws",
            commands.save_ws_dialog,
            "Saves the ws of the person shown, as .npz or .npy.",
            icon=icons.ICON_FA_FLOPPY_DISK,
        ),
        Button(
            "Load ws",
            commands.open_ws_dialog,
            "Shows the person of a file with ws, .npz or .npy, instead of a seed.",
            icon=icons.ICON_FA_FOLDER_OPEN,
        ),
    )
