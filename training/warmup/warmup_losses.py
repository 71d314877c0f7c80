"""Losses of the supervised warm-up, on data sets that describe their people and motions by numbers.

As a frame's person, motion, camera, colours, depth and mask are known, the generator is fitted to
random rays of full-resolution pictures without a discriminator.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training import rendering
from training.camera import rays
from training.config import RenderingConfig
from training.data import Batch
from training.networks.generator import Generator
from training.train.step import Draws

_OPAQUE = 0.99
_FAR_STEPS, _NEAR_STEPS = 8, 10
"""Samples along a ray over its whole range, and around the known surface."""
_CLEAR_CHANGE = 0.1
"""Difference of two colours, in -1..1, at which the weight of motion reaches half its maximum."""


@dataclass(frozen=True)
class WarmupLossConfig:
    """Weights of the warm-up's losses; these worked on synthetic heads.

    Gradients of one update are mostly noise, of its few clips and rays. With three times the weight
    of `change`, five times that of `change_squared` and a seventh of that of `depth`, the change
    made up nine tenths of the gradient's square. Less of it lets shapes and colours be learned
    sooner, and motion later.
    """

    l2: float = 2.0
    """Squared colour error, in addition to the absolute one."""
    opacity: float = 1.0
    """Cross-entropy between opacity and mask."""
    depth: float = 20.0
    """Depth error where the head is opaque."""
    occupancy: float = 2.0
    """Density in free space, and missing density just below the surface."""
    change: float = 0.3
    """Error of the change between a clip's two frames, without which faces hardly move."""
    change_squared: float = 3.0
    """Square of that error. The absolute error alone is minimised by the median of the possible
    changes, which is zero where a thin edge moves."""
    rays: int = 1024
    """Rays per frame."""
    detail: float = 0.2
    """Fraction of the rays placed at detail: outlines, eyes, hair."""
    moving: float = 0.3
    """Fraction of the rays placed where a clip's two frames differ: eyes and mouth."""
    moving_weight: float = 2.0
    """Weight of the colours of the latter."""
    picture: float = 1.0
    """Error of the final picture and of its edges, in the second stage."""
    picture_squared: float = 4.0
    """Square of that error."""
    picture_moving: float = 4.0
    """Additional weight of these errors where a clip's two frames differ."""
    picture_change: float = 16.0
    """Squared error of the change between a clip's two final pictures."""
    part: int = 40
    """Side of the crop of the raw picture that is super-resolved there, pixels."""
    part_moving: float = 0.7
    """Fraction of these crops centred where a clip's two frames differ."""


@dataclass(frozen=True)
class Targets:
    """Ground truth for R rays in each of M = 2n frames."""

    pixels: Tensor
    """Row-major pixel indices, int64 [M, R]; the same for both frames of a clip."""
    weight: Tensor
    """Weight of the colour losses [M, R]."""
    color: Tensor
    """[M, R, 3] in -1..1."""
    mask: Tensor
    """Opacity [M, R] in 0..1."""
    depth: Tensor
    """Distance along the ray [M, R], world units; undefined where nothing is opaque."""

    @classmethod
    def draw(cls, batch: Batch, config: WarmupLossConfig, draws: Draws) -> Targets:
        """Random rays of a batch that has depth and mask.

        Raises:
            ValueError: when the data set has no depth or mask.
        """
        if batch.depth is None or batch.mask is None:
            raise ValueError("The warm-up needs a data set with depth and mask pictures.")
        images = batch.images.flatten(0, 1).float() / 127.5 - 1  # [M, 3, H, W]
        side, clips = images.shape[-1], images.shape[0] // 2
        detailed, moving = round(config.detail * config.rays), round(config.moving * config.rays)
        spread = torch.randint(
            side * side,
            (clips, config.rays - detailed - moving),
            generator=draws.local,
            device=images.device,
        )
        chosen = [
            torch.multinomial(where, count, replacement=True, generator=draws.local)
            for where, count in zip(interest(images), (detailed, moving), strict=True)
            if count
        ]
        pixels = torch.cat([spread, *chosen], dim=1).repeat_interleave(2, dim=0)
        weight = torch.ones(pixels.shape, device=images.device)
        weight[:, config.rays - moving :] = config.moving_weight
        flat = images.flatten(2)  # [M, 3, H * W]
        color = flat.gather(2, pixels[:, None].expand(-1, 3, -1)).transpose(1, 2)
        mask = (batch.mask.flatten(0, 1).flatten(1).float() / 255).gather(1, pixels)
        depth = batch.depth.flatten(0, 1).flatten(1).gather(1, pixels)
        return cls(pixels, weight, color, mask, depth)


