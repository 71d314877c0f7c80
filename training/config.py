"""Configuration of the networks: frozen dataclasses, validated when made.

The same dataclasses are stored in checkpoints (as JSON) and make the command line of training.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

SuperresolutionVariant = Literal["8XDC", "8X", "4X", "2X", "none"]


@dataclass(frozen=True)
class SuperresolutionLayout:
    """Layout of one of EG3D's super-resolution modules."""

    input_resolution: int
    """Side of the feature picture that the first block takes; inputs are resized to it."""
    first_block_up: bool
    """Whether the first of the two blocks doubles the resolution; the second always does."""
    default_channels: tuple[int, int]
    """Channels of the two blocks in the published modules."""
    resize_larger: bool = True
    """Whether inputs larger than `input_resolution` are resized, too; EG3D's 4X and 8X modules only
    enlarge."""

    @property
    def output_resolution(self) -> int:
        return self.input_resolution * (4 if self.first_block_up else 2)


SUPERRESOLUTION_LAYOUTS: dict[str, SuperresolutionLayout] = {
    "8XDC": SuperresolutionLayout(128, True, (256, 128)),
    "8X": SuperresolutionLayout(128, True, (128, 64), resize_larger=False),
    "4X": SuperresolutionLayout(128, False, (128, 64), resize_larger=False),
    "2X": SuperresolutionLayout(64, False, (128, 64)),
}


def is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


@dataclass(frozen=True)
class RenderingConfig:
    """How rays are cast and composited. Lengths are in world units: the camera is 2.7 away."""

    raw_resolution: int = 64
    """Side of the volume-rendered picture in pixels, as trained."""
    depth_samples: int = 48
    """Stratified samples along a ray."""
    importance_samples: int = 48
    """Samples drawn from the weights of the stratified ones; 0 for none."""
    ray_start: float = 2.25
    """Distance from the camera at which rays start."""
    ray_end: float = 3.3
    """Distance from the camera at which rays end."""
    box_warp: float = 1.0
    """Side of the cube, centred on the origin, that the tri-planes cover."""
    white_background: bool = False
    """Whether rays end on white (1 in every feature) instead of 0."""

    def __post_init__(self) -> None:
        found = outside(self, raw_resolution=(1, 2048), depth_samples=(2, 4096))
        found += outside(self, importance_samples=(0, 4096))
        if self.importance_samples and self.depth_samples < 4:
            found.append("importance samples need at least 4 depth_samples")
        if not (0 <= self.ray_start < self.ray_end and math.isfinite(self.ray_end)):
            found.append(
                f"the ray range {self.ray_start} to {self.ray_end} must rise from at least 0"
            )
        if not (0 < self.box_warp < math.inf):
            found.append(f"box_warp is {self.box_warp}; it must be positive")
        raise_if(found)


