"""Layers of the prepared networks on a GPU: few launches, no waiting, ready for a CUDA graph.

Weights are cast once. `modulation.LayerStyles` modulate them for a person: either the layer's input
and output are scaled, or its weights, whichever are fewer numbers. All that follows a convolution
is one launch (`kernel.finish`).

Weights and styles are divided by their largest, as in `training.networks.layers` for float16; the
factors that undo this are float32, and applied in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.backbone import SynthesisBlock
from training.networks.layers import SynthesisLayer, ToRGB
from viz.render.inference.convolutions import channels_last
from viz.render.inference.gpu import kernel
from viz.render.inference.gpu.modulation import GpuModulation, LayerStyles, normalized
from viz.render.inference.synthesis import Block, LayerConstants

_EVEN = 8
"""Channels of a picture are padded to a multiple of this, as tensor cores need."""


def _scaled(x: Tensor, factors: Tensor) -> Tensor:
    """x times float32 factors, rounded once to x's format."""
    return torch.mul(x, factors, out=torch.empty_like(x))


class GpuLayer:
    """A synthesis layer.

    Args:
        layer: with its trained weights.
        size: side of its input in pixels.
        dtype: number format.
        noisy: whether it adds its stored noise.
        kernels: whether Triton's kernels are used.
    """

    def __init__(
        self, layer: SynthesisLayer, size: int, *, dtype: torch.dtype, noisy: bool, kernels: bool
    ) -> None:
        self.layer, self.constants = layer, LayerConstants(layer, noisy=noisy)
        self.scales_input = size * size * layer.weight.shape[1] < layer.weight.numel()
        weight = normalized(layer)[0]
        weight = weight.transpose(0, 1) if layer.up else weight
        self.weight = channels_last(weight.to(dtype))  # [O, I, 3, 3], or [I, O, 3, 3] with up
        self._finish = kernel.finish if kernels else kernel.finish_reference

    def __call__(self, x: Tensor, styles: LayerStyles) -> Tensor:
        """x [1, I, H, W], channels-last -> [1, O, H, W], or twice the size with `up`."""
        constants, factor, weight = self.constants, styles.factor, self.weight
        assert factor is not None
        if self.scales_input:
            x = _scaled(x, styles.scale[:, None, None])
        else:
            first, second = (styles.scale, factor) if constants.up else (factor, styles.scale)
            weight = _scaled(weight, (first[:, None] * second)[..., None, None])
            factor = None
        if constants.up:
            x = F.conv_transpose2d(x, weight, stride=2)  # [1, O, 2H + 1, 2W + 1]
        else:
            x = F.conv2d(x, weight, padding=1)
        return self._finish(
            x,
            constants.bias,
            factor=factor,
            noise=constants.noise,
            clamp=constants.clamp,
            low_pass=constants.low_pass,
        )


class GpuToRGB:
    """A toRGB layer."""

    def __init__(self, layer: ToRGB, size: int, *, dtype: torch.dtype) -> None:
        del size
        self.layer = layer
        self.clamp, self.bias = layer.clamp, layer.bias[:, None, None]
        self.channels = layer.weight.shape[0]
        weight = F.pad(layer.weight, (0, 0, 0, 0, 0, 0, 0, -self.channels % _EVEN))
        self.weight = channels_last(weight.to(dtype))

    def __call__(self, x: Tensor, styles: LayerStyles) -> Tensor:
        """Features [1, I, H, W] to a float32 picture [1, O, H, W]."""
        y = F.conv2d(x, _scaled(self.weight, styles.scale[:, None, None]))
        y = y[:, : self.channels] + self.bias  # the bias is float32, so the sum is
        return y if self.clamp is None else y.clamp_(-self.clamp, self.clamp)


class GpuBackend:
    """Layers on a GPU.

    Args:
        dtype: number format.
        kernels: whether Triton's kernels are used.
    """

    def __init__(self, dtype: torch.dtype, *, kernels: bool) -> None:
        self.dtype, self.kernels = dtype, kernels

    def block(self, block: SynthesisBlock, size: int, *, noisy: bool) -> Block[GpuLayer | GpuToRGB]:
        layer = partial(GpuLayer, dtype=self.dtype, noisy=noisy, kernels=self.kernels)
        to_rgb = partial(GpuToRGB, dtype=self.dtype)
        return Block[GpuLayer | GpuToRGB](block, size, self.dtype, layer, to_rgb)

    def modulation(
        self, layers: Sequence[GpuLayer | GpuToRGB], places: Sequence[int]
    ) -> GpuModulation:
        return GpuModulation(layers, places)
