"""Volume rendering for inference: the picture of `training.rendering.cast`, with less work.

The samples are the reference's: the same coarse and fine depths, in the same order. What differs is
how they get there:

- Only depths are sorted; sigma follows their order, and the weights of compositing come back from
  it. Features, which are many numbers, never move.
- Samples that add nothing are left out (`Thrift`). A sample counts as empty where its block's bound
  (`field.Scene.bounds`) leaves an opacity that float32 rounds to 0. As a span's density is that of
  its two ends' mean, the neighbours of what may be dense are looked at, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.rendering import compositing_weights, importance_depths, stratified_depths
from viz.render.inference.radiance_field import WIDENING, Scene

POINTS_AT_ONCE = 2**17
"""Most samples of one pass looked at at once: they stay in the processor's caches."""

_NOTHING = -1e3
"""Sigma of a sample that is left out: its density is 0."""
_LEAST_EMPTY = 0.2
"""Share of provably empty blocks from which on leaving them out pays."""


@dataclass(frozen=True)
class Thrift:
    """What may be left out."""

    empty: bool = True
    """Samples in blocks that are provably empty."""
    hidden: float = 1e-6
    """Fine samples where less light than this gets through to; 0 for none."""
    faint: float = 1e-5
    """Features of samples that have less than this share in their pixel; 0 for none."""


EVERYTHING = Thrift(False, 0.0, 0.0)
"""Leaves nothing out."""


@dataclass(frozen=True)
class Pixels:
    """What rays hold; R of them."""

    features: Tensor
    """float32 [R, C], each channel -1 to 1."""
    depth: Tensor
    """Expected distance [R], world units."""
    opacity: Tensor
    """[R] in 0..1."""


@dataclass
class _Pass:
    """Samples of one pass over some rays that were looked at."""

    places: Tensor
    """Of all samples [3, R, S]."""
    chosen: Tensor | None
    """Places of those looked at in the flattened samples, rising [N]; None for all."""
    hidden: Tensor
    """Hidden units of those [N, K]."""


