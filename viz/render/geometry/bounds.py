"""Bounds on the density over boxes of a field, without evaluating its points.

Within a box each hidden unit u of the decoder varies between two numbers, as planes are bilinear
between texels. Softplus exceeds its tangent at the middle by no more than at one of the two ends.
So sigma is a sum of planes weighted by the tangents' slopes, whose extremes are at texels again,
plus at most the weighted gaps. Summing units before taking extremes lets different units cancel
each other, which plain interval arithmetic misses; the latter is cheaper, and is tried first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from viz.render.geometry.density_field import DensityField

_AT_ONCE = 2**21
"""Most numbers gathered at once."""
_ROUNDING = 1e-5


@dataclass(frozen=True)
class _Extremes:
    """Windows of a plane's texels and their extremes."""

    windows: Tensor
    """View [S - w + 1, S - v + 1, hidden, w, v]."""
    low: Tensor
    """[S - w + 1, S - v + 1, hidden]."""
    high: Tensor


def _to_the_faces(planes: Tensor) -> Tensor:
    """Planes [2, S, S, hidden] cut off at the model's box, where they have faded by half."""
    planes = planes.clone()
    for end, beside in ((0, 1), (-1, -2)):
        planes[:, end] = planes[:, beside] / 2
    for end, beside in ((0, 1), (-1, -2)):
        planes[:, :, end] = planes[:, :, beside] / 2
    return planes


def _extremes(plane: Tensor, width: int, height: int) -> _Extremes:
    def greatest(plane: Tensor) -> Tensor:
        return _slide(_slide(plane, width, 0), height, 1).contiguous()

    windows = plane.unfold(0, width, 1).unfold(1, height, 1)
    return _Extremes(windows, -greatest(-plane), greatest(plane))


def _slide(plane: Tensor, width: int, dim: int) -> Tensor:
    """Maximum of each `width` neighbours along a dimension."""
    reach, left = 1, plane.shape[dim] - width + 1
    while reach < width:
        step = min(reach, width - reach)
        size = plane.shape[dim] - step
        plane = torch.maximum(plane.narrow(dim, 0, size), plane.narrow(dim, step, size))
        reach += step
    return plane.narrow(dim, 0, left)


class BoxBounds:
    """Bounds over the boxes of one size that a grid is divided into.

    Args:
        field: the density field.
        axes: ascending coordinates of the grid's points along x, y and z.
        size: cells along each side of a box.
    """

    def __init__(self, field: DensityField, axes: list[np.ndarray], size: int) -> None:
        self._field = field
        spans = [field.spans(axis, size) for axis in axes]
        self._first = [first for first, _ in spans]
        widths = [width for _, width in spans]
        self.texels = max(widths)
        """Texels along the longest side of a box."""
        a, c = _to_the_faces(field.planes)
        self._a = _extremes(a, widths[0], widths[1])
        self._c = _extremes(c, widths[0], widths[2])
        texels = widths[0] * (widths[1] + widths[2])
        self._at_once = max(1, _AT_ONCE // (field.hidden * max(texels, 8)))

    def sides(self, boxes: Tensor, level: float) -> Tensor:
        """The side of a level of sigma on which boxes with indices [K, 3] lie, int8 [K]: 1 wholly
        above, -1 wholly at or below, 0 unknown."""
        parts = [self._sides(part, level) for part in boxes.split(self._at_once)]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int8)

    def _sides(self, boxes: Tensor, level: float) -> Tensor:
        x, y, z = (first[boxes[:, k]] for k, first in enumerate(self._first))
        weight, bias = self._field.out, self._field.out_bias
        low = self._a.low[x, y] + self._c.low[x, z] + self._field.bias  # [K, hidden]
        high = self._a.high[x, y] + self._c.high[x, z] + self._field.bias
        soft_low, soft_high = F.softplus(low), F.softplus(high)
        positive, negative = weight.clamp_min(0), weight.clamp_max(0)
        slack = _ROUNDING * (1 + soft_high @ weight.abs())
        upper = soft_high @ positive + soft_low @ negative + bias + slack
        lower = soft_low @ positive + soft_high @ negative + bias - slack
        sides = (lower > level).to(torch.int8) - (upper < level).to(torch.int8)
        left = (sides == 0).nonzero()[:, 0]
        if not len(left):
            return sides

        x, y, z, low, high = x[left], y[left], z[left], low[left], high[left]
        middle = (low + high) / 2
        slope, soft = torch.sigmoid(middle), F.softplus(middle)
        half = (high - low) / 2 * slope
        gap = torch.maximum(soft_low[left] - soft + half, soft_high[left] - soft - half)
        factors = weight * slope
        base = (weight * soft - factors * (middle - self._field.bias)).sum(dim=1) + bias
        a = _weighted(self._a.windows[x, y], factors)  # [K', w, v]
        c = _weighted(self._c.windows[x, z], factors)
        upper = base + (a.amax(dim=2) + c.amax(dim=2)).amax(dim=1) + gap @ positive + slack[left]
        lower = base + (a.amin(dim=2) + c.amin(dim=2)).amin(dim=1) + gap @ negative - slack[left]
        sides[left] = (lower > level).to(torch.int8) - (upper < level).to(torch.int8)
        return sides


def _weighted(windows: Tensor, factors: Tensor) -> Tensor:
    """windows [K, hidden, w, v], factors [K, hidden] -> [K, w, v]."""
    count, hidden, width, height = windows.shape
    summed = factors[:, None] @ windows.reshape(count, hidden, -1)
    return summed.reshape(count, width, height)
