"""Quality of pictures, at rest and in motion."""

from __future__ import annotations

from viz.app.commands import Commands
from viz.app.panels.setting_controls import choice, slider, toggle
from viz.app.panels.widgets import disabled, heading, preview_hint, times
from viz.state.types import PRECISIONS, ModelInfo, RenderResult, SessionState

RAW_RESOLUTIONS = (16, 32, 48, 64, 96, 128, 192, 256)


def draw(commands: Commands) -> None:
    """Raw resolution, samples, super-resolution, precision and previews."""
    state = commands.state
    model = commands.model
    with disabled(model is None):
        _raw_resolution(state, model)
        _samples(state, model)
        _superresolution(state, model, commands.result)
        heading("While something moves")
        _previews(commands)


def _raw_resolution(state: SessionState, model: ModelInfo | None) -> None:
    trained = model.raw_resolution if model else None
    captions = {None: f"As trained ({trained})" if trained else "As trained"}
    captions |= {side: times(side, side) for side in RAW_RESOLUTIONS if side != trained}
    state.quality = choice("Raw pixels", state.quality, "raw_resolution", captions)


def _samples(state: SessionState, model: ModelInfo | None) -> None:
    trained = (model.depth_samples, model.importance_samples) if model else (48, 48)
    state.quality = slider("Depth samples", state.quality, "depth_samples", none=trained[0])
    state.quality = slider("Fine samples", state.quality, "importance_samples", none=trained[1])


def _superresolution(
    state: SessionState, model: ModelInfo | None, result: RenderResult | None
) -> None:
    with disabled(model is not None and not model.superresolution):
        state.quality = toggle("Super-res.", state.quality, "superresolution")
    ran = result.precision if result and result.precision != "int8" else ""  # a preview's own
    captions = {name: name for name in PRECISIONS}
    captions["auto"] = f"Auto ({ran})" if ran and state.quality.precision == "auto" else "Auto"
    state.quality = choice("Precision", state.quality, "precision", captions)


def _previews(commands: Commands) -> None:
    interface = commands.interface
    toggle("Previews", interface, "previews")
    with disabled(not interface.previews):
        slider("Target rate", interface, "target_rate")
        slider("Least quality", interface, "preview_floor")
    toggle("Between frames", interface, "play_between")
    preview_hint(commands.performance)
