"""Directions that the model has learnt: sliders in standard deviations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from gui_utils.controls import layout
from viz.app.commands import Commands
from viz.app.panels.appearance import LAYER_GROUPS, layer_resolution
from viz.app.panels.setting_controls import choice, segmented
from viz.app.panels.widgets import Button, button_row, fold, heading
from viz.state.interface import Interface
from viz.state.person import Shift, with_shift
from viz.state.settings import setting
from viz.state.types import ModelInfo, RenderResult, SessionState

_KINDS = {"components": "People", "factors": "Styles", "motions": "Motion"}
_NAMES = {"components": "Component", "factors": "Factor", "motions": "Motion"}
_LAYERS = {"All": "All", **{name: name for name in LAYER_GROUPS}}
_FIRST = 10
"""Directions that are listed; the others are folded."""


def draw(state: SessionState, result: RenderResult | None, commands: Commands) -> None:
    """Sliders of one kind of directions, and of all that are in use."""
    del result
    model, interface = commands.model, commands.interface
    if model is None:
        controls.hint("Directions belong to a model: open one.")
        return
    if not layout.is_indexing():  # drawn only to be found, it needs none
        commands.find_directions()
    segmented("Found in", interface, "direction_kind", _KINDS)
    kind = interface.direction_kind
    if kind != "motions":
        choice("Layers", interface, "direction_layers", _LAYERS)
    found = commands.directions
    if found is None:
        controls.hint("Directions are found in the background when this panel opens.")
    else:
        vectors = getattr(found, kind)
        told = [_about(kind, k, found.explained, found.moved) for k in range(len(vectors))]
        _sliders(state, interface, model, vectors[:_FIRST], told, 0)
        if len(vectors) > _FIRST and fold("More directions"):
            _sliders(state, interface, model, vectors[_FIRST:], told, _FIRST)
        if not len(vectors):
            controls.hint("This model makes still pictures: it has no motion code to change.")
    _in_use(state, commands)


def _about(kind: str, index: int, explained: np.ndarray, moved: np.ndarray) -> str:
    if kind == "components":
        return (
            f"Principal component of w over people: {100 * explained[index]:.1f} % of what tells "
            "them apart lies along it."
        )
    if kind == "factors":
        return "Direction of w that the style layers' weights amplify, by their order of strength."
    much = f"{100 * moved[index]:.0f} %"
    return f"Direction of the motion code: it moves the planes {much} as much as the first one."


def _sliders(
    state: SessionState,
    interface: Interface,
    model: ModelInfo,
    vectors: np.ndarray,
    told: list[str],
    start: int,
) -> None:
    kind = interface.direction_kind
    layers = _layers(interface, model) if kind != "motions" else ()
    for index, vector in enumerate(vectors, start):
        name = f"{_NAMES[kind]} {index + 1}"
        about = told[index]
        if kind == "motions":
            shifts = _slider(name, state.motion.shifts, vector, (), about)
            if shifts is not None:
                state.motion = replace(state.motion, shifts=shifts)
        else:
            shifts = _slider(name, state.latent.shifts, vector, layers, about)
            if shifts is not None:
                state.latent = replace(state.latent, shifts=shifts)


def _slider(
    name: str, shifts: tuple[Shift, ...], vector: np.ndarray, layers: tuple[int, ...], about: str
) -> tuple[Shift, ...] | None:
    """A slider along one direction; the shifts as the user leaves them, None if unchanged."""
    here = Shift.along(name, vector, 0.0, layers)
    same = (s.amount for s in shifts if (s.vector, s.layers) == (here.vector, layers))
    amount = _amount(name, next(same, 0.0), about)
    return None if amount is None else with_shift(shifts, replace(here, amount=amount))


def _amount(label: str, amount: float, about: str) -> float | None:
    numbers = setting(Shift, "amount").range
    lo, hi = numbers.ends
    changed, new = controls.slider(
        label,
        amount,
        lo,
        hi,
        default=0.0,
        unit=numbers.unit,
        tooltip=about,
        typed=(numbers.lo, numbers.hi),
    )
    return new if changed else None


def _layers(interface: Interface, model: ModelInfo) -> tuple[int, ...]:
    """The layers that the user has chosen; empty for all."""
    if interface.direction_layers == "All":
        return ()
    low, high, _ = LAYER_GROUPS[interface.direction_layers]
    sides = [layer_resolution(layer, model.plane_resolution) for layer in range(model.num_ws)]
    return tuple(layer for layer, side in enumerate(sides) if low <= side <= high)


def _in_use(state: SessionState, commands: Commands) -> None:
    """All steps that are taken, of whatever direction."""
    heading("In use")
    for owner, code in ((state.latent, "latent"), (state.motion, "motion")):
        for index, shift in enumerate(owner.shifts):
            layers = f" ({_span(shift.layers)})" if shift.layers else ""
            about = f"{shift.name}{layers}: right click takes the step back."
            label = f"{shift.name}{layers}##{code} {index}"
            amount = _amount(label, shift.amount, about)
            if amount is not None:
                shifts = with_shift(owner.shifts, replace(shift, amount=amount))
                setattr(state, code, replace(owner, shifts=shifts))
    any_used = bool(state.latent.shifts or state.motion.shifts)
    button_row(
        Button(
            "Load",
            commands.load_direction_dialog,
            "Takes a step along a direction in w that another tool has found: .npy.",
            icon=icons.ICON_FA_FOLDER_OPEN,
        ),
        Button(
            "Clear",
            commands.clear_shifts,
            "Takes all steps along directions back.",
            enabled=any_used,
        ),
    )


def _span(layers: tuple[int, ...]) -> str:
    return f"{min(layers)}-{max(layers)}"
