"""The density and colour field of a moment: tri-planes as a table of texels, and the decoder."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.decoder import Decoder
from training.networks.layers import FullyConnected
from viz.render.inference.convolutions import can_fuse

_BLOCKS = 32
"""Blocks along each side of the grid of bounds, about."""
_CACHED = 2**15
"""Points decoded, or blocks bounded, at once: their hidden units stay in the processor's caches."""
_LOOK, _CLEARLY_EMPTY, _LEAST_EMPTY = 8, -10.0, 0.1
"""One of so many slabs of blocks is looked at first; below that sigma a block counts as empty then;
from that share of empty blocks on, bounds are worth the while."""
_AT_ONCE = 2**16
"""Points looked up at once."""


@dataclass(frozen=True)
class Texels:
    """Tri-planes laid out for looking up points.

    A point's features are the mean of three bilinear samples, at (x, y), (x, z) and (z, x). The
    last two are bilinear in the same coordinates, so that their planes are kept as one sum.
    """

    table: Tensor
    """[2 * S * S, C], a third of the planes (y, x) and (z, x), each with a border of zeros: one
    texel before and two after the side's own, so S = side + 3."""
    side: int
    """Texels along each side of the planes."""
    box: float
    """Side of the cube that the planes cover, world units."""

    @classmethod
    def of(cls, planes: Tensor, box: float, dtype: torch.dtype) -> Texels:
        """Planes [1, 3, C, H, W], of any memory layout, H = W; in float32 where they leave the
        range of `dtype`."""
        if dtype == torch.float16 and not float(planes.abs().amax()) < torch.finfo(dtype).max:
            dtype = torch.float32
        return cls.within(planes, box, dtype)

    @classmethod
    def within(cls, planes: Tensor, box: float, dtype: torch.dtype) -> Texels:
        """The same for planes that are known to be in the range of `dtype`: does not wait for a
        GPU."""
        xy, xz, zx = planes[0].unbind(0)  # [C, H, W] each
        side, channels = planes.shape[-1], planes.shape[2]
        table = torch.zeros(2, side + 3, side + 3, channels, dtype=dtype, device=planes.device)
        inner = table[:, 1 : side + 1, 1 : side + 1]
        torch.mul(xy.permute(1, 2, 0), 1 / 3, out=inner[0])
        torch.mul(xz.permute(1, 2, 0) + zx.permute(2, 1, 0), 1 / 3, out=inner[1])
        return cls(table.reshape(-1, channels), side, box)

    @property
    def stride(self) -> int:
        """Texels in a row of the table."""
        return self.side + 3

    @property
    def nbytes(self) -> int:
        return self.table.nbytes

    def planes(self) -> Tensor:
        """Tri-planes float32 [1, 3, C, H, W] that any point samples to the same features."""
        stride, side = self.stride, self.side
        both = self.table.float().reshape(2, stride, stride, -1)[:, 1 : side + 1, 1 : side + 1]
        both = 3 * both.permute(0, 3, 1, 2)
        return torch.cat([both, torch.zeros_like(both[:1])])[None]

    def places(self, points: Tensor) -> Tensor:
        """World coordinates to places in the table, x, y and z along the first axis.

        0 and side + 1 are the zeros around the planes, where everything outside is put.
        """
        scale, shift = self.side / self.box, (self.side + 1) / 2
        return (points * scale).add_(shift).clamp_(0, self.side + 1)

    def ray_places(self, origin: Tensor, directions: Tensor, depths: Tensor) -> Tensor:
        """Places [3, R, S] of samples on rays: origin [3], directions [R, 3] and depths [S] or
        [R, S]."""
        scale, shift = self.side / self.box, (self.side + 1) / 2
        start = (origin * scale + shift)[:, None, None]
        steps = (directions.t() * scale)[:, :, None].contiguous()
        return torch.addcmul(start, steps, depths).clamp_(0, self.side + 1)

    def sample(self, places: Tensor) -> Tensor:
        """Features [N, C] at places [3, N], in the table's number format."""
        count, stride = places.shape[1], self.stride
        whole = places.to(torch.int32)
        share = torch.frac(places)
        rows = torch.add(whole[0], whole[1:], alpha=stride)  # [2, N]
        rows[1].add_(stride * stride)
        index = torch.empty(count, 8, dtype=torch.int32, device=places.device)
        weight = torch.empty(count, 8, dtype=self.table.dtype, device=places.device)
        right, up = share[0], share[1:]
        left, down = 1 - right, 1 - up
        for plane in (0, 1):
            for corner, offset in enumerate((0, 1, stride, stride + 1)):
                k = 4 * plane + corner
                torch.add(rows[plane], offset, out=index[:, k])
                vertical = up[plane] if corner >= 2 else down[plane]
                torch.mul(vertical, right if corner % 2 else left, out=weight[:, k])
        return F.embedding_bag(index, self.table, per_sample_weights=weight, mode="sum")


