"""Layers of the prepared networks on a CPU.

A layer is bound to a person by modulating either its weights or its activations, whichever are
fewer.

Blocks with large feature maps run in bands of rows, one thread per band. A band's activations stay
in the CPU's caches, whereas a whole layer's would go through newly allocated memory; and no thread
waits for another between layers. Neighbouring bands share a few rows of the first layer, which each
of them computes for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.backbone import SynthesisBlock
from training.networks.layers import SynthesisLayer, ToRGB
from viz.render.inference.convolutions import (
    LEAKY_GAIN,
    LEAKY_SLOPE,
    Convolution,
    TransposedConvolution,
    channels_last,
    upsampled,
)
from viz.render.inference.cpu.background import in_parts
from viz.render.inference.cpu.winograd import Transforms, WinogradConvolution, pays
from viz.render.inference.stage_interface import Check
from viz.render.inference.synthesis import Block, BoundLayer, LayerConstants

_BAND_BYTES = 2**22
"""Approximate size of a band's activations, bytes."""
_HALO = 2
"""How many rows of a block's input above and below a band the band depends on."""


@dataclass(frozen=True)
class ModulatedLayer:
    """A synthesis layer bound to a person."""

    layer: CpuLayer
    scale: Tensor | None
    """Factors on the input channels [1, I, 1, 1]; None if they are part of the weights."""
    up: TransposedConvolution | None
    convolution: Convolution
    """The convolution itself; after `up`, the low-pass filter."""
    factor: Tensor | None
    """Factors on the output channels [O, 1, 1]; None if they are part of the weights."""

    def __call__(self, x: Tensor) -> Tensor:
        """A whole picture: [1, I, h, w] to [1, O, H, W]."""
        x = x if self.scale is None else x * self.scale
        x = self.convolution(x if self.up is None else self.up(x))
        return self.layer.finish(x, self.factor, None)

    def band(self, x: Tensor, rows: slice) -> Tensor:
        """Some rows of the output.

        Args:
            x: exactly the rows of the input that these depend on.
            rows: which rows of the output, where 0 is the row above the picture.
        """
        x = x if self.scale is None else x * self.scale
        if self.up is not None:
            x = self.up(x)[:, :, 2:-2]
        return self.layer.finish(self.convolution(x), self.factor, rows)


@dataclass(frozen=True)
class WinogradLayer:
    """As `ModulatedLayer`, with Winograd's convolution."""

    layer: CpuLayer
    convolution: WinogradConvolution
    scale: Tensor
    """Factors on the input channels, float32 [I]."""
    factor: Tensor
    """Factors on the output channels [O]."""

    def __call__(self, x: Tensor) -> Tensor:
        """A whole picture: [1, I, h, w] to [1, O, H, W]."""
        return self._run(x, self.layer.noise, padding=1)

    def band(self, x: Tensor, rows: slice) -> Tensor:
        """As `ModulatedLayer.band`."""
        noise = None if self.layer.noise is None else self.layer.noise[rows]
        if not self.convolution.up:
            return self._run(x, noise, padding=0)
        # The output consists of pairs of rows, which is one row too many on each side.
        noise = None if noise is None else F.pad(noise, (0, 0, 1, 1))
        return self._run(x, noise, padding=0)[:, :, 1:-1]

    def _run(self, x: Tensor, noise: Tensor | None, padding: int) -> Tensor:
        constants = self.layer.constants
        return self.convolution(
            x,
            scale=self.scale,
            factor=self.factor,
            bias=constants.bias,
            noise=noise,
            slope=LEAKY_SLOPE,
            clamp=constants.clamp,
            padding=padding,
        )


