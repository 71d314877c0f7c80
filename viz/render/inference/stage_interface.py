"""The interface of a generator's stages to the renderer, however they are computed."""

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
    """The `Check` of work that nothing abandons."""


PEOPLE = 3
"""People whose modulated weights are kept: two in before / after, and one more."""


class RadianceField(Protocol):
    """Density and colour features of a person at one time in the clip."""

    @property
    def nbytes(self) -> int: ...

    def planes(self) -> Tensor:
        """Tri-planes float32 [1, 3, C, H, W] that any point samples to the same features."""
        ...


@dataclass(frozen=True)
class RaySettings:
    """What a raw picture shows and how finely."""

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
    """Whether normals are found, too."""
    wait: bool = True
    """Whether to wait for functions that are still compiling; if not, the networks cast the
    rays."""

    @classmethod
    def trained(cls, G: Generator, camera: Camera = FRONTAL) -> RaySettings:
        """Those that the model was trained with."""
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


class Stages(Protocol):
    """A generator's stages for pictures of one person at a time."""

    @property
    def compiling(self) -> bool:
        """Whether `render` has to wait at the moment."""
        ...

    @property
    def convolutions_compiling(self) -> bool:
        """Whether the other stages have to."""
        ...

    def prepare(self, ws: Tensor) -> None:
        """Does the one-time work for a person in advance, so that their first picture is not
        slow."""
        ...

    def take_weights(self) -> None:
        """Picks up the generator's weights after they were changed in place."""
        ...

    def planes(self, ws: Tensor, motion: Tensor | None, check: Check) -> RadianceField:
        """ws [1, num_ws, w_dim] and z_motion * t [1, motion_dim] (None for a still model)."""
        ...

    def render(
        self, field: RadianceField, ws: Tensor, settings: RaySettings, check: Check
    ) -> RawRender:
        """The raw picture of a field that these stages made."""
        ...

    def prepare_int8(self, raw: RawRender, ws: Tensor, check: Check) -> bool:
        """Does the one-time work for previews of a person in 8-bit integers, given one of their
        raw pictures.

        Returns:
            whether `superresolve` can compute so.
        """
        ...

    def superresolve(
        self,
        raw: RawRender,
        ws: Tensor,
        check: Check,
        scale: float = 1.0,
        *,
        int8: bool = False,
    ) -> Tensor:
        """Final picture [1, 3, H, W], about -1 to 1.

        Args:
            raw: of these stages.
            ws: of its person.
            check: see `Check`.
            scale: factor on H and W that a preview may have; stages may ignore it.
            int8: whether 8-bit integers will do, if `prepare_int8` said so.
        """
        ...
