"""Infers the size of a generator from the names and shapes of its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from training.checkpoint.checkpoint_errors import shown
from training.config import SUPERRESOLUTION_LAYOUTS, GeneratorConfig, RenderingConfig

Shape = tuple[int, ...]
_LARGEST_DIMENSION = 2**16
_MOST_MAPPING_LAYERS = 64
_B4 = "backbone.synthesis.b4"
_MAPPING = "backbone.mapping"
_BLOCK1 = "superresolution.block1"

_SOURCES: dict[str, tuple[tuple[str, int], ...]] = {
    "w_dim": (
        (f"{_MAPPING}.w_avg", 0),
        (f"{_MAPPING}.embed.weight", 0),
        (f"{_B4}.conv1.affine.weight", 1),
    ),
    "decoder_hidden": (
        ("decoder.net.0.weight", 0),
        ("decoder.net.0.bias", 0),
        ("decoder.net.2.weight", 1),
    ),
    "motion_dim": tuple(
        (f"backbone.synthesis.b{resolution}.motion_time_fuser.affine.weight", 1)
        for resolution in (4, 8, 16, 32)
    ),
}
"""Settings that are a dimension of a tensor: (tensor, dimension), of which the first one present
counts."""


@dataclass
class Inferred:
    """A generator's size according to its tensors, without settings whose tensors are missing."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Fields of GeneratorConfig, without channel_base, channel_max and superresolution*."""
    channels: dict[int, int] = field(default_factory=dict)
    """Channels of the backbone's blocks by resolution."""
    superresolution_side: int | None = None
    """Output resolution of the super-resolution in pixels; 0 if there is none."""
    superresolution_channels: tuple[int, int] | None = None
    problems: list[str] = field(default_factory=list)
    """Sentences on why no generator can have these shapes."""


def infer(shapes: Mapping[str, Shape]) -> Inferred:
    """Infers a generator's size from the shapes of its tensors, by name."""
    found = Inferred()
    for name, shape in shapes.items():
        if any(not 0 < size <= _LARGEST_DIMENSION for size in shape):
            found.problems.append(f"{shown(name)} has the impossible shape {shown(shape)}")
    if found.problems:
        return found

    def dimension(*sources: tuple[str, int]) -> int | None:
        for name, axis in sources:
            if len(shapes.get(name, ())) > axis:
                return shapes[name][axis]
        return None

    sizes: dict[str, int | None] = {
        setting: dimension(*sources) for setting, sources in _SOURCES.items()
    }
    if not any(".motion_time_fuser." in name for name in shapes):
        sizes["motion_dim"] = 0
    features = dimension(("decoder.net.2.weight", 0), ("decoder.net.2.bias", 0))
    sizes["feature_channels"] = None if features is None else features - 1
    planes = dimension((f"{_B4}.torgb.weight", 0), (f"{_B4}.torgb.bias", 0))
    sizes["plane_channels"] = (
        dimension(("decoder.net.0.weight", 1)) if planes is None else planes // 3
    )
    first_layer = dimension((f"{_MAPPING}.fc0.weight", 1))
    if first_layer is not None and sizes["w_dim"] is not None:
        sizes["z_dim"] = first_layer - sizes["w_dim"]
    found.settings = {name: size for name, size in sizes.items() if size is not None}
    found.settings["raw_layer"] = any(name.startswith("to_img_raw.") for name in shapes)
    _infer_layers(shapes, found)
    _infer_superresolution(shapes, found)
    return found


def _infer_layers(shapes: Mapping[str, Shape], found: Inferred) -> None:
    """Mapping layers, and resolutions and channels of the backbone's blocks."""
    layers = {m[1] for name in shapes if (m := re.match(rf"{_MAPPING}\.(fc\d{{1,9}})\.", name))}
    if len(layers) > _MOST_MAPPING_LAYERS:
        found.problems.append(f"it has {len(layers)} mapping layers, which no generator has")
    elif layers:
        found.settings["mapping_layers"] = len(layers)
    for name, shape in shapes.items():
        match = re.fullmatch(r"backbone\.synthesis\.b(\d{1,9})\.conv1\.(weight|bias)", name)
        if match and shape:
            found.channels[int(match[1])] = shape[0]
    if found.channels:
        found.settings["plane_resolution"] = max(found.channels)


