"""Styles and demodulation of many layers at once, as one row of numbers.

On a GPU the launches for a layer's styles take longer than the computation. So the styles of all
layers of one shape are computed together, once per person, and passed on as one tensor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from training.networks.layers import SynthesisLayer, ToRGB
from viz.render.inference.convolutions import LEAKY_GAIN
from viz.render.inference.synthesis import BoundLayer


@dataclass(frozen=True)
class LayerStyles:
    """How a layer is modulated for a person."""

    scale: Tensor
    """Factors on its input channels, float32 [I]; at most 1 if it demodulates."""
    factor: Tensor | None
    """Factors on its output channels, the activation's gain among them, float32 [O]; None for a
    layer that does not demodulate."""


def normalized(layer: SynthesisLayer) -> tuple[Tensor, Tensor]:
    """Weight [O, I, 3, 3] scaled so that sums fit into float16, and the levels [O] that it was
    divided by, as in `training.networks.layers.modulated_conv2d`."""
    largest = layer.weight.abs().amax(dim=(1, 2, 3)).clamp_min(torch.finfo(torch.float32).tiny)
    level = largest * math.sqrt(layer.weight[0].numel())
    return layer.weight / level[:, None, None, None], level


class _Group:
    """Layers of one shape."""

    def __init__(self, layers: Sequence[SynthesisLayer | ToRGB], places: Sequence[int]) -> None:
        parts = []
        for layer in layers:
            gain = layer.weight.shape[1] ** -0.5 if isinstance(layer, ToRGB) else 1.0
            parts.append([x * gain for x in layer.affine.effective()])
        self.weight = torch.stack([weight for weight, _ in parts])  # [L, I, D]
        self.bias = torch.stack([bias for _, bias in parts])[..., None]  # [L, I, 1]
        self.places = torch.tensor(places, device=self.weight.device)
        self.energy = self.level = None
        if isinstance(layers[0], SynthesisLayer):
            energies = [layer.weight.square().sum(dim=(2, 3)) for layer in layers]
            self.energy = torch.stack(energies)  # [L, O, I]
            levels = [normalized(layer)[1] for layer in layers if isinstance(layer, SynthesisLayer)]
            self.level = torch.stack(levels) * LEAKY_GAIN  # [L, O]

    def __call__(self, w: Tensor) -> tuple[Tensor, Tensor | None]:
        """w [N, D] of all layers -> scale [L, I] and factor [L, O]."""
        w = w.index_select(0, self.places)[..., None]  # [L, D, 1]
        styles = torch.baddbmm(self.bias, self.weight, w)  # [L, I, 1]
        if self.energy is None or self.level is None:
            return styles[..., 0], None
        demodulation = (torch.bmm(self.energy, styles.square()) + 1e-8).rsqrt()[..., 0]
        largest = styles.abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny)  # [L, 1]
        return styles[..., 0] / largest, demodulation * self.level * largest


class PreparedLayer(Protocol):
    """A layer of `gpu_layers`."""

    @property
    def layer(self) -> SynthesisLayer | ToRGB:
        """With its trained weights."""
        ...

    def __call__(self, x: Tensor, styles: LayerStyles) -> Tensor: ...


class GpuModulation:
    """Modulates layers by a person's ws.

    Args:
        prepared: the layers.
        places: which row of w each of them takes.
    """

    def __init__(self, prepared: Sequence[PreparedLayer], places: Sequence[int]) -> None:
        self._prepared = prepared
        layers = [layer.layer for layer in prepared]
        alike: dict[tuple[type, torch.Size], list[int]] = {}
        for k, layer in enumerate(layers):
            alike.setdefault((type(layer), layer.weight.shape), []).append(k)
        self.groups: list[_Group] = []
        # For each layer, where its scale and its factor start in the row, and their lengths.
        self._spans: list[tuple[int, int, int, int]] = [(0, 0, 0, 0)] * len(layers)
        self.size = 0
        for members in alike.values():
            group = _Group([layers[k] for k in members], [places[k] for k in members])
            self.groups.append(group)
            outs, ins = layers[members[0]].weight.shape[:2]
            outs = 0 if group.energy is None else outs
            after = self.size + ins * len(members)
            for place, k in enumerate(members):
                self._spans[k] = (self.size + place * ins, ins, after + place * outs, outs)
            self.size = after + outs * len(members)

    def __call__(self, w: Tensor) -> Tensor:
        """w [N, D] -> a row of numbers, float32 [size]."""
        parts = []
        for group in self.groups:
            parts += [part.flatten() for part in group(w) if part is not None]
        return torch.cat(parts)

    def bind(self, row: Tensor) -> Iterator[BoundLayer]:
        """The layers with their parts of a row."""
        for prepared, (scale, ins, factor, outs) in zip(self._prepared, self._spans, strict=True):
            factors = row[factor : factor + outs] if outs else None
            yield partial(prepared, styles=LayerStyles(row[scale : scale + ins], factors))
