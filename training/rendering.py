"""Volume rendering: depths along rays, sampling tri-planes, and compositing.

This module is independent of the networks: a field is any function from points to density and
features, so the mathematics can be tested on fields with known pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Jitter = float | torch.Generator | None
"""Where samples lie within their intervals: a number in 0..1 for all of them, a torch.Generator for
independent draws (training), or None for the deterministic choice that covers a ray best."""

Field = Callable[[Tensor], tuple[Tensor, Tensor]]
"""points [M, P, 3] -> sigma before its softplus [M, P], features [M, P, C]."""


@dataclass(frozen=True)
class RayResult:
    """Composited rays: M cameras with R rays each."""

    features: Tensor
    """[M, R, C], each channel scaled from 0..1 to -1..1; empty space is -1, or 1 on white."""
    depth: Tensor
    """Expected distance from the camera [M, R], world units; the far end where nothing is hit."""
    opacity: Tensor
    """[M, R] in 0..1."""


def sample_planes(planes: Tensor, points: Tensor, box_warp: float) -> Tensor:
    """Mean of the three planes' bilinear samples.

    The planes span (x, y), (x, z) and (z, x): the axes of the released EG3D and PV3D models.

    Args:
        planes: [N, 3, C, H, W].
        points: world coordinates [N, P, 3]; outside the box the planes are 0.
        box_warp: side of the cube that the planes cover, in world units.

    Returns:
        [N, P, C].
    """
    count, _, channels, height, width = planes.shape
    x, y, z = (points * (2 / box_warp)).to(planes.dtype).unbind(-1)
    # The second and third depend linearly on the same two coordinates, so their sum is sampled.
    front, side, turned = planes.unbind(1)
    both = torch.stack([front, side + turned.transpose(-1, -2)], dim=1)
    grid = torch.stack([torch.stack(axes, dim=-1) for axes in ((x, y), (x, z))], dim=1)
    samples = F.grid_sample(
        both.reshape(count * 2, channels, height, width),
        grid.reshape(count * 2, 1, -1, 2),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )  # [N * 2, C, 1, P]
    return samples.reshape(count, 2, channels, -1).sum(dim=1).transpose(1, 2) / 3


def stratified_depths(
    ray_range: Tensor, num_rays: int, num_samples: int, jitter: Jitter = None
) -> Tensor:
    """Depths in equal intervals along each ray, each shifted within its interval.

    Args:
        ray_range: start and end of the rays of each camera, world units [M, 2].
        num_rays: R.
        num_samples: S, at least 2.
        jitter: None is the middle of each interval, 0.5.

    Returns:
        [M, R, S], ascending along the last axis. As in the published models, the last interval
        begins at the end of the range, so depths reach up to one interval beyond it.
    """
    start, end = ray_range[:, :1], ray_range[:, 1:]
    step = (end - start) / (num_samples - 1)  # [M, 1]
    index = torch.arange(num_samples, dtype=ray_range.dtype, device=ray_range.device)
    depths = (start + step * index)[:, None].expand(-1, num_rays, -1)
    if isinstance(jitter, torch.Generator):
        shift = torch.rand(depths.shape, generator=jitter, device=depths.device, dtype=depths.dtype)
    else:
        shift = 0.5 if jitter is None else jitter
    return depths + step[:, None] * shift


def importance_depths(
    depths: Tensor, weights: Tensor, num_samples: int, jitter: Jitter = None
) -> Tensor:
    """Additional depths where a first pass found matter, by inverse transform sampling.

    The weights are blurred (max over 2, then mean over 2, + 0.01) as in mip-NeRF (Barron et al.,
    2021, arXiv 2103.13415), so that thin surfaces between two samples are not missed.

    Args:
        depths: of the first pass, ascending [M, R, S].
        weights: of the intervals between them [M, R, S - 1].
        num_samples: K.
        jitter: None takes the quantiles (k + 0.5) / K, which cover the distribution evenly and
            ascend; a number takes that quantile for every sample, as the parity data do.

    Returns:
        [M, R, K], without gradient.
    """
    with torch.no_grad():
        flat = weights.detach().flatten(0, 1)[:, None]  # [M * R, 1, S - 1]
        blurred = F.avg_pool1d(F.max_pool1d(flat, 2, stride=1, padding=1), 2, stride=1)
        pdf = blurred[:, 0, 1:-1] + 0.01 + 1e-5  # [M * R, S - 3]
        cdf = torch.cumsum(pdf / pdf.sum(dim=-1, keepdim=True), dim=-1)
        cdf = F.pad(cdf, (1, 0))  # [M * R, S - 2]
        edges = (0.5 * (depths[..., 1:] + depths[..., :-1])).flatten(0, 1)  # [M * R, S - 1]
        u = _quantiles(jitter, num_samples, cdf)
        upper = torch.searchsorted(cdf, u, right=True)
        below = (upper - 1).clamp_min(0)
        above = upper.clamp_max(cdf.shape[-1] - 1)
        low, high = cdf.gather(1, below), cdf.gather(1, above)
        span = high - low
        span = torch.where(span < 1e-5, torch.ones_like(span), span)
        left, right = edges.gather(1, below), edges.gather(1, above)
        return (left + (u - low) / span * (right - left)).reshape(*depths.shape[:2], num_samples)


def _quantiles(jitter: Jitter, count: int, cdf: Tensor) -> Tensor:
    """Quantiles 0..1 at which to invert each row of `cdf`, [rows, count]."""
    rows, device, dtype = cdf.shape[0], cdf.device, cdf.dtype
    if isinstance(jitter, torch.Generator):
        return torch.rand((rows, count), generator=jitter, device=device, dtype=dtype)
    if jitter is None:
        u = (torch.arange(count, device=device, dtype=dtype) + 0.5) / count
    else:
        u = torch.full((count,), float(jitter), device=device, dtype=dtype)
    return u.expand(rows, count).contiguous()


def density(sigma: Tensor) -> Tensor:
    """Density, in 1 / world units, from the network's sigma."""
    return F.softplus(sigma - 1)