def _infer_superresolution(shapes: Mapping[str, Shape], found: Inferred) -> None:
    if not any(name.startswith("superresolution.block") for name in shapes):
        found.superresolution_side = 0
        return
    for layer in ("conv1", "conv0"):
        side = shapes.get(f"{_BLOCK1}.{layer}.noise_const")
        if side:
            found.superresolution_side = side[0]
    first = shapes.get("superresolution.block0.conv1.weight")
    second = shapes.get(f"{_BLOCK1}.conv1.weight")
    if first and second:
        found.superresolution_channels = (first[0], second[0])


def _channel_rule(channels: Mapping[int, int]) -> tuple[int, int] | None:
    """channel_base and channel_max with min(base // r, max) channels at r, or None."""
    largest = max(channels.values())
    low = max(count * resolution for resolution, count in channels.items())
    reduced = [(r, count) for r, count in channels.items() if count < largest]
    high = min((count * r + r - 1 for r, count in reduced), default=None)
    if high is not None and low > high:
        return None
    published = GeneratorConfig.channel_base
    if low <= published and (high is None or published <= high):
        return published, largest
    return low, largest


def make_config(
    found: Inferred,
    options: Mapping[str, Any],
    rendering: RenderingConfig,
    variant: str | None = None,
) -> GeneratorConfig | None:
    """The configuration from the tensors and options of a file; None if there is no valid one.

    Problems are added to `found.problems`.

    Args:
        found: from `infer`.
        options: further fields of GeneratorConfig.
        rendering: options of rendering.
        variant: the super-resolution that the file names; used if it fits the tensors.
    """
    settings = {**found.settings, **options}
    if found.channels:
        rule = _channel_rule(found.channels)
        if rule is None:
            found.problems.append(
                "the channels of its backbone's blocks, "
                + ", ".join(f"{n} at {r} px" for r, n in sorted(found.channels.items()))
                + ", do not follow min(base / resolution, max)"
            )
        else:
            settings["channel_base"], settings["channel_max"] = rule
    if found.superresolution_side is not None:
        settings |= _superresolution_settings(found, variant)
    if found.problems:
        return None
    try:
        return GeneratorConfig(**settings, rendering=rendering)
    except ValueError as error:
        found.problems.append(f"its tensors do not form a generator: {error}")
        return None


def _superresolution_settings(found: Inferred, variant: str | None) -> dict[str, Any]:
    side, channels = found.superresolution_side, found.superresolution_channels
    if side == 0:
        return {"superresolution": "none"}
    fitting = [
        n for n, layout in SUPERRESOLUTION_LAYOUTS.items() if layout.output_resolution == side
    ]
    if not fitting:
        found.problems.append(f"its super-resolution to {side} px is not one of EG3D's")
        return {}
    if variant not in fitting:
        by_channels = [
            n for n in fitting if SUPERRESOLUTION_LAYOUTS[n].default_channels == channels
        ]
        variant = (by_channels or fitting)[0]
    default = SUPERRESOLUTION_LAYOUTS[variant].default_channels
    custom = None if channels == default else channels
    return {"superresolution": variant, "superresolution_channels": custom}


def disagreements(config: GeneratorConfig, found: Inferred) -> list[str]:
    """Differences between a stored configuration and the tensors, as sentences."""
    layout = config.superresolution_layout
    says: list[tuple[str, object, object]] = [
        (name, getattr(config, name), value) for name, value in found.settings.items()
    ]
    for resolution, count in sorted(found.channels.items()):
        if resolution <= config.plane_resolution:
            says.append((f"channels at {resolution} px", config.channels(resolution), count))
    if found.superresolution_side is not None:
        side = layout.output_resolution if layout else 0
        says.append(("superresolution side", side, found.superresolution_side))
    if layout and found.superresolution_channels is not None:
        channels = config.superresolution_channels or layout.default_channels
        says.append(("superresolution_channels", channels, found.superresolution_channels))
    return [
        f"its configuration says {name} is {shown(stated)}, but its tensors say {shown(seen)}"
        for name, stated, seen in says
        if stated != seen
    ]
