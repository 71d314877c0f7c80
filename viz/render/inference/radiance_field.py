"""The radiance field of a person at one time: tri-planes, and the decoder's weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.networks.decoder import Decoder
from training.networks.layers import FullyConnected


@dataclass(frozen=True)
class PlaneField:
    """A field for the networks of `training`."""

    tensor: Tensor
    """Tri-planes [1, 3, C, H, W]."""

    @property
    def nbytes(self) -> int:
        return self.tensor.nbytes

    def planes(self) -> Tensor:
        """Tri-planes [1, 3, C, H, W]."""
        return self.tensor


@dataclass(frozen=True)
class Texels:
    """A field whose tri-planes are laid out for fast lookup of points.

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
        """Planes [1, 3, C, H, W], of any memory layout, H = W, within the range of `dtype`. Does
        not wait for a GPU."""
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


@dataclass(frozen=True)
class PreparedDecoder:
    """A decoder's weights as kernels need them: transposed, and with their scaling applied. It has
    C channels, K hidden units and F features."""

    first: Tensor
    """[C, K], in the number format of the products."""
    first_bias: Tensor
    """float32 [K]."""
    density: Tensor
    """float32 [K], as any rounding would show in sigma."""
    density_bias: Tensor
    """float32 [1]."""
    color: Tensor
    """[K, F], in the number format of the products."""
    color_bias: Tensor
    """float32 [F]."""

    @classmethod
    def of(cls, decoder: Decoder, dtype: torch.dtype = torch.float32) -> PreparedDecoder:
        """Those of a decoder, for products in float32 or float16."""
        first, last = decoder.net[0], decoder.net[2]
        assert isinstance(first, FullyConnected)
        assert isinstance(last, FullyConnected)
        first_weight, first_bias = first.effective()
        weight, bias = last.effective()
        return cls(
            first_weight.t().contiguous().to(dtype),
            first_bias.clone(),
            weight[0].clone(),
            bias[:1].clone(),
            weight[1:].t().contiguous().to(dtype),
            bias[1:].clone(),
        )

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Channels, hidden units and features."""
        return self.first.shape[0], self.first.shape[1], self.color.shape[1]
