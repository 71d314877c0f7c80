"""The spaces that a search moves in: people along principal directions of w, and motions along the
directions of the motion code that the motion layers read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.networks.backbone import MotionTimeFuser
from training.networks.generator import Generator

_DRAWS = 4000
"""Number of people whose w are drawn for the principal directions."""
_MOST_DIRECTIONS = 200
_LEAST_READ = 1e-3
"""Directions of the motion code count as unread if the layers amplify them by less than this
fraction of the strongest one."""


@dataclass(frozen=True)
class CodeSpace:
    """Coordinates in which both kinds of codes have about unit variance."""

    mean: Tensor
    """The mean w [w_dim]."""
    directions: Tensor
    """Principal directions of w, each as long as its standard deviation [K, w_dim]."""
    motions: Tensor
    """Orthonormal directions of the motion code [R, motion_dim]; R is 0 without motion layers."""

    @classmethod
    def of(cls, G: Generator, seed: int) -> CodeSpace:
        """The space of a generator."""
        draws = torch.Generator().manual_seed(seed)
        z = torch.randn((_DRAWS, G.config.z_dim), generator=draws).to(G.device)
        with torch.no_grad():
            w = torch.cat([G.mapping(part)[:, 0] for part in z.split(500)])
            mean = w.mean(dim=0)
            _, lengths, axes = torch.linalg.svd(w - mean, full_matrices=False)
            # For a small model, all directions; those without variance would divide by 0.
            count = min(_MOST_DIRECTIONS, int((lengths > 1e-4 * lengths[0]).sum()))
            scales = lengths[:count, None] / len(w) ** 0.5
            return cls(mean, _oriented(axes[:count]) * scales, read_directions(G))

    def ws(self, people: Tensor) -> Tensor:
        """Latents [num_ws, w_dim] of one person's coordinates [num_ws, K]."""
        return self.mean + people @ self.directions

    def coordinates(self, w: Tensor) -> Tensor:
        """Coordinates [..., K] of the nearest latents to w [..., w_dim]."""
        squares = self.directions.square().sum(dim=1)
        return (w - self.mean) @ self.directions.t() / squares

    def motion(self, coordinates: Tensor) -> Tensor:
        """Motion codes [..., motion_dim] of coordinates [..., R]."""
        return coordinates @ self.motions


def read_directions(G: Generator) -> Tensor:
    """Orthonormal directions of the motion code that have an effect, the strongest first [R,
    motion_dim]: a trained model may read few."""
    layers = [m.affine for m in G.modules() if isinstance(m, MotionTimeFuser)]
    if not layers:
        return torch.zeros((0, G.config.motion_dim), device=G.device)
    weights = torch.cat([layer.weight * layer.gain for layer in layers])
    _, strengths, axes = torch.linalg.svd(weights, full_matrices=False)
    return _oriented(axes[strengths > _LEAST_READ * strengths[0]])


def _oriented(axes: Tensor) -> Tensor:
    """Axes [K, D] with their largest number positive: devices and libraries differ in the sign,
    and an inversion that was stopped may continue on another one."""
    return axes * axes.gather(1, axes.abs().argmax(dim=1, keepdim=True)).sign()
