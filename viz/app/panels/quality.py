"""How carefully pictures are computed, at rest and in motion."""

from __future__ import annotations

from dataclasses import replace

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.widgets import disabled, heading, times
from viz.state.interface import Interface
from viz.state.types import PRECISIONS, ModelInfo, Quality, RenderResult, SessionState

RAW_RESOLUTIONS = (16, 32, 48, 64, 96, 128, 192, 256)
_AS_TRAINED = 0


def draw(state: SessionState, result: RenderResult | None, commands: Commands) -> None:
    """Raw resolution, samples, super-resolution, precision and previews."""
    model = commands.model
    with disabled(model is None):
        _raw_resolution(state, model)
        _samples(state, model)
        _superresolution(state, model, result)
        heading("While something moves")
        _previews(commands)


def _raw_resolution(state: SessionState, model: ModelInfo | None) -> None:
    trained = model.raw_resolution if model else None
    choices = {_AS_TRAINED: f"As trained ({trained})" if trained else "As trained"}
    choices |= {side: times(side, side) for side in RAW_RESOLUTIONS if side != trained}
    changed, side = controls.combo(
        "Raw pixels",
        state.quality.raw_resolution or _AS_TRAINED,
        choices,
        default=_AS_TRAINED,
        tooltip="Raw resolution: size of the volume-rendered picture in pixels. Other sizes than "
        "the trained one cost time or detail.",
    )
    if changed:
        state.quality = replace(state.quality, raw_resolution=side or None)


def _samples(state: SessionState, model: ModelInfo | None) -> None:
    trained = (model.depth_samples, model.importance_samples) if model else (48, 48)
    quality = state.quality
    changed, samples = controls.slider_int(
        "Depth samples",
        trained[0] if quality.depth_samples is None else quality.depth_samples,
        4,
        192,
        default=trained[0],
        tooltip="Samples along each ray that are spread evenly; the number is as trained unless "
        "changed.",
    )
    if changed:
        quality = replace(quality, depth_samples=None if samples == trained[0] else samples)
    changed, samples = controls.slider_int(
        "Fine samples",
        trained[1] if quality.importance_samples is None else quality.importance_samples,
        0,
        192,
        default=trained[1],
        tooltip="Importance samples: further samples along each ray where the first ones met "
        "something; 0 leaves them out.",
    )
    if changed:
        quality = replace(quality, importance_samples=None if samples == trained[1] else samples)
    state.quality = quality


def _superresolution(
    state: SessionState, model: ModelInfo | None, result: RenderResult | None
) -> None:
    with disabled(model is not None and not model.superresolution):
        _, superresolution = controls.toggle(
            "Super-res.",
            state.quality.superresolution,
            default=True,
            tooltip="Super-resolution: the network that enlarges the raw picture and adds detail. "
            "Off, the image view shows the raw picture.",
        )
    ran = result.precision if result else ""
    captions = {name: name for name in PRECISIONS}
    captions["auto"] = f"Auto ({ran})" if ran and state.quality.precision == "auto" else "Auto"
    _, precision = controls.combo(
        "Precision",
        state.quality.precision,
        captions,
        default=Quality().precision,
        tooltip="Number format of the convolutions: float32 is exact; bfloat16 is faster on a GPU "
        "and on newer processors, float16 on a GPU. Auto takes what a measurement on this machine "
        "found to be fastest without a visible difference.",
    )
    state.quality = replace(state.quality, superresolution=superresolution, precision=precision)


def _previews(commands: Commands) -> None:
    interface = commands.interface
    default = Interface()
    _, interface.previews = controls.toggle(
        "Previews",
        interface.previews,
        default=default.previews,
        tooltip="Makes pictures cheaper while the mouse drags or the clip plays; the full picture "
        "follows when it rests.",
    )
    with disabled(not interface.previews):
        _, rate = controls.slider(
            "Target rate",
            interface.target_rate,
            2.0,
            60.0,
            default=default.target_rate,
            unit="frames/s",
            fmt="%.0f",
            tooltip="Frames a second that previews should hold: higher leaves more out.",
        )
        changed, least = controls.slider(
            "Least quality",
            100 * interface.preview_floor,
            50.0,
            100.0,
            default=100 * default.preview_floor,
            unit="%",
            fmt="%.0f",
            tooltip="How far the side of previews may go down, in percent of the raw resolution; "
            "the target rate is missed rather than going lower.",
        )
    interface.target_rate = rate
    if changed:
        interface.preview_floor = least / 100
    level = commands.performance.preview_level
    if interface.previews and level:
        controls.hint(f"Last preview: {level}.")
