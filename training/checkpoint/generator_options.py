"""Converts the options in EG3D's and PV3D's checkpoints to ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from training.checkpoint.checkpoint_errors import shown
from training.config import SUPERRESOLUTION_LAYOUTS, GeneratorConfig, RenderingConfig

_CLAMP = 256.0
"""Bound on activations where EG3D computes in half precision."""

_RENDERING_NAMES = {
    "depth_resolution": "depth_samples",
    "depth_resolution_importance": "importance_samples",
    "ray_start": "ray_start",
    "ray_end": "ray_end",
    "box_warp": "box_warp",
    "white_back": "white_background",
}
_GENERATOR_NAMES = {
    "c_scale": "c_scale",
    "decoder_lr_mul": "decoder_lr_mul",
    "sr_antialias": "superresolution_antialias",
}


@dataclass
class GeneratorOptions:
    """Configuration of a checkpoint that its tensors' shapes do not determine."""

    generator: dict[str, Any] = field(default_factory=dict)
    """Fields of GeneratorConfig."""
    rendering: RenderingConfig = field(default_factory=RenderingConfig)
    variant: str | None = None
    """The super-resolution module that the file names."""
    notes: list[str] = field(default_factory=list)
    """Sentences on options that could not be used."""


def read_options(
    generator: Mapping[Any, Any],
    rendering: Mapping[Any, Any],
    raw_resolution: object,
    default_clamp: float | None,
    default_sr_layers: int,
) -> GeneratorOptions:
    """Converts options; missing and invalid ones take their defaults, the latter with a note.

    Args:
        generator: keyword arguments of the generator.
        rendering: its `rendering_kwargs`.
        raw_resolution: side of the raw picture in pixels, or None.
        default_clamp: bound of the backbone if there is no `conv_clamp`.
        default_sr_layers: default of `sr_num_fp16_res`; above 0, the super-resolution is clamped.
    """
    options = GeneratorOptions()
    values: dict[str, Any] = {}
    table = {**rendering, "neural_rendering_resolution": raw_resolution}
    names = {**_RENDERING_NAMES, "neural_rendering_resolution": "raw_resolution"}
    for key, name in names.items():
        _take(table, key, getattr(RenderingConfig, name), values, name, options.notes)
    try:
        options.rendering = RenderingConfig(**values)
    except ValueError as error:
        options.notes.append(f"The published rendering options are used, as its own fail: {error}.")
    for key, name in _GENERATOR_NAMES.items():
        default = getattr(GeneratorConfig, name)
        _take(rendering, key, default, options.generator, name, options.notes)
    if options.generator.get("decoder_lr_mul", 1) <= 0:
        del options.generator["decoder_lr_mul"]
        options.notes.append("Its decoder_lr_mul is not positive; 1 is used.")
    # The official programs multiply the camera by rendering_kwargs.get("c_scale", 0).
    without_scale = bool(rendering) and rendering.get("c_scale") is None
    if without_scale or rendering.get("c_gen_conditioning_zero") is True:
        options.generator["c_scale"] = 0.0
    if rendering.get("disparity_space_sampling") is True:
        options.notes.append(
            "It was trained with samples even in disparity; here they are even in depth."
        )
    module = rendering.get("superresolution_module")
    if isinstance(module, str):
        variant = module.rpartition("SuperresolutionHybrid")[2]
        options.variant = variant if variant in SUPERRESOLUTION_LAYOUTS else None
    _read_clamps(generator, options, default_clamp, default_sr_layers)
    return options


def _read_clamps(
    generator: Mapping[Any, Any],
    options: GeneratorOptions,
    default_clamp: float | None,
    default_sr_layers: int,
) -> None:
    clamp = generator.get("conv_clamp", default_clamp)
    if clamp is not None and not (_is_number(clamp) and clamp > 0):
        options.notes.append(f"Its conv_clamp is {shown(clamp)}; {default_clamp} is used.")
        clamp = default_clamp
    options.generator["conv_clamp"] = None if clamp is None else float(clamp)
    layers = generator.get("sr_num_fp16_res", default_sr_layers)
    if not _is_number(layers):
        layers = default_sr_layers
    options.generator["superresolution_clamp"] = _CLAMP if layers > 0 else None


def _is_number(value: object) -> bool:
    # The bound also keeps whole numbers within what a float can hold.
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value if isinstance(value, float) else 0)
        and abs(value) < 1e9
    )


def _take(
    table: Mapping[Any, Any],
    key: str,
    default: bool | int | float,
    target: dict[str, Any],
    name: str,
    notes: list[str],
) -> None:
    """Copies table[key] to target[name] as the type of `default`, or notes that it cannot."""
    value = table.get(key)
    if value is None:
        return
    if isinstance(default, bool):
        usable = isinstance(value, bool)
    else:
        usable = _is_number(value) and (isinstance(default, float) or value == int(value))
    if usable:
        target[name] = type(default)(value)
    else:
        notes.append(f"Its {key} is {shown(value)}; the default, {default}, is used.")
