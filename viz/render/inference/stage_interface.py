"""The interface between the renderer and a generator's stages, however these are computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from training.camera import FRONTAL, Camera
from training.networks.generator import Generator, RawRender

Check = Callable[[], None]
"""Called between parts of the work; an exception from it abandons the work."""


def no_check() -> None:
    """The `Check` of work that is never abandoned."""


PEOPLE = 3
"""How many people's modulated weights are kept: two for before / after, and one more."""


class RadianceField(Protocol):
    """Density and colour features of a person at one time in the clip."""

    @property
    def nbytes(self) -> int: ...

    def planes(self) -> Tensor:
        """Tri-planes float32 [1, 3, C, H, W] that any point samples to the same features."""
        ...


@dataclass(frozen=True)
class RaySettings:
    """Camera and sampling of a raw picture."""

    c: Tensor
    """Camera [1, 25]."""
    ray_range: Tensor
    """Start and end of the rays, world units [1, 2]."""
    resolution: int
    """Side of the picture in pixels."""
    depth_samples: int
    """Samples of the first pass along each ray."""
    importance_samples: int
    """Samples of the second pass; 0 leaves it out."""
    with_normals: bool = False
    """Whether normals are computed, too."""
    shared: int = 0
    """Samples of a first pass that neighbouring rays may share, with the second alone for each;
    stages may ignore it and make both for each ray. 0 lets none share."""
    wait: bool = True
    """Whether to wait for functions that are still compiling; if not, the reference networks cast
    the rays meanwhile."""

    @classmethod
    def trained(cls, G: Generator, camera: Camera = FRONTAL) -> RaySettings:
        """The settings that the model was trained with."""
        options = G.config.rendering
        return cls(
            torch.from_numpy(camera.numbers())[None].to(G.device),
            torch.tensor([[options.ray_start, options.ray_end]], device=G.device),
            options.raw_resolution,
            options.depth_samples,
            options.importance_samples,
        )


@dataclass(frozen=True)
class Pixels:
    """The results of R rays."""

    features: Tensor
    """float32 [R, F], each channel -1 to 1."""
    depth: Tensor
    """Expected distance [R], world units."""
    opacity: Tensor
    """[R] in 0..1."""

    def raw_render(self, G: Generator, ws: Tensor, side: int, normals: Tensor | None) -> RawRender:
        """The square picture of these rays, which are its pixels row by row.

        Args:
            G: the model.
            ws: those of the picture's person [1, num_ws, w_dim].
            side: of the picture in pixels; R is its square.
            normals: unit vectors [R, 3]; None for none.
        """
        features = self.features.t().reshape(1, -1, side, side).contiguous()
        depth, opacity = (x.reshape(1, 1, side, side) for x in (self.depth, self.opacity))
        if normals is not None:
            normals = normals.t().reshape(1, 3, side, side)
        return RawRender(features, G.raw_image(features, ws), depth, opacity, normals)


class Stages(Protocol):
    """A generator's stages for pictures of one person at a time."""

    @property
    def compiling(self) -> bool:
        """Whether `render` would have to wait now for functions that are still compiling."""
        ...

    @property
    def convolutions_compiling(self) -> bool:
        """Whether the other stages would."""
        ...

    def prepare(self, ws: Tensor) -> None:
        """Does the one-time work for a person in advance, so that their first picture is not
        slow."""
        ...

    def take_weights(self) -> None:
        """Picks up the generator's weights after they were changed in place."""
        ...

    def planes(self, ws: Tensor, motion: Tensor | None, check: Check) -> RadianceField:
        """The field for ws [1, num_ws, w_dim] and z_motion * t [1, motion_dim] (None for a still
        model)."""
        ...

    def render(
        self, field: RadianceField, ws: Tensor, settings: RaySettings, check: Check
    ) -> RawRender:
        """The raw picture of a field that these stages made. Prepared stages raise TypeError for
        other fields."""
        ...

    def prepare_int8(self, raw: RawRender, ws: Tensor, check: Check) -> bool:
        """Does the one-time work for previews of a person in 8-bit integers, given one of their
        raw pictures.

        Returns:
            whether `superresolve` can compute in them.
        """
        ...

    def superresolve(
        self, raw: RawRender, ws: Tensor, check: Check, scale: float = 1.0, *, int8: bool = False
    ) -> Tensor:
        """Final picture [1, 3, H, W], about -1 to 1.

        Args:
            raw: the raw picture, from these stages.
            ws: those of its person.
            check: see `Check`.
            scale: factor on H and W, at most 1, for previews; stages may ignore it.
            int8: whether to compute in 8-bit integers, if `prepare_int8` returned True.
        """
        ...
