"""The times of the two frames of a training pair, for real and generated clips alike."""

from __future__ import annotations

import torch
from torch import Tensor

CLIP_FRAMES = 16
"""Frames of a clip as the model is trained; frame k is at t = k / (CLIP_FRAMES - 1)."""


def pair_times(uniforms: Tensor) -> Tensor:
    """Two times in a clip: one from Beta(2, 1) and one from Beta(1, 2), sorted.

    These distributions favour times far apart, but any pair is possible. Their distribution
    functions x^2 and 1 - (1 - x)^2 are inverted, so two uniform numbers give the same pair on every
    device: u [..., 2], 0 <= u < 1, gives times [..., 2], 0 to 1.
    """
    late = uniforms[..., 0].sqrt()
    early = 1 - (1 - uniforms[..., 1]).sqrt()
    return torch.stack([early, late], dim=-1).sort(dim=-1).values


def pair_indices(uniforms: Tensor, frames: int = CLIP_FRAMES) -> Tensor:
    """Frame numbers of pairs, from the `pair_times` of the same uniform numbers: int64 [..., 2], 0
    to frames - 1, ascending; the two may be equal."""
    return (pair_times(uniforms) * frames).long().clamp(max=frames - 1)


def draw_times(generator: torch.Generator, count: int, *, at_frames: bool = False) -> Tensor:
    """Times of generated pairs.

    Args:
        generator: source of the random numbers; the result is on its device.
        count: number of pairs.
        at_frames: whether to draw only from the 16 times of a clip's frames, distributed as in real
            pairs. Otherwise any time is possible, as in the published run, so that times between
            frames are trained as well.

    Returns:
        float32 [count, 2, 1], ascending, 0 to 1.
    """
    uniforms = torch.rand(count, 2, generator=generator, device=generator.device)
    if at_frames:
        return pair_indices(uniforms).float().unsqueeze(-1) / (CLIP_FRAMES - 1)
    return pair_times(uniforms).unsqueeze(-1)