def cast(
    scene: Scene,
    origin: Tensor,
    directions: Tensor,
    ray_range: Tensor,
    *,
    depth_samples: int,
    importance_samples: int,
    white_background: bool,
    thrift: Thrift = EVERYTHING,
    check: Callable[[], None] = lambda: None,
) -> Pixels:
    """Renders rays from one point.

    Args:
        scene: what is rendered.
        origin: [3].
        directions: unit vectors [R, 3].
        ray_range: start and end of the rays, world units [1, 2].
        depth_samples: samples of the first pass.
        importance_samples: samples of the second; 0 leaves it out.
        white_background: whether what a ray does not hit counts as 1 instead of 0.
        thrift: what may be left out.
        check: called between chunks of rays; an exception from it abandons the picture.
    """
    coarse = stratified_depths(ray_range, 1, depth_samples)[0, 0]  # [S]
    caster = _Caster(scene, origin, coarse, importance_samples, white_background, thrift)
    at_once = max(1, POINTS_AT_ONCE // max(depth_samples, importance_samples))
    parts = []
    for part in directions.split(at_once):
        check()
        parts.append(caster.cast(part))
    if len(parts) == 1:
        return parts[0]
    return Pixels(
        torch.cat([part.features for part in parts]),
        torch.cat([part.depth for part in parts]),
        torch.cat([part.opacity for part in parts]),
    )


class _Caster:
    """Renders chunks of rays."""

    def __init__(
        self,
        scene: Scene,
        origin: Tensor,
        coarse: Tensor,
        importance_samples: int,
        white_background: bool,
        thrift: Thrift,
    ) -> None:
        self.scene, self.origin, self.coarse = scene, origin, coarse
        self.importance_samples, self.white = importance_samples, white_background
        self.thrift = thrift
        self.dense_blocks = _dense_blocks(scene, coarse) if thrift.empty else None

    def cast(self, directions: Tensor) -> Pixels:
        count = directions.shape[0]
        depths = self.coarse.expand(count, -1)
        places = self.scene.texels.ray_places(self.origin, directions, self.coarse)
        dense = self._dense(places)
        first, sigma = self._look(0, places, None if dense is None else _widened(dense))
        if not self.importance_samples:
            return self._blend([first], depths, sigma, None)
        weights = compositing_weights(depths[None], sigma[None])
        fine = importance_depths(depths[None], weights, self.importance_samples)[0]
        fine_places = self.scene.texels.ray_places(self.origin, directions, fine)
        merged, order = torch.cat([depths, fine], dim=1).sort(dim=1)
        if dense is None and not self.thrift.hidden:
            second, fine_sigma = self._look(1, fine_places, None)
            passes = [first, second]
        else:
            wanted = self._wanted(fine, fine_places, dense, order, weights[0])
            second, fine_sigma = self._look(1, fine_places, wanted[:, self.coarse.shape[0] :])
            passes = [first, second]
            if first.chosen is not None:  # a fine sample between two may make them count
                late = wanted[:, : self.coarse.shape[0]].clone()
                late.view(-1)[first.chosen] = False
                third, late_sigma = self._look(2, places, late)
                sigma = torch.where(late, late_sigma, sigma)
                passes.insert(1, third)
        both = torch.cat([sigma, fine_sigma], dim=1).gather(1, order)
        return self._blend(passes, merged, both, order)

    def _dense(self, places: Tensor) -> Tensor | None:
        """Whether samples at places [3, R, S] may be dense; None where all count as such."""
        if self.dense_blocks is None:
            return None
        count = self.dense_blocks.shape[0]
        x, y, z = (places * (1 / self.scene.block)).to(torch.int32)
        index = z.mul_(count).add_(y).mul_(count).add_(x)
        return self.dense_blocks.view(-1)[index]

    def _wanted(
        self,
        fine: Tensor,
        fine_places: Tensor,
        dense: Tensor | None,
        order: Tensor,
        weights: Tensor,
    ) -> Tensor:
        """Which of the coarse and fine samples [R, S + K] count."""
        coarse = self.coarse.shape[0]
        wanted = torch.ones_like(order, dtype=torch.bool)
        if dense is not None:
            found = self._dense(fine_places)
            assert found is not None
            along = torch.cat([dense, found], dim=1).gather(1, order)
            wanted = torch.empty_like(wanted).scatter_(1, order, _widened(along))
        if self.thrift.hidden:
            # Light that gets to the coarse sample before, as the first pass saw it.
            light = F.pad(1 - weights.cumsum(dim=1), (1, 0), value=1.0)  # [R, S]
            step = self.coarse[1] - self.coarse[0]
            before = ((fine - self.coarse[0]) / step).to(torch.int64).clamp_(0, coarse - 1)
            wanted[:, coarse:] &= light.gather(1, before) > self.thrift.hidden
        return wanted

    def _look(self, slot: int, places: Tensor, chosen: Tensor | None) -> tuple[_Pass, Tensor]:
        """Hidden units and sigma [R, S] at places [3, R, S], at the chosen ones [R, S] or all."""
        head, flat, index = self.scene.head, places.flatten(1), None
        if chosen is not None:
            index = chosen.flatten().nonzero()[:, 0]
            if index.shape[0] == flat.shape[1]:
                index = None
            else:
                flat = flat.index_select(1, index)
        hidden = head.room(slot, flat.shape[1])
        sigma = head.decode(self.scene.texels.sample(flat), hidden)
        if index is not None:
            whole = sigma.new_full((places[0].numel(),), _NOTHING)
            sigma = whole.index_copy_(0, index, sigma)
        return _Pass(places, index, hidden), sigma.reshape(places.shape[1:])

    def _blend(
        self, passes: list[_Pass], depths: Tensor, sigma: Tensor, order: Tensor | None
    ) -> Pixels:
        """Composites samples [R, S] along the ray; `order` tells where the passes have them."""
        weights = compositing_weights(depths[None], sigma[None])[0]
        opacity = weights.sum(dim=-1)
        halves = 0.5 * weights
        shares = F.pad(halves, (0, 1)) + F.pad(halves, (1, 0))  # [R, S]
        total = shares.sum(dim=-1)
        if order is not None:
            shares = torch.empty_like(shares).scatter_(1, order, shares)
        middles = 0.5 * (depths[:, 1:] + depths[:, :-1])
        depth = (weights * middles).sum(dim=-1)
        far, hit = depths[:, -1], opacity > 0
        depth = torch.where(hit, depth / torch.where(hit, opacity, 1), far)
        depth = torch.minimum(torch.maximum(depth, depths[:, 0]), far)
        features = None
        start = 0
        for part in passes:
            samples = part.places.shape[2]
            if part is not passes[0] and part.places is passes[0].places:
                begin = 0  # more of the first pass's samples
            else:
                begin, start = start, start + samples
            blended = self._colors(part, shares[:, begin : begin + samples])
            features = blended if features is None else features.add_(blended)
        assert features is not None
        features = features.mul_(WIDENING[0]).add_(total[:, None], alpha=WIDENING[1])
        if self.white:
            features += (1 - opacity)[:, None]
        return Pixels(features.mul_(2).sub_(1), depth, opacity)

    def _colors(self, part: _Pass, shares: Tensor) -> Tensor:
        """Sum of a pass's sigmoids by their shares [R, S] in each ray's pixel: float32 [R, C]."""
        count, samples = shares.shape
        hidden, chosen = part.hidden, part.chosen
        weights = shares.flatten()
        if chosen is not None:
            weights = weights[chosen]
        if self.thrift.faint:
            shown = (weights > self.thrift.faint).nonzero()[:, 0]
            if 2 * shown.shape[0] < weights.shape[0]:
                hidden, weights = hidden.index_select(0, shown), weights[shown]
                chosen = shown if chosen is None else chosen[shown]
        colors = self.scene.head.colors(hidden).float()
        if chosen is None:
            return torch.bmm(weights.view(count, 1, samples), colors.view(count, samples, -1))[:, 0]
        if not chosen.shape[0]:
            return colors.new_zeros(count, colors.shape[1])
        starts = torch.arange(0, count * samples, samples, device=chosen.device)
        return F.embedding_bag(
            torch.arange(chosen.shape[0], device=chosen.device),
            colors,
            torch.searchsorted(chosen, starts),
            per_sample_weights=weights,
            mode="sum",
        )


def _dense_blocks(scene: Scene, coarse: Tensor) -> Tensor | None:
    """Blocks [B, B, B] that may be dense at the spacing of the coarse samples; None where too few
    are empty to make a difference."""
    step = float(coarse[1] - coarse[0])
    # 1 - exp(-x) is 0 in float32 for x < 2**-25, and softplus(s) is nearly exp(s) for such s.
    level = 1 + math.log(2**-25 / step)
    bounds = scene.bounds()
    if bounds is None:
        return None
    dense = bounds >= level
    return None if dense.float().mean() > 1 - _LEAST_EMPTY else dense


def _widened(chosen: Tensor) -> Tensor:
    """What is chosen along rays [R, S], and its neighbours."""
    wide = chosen.clone()
    wide[:, 1:] |= chosen[:, :-1]
    wide[:, :-1] |= chosen[:, 1:]
    return wide