def interest(images: Tensor) -> tuple[Tensor, Tensor]:
    """Strength of edges, and of differences between a clip's two frames, for n clips' frames
    [2n, 3, H, W]: [n, H * W] each, positive."""
    light = images.mean(dim=1)  # [M, H, W]
    across = F.pad((light[:, :, 1:] - light[:, :, :-1]).abs(), (0, 1))
    down = F.pad((light[:, 1:] - light[:, :-1]).abs(), (0, 0, 0, 1))
    edges = (across + down).reshape(-1, 2, *light.shape[1:]).mean(dim=1)
    change = (images[0::2] - images[1::2]).abs().mean(dim=1)
    reach = max(light.shape[-1] // 32, 1) * 2 + 1
    maps = torch.stack([edges, change], dim=1)  # [n, 2, H, W]
    for across in ((reach, 1), (1, reach)):  # one axis after the other is several times as fast
        maps = F.avg_pool2d(maps, across, stride=1, padding=tuple(k // 2 for k in across))
    return (maps[:, 0] + 1e-3).flatten(1), (maps[:, 1] + 1e-4).flatten(1)


def _guided_depths(targets: Targets, options: RenderingConfig, draws: Draws) -> Tensor:
    """Sample depths [M, R, S], ascending: over the whole ray, and close to the known surface.

    Both frames of a clip use the same random numbers, as sampling noise would otherwise dominate
    the loss of the change between them.
    """
    start, end = options.ray_start, options.ray_end
    device = targets.depth.device
    clips, rays_each = targets.depth.shape[0] // 2, targets.depth.shape[1]

    def uniform(count: int) -> Tensor:
        """[M, R, count] in 0..1."""
        found = torch.rand((clips, rays_each, count), generator=draws.local, device=device)
        return found.repeat_interleave(2, dim=0)

    def steps(count: int) -> Tensor:
        """Jittered, evenly spaced fractions 0..1 [M, R, count]."""
        return (torch.arange(count, device=device) + uniform(count)) / count

    width = 0.07 * (0.25 + 1.5 * uniform(1))
    near = targets.depth[..., None] + (steps(_NEAR_STEPS) * 2 - 1) * width
    anywhere = start + (end - start) * steps(_NEAR_STEPS)
    hit = (targets.mask > 0.5)[..., None]
    far = start + (end - start) * steps(_FAR_STEPS)
    return torch.cat([far, torch.where(hit, near, anywhere)], dim=-1).sort(dim=-1).values


def ray_losses(
    G: Generator,
    planes: Tensor,
    ws: Tensor,
    c: Tensor,
    side: int,
    targets: Targets,
    config: WarmupLossConfig,
    draws: Draws,
) -> dict[str, Tensor]:
    """Weighted losses of the volume renderer on rays with known results.

    Args:
        G: the generator.
        planes: [M, 3, C, H, W].
        ws: [M, num_ws, w_dim].
        c: cameras [M, 25].
        side: of the pictures that the rays were drawn from, pixels.
        targets: ground truth.
        config: weights.
        draws: random numbers for the samples along the rays.
    """
    options = G.config.rendering
    origins, directions = rays(c, side)
    index = targets.pixels[..., None].expand(-1, -1, 3)
    directions = directions.gather(1, index)  # [M, R, 3]
    depths = _guided_depths(targets, options, draws)
    points = origins[:, None, None] + depths[..., None] * directions[:, :, None]
    sigma, features = G.sample(planes, points.flatten(1, 2))
    sigma, features = sigma.reshape(depths.shape), features.reshape(*depths.shape, -1)
    result = rendering.composite(depths, sigma, features, white_background=options.white_background)
    color = G.raw_image(result.features.transpose(1, 2)[..., None], ws)[..., 0].transpose(1, 2)
    error = color - targets.color
    change = error[0::2] - error[1::2]
    opaque = targets.mask > _OPAQUE
    depth_error = (result.depth - targets.depth).abs() * opaque
    weight = targets.weight
    return {
        "color": (error.abs().mean(-1) * weight).mean(),
        "color squared": config.l2 * (error.square().mean(-1) * weight).mean(),
        "change": (
            (config.change * change.abs() + config.change_squared * change.square()).mean(-1)
            * weight[0::2]
        ).mean(),
        "opacity": config.opacity * _mask_error(result.opacity, targets.mask),
        "depth": config.depth * depth_error.mean(),
        "occupancy": config.occupancy * _occupancy(sigma, depths, targets),
    }


def _mask_error(opacity: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy: unlike a difference, its gradient does not vanish where a ray is nearly empty,
    where density has hardly any slope and would otherwise never recover."""
    opacity = opacity.clamp(1e-4, 1 - 1e-4)
    # Written out, as torch's own function raises an error for NaN, which diverged runs produce.
    return -(mask * opacity.log() + (1 - mask) * (1 - opacity).log()).mean()


def _occupancy(sigma: Tensor, depths: Tensor, targets: Targets) -> Tensor:
    """Penalises density in front of the surface and beside the head, and missing density just below
    the surface, by a softplus of sigma whose bend is at the density of a clear surface."""
    behind = depths - targets.depth[..., None]
    opaque = (targets.mask > _OPAQUE)[..., None]
    beside = (targets.mask < 1 - _OPAQUE)[..., None]
    free = (opaque & (behind < -0.02)) | beside
    solid = opaque & (behind > 0.004) & (behind < 0.06)
    logit = sigma / 16 - 1.5
    return (F.softplus(logit) * free).mean() + 1.5 * (F.softplus(-logit) * solid).mean()


def picture_losses(
    image: Tensor, target: Tensor, inside: Tensor, config: WarmupLossConfig
) -> dict[str, Tensor]:
    """Losses of colours, of their change between a clip's two frames, and of edges at two scales.

    Args:
        image: both frames of n clips, clip by clip [2n, 3, H, W] in -1..1.
        target: ground truth, likewise.
        inside: 1 where pixels count, [2n, 1, H, W].
        config: weights.
    """
    moving = (target[0::2] - target[1::2]).abs().mean(dim=1, keepdim=True)
    moving = F.avg_pool2d(moving, 5, stride=1, padding=2).repeat_interleave(2, dim=0)
    share = inside.mean()
    weight = inside * (1 + config.picture_moving * moving / (moving + _CLEAR_CHANGE)) / share
    error = image - target
    change = error[0::2] - error[1::2]
    losses = {
        "picture": config.picture * (error.abs() * weight).mean(),
        "picture squared": config.picture_squared * (error.square() * weight).mean(),
        "picture change": config.picture_change * (change.square() * weight[0::2]).mean(),
    }
    error = error * inside
    edges = torch.zeros((), device=image.device)
    for _ in range(2):
        for axis in (2, 3):
            edges = edges + error.diff(dim=axis).abs().mean()
        error = F.avg_pool2d(error, 2)
    losses["edges"] = config.picture * edges / share
    return losses