class Head:
    """The decoder, prepared.

    Args:
        decoder: with its trained weights.
        dtype: number format of its products.
    """

    def __init__(self, decoder: Decoder, dtype: torch.dtype) -> None:
        first, last = decoder.net[0], decoder.net[2]
        assert isinstance(first, FullyConnected)
        assert isinstance(last, FullyConnected)
        gains = [layer.lr_mul / math.sqrt(layer.weight.shape[1]) for layer in (first, last)]
        self.dtype = dtype
        self.fused = can_fuse(first.weight.device, dtype)
        self.first = first.weight * gains[0]  # [K, C]
        self.first_bias = first.bias * first.lr_mul
        weight, bias = last.weight * gains[1], last.bias * last.lr_mul
        self.density, self.density_bias = weight[0].clone(), float(bias[0])
        self._color, self._color_bias = weight[1:].to(dtype), bias[1:].to(dtype)
        self._first, self._first_bias = self.first.to(dtype), self.first_bias.to(dtype)
        self._density = self.density.to(dtype)
        self._rooms: dict[int, Tensor] = {}

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor, kind: str) -> Tensor:
        if self.fused:
            return torch.ops.mkldnn._linear_pointwise(x, weight, bias, kind, [], "")
        x = F.linear(x, weight, bias)
        return x.sigmoid_() if kind == "sigmoid" else x

    def room(self, slot: int, count: int) -> Tensor:
        """Memory for the hidden units of `count` points [N, K], kept for later calls: fresh memory
        costs more than what is computed into it."""
        found = self._rooms.get(slot)
        if found is None or found.shape[0] < count:
            found = self.first.new_empty(count, self.first.shape[0], dtype=self.dtype)
            self._rooms[slot] = found
        return found[:count]

    def decode(self, features: Tensor, hidden: Tensor) -> Tensor:
        """Fills hidden units [N, K] from features [N, C].

        Returns:
            sigma, the density before its softplus, float32 [N].
        """
        sigma = features.new_empty(features.shape[0], dtype=self.dtype)
        for start in range(0, features.shape[0], _CACHED):
            part = slice(start, start + _CACHED)
            x = features[part].to(self.dtype)
            x = self._linear(x, self._first, self._first_bias, "none")
            x = torch.ops.aten.softplus.out(x, out=hidden[part])
            torch.mv(x, self._density, out=sigma[part])
        return sigma.float().add_(self.density_bias)

    def colors(self, hidden: Tensor) -> Tensor:
        """Colour features [N, C] of hidden units, 0..1: before the widening to -0.001..1.001."""
        return self._linear(hidden, self._color, self._color_bias, "sigmoid")


WIDENING = (1.002, -0.001)
"""Factor and offset that take a sigmoid to a colour feature (Mip-NeRF, arXiv 2103.13415)."""


@dataclass
class Scene:
    """The field of one moment."""

    texels: Texels
    head: Head
    _bounds: Tensor | None = field(default=None, repr=False)
    _bounded: bool = field(default=False, repr=False)

    @property
    def nbytes(self) -> int:
        """Memory that it takes, bounds included."""
        blocks = -(-(self.texels.side + 2) // self.block)
        return self.texels.nbytes + 4 * blocks**3

    @property
    def block(self) -> int:
        """Texels along a block of the grid of bounds: a power of two."""
        return max(1, self.texels.side // _BLOCKS)

    def planes(self) -> Tensor:
        """Tri-planes float32 [1, 3, C, H, W] that any point samples to the same features."""
        return self.texels.planes()

    def sample(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Sigma [1, P] and colour features [1, P, C] at world points [1, P, 3]."""
        sigmas, features = [], []
        for part in points[0].split(_AT_ONCE):
            sigma, hidden = self._look(part)
            sigmas.append(sigma)
            features.append(self.head.colors(hidden).float())
        found = torch.cat(features).mul_(WIDENING[0]).add_(WIDENING[1])
        return torch.cat(sigmas)[None], found[None]

    def sigma(self, points: Tensor) -> Tensor:
        """Sigma [1, P] at world points [1, P, 3]."""
        return torch.cat([self._look(part)[0] for part in points[0].split(_AT_ONCE)])[None]

    def _look(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Sigma [N] and hidden units [N, K] at world points [N, 3]."""
        features = self.texels.sample(self.texels.places(points.t().contiguous()))
        hidden = self.head.room(0, points.shape[0])
        return self.head.decode(features, hidden), hidden

    def bounds(self) -> Tensor | None:
        """Upper bounds of sigma [B, B, B] in blocks of texels, indexed z, y, x; None where a look
        at some blocks finds hardly any that is empty.

        Within a block the hidden units before their softplus lie between their least and largest
        texels, as interpolation stays within what it interpolates; sigma rises with some units
        and falls with the others. So the bound holds everywhere in the block, for the numbers as
        they are in the table.
        """
        if not self._bounded:
            self._bounds, self._bounded = self._find_bounds(), True
        return self._bounds

    def _find_bounds(self) -> Tensor | None:
        texels, head, block = self.texels, self.head, self.block
        stride = texels.stride
        sign = torch.where(head.density >= 0, 1.0, -1.0)  # [K]
        flat = texels.table.float() @ (head.first * sign[:, None]).t()
        units = flat.reshape(2, stride, stride, -1).permute(0, 3, 1, 2)  # [2, K, S, S]
        pooled = F.max_pool2d(units, block + 1, stride=block, ceil_mode=True)
        blocks = -(-(texels.side + 2) // block)
        pooled = pooled[:, :, :blocks, :blocks].permute(0, 2, 3, 1).contiguous()
        rows, depths = pooled  # [B, B, K]: (y, x) and (z, x)

        def bound(part: slice) -> Tensor:
            x = (depths[part, None] + rows[None]).mul_(sign).add_(head.first_bias)  # [b, B, B, K]
            x = torch.ops.aten.softplus.out(x, out=x)
            return (x @ head.density).add_(head.density_bias)

        if (bound(slice(0, None, _LOOK)) < _CLEARLY_EMPTY).float().mean() < _LEAST_EMPTY:
            return None
        at_once = max(1, _CACHED // blocks**2)
        return torch.cat([bound(slice(k, k + at_once)) for k in range(0, blocks, at_once)])