def opacity(sigma: Tensor, length: Tensor | float) -> Tensor:
    """Opacity, 0 to 1, of an interval of a length in world units, from the network's sigma."""
    return 1 - torch.exp(-density(sigma) * length)


def compositing_weights(depths: Tensor, sigma: Tensor) -> Tensor:
    """Weight of each interval between neighbouring samples in the ray's colour.

    Args:
        depths: ascending [M, R, S].
        sigma: before its softplus [M, R, S]; that of an interval is the mean of its two ends.

    Returns:
        [M, R, S - 1]; each ray sums to its opacity.
    """
    between = 0.5 * (sigma[..., 1:] + sigma[..., :-1])
    alpha = opacity(between, depths[..., 1:] - depths[..., :-1])
    passed = torch.cumprod(1 - alpha + 1e-10, dim=-1)
    return alpha * F.pad(passed[..., :-1], (1, 0), value=1.0)


def composite(
    depths: Tensor, sigma: Tensor, features: Tensor, *, white_background: bool = False
) -> RayResult:
    """Composites the samples of each ray.

    Depths (ascending) and sigma (before its softplus) are [M, R, S], features [M, R, S, C]. Rays
    end on 0, or on 1 with `white_background`.
    """
    weights = compositing_weights(depths, sigma)
    opacity = weights.sum(dim=-1)
    # An interval's feature is the mean of its ends, so each sample has half of both its intervals.
    halves = 0.5 * weights
    ends = F.pad(halves, (0, 1)) + F.pad(halves, (1, 0))  # [M, R, S]
    blended = (ends[..., None, :] @ features).squeeze(-2)  # [M, R, C]
    if white_background:
        blended = blended + (1 - opacity)[..., None]
    far, hit = depths[..., -1], opacity > 0
    depth = (weights * 0.5 * (depths[..., 1:] + depths[..., :-1])).sum(dim=-1)
    # Dividing by 0 and replacing the result afterwards would make the gradient NaN.
    depth = torch.where(hit, depth / torch.where(hit, opacity, 1), far)
    depth = torch.minimum(torch.maximum(depth, depths[..., 0]), far)
    return RayResult(blended * 2 - 1, depth, opacity)


def cast(
    field: Field,
    origins: Tensor,
    directions: Tensor,
    ray_range: Tensor,
    *,
    depth_samples: int,
    importance_samples: int,
    white_background: bool = False,
    jitter: Jitter = None,
) -> RayResult:
    """Renders rays through a field: a stratified pass, an importance pass, and compositing.

    Args:
        field: what is rendered.
        origins: [M, 3], one per camera.
        directions: unit vectors [M, R, 3].
        ray_range: start and end of the rays, world units [M, 2].
        depth_samples: samples of the first pass.
        importance_samples: samples of the second; 0 to skip it.
        white_background: see `composite`.
        jitter: see `Jitter`.
    """

    def sample(depths: Tensor) -> tuple[Tensor, Tensor]:
        points = origins[:, None, None] + depths[..., None] * directions[:, :, None]
        sigma, features = field(points.flatten(1, 2))
        # Transmittance is a product along the ray, for which half precision is too coarse.
        return sigma.reshape(depths.shape).float(), features.reshape(*depths.shape, -1).float()

    depths = stratified_depths(ray_range, directions.shape[1], depth_samples, jitter)
    sigma, features = sample(depths)
    if importance_samples:
        weights = compositing_weights(depths, sigma)
        fine = importance_depths(depths, weights, importance_samples, jitter)
        fine_sigma, fine_features = sample(fine)
        depths, order = torch.cat([depths, fine], dim=-1).sort(dim=-1)
        sigma = torch.cat([sigma, fine_sigma], dim=-1).gather(-1, order)
        features = torch.cat([features, fine_features], dim=-2)
        index = order[..., None].expand(-1, -1, -1, features.shape[-1])
        features = features.gather(-2, index)
    return composite(depths, sigma, features, white_background=white_background)


def normals(density: Callable[[Tensor], Tensor], points: Tensor, step: float) -> Tensor:
    """Unit normals of a density field by central differences.

    Args:
        density: points [M, P, 3] -> sigma [M, P].
        points: where, in world coordinates [M, P, 3].
        step: distance to each neighbour, world units. One texel of the planes is suitable: the
            derivative of bilinear interpolation jumps between texels, a difference does not.

    Returns:
        Unit vectors pointing from dense to empty [M, P, 3]; zeros where the field is flat.
    """
    offsets = step * torch.eye(3, dtype=points.dtype, device=points.device)
    slopes = [density(points + offset) - density(points - offset) for offset in offsets]
    return -F.normalize(torch.stack(slopes, dim=-1).to(points.dtype), dim=-1)