class CpuLayer:
    """A synthesis layer.

    Args:
        layer: with its trained weights.
        size: side of its input in pixels.
        dtype: number format.
        noisy: whether the layer adds its stored noise.
        banded: whether it runs in bands, on input that includes the rows around the band.
        winograd: compiled transforms for its convolution; None for a plain one.
    """

    def __init__(
        self,
        layer: SynthesisLayer,
        size: int,
        *,
        dtype: torch.dtype,
        noisy: bool,
        banded: bool,
        winograd: Transforms | None,
    ) -> None:
        self.layer, self.size, self.dtype = layer, size, dtype
        self.constants = constants = LayerConstants(layer, noisy=noisy)
        self.padding = (0, 1) if banded else (1, 1)
        self.energy = layer.weight.square().sum(dim=(2, 3))  # [O, I]
        # Weights count three times: they are multiplied, converted and repacked.
        few = size * size * layer.weight.shape[1] < 3 * layer.weight.numel()
        self.scales_input = few and (layer.up or not banded)
        self._fixed: Convolution | TransposedConvolution | None = None
        self._winograd: WinogradConvolution | None = None
        if winograd is not None and pays(layer, dtype):
            self._winograd = WinogradConvolution(layer.weight, winograd, constants.low_pass)
            self.scales_input = False
        self.noise: Tensor | None = None
        if constants.noise is not None:
            noise = constants.noise if self._winograd is not None else constants.noise.to(dtype)
            self.noise = F.pad(noise, (0, 0, 1, 1)) if banded else noise
        # Where the output is multiplied by factors anyway, the same pass adds noise and bias.
        self._map: Tensor | None = None
        if self.scales_input and not layer.up:
            full = constants.bias[:, None, None]
            if constants.noise is not None:
                full = full + constants.noise
            self._map = channels_last(full[None].to(dtype))

    def bind(self, w: Tensor) -> ModulatedLayer | WinogradLayer:
        """The layer for a person's w [1, w_dim]."""
        weight, dtype, bias = self.layer.weight, self.dtype, self.constants.bias
        styles = self.layer.affine(w)  # [1, I]
        factor = (styles.square() @ self.energy.t() + 1e-8).rsqrt()[0] * LEAKY_GAIN  # [O]
        if self._winograd is not None:
            return WinogradLayer(self, self._winograd, styles[0], factor)
        factors = factor[:, None, None, None]
        scale = styles.to(dtype)[..., None, None] if self.scales_input else None
        size = (self.size, self.size)
        active = self.noise is None
        if self.constants.low_pass is not None:
            up = self._fixed
            if not isinstance(up, TransposedConvolution):
                up = TransposedConvolution(
                    weight if self.scales_input else weight * styles[..., None, None], dtype, size
                )
            # The low-pass filter is depthwise, so that it can include the factors.
            low_pass = self.constants.low_pass[None, None] * factors
            size = (2 * self.size + 1, 2 * self.size + 1)
            smooth = self._convolution(low_pass, bias, size, active, weight.shape[0])
            self._fixed = up if self.scales_input else None
            return ModulatedLayer(self, scale, up, smooth, None)
        if self.scales_input:
            if not isinstance(self._fixed, Convolution):
                self._fixed = self._convolution(weight, None, size, False)
            return ModulatedLayer(self, scale, None, self._fixed, factor.to(dtype)[:, None, None])
        weight = weight * styles[..., None, None] * factors
        return ModulatedLayer(self, None, None, self._convolution(weight, bias, size, active), None)

    def _convolution(
        self,
        weight: Tensor,
        bias: Tensor | None,
        size: tuple[int, int],
        activate: bool,
        groups: int = 1,
    ) -> Convolution:
        return Convolution(
            weight,
            bias,
            self.dtype,
            padding=self.padding,
            size=size,
            groups=groups,
            activate=activate,
        )

    def finish(self, x: Tensor, factor: Tensor | None, rows: slice | None) -> Tensor:
        """What follows the convolution: factors, noise and activation where they are not fused into
        it, and clamping."""
        if factor is not None:
            assert self._map is not None
            x = F.leaky_relu_(torch.addcmul(self._map, x, factor), LEAKY_SLOPE)
        elif self.noise is not None:
            noise = self.noise if rows is None else self.noise[rows]
            F.leaky_relu_(x.add_(noise), LEAKY_SLOPE)
        clamp = self.constants.clamp
        return x if clamp is None else x.clamp_(-clamp, clamp)


