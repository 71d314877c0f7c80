"""The space that a model's people occupy. A photo says nothing about what is outside its frame or
hidden in it: density there would float beside the head as soon as the camera turns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.networks.generator import Generator
from training.rendering import opacity

_POINTS = 12288
_STEP = 1 / 24
"""Length of the span of a ray over which density is compared, in sides of the box."""


@dataclass(frozen=True)
class Occupancy:
    """The largest density of people at random points of the box."""

    G: Generator
    points: Tensor
    """World coordinates [1, P, 3]."""
    most: Tensor
    """Opacity of a short span at each point [P], 0 to 1."""

    @classmethod
    def empty(cls, G: Generator, seed: int) -> Occupancy:
        """The occupancy without any people."""
        draws = torch.Generator().manual_seed(seed + 2)
        side = G.config.rendering.box_warp
        points = (torch.rand((1, _POINTS, 3), generator=draws) - 0.5) * side
        points = points.to(G.device)
        return cls(G, points, torch.zeros(_POINTS, device=G.device))

    def add(self, planes: Tensor) -> None:
        """Includes one person [1, 3, C, S, S]."""
        torch.maximum(self.most, self.opacity_of(planes), out=self.most)

    def opacity_of(self, planes: Tensor, G: Generator | None = None) -> Tensor:
        """A person's opacity at the points [P], by the decoder of `G` if given."""
        sigma, _ = (G or self.G).sample(planes, self.points)
        span = _STEP * self.G.config.rendering.box_warp
        return opacity(sigma[0], span)

    def excess(self, planes: Tensor, G: Generator | None = None) -> Tensor:
        """Mean excess of a person's opacity over that of the people included."""
        return (self.opacity_of(planes, G) - self.most).relu().mean()
