"""Convolutions prepared for inference: weights in their final number format and memory layout.

Activations are [1, C, H, W] in channels-last memory throughout.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LEAKY_SLOPE = 0.2
LEAKY_GAIN = math.sqrt(2)


def can_fuse(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether oneDNN's convolutions with an activation are available (the operator is internal to
    torch and may be missing)."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    names = ("_convolution_pointwise", "_reorder_convolution_weight")
    if not all(hasattr(torch.ops.mkldnn, name) for name in names):
        return False
    return dtype == torch.float32 or (
        dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


class Convolution:
    """A convolution of stride 1 with fixed weights.

    Args:
        weight: [O, I / groups, k, k], any format; kept in `dtype`.
        bias: [O] or None.
        dtype: number format of weights and activations.
        padding: zeros above and below, and left and right of the input.
        groups: as in torch.
        size: (height, width) of the input that the layout of the weights is chosen for.
        activate: whether leaky ReLU follows; its gain must be part of weight and bias.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        dtype: torch.dtype,
        *,
        padding: tuple[int, int] = (1, 1),
        size: tuple[int, int],
        groups: int = 1,
        activate: bool = False,
    ) -> None:
        self.padding, self.groups, self.activate = padding, groups, activate
        self.fused = can_fuse(weight.device, dtype)
        self.bias = None if bias is None else bias.to(dtype)
        weight = channels_last(weight.to(dtype))
        if self.fused:
            pad, one = list(padding), [1, 1]
            shape = [1, weight.shape[1] * groups, *size]
            weight = torch.ops.mkldnn._reorder_convolution_weight(
                weight, pad, one, one, groups, shape
            )
        self.weight = weight

    def __call__(self, x: Tensor) -> Tensor:
        """x [1, I, H, W] -> [1, O, H', W'], a new tensor."""
        if self.fused:
            pad, one = list(self.padding), [1, 1]
            kind, numbers = ("leaky_relu", [LEAKY_SLOPE]) if self.activate else ("none", [])
            return torch.ops.mkldnn._convolution_pointwise(
                x, self.weight, self.bias, pad, one, one, self.groups, kind, numbers, ""
            )
        y = F.conv2d(x, self.weight, self.bias, padding=self.padding, groups=self.groups)
        return F.leaky_relu_(y, LEAKY_SLOPE) if self.activate else y


class TransposedConvolution:
    """A 3x3 convolution transposed with stride 2: [1, I, H, W] -> [1, O, 2H + 1, 2W + 1].

    Args:
        weight: [O, I, 3, 3], any format; kept in `dtype`.
        dtype: number format of weights and activations.
        size: (height, width) of the input that the layout of the weights is chosen for.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype, size: tuple[int, int]) -> None:
        names = ("_convolution_transpose_pointwise", "_reorder_convolution_transpose_weight")
        self.fused = can_fuse(weight.device, dtype) and all(
            hasattr(torch.ops.mkldnn, name) for name in names
        )
        weight = weight.to(dtype).transpose(0, 1).contiguous()  # [I, O, 3, 3]
        if self.fused:
            shape = [1, weight.shape[0], *size]
            weight = torch.ops.mkldnn._reorder_convolution_transpose_weight(
                weight, [0, 0], [0, 0], [2, 2], [1, 1], 1, shape
            )
        else:
            weight = channels_last(weight)
        self.weight = weight

    def __call__(self, x: Tensor) -> Tensor:
        if self.fused:
            zero = [0, 0]
            return torch.ops.mkldnn._convolution_transpose_pointwise(
                x, self.weight, None, zero, zero, [2, 2], [1, 1], 1, "none", [], ""
            )
        return F.conv_transpose2d(x, self.weight, stride=2)


def upsampled(x: Tensor) -> Tensor:
    """A picture [1, C, H, W] -> [1, C, 2H, 2W], as `training.networks.layers.upsample2d`.

    StyleGAN2's filter between the pixels of a doubled picture is linear interpolation along both
    axes, into a border of zeros: new pixels lie a quarter of the way to their neighbours.
    """
    count, channels, height, width = x.shape
    x = channels_last(F.pad(x, (1, 1, 1, 1)))
    options = {"dtype": x.dtype, "device": x.device, "memory_format": torch.channels_last}
    tall = torch.empty(count, channels, 2 * height, width + 2, **options)
    for phase, near in ((0, x[:, :, :-2]), (1, x[:, :, 2:])):
        torch.lerp(x[:, :, 1:-1], near, 0.25, out=tall[:, :, phase::2])
    wide = torch.empty(count, channels, 2 * height, 2 * width, **options)
    for phase, near in ((0, tall[..., :-2]), (1, tall[..., 2:])):
        torch.lerp(tall[..., 1:-1], near, 0.25, out=wide[..., phase::2])
    return wide