class CpuToRGB:
    """A toRGB layer."""

    def __init__(self, layer: ToRGB, size: int, *, dtype: torch.dtype) -> None:
        self.layer, self.size, self.dtype = layer, size, dtype

    def bind(self, w: Tensor) -> BoundLayer:
        """The layer for a person's w [1, w_dim]: features [1, I, H, W] to a float32 picture
        [1, O, H, W]."""
        layer = self.layer
        styles = layer.styles(w)  # [1, I]
        weight = layer.weight * styles[..., None, None]
        size = (self.size, self.size)
        run = Convolution(weight, layer.bias, self.dtype, padding=(0, 0), size=size)

        def picture(x: Tensor) -> Tensor:
            y = run(x).float()
            return y if layer.clamp is None else y.clamp_(-layer.clamp, layer.clamp)

        return picture


class Bindable(Protocol):
    """A layer that can be bound to a person's w [1, w_dim]."""

    def bind(self, w: Tensor) -> BoundLayer: ...


class CpuModulation:
    """Binds layers one by one, as they are reached."""

    def __init__(self, layers: Sequence[Bindable], places: Sequence[int]) -> None:
        self._layers = list(zip(layers, places, strict=True))

    def __call__(self, w: Tensor) -> Tensor:
        return w

    def bind(self, row: Tensor) -> Iterator[BoundLayer]:
        return (layer.bind(row[place : place + 1]) for layer, place in self._layers)


class BandedBlock(Block[CpuLayer | CpuToRGB]):
    """A block that runs in bands of rows."""

    def __call__(
        self,
        x: Tensor | None,
        image: Tensor | None,
        layers: Iterator[BoundLayer],
        move: BoundLayer | None,
        check: Check,
        *,
        last: bool = False,
    ) -> tuple[Tensor | None, Tensor]:
        first, second, picture = next(layers), next(layers), next(layers)
        assert isinstance(first, ModulatedLayer | WinogradLayer)
        assert isinstance(second, ModulatedLayer | WinogradLayer)
        assert x is not None
        assert image is not None
        image = upsampled(image) if self.up else image.clone()
        height = image.shape[2]
        channels = second.layer.layer.weight.shape[0]
        features = None
        if not last:
            shape = (1, channels, *image.shape[2:])
            features = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        row_bytes = height * channels * x.itemsize
        step = max(8, min(height, _BAND_BYTES // row_bytes // 4 * 4))
        if isinstance(first, WinogradLayer) and self.up:
            step = first.convolution.band_rows(step)

        def band(top: int, end: int) -> None:
            start, stop = (top // 2, end // 2) if self.up else (top, end)
            # The second layer needs one more row on each side. Beyond the picture these are its
            # zero padding, not values of the first layer.
            y = first.band(_rows(x, start - _HALO, stop + _HALO), slice(top, end + 2))
            if top == 0:
                y[:, :, 0].zero_()
            if end == height:
                y[:, :, -1].zero_()
            y = second.band(y, slice(top + 1, end + 1))
            image[:, :, top:end].add_(picture(y))
            if features is not None:
                features[:, :, top:end].copy_(y)

        in_parts(band, height, step, check)
        return features, image


def _rows(x: Tensor, start: int, stop: int) -> Tensor:
    """Rows of x, with zeros for those outside the picture."""
    above, below = max(-start, 0), max(stop - x.shape[2], 0)
    rows = x[:, :, start + above : stop - below]
    return F.pad(rows, (0, 0, above, below)) if above or below else rows


class CpuBackend:
    """Layers on a CPU.

    Args:
        dtype: number format.
        winograd: compiled transforms for large convolutions in this format; None for plain ones.
    """

    def __init__(self, dtype: torch.dtype, winograd: Transforms | None = None) -> None:
        self.dtype, self._winograd = dtype, winograd

    def block(self, block: SynthesisBlock, size: int, *, noisy: bool) -> Block[CpuLayer | CpuToRGB]:
        still = block.conv0 is not None and block.motion_time_fuser is None
        bytes_ = size * size * block.conv1.weight.shape[0] * self.dtype.itemsize
        banded = still and bytes_ > _BAND_BYTES
        options = {"noisy": noisy, "banded": banded, "winograd": self._winograd}
        layer = partial(CpuLayer, dtype=self.dtype, **options)
        kind = BandedBlock if banded else Block[CpuLayer | CpuToRGB]
        return kind(block, size, self.dtype, layer, partial(CpuToRGB, dtype=self.dtype))

    def modulation(
        self, layers: Sequence[CpuLayer | CpuToRGB], places: Sequence[int]
    ) -> CpuModulation:
        return CpuModulation(layers, places)
