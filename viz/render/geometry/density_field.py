"""The density of a model's planes at many points, without the colours.

The decoder's first layer is linear, so the planes are multiplied by it beforehand. What is left of
a point's density is sigma = sum over k of w_k softplus(A_k(x, y) + C_k(x, z)) + b, where A is the
plane (x, y) and C the sum of the two planes (x, z) and (z, x). `bounds` needs this form, and points
are evaluated with it where the compiled functions of `viz.render.inference.cpu.rays` do not work.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.generator import Generator
from viz.render.inference.cpu.background import wait_for
from viz.render.inference.cpu.rays import compiled
from viz.render.inference.radiance_field import PreparedDecoder, Texels
from viz.render.inference.stage_interface import Check


class DensityField:
    """Sigma of a model's planes, before its softplus.

    Args:
        G: the model.
        planes: [1, 3, C, P, P].
        check: called while something is still being compiled; an exception from it abandons that.
    """

    def __init__(self, G: Generator, planes: Tensor, check: Check = lambda: None) -> None:
        decoder = PreparedDecoder.of(G.decoder, torch.float32)
        self.bias, self.out, self.out_bias = (
            decoder.first_bias,
            decoder.density,
            decoder.density_bias,
        )
        self.box = G.config.rendering.box_warp
        self.texels = planes.shape[-1]
        self.device = planes.device
        xy, xz, zx = planes[0].float() / 3  # [C, P, P] each, rows first: y, z and x
        pair = torch.stack([xy.transpose(1, 2), xz.transpose(1, 2) + zx])  # [2, C, x, y or z]
        hidden = torch.einsum("ch,pcxy->pxyh", decoder.first, pair)
        # Beyond their border planes are zero: they begin to fade half a texel before the box's
        # faces.
        self.planes = F.pad(hidden, (0, 0, 1, 1, 1, 1)).contiguous()
        """A and C at the texels with a ring of zeros, [2, S, S, hidden]; S = P + 2."""
        on_cpu = planes.device.type == "cpu"
        self._points_at_once = 2**13 if on_cpu else 2**20  # a CPU keeps these in its cache
        self._compiled = wait_for(compiled(G.decoder), check) if on_cpu else None
        self._texels = Texels.of(planes.float(), self.box, torch.float32)

    @property
    def hidden(self) -> int:
        return self.out.shape[0]

    def _place(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """Index of the texel below world coordinates, and how far they are from it (0..1)."""
        place = coordinates * (self.texels / self.box) + (0.5 * self.texels + 0.5)
        place = place.clamp(0, self.texels + 1)
        index = place.floor().clamp_max(self.texels)
        return index.long(), (place - index).float()

    def __call__(self, points: Tensor) -> Tensor:
        """Sigma [...] at world points [..., 3]."""
        flat = points.reshape(-1, 3)
        if self._compiled is not None:
            return self._compiled.sigma(self._texels, flat).reshape(points.shape[:-1])
        parts = [self._at(part) for part in flat.split(self._points_at_once)]
        sigma = torch.cat(parts) if parts else flat.new_zeros(0)
        return sigma.reshape(points.shape[:-1])

    def _at(self, points: Tensor) -> Tensor:
        side = self.texels + 2
        index, part = self._place(points)  # [P, 3]
        rows, weights = [], []
        for plane, other in ((0, 1), (1, 2)):
            for i in (0, 1):
                for j in (0, 1):
                    row = (plane * side + index[:, 0] + i) * side + index[:, other] + j
                    u, v = part[:, 0], part[:, other]
                    rows.append(row)
                    weights.append((u if i else 1 - u) * (v if j else 1 - v))
        summed = F.embedding_bag(
            torch.stack(rows, dim=1),
            self.planes.reshape(2 * side * side, -1),
            per_sample_weights=torch.stack(weights, dim=1),
            mode="sum",
        )  # [P, hidden]
        return F.softplus(summed + self.bias) @ self.out + self.out_bias

    def over(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """Sigma [X, Y, Z] at all combinations of world coordinates [X], [Y] and [Z]."""
        return torch.cat([self(torch.cartesian_prod(part, y, z)) for part in x.split(1)]).reshape(
            len(x), len(y), len(z)
        )

    def spans(self, axis: np.ndarray, size: int) -> tuple[Tensor, int]:
        """Texels that matter to boxes of `size` cells along an axis.

        Args:
            axis: ascending coordinates of the grid's points [N], in the model's box.
            size: cells of a box; box k begins at point k * size.

        Returns:
            index of each box's first texel in the padded planes [boxes], and how many there are.
        """
        begin = np.arange(0, len(axis) - 1, size)
        end = np.minimum(begin + size, len(axis) - 1)
        # On the CPU, as not every device has float64.
        places = self._place(torch.from_numpy(axis))[0]
        first, last = places[torch.from_numpy(begin)], places[torch.from_numpy(end)] + 1
        width = int((last - first).max()) + 1
        return first.clamp_max(self.texels + 2 - width).to(self.device), width
