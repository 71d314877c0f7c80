"""The super-resolution in 8-bit integers, for previews: on processors with VNNI about twice as fast
as in float32, with a PSNR of 45 to 52 dB against it.

Weights are quantized per output channel. Activations are uint8, quantized per channel with scales
that are folded into the weights before and after them. The scales are those of one person: the
first picture after `bind` is computed in float32, and its ranges are measured. Activations are not
clamped, as those of trained networks stay within the bound; where they do not, `format_trials`
finds that the pictures differ.

An up-sampling convolution is computed as four of the small picture, as in `winograd`. Convolutions
are oneDNN's, through torch's operators for quantized models, which are internal and may be missing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.backbone import SynthesisBlock
from training.networks.layers import SynthesisLayer, ToRGB, leaky_relu, modulated_conv2d
from training.networks.superresolution import Superresolution
from viz.render.inference.convolutions import LEAKY_GAIN, channels_last
from viz.render.inference.cpu.background import compiling, in_parts
from viz.render.inference.cpu.cpu_layers import CpuModulation
from viz.render.inference.cpu.winograd import phases
from viz.render.inference.stage_interface import Check
from viz.render.inference.synthesis import (
    Block,
    BoundLayer,
    LayerConstants,
    SuperresolutionStage,
)

ZERO = 128
"""The zero point of activations: the integer that represents 0."""
_LARGEST = 127
"""Largest magnitude of a quantized number."""
_MARGIN = 1.2
"""Headroom: how far numbers may exceed the measured range before they are clipped, as a factor."""
_LEAST_SHARE = 1e-3
"""Smallest scale of a channel, as a share of the layer's largest."""
_SMALLER = 4
"""Ratio of the final picture's side to that of the picture whose ranges are measured."""
_AT_ONCE = 2**19
"""Approximate count of numbers in a thread's task: smaller tasks are not worth handing over."""


def is_available(device: torch.device) -> bool:
    """Whether torch has the operators and the processor has VNNI, without which sums of products
    may overflow."""
    names = ("qconv_prepack", "qconv2d_pointwise")
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if not all(hasattr(torch.ops.onednn, name) for name in names):
        return False
    found = getattr(torch.cpu, "get_capabilities", dict)()
    return any(found.get(name, False) for name in ("avx512_vnni", "avx_vnni"))


@dataclass(frozen=True)
class Passes:
    """Compiled functions; see `numba_int8`."""

    quantize: Callable[..., None]
    activate: Callable[..., None]
    enlarge: Callable[..., None]


class _Product:
    """A convolution of integers, packed for one person.

    Args:
        weight: [O, I, k, k].
        bias: [O].
        scale: quantization step of each input channel [I].
        into: quantization step of each output channel [O]; None for an output in float32.
        size: (height, width) of the input that the layout is chosen for.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        scale: Tensor,
        into: Tensor | None,
        size: tuple[int, ...],
    ) -> None:
        weight = weight * scale[:, None, None]
        steps = weight.abs().amax(dim=(1, 2, 3)).clamp_min(1e-30) / _LARGEST
        integers = (weight / steps[:, None, None, None]).round().to(torch.int8)
        self._floats = into is None
        self._scale = steps if into is None else steps / into
        self._bias = (bias if into is None else bias / into).contiguous()
        self._zeros = torch.zeros(len(steps), dtype=torch.int32)
        self._padding = [weight.shape[-1] // 2] * 2
        self._weight = torch.ops.onednn.qconv_prepack(
            integers,
            self._scale,
            1.0,
            ZERO,
            [1, 1],
            self._padding,
            [1, 1],
            1,
            [1, weight.shape[1], *size],
        )

    def __call__(self, x: Tensor) -> Tensor:
        """uint8 [1, I, H, W] -> uint8 or float32 [1, O, H, W], a new tensor."""
        kind, zero = (torch.float32, 0) if self._floats else (torch.uint8, ZERO)
        return torch.ops.onednn.qconv2d_pointwise(
            x,
            1.0,
            ZERO,
            self._weight,
            self._scale,
            self._zeros,
            self._bias,
            [1, 1],
            self._padding,
            [1, 1],
            1,
            1.0,
            zero,
            kind,
            "none",
            [],
            "",
        )


def _scale(x: Tensor) -> Tensor:
    """Quantization step of each channel [C] with which activations [1, C, H, W] fit, and so do the
    numbers before leaky ReLU."""
    largest = torch.maximum(x.amax(dim=(0, 2, 3)), -5 * x.amin(dim=(0, 2, 3)))
    scale = largest * (_MARGIN / _LARGEST)
    return scale.clamp_min(max(float(scale.max()) * _LEAST_SHARE, 1e-30))


class Int8Layer:
    """A synthesis layer without noise.

    Args:
        layer: with its trained weights.
        passes: compiled functions.
    """

    def __init__(self, layer: SynthesisLayer, passes: Passes) -> None:
        self.layer, self.passes = layer, passes
        self.constants = LayerConstants(layer, noisy=False)
        self.energy = layer.weight.square().sum(dim=(2, 3))  # [O, I]

    def bind(self, w: Tensor) -> BoundLayer:
        """The layer for a person's w [1, w_dim]."""
        return _BoundLayer(self, self.layer.affine(w))


