"""Losses of PV3D as pure functions; see the paper (arXiv 2212.06384) and EG3D (arXiv 2112.07945).

Logits are [N, 1]; every loss is a scalar, the mean over its samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Non-saturating logistic loss of the generator (arXiv 1406.2661)."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Logistic loss of a discriminator."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def r1_penalty(real_logits: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """Squared norm of the logits' gradient at real samples, summed over the inputs: [N].

    Mescheder et al., 2018 (arXiv 1801.04406). The inputs must require gradients; the result can be
    differentiated once more. The loss is gamma / 2 times its mean.
    """
    gradients = torch.autograd.grad(real_logits.sum(), list(inputs), create_graph=True)
    return torch.stack([g.square().flatten(1).sum(dim=1) for g in gradients]).sum(dim=0)


def density_loss(sigma: Tensor, sigma_nearby: Tensor) -> Tensor:
    """Mean difference of sigma [N, P] between points and their neighbours: smooth geometry."""
    return F.l1_loss(sigma, sigma_nearby)


def swapped_cameras(
    c: Tensor, probability: float, generator: torch.Generator | None = None
) -> Tensor:
    """Conditioning cameras, some swapped for another clip's, so that they do not reveal the pose.

    Args:
        c: cameras of both frames, clip by clip [2N, 25].
        probability: probability that a clip takes another clip's cameras.
        generator: source of the random numbers.

    Returns:
        [2N, 25]; both frames of a clip are swapped together.
    """
    clips = c.shape[0] // 2
    source = c.device if generator is None else generator.device
    draws = torch.rand(clips, 1, generator=generator, device=source).to(c.device)
    swap = (draws < probability).repeat_interleave(2, dim=0)
    return torch.where(swap, c.roll(2, dims=0), c)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of pictures [N, C, H, W], zero-padded.

    `sigma` is in pixels as EG3D defines it: the distance at which the weight has fallen to half.
    """
    reach = math.floor(3 * sigma)
    if reach <= 0:
        return images
    offsets = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp2(-(offsets / sigma).square())
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    groups = images.shape[1]
    rows = F.conv2d(images, kernel, padding=(0, reach), groups=groups)
    return F.conv2d(rows, kernel.transpose(2, 3), padding=(reach, 0), groups=groups)


def ramp(kimg: float, start: float, end: float, length_kimg: float) -> float:
    """Linear ramp from `start` at 0 to `end` at `length_kimg` thousand pictures, constant after."""
    if length_kimg <= 0:
        return end
    share = min(max(kimg / length_kimg, 0.0), 1.0)
    return start + (end - start) * share


def ema_weight(batch: int, images: int, half_life_kimg: float, ramp_up: float) -> float:
    """Share that the moving average of the weights keeps at one update.

    Args:
        batch: pictures in an update.
        images: pictures seen so far.
        half_life_kimg: half-life in thousands of pictures.
        ramp_up: bounds the half-life to this fraction of the pictures seen, so that the average
            forgets the beginning; 0 for no bound.
    """
    half_life = half_life_kimg * 1000
    if ramp_up > 0:
        half_life = min(half_life, images * ramp_up)
    return 0.5 ** (batch / max(half_life, 1e-8))