@dataclass(frozen=True)
class GeneratorConfig:
    """Size and options of a PV3D generator; the defaults are the published full-size model."""

    z_dim: int = 512
    """Length of the appearance code z."""
    w_dim: int = 512
    """Length of one intermediate latent w."""
    mapping_layers: int = 2
    """Fully connected layers of the mapping network."""
    c_scale: float = 1.0
    """Factor on the mapping network's conditioning camera; 0 ignores it."""
    plane_resolution: int = 256
    """Side of each plane in texels: a power of two, at least 8."""
    plane_channels: int = 32
    """Channels of each plane, and inputs of the decoder."""
    channel_base: int = 32768
    """Channels of the backbone at resolution r are min(channel_base / r, channel_max)."""
    channel_max: int = 512
    """Maximum number of channels of a backbone block."""
    conv_clamp: float | None = None
    """Bound on the backbone's activations; None for no bound."""
    motion_dim: int = 512
    """Length of the motion code; 0 builds a generator without motion layers (EG3D)."""
    decoder_hidden: int = 64
    """Hidden units of the decoder."""
    decoder_lr_mul: float = 1.0
    """Learning-rate multiplier of the decoder, part of its weight scaling."""
    feature_channels: int = 32
    """Colour features that the decoder outputs for a point; the super-resolution's input."""
    raw_layer: bool = True
    """Whether a toRGB layer makes the raw picture; in EG3D it is the first three features."""
    superresolution: SuperresolutionVariant = "8XDC"
    """Which of EG3D's super-resolution modules; "none" shows the raw picture."""
    superresolution_channels: tuple[int, int] | None = None
    """Channels of its two blocks; None for the published ones."""
    superresolution_clamp: float | None = 256.0
    """Bound on the activations of the super-resolution and the raw layer; None (or 1e9) for no
    bound."""
    superresolution_antialias: bool = True
    """Whether the resize before super-resolution is antialiased."""
    rendering: RenderingConfig = field(default_factory=RenderingConfig)
    """Rays and samples, as trained."""

    def __post_init__(self) -> None:
        positive = (
            "z_dim",
            "w_dim",
            "mapping_layers",
            "plane_channels",
            "channel_base",
            "channel_max",
            "decoder_hidden",
            "decoder_lr_mul",
        )
        found = [
            f"{name} is {getattr(self, name)}; it must be positive"
            for name in positive
            if not getattr(self, name) > 0
        ]
        found += too_small(self, motion_dim=0)
        if not (is_power_of_two(self.plane_resolution) and 8 <= self.plane_resolution <= 2048):
            found.append(
                f"plane_resolution is {self.plane_resolution}; it must be a power of two, 8 to 2048"
            )
        elif self.channel_base < self.plane_resolution:
            found.append(
                f"channel_base {self.channel_base} leaves no channels at {self.plane_resolution} px"
            )
        found += too_small(self, feature_channels=3)
        if self.superresolution not in get_args(SuperresolutionVariant):
            found.append(
                f"superresolution is {self.superresolution!r}; it must be one of "
                + ", ".join(get_args(SuperresolutionVariant))
            )
        channels = self.superresolution_channels
        if channels is not None and not (len(channels) == 2 and min(channels) > 0):
            found.append(f"superresolution_channels is {channels}; it must be two positive numbers")
        for name in ("conv_clamp", "superresolution_clamp"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                found.append(f"{name} is {value}; it must be positive or null")
        raise_if(found)

    @property
    def has_motion(self) -> bool:
        """Whether time and the motion code have any effect."""
        return self.motion_dim > 0

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """Resolutions of the backbone's blocks: 4, 8, ..., plane_resolution."""
        return tuple(2**i for i in range(2, self.plane_resolution.bit_length()))

    @property
    def num_ws(self) -> int:
        """Number of intermediate latents, one per backbone layer: 14 at 256 px planes."""
        return 2 * len(self.block_resolutions)

    @property
    def superresolution_layout(self) -> SuperresolutionLayout | None:
        return SUPERRESOLUTION_LAYOUTS.get(self.superresolution)

    @property
    def image_resolution(self) -> int:
        """Side of the final picture in pixels when rendered as trained."""
        layout = self.superresolution_layout
        return layout.output_resolution if layout else self.rendering.raw_resolution

    def channels(self, resolution: int) -> int:
        """Channels of the backbone's block at `resolution`."""
        return min(self.channel_base // resolution, self.channel_max)

    def to_dict(self) -> dict[str, Any]:
        """Plain nested data for JSON; `from_dict` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> GeneratorConfig:
        """Config from plain nested data.

        Raises:
            ValueError: listing every unknown name, wrong type and impossible value.
        """
        data = _table(data, "the configuration")
        rendering = _table(data.pop("rendering", {}), "rendering")
        channels: Any = data.get("superresolution_channels")
        if isinstance(channels, list):
            data["superresolution_channels"] = tuple(cast(list[Any], channels))
        raise_if(_type_problems(cls, data) + _type_problems(RenderingConfig, rendering))
        return cls(**data, rendering=RenderingConfig(**rendering))


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Size of a discriminator; the defaults are the published ones."""

    resolution: int = 512
    """Side of the pictures: a power of two, at least 8."""
    channel_base: int = 32768
    """Channels at resolution r are min(channel_base / r, channel_max)."""
    channel_max: int = 512
    """Maximum number of channels of a block."""
    conv_clamp: float | None = 256.0
    """Bound on the activations; None (or 1e9) for no bound."""
    mapping_layers: int = 8
    """Fully connected layers of the camera mapping."""
    group_size: int = 4
    """Group size of minibatch standard deviation."""
    half_blocks: int = 4
    """Number of blocks, the finest ones, that half-precision training computes in that format."""

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not (is_power_of_two(self.resolution) and 8 <= self.resolution <= 2048):
            problems.append(
                f"resolution is {self.resolution}; it must be a power of two, 8 to 2048"
            )
        elif self.channel_base < self.resolution:
            problems.append(f"channel_base {self.channel_base} leaves no channels")
        problems += too_small(self, channel_max=1, mapping_layers=1, group_size=1)
        raise_if(problems)

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """Resolutions of the residual blocks: resolution, ..., 16, 8."""
        return tuple(2**i for i in range(self.resolution.bit_length() - 1, 2, -1))

    def channels(self, resolution: int) -> int:
        """Channels of the features at `resolution`."""
        return min(self.channel_base // resolution, self.channel_max)


def _table(data: Any, name: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{name} is not a table of names and values")
    return dict(cast(dict[str, Any], data))


def too_small(settings: object, **least: int) -> list[str]:
    """Sentences on a dataclass's numbers that are below their minimum."""
    return [
        f"{name} is {getattr(settings, name)}; it must be at least {low}"
        for name, low in least.items()
        if getattr(settings, name) < low
    ]


def outside(settings: object, **ranges: tuple[float, float]) -> list[str]:
    """Sentences on a dataclass's numbers that lie outside their ranges, ends included."""
    return [
        f"{name} is {getattr(settings, name)}; it must be {low} to {high}"
        for name, (low, high) in ranges.items()
        if not low <= getattr(settings, name) <= high
    ]


def raise_if(problems: list[str]) -> None:
    """Raises a ValueError that lists all problems, if there are any."""
    if problems:
        raise ValueError("; ".join(problems))


_ALLOWED_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "float | None": (int, float, type(None)),
    "tuple[int, int] | None": (tuple, type(None)),
    "SuperresolutionVariant": (str,),
}


def _type_problems(cls: type, data: dict[str, Any]) -> list[str]:
    """Unknown names and values of the wrong type in `data`, meant for dataclass `cls`."""
    types = {f.name: str(f.type) for f in dataclasses.fields(cls)}
    found: list[str] = []
    for name, value in data.items():
        if name not in types:
            found.append(f"{name!r} is not a setting of {cls.__name__}")
            continue
        allowed = _ALLOWED_TYPES.get(types[name], ())
        is_bool = isinstance(value, bool)
        members = cast(tuple[Any, ...], value) if isinstance(value, tuple) else ()
        members_ok = all(type(member) is int for member in members)
        if not isinstance(value, allowed) or is_bool != (bool in allowed) or not members_ok:
            found.append(f"{name} is {value!r}; it must be of type {types[name]}")
    return found