class _BoundLayer:
    """A synthesis layer of one person: [1, I, h, w] to [1, O, H, W], in float32 at the first call
    and in uint8 from then on."""

    def __init__(self, layer: Int8Layer, styles: Tensor) -> None:
        self.layer, self.styles = layer, styles
        self._products: list[_Product] = []
        """One; with up-sampling two, for the even and the odd rows of the output."""
        self._factor = np.empty(0, np.float32)

    def __call__(self, x: Tensor) -> Tensor:
        if not self._products:
            return self._measured(x)
        x = self._quantized(x) if x.dtype == torch.float32 else x
        y = self._enlarged(x) if self.layer.constants.up else self._products[0](x)
        numbers = _numbers(y)

        def activate(start: int, end: int) -> None:
            self.layer.passes.activate(numbers, (start, end))

        in_parts(activate, len(numbers), _AT_ONCE)
        return y

    def _enlarged(self, x: Tensor) -> Tensor:
        """[1, I, h, w] to [1, O, 2h, 2w]."""
        height, width = x.shape[2:]
        channels = self.layer.layer.weight.shape[0]
        shape = 1, channels, 2 * height, 2 * width
        found = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
        rows = found.permute(0, 2, 3, 1).view(height, 2, -1)
        for down, product in enumerate(self._products):  # the channels hold two pixels side by side
            rows[:, down] = product(x).permute(0, 2, 3, 1).reshape(height, -1)
        return found

    def _quantized(self, x: Tensor) -> Tensor:
        x = channels_last(x)
        found = torch.empty_like(x, dtype=torch.uint8)
        pixels, places = _numbers(x), _numbers(found)

        def quantize(start: int, end: int) -> None:
            self.layer.passes.quantize(pixels, (start, end), self._factor, places)

        channels = x.shape[1]
        in_parts(quantize, len(pixels) // channels, max(1, _AT_ONCE // channels))
        return found

    def _measured(self, x: Tensor) -> Tensor:
        """Computes in float32, and quantizes the weights for the ranges seen."""
        layer, constants = self.layer.layer, self.layer.constants
        kernel = layer.resample_filter if layer.up else None
        y = modulated_conv2d(x, layer.weight, self.styles, up_kernel=kernel)
        y = leaky_relu(y + layer.bias[:, None, None], constants.clamp)
        scale, into = _scale(x), _scale(y)
        gains = (self.styles.square() @ self.layer.energy.t() + 1e-8).rsqrt()[0] * LEAKY_GAIN
        weight = layer.weight * self.styles[..., None, None] * gains[:, None, None, None]
        weights, bias = [weight], constants.bias
        if constants.low_pass is not None:
            weights = list(phases(weight, constants.low_pass).chunk(2))
            bias, into = bias.repeat(2), into.repeat(2)
        self._factor = (1 / scale).numpy()
        size = tuple(x.shape[2:])
        self._products = [_Product(w, bias, scale, into, size) for w in weights]
        return y


def _numbers(x: Tensor) -> np.ndarray:
    """The memory of a picture [1, C, H, W] in channels-last order, as [H * W * C]."""
    return x.permute(0, 2, 3, 1).numpy().reshape(-1)


class Int8ToRGB:
    """A toRGB layer. Each weight is quantized twice, coarsely and then its remainder, as the errors
    of all toRGB layers add up in the picture."""

    def __init__(self, layer: ToRGB) -> None:
        self.layer = layer

    def bind(self, w: Tensor) -> BoundLayer:
        """The layer for a person's w [1, w_dim]: features [1, I, H, W] to a float32 picture
        [1, O, H, W]."""
        layer = self.layer
        styles = layer.styles(w)  # [1, I]
        weight = layer.weight * styles[..., None, None]
        product: _Product | None = None

        def picture(x: Tensor) -> Tensor:
            nonlocal product
            if product is None:
                scale = _scale(x)
                spread = weight * scale[:, None, None]
                step = spread.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-30) / _LARGEST
                coarse = (spread / step).round() * step / scale[:, None, None]
                both = torch.cat([coarse, weight - coarse])
                bias = torch.cat([layer.bias, torch.zeros_like(layer.bias)])
                product = _Product(both, bias, scale, None, tuple(x.shape[2:]))
                y = F.conv2d(x, weight, layer.bias)
            else:
                y = product(x)
                half = weight.shape[0]
                y = y[:, :half] + y[:, half:]
            return y if layer.clamp is None else y.clamp_(-layer.clamp, layer.clamp)

        return picture


