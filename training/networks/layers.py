"""Layers of StyleGAN2 (Karras et al., 2020, arXiv 1912.04958) as PV3D and EG3D use them."""

from __future__ import annotations

import contextlib
import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FixedNoise = Literal["const", "none"]
"""Per-pixel noise of the synthesis layers: their stored maps, or nothing."""
Noise = FixedNoise | torch.Generator
"""Likewise, or random noise from a generator."""
LayerNoise = FixedNoise | Tensor
"""Noise of one layer; a tensor is random noise [N, 1, H, W]."""

_LEAKY_SLOPE = 0.2
_LEAKY_GAIN = math.sqrt(2)


def no_autocast(x: Tensor) -> contextlib.AbstractContextManager[object]:
    """Context in which x's device computes in the tensors' own number format, despite autocast.

    Styles and demodulation cost little and affect every pixel, and squares in the demodulation can
    overflow float16.
    """
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return contextlib.nullcontext()


def _convolves_in_float16(x: Tensor) -> bool:
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind) == torch.float16
    return x.dtype == torch.float16


def leaky_relu(x: Tensor, clamp: float | None = None) -> Tensor:
    """Leaky ReLU with slope 0.2, times sqrt(2) to keep the variance, then bounded to ±`clamp`."""
    x = F.leaky_relu(x, _LEAKY_SLOPE) * _LEAKY_GAIN
    return x if clamp is None else x.clamp(-clamp, clamp)


def normalize_second_moment(x: Tensor) -> Tensor:
    """Each row of x [N, D] scaled to a mean square of 1."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def resample_filter() -> Tensor:
    """StyleGAN2's low-pass filter [4, 4]: the outer product of [1, 3, 3, 1], summing to 1."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return torch.outer(taps, taps)


def upsample2d(x: Tensor, kernel: Tensor) -> Tensor:
    """x [N, C, H, W] -> [N, C, 2H, 2W]: zeros between the pixels, then the filter with gain 4."""
    channels = x.shape[1]
    weight = (4 * kernel).to(x.dtype).expand(channels, 1, 4, 4)
    return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=channels)


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    demodulate: bool = True,
    up_kernel: Tensor | None = None,
) -> Tensor:
    """Convolution whose input channels are scaled for each sample.

    Args:
        x: [N, I, H, W].
        weight: [O, I, k, k], k odd.
        styles: factors on the input channels [N, I].
        demodulate: whether to scale every output channel back to unit expected variance.
        up_kernel: low-pass filter [4, 4]; if given, the output is twice as large.

    Returns:
        [N, O, H, W], or [N, O, 2H, 2W] with `up_kernel`.
    """
    demodulation = None
    if demodulate:
        half = _convolves_in_float16(x)
        with no_autocast(x):
            if half:
                # Demodulation cancels these factors, up to its 1e-8. Without them, sums over the
                # channels overflow float16; from StyleGAN2-ADA (arXiv 2006.06676).
                fan_in = weight[0].numel()
                weight = weight / weight.abs().amax(dim=(1, 2, 3), keepdim=True) / fan_in**0.5
                styles = styles / styles.abs().amax(dim=1, keepdim=True)
            energy = weight.square().sum(dim=(2, 3))  # [O, I]
            demodulation = (styles.square() @ energy.t() + 1e-8).rsqrt()  # [N, O]
    # For one sample, scaling the weights is cheaper than scaling the picture. Several samples would
    # need a copy of the weights each, so the picture is scaled instead; likewise if only the styles
    # have gradients, as the weights then need none.
    scale_weights = x.shape[0] == 1 and (weight.requires_grad or not styles.requires_grad)
    if scale_weights:
        weight = weight * styles.reshape(1, -1, 1, 1)
        if demodulation is not None:
            weight = weight * demodulation.reshape(-1, 1, 1, 1)
    else:
        x = x * styles[:, :, None, None]
    if up_kernel is None:
        x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    else:
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # [N, O, 2H + 1, 2W + 1]
        channels = x.shape[1]
        kernel = (4 * up_kernel).to(x.dtype).expand(channels, 1, 4, 4)
        x = F.conv2d(x, kernel, padding=1, groups=channels)
    if demodulation is not None and not scale_weights:
        x = x * demodulation[:, :, None, None].to(x.dtype)
    return x


class FullyConnected(nn.Module):
    """Linear layer with equalised learning rate, optionally followed by leaky ReLU.

    Computes in its weights' number format, under autocast too.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        activate: bool = False,
        lr_mul: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.activate = activate
        self.lr_mul = lr_mul
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_mul)
        self.bias = nn.Parameter(torch.full((out_features,), float(bias_init)))

    @property
    def gain(self) -> float:
        """Factor on the stored weights (equalised learning rate, arXiv 1710.10196), which have unit
        variance so that Adam's steps are equally large in every layer."""
        return self.lr_mul / math.sqrt(self.weight.shape[1])

    def effective(self) -> tuple[Tensor, Tensor]:
        """Weight [O, I] and bias [O] that the layer computes with."""
        bias = self.bias if self.lr_mul == 1 else self.bias * self.lr_mul
        return self.weight * self.gain, bias

    def forward(self, x: Tensor) -> Tensor:
        with no_autocast(x):
            x = F.linear(x.to(self.weight.dtype), *self.effective())
        return leaky_relu(x) if self.activate else x


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias and leaky ReLU; `up` doubles the resolution."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        *,
        up: bool = False,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.up = up
        self.clamp = clamp
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("resample_filter", resample_filter())
        self.register_buffer("noise_const", torch.randn(resolution, resolution))

    def forward(self, x: Tensor, w: Tensor, noise: LayerNoise = "const") -> Tensor:
        """x [N, I, H, W], w [N, w_dim] -> [N, O, H, W], or twice the size with `up`."""
        up_kernel = self.resample_filter if self.up else None
        x = modulated_conv2d(x, self.weight, self.affine(w), up_kernel=up_kernel)
        if noise != "none":
            noise = self.noise_const if isinstance(noise, str) else noise
            x = x + (noise * self.noise_strength).to(x.dtype)
        # In x's format: float32 noise or bias would turn the activations to float32 under autocast.
        return leaky_relu(x + self.bias[:, None, None].to(x.dtype), self.clamp)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to picture (or tri-plane) channels, without demodulation."""

    def __init__(
        self, in_channels: int, out_channels: int, w_dim: int, *, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.clamp = clamp
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def styles(self, w: Tensor) -> Tensor:
        """Factors on the input channels [N, I] for w [N, w_dim]."""
        return self.affine(w) / math.sqrt(self.weight.shape[1])

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [N, I, H, W], w [N, w_dim] -> [N, O, H, W], float32 under autocast too, as the
        blocks' pictures are summed."""
        x = modulated_conv2d(x, self.weight, self.styles(w), demodulate=False)
        x = x + self.bias[:, None, None]
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)