class Int8Backend:
    """Layers without noise in 8-bit integers, on a CPU.

    Args:
        passes: compiled functions.
    """

    dtype = torch.float32
    """Number format of a block's input and output."""

    def __init__(self, passes: Passes) -> None:
        self._passes = passes

    def block(
        self, block: SynthesisBlock, size: int, *, noisy: bool
    ) -> Block[Int8Layer | Int8ToRGB]:
        """See `Backend.block`."""
        assert not noisy
        return Block(
            block,
            size,
            self.dtype,
            lambda layer, _: Int8Layer(layer, self._passes),
            lambda layer, _: Int8ToRGB(layer),
        )

    def modulation(
        self, layers: Sequence[Int8Layer | Int8ToRGB], places: Sequence[int]
    ) -> CpuModulation:
        """See `Backend.modulation`."""
        return CpuModulation(layers, places)


class Int8Superresolution(SuperresolutionStage[Int8Layer | Int8ToRGB]):
    """The super-resolution of previews."""

    def __init__(self, module: Superresolution, passes: Passes) -> None:
        super().__init__(module, Int8Backend(passes))
        self._passes = passes

    def person(self, ws: Tensor, features: Tensor, image: Tensor, check: Check) -> list[BoundLayer]:
        """Layers for a person's ws, quantized for the ranges that one of their pictures has."""
        layers = list(self.bind(self.set(ws)))
        self(layers, features, image, check, _SMALLER * features.shape[-1])
        return layers

    def resized(
        self, features: Tensor, image: Tensor, whole: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """See `SuperresolutionStage.resized`."""
        side = self.module.side(features.shape[-1], whole)
        if side <= features.shape[-1]:
            return super().resized(features, image, whole)
        # Only shrinking needs the networks' anti-aliasing filter, which takes much longer.
        return self._enlarged(features, side), self._enlarged(image, side)

    def _enlarged(self, x: Tensor, large: int) -> Tensor:
        channels, side = x.shape[1:3]
        shape = 1, channels, large, large
        found = torch.empty(shape, memory_format=torch.channels_last)
        pixels, places = _numbers(channels_last(x)), _numbers(found)

        def enlarge(start: int, end: int) -> None:
            self._passes.enlarge(pixels, side, large, (start, end), places)

        in_parts(enlarge, large, max(1, _AT_ONCE // (channels * large)))
        return found


@functools.lru_cache
def compiled() -> Future[Passes | None]:
    """The functions, as from `compiling`."""
    return compiling(_compile, "Previews are computed without 8-bit integers")


def _compile() -> Passes:
    from viz.render.inference.cpu.compiled_functions import compiled_function

    names = "quantize", "activate", "enlarge"
    passes = Passes(*(compiled_function(f"numba_int8:{name}") for name in names))
    one, span, numbers = np.ones(8, np.float32), (0, 1), np.zeros(32, np.uint8)
    passes.quantize(one, span, one, numbers)
    passes.activate(numbers, span)
    passes.enlarge(one[:1], 1, 2, span, one.copy())
    return passes
