"""3x3 convolutions by Winograd's method: fewer multiplications than in plain ones, between a
transform of the input and one of the output.

Activations are [1, C, H, W] in channels-last memory, as in `convolutions`. All people share the
weights: the transforms apply the factors on input and output channels.

In bfloat16 a tile has 2x2 output pixels, which takes less than half the multiplications; in
float32, which is precise enough, 4x4, which takes a quarter. An up-sampling convolution with its
low-pass filter is computed as four convolutions of the small picture, one for each of the four
pixels that a pixel becomes; this is faster in float32 only.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.layers import SynthesisLayer
from viz.render.inference.convolutions import can_fuse
from viz.render.inference.cpu.background import compiling, in_parts

_LEAST_CHANNELS = 128
"""With fewer channels, the transforms cost what the products save."""
_LEAST_SIZE = 32
"""Least side of a layer's output, pixels: below, most of the memory traffic is weights, and
Winograd's are nearly twice as many."""
_LEAST_PRODUCTS = 2**28
"""Least number of pixels times input times output channels of a layer: below, the millisecond saved
is not worth loading the functions from disk."""
_MOST_UP = 2**15
"""Most input times output channels of an up-sampling layer: reading more weights takes too long."""
_TIMES_LONGER = 3
"""How many times as many rows the bands of up-sampling layers have as those of others."""
_LEAST_TILES = 32
"""Fewest tiles in a task. Small pictures have small tasks, to keep several threads busy."""
HALF_TILES = 512
"""Tiles that are transformed and multiplied at once in bfloat16: their data fit in the caches."""
_TILES = 128
"""Most of these in float32."""
_ROOM = 2**15
"""Most tiles times channels at once in float32, which is the room for each of a tile's 36
elements."""
APART = _ROOM + 16
"""Distance between two elements of a tile in float32; a power of two would map all of them to the
same cache set."""
LANES = 128
"""Channels at a time in float32."""
_HALF_WEIGHTS = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_WEIGHTS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)


def pays(layer: SynthesisLayer, dtype: torch.dtype) -> bool:
    """Whether a layer is faster this way."""
    outputs, inputs, taps = layer.weight.shape[:3]
    size = layer.noise_const.shape[-1]
    large = size**2 * inputs * outputs >= _LEAST_PRODUCTS and size >= _LEAST_SIZE
    if taps != 3 or not large or outputs < _LEAST_CHANNELS:
        return False
    if layer.up:
        return dtype == torch.float32 and inputs * outputs <= _MOST_UP
    return inputs >= _LEAST_CHANNELS and (dtype == torch.float32 or size % 2 == 0)


@dataclass(frozen=True)
class Transforms:
    """Compiled functions of a number format, and what they expect; see `numba_winograd` and
    `numba_winograd_float`."""

    dtype: torch.dtype
    side: int
    """Output pixels along a tile's side."""
    weights: tuple[tuple[float, ...], ...]
    """Winograd's G [side + 2, 3], which turns the 3 taps along an axis into side + 2 numbers."""
    layout: Callable[[int], tuple[int, int]]
    """For a number of channels: how many tiles are computed at once, and how many numbers apart in
    memory two elements of a transformed tile are."""
    inputs: dict[int, Callable[..., None]]
    """The input's transform, by the number of channels."""
    outputs: dict[int, Callable[..., None]]
    """The output's transform, by the number of channels."""


class WinogradConvolution:
    """A convolution with fixed weights, and the factors, noise and activation around it in a layer.

    Args:
        weight: [O, I, 3, 3], any format.
        transforms: compiled for I and O.
        low_pass: filter [4, 4], symmetric; with it the convolution is transposed, of stride 2, and
            this filter follows, as in `training.networks.layers.modulated_conv2d`.
    """

    def __init__(
        self, weight: Tensor, transforms: Transforms, low_pass: Tensor | None = None
    ) -> None:
        self.transforms, self.up = transforms, low_pass is not None
        self.channels = weight.shape[0]
        if low_pass is not None:
            weight = phases(weight, low_pass)
        outputs, inputs = weight.shape[:2]
        taps = torch.tensor(transforms.weights, dtype=torch.float64, device=weight.device)
        products = torch.einsum("ia,ocab,jb->ijco", taps, weight.double(), taps)
        self._weight = products.reshape(-1, inputs, outputs).to(transforms.dtype)

    def __call__(
        self,
        x: Tensor,
        *,
        scale: Tensor,
        factor: Tensor,
        bias: Tensor,
        noise: Tensor | None,
        slope: float,
        clamp: float | None,
        padding: int = 1,
    ) -> Tensor:
        """x [1, I, h, w] -> [1, O, h - 2 + 2 padding, w], twice as large with `low_pass`; a new
        tensor.

        Args:
            x: of the transforms' format; in bfloat16 w and the output's height are even.
            scale: factors on the input channels, float32 [I].
            factor: on the output channels, before the bias, [O].
            bias: [O].
            noise: added to each channel, float32 of the output's size; None for none.
            slope: of the activation below 0.
            clamp: largest magnitude of the result; None for no limit.
            padding: rows of zeros above and below; left and right there is always one column.
        """
        transforms, times = self.transforms, 2 if self.up else 1
        height, width = x.shape[2] - 2 + 2 * padding, x.shape[3]
        shape = 1, self.channels, times * height, times * width
        y = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        source, target = _numbers(x), _numbers(y)
        kinds, inputs, outputs = self._weight.shape
        into, out = transforms.inputs[inputs], transforms.outputs[self.channels]
        scales, factors, biases = (_floats(part) for part in (scale, factor, bias))
        added = np.empty(0, np.float32) if noise is None else _floats(noise)
        limit = np.float32(np.inf if clamp is None else clamp)

        def part(start: int, end: int) -> None:
            span = start, end
            parts = _scratch("parts", kinds, transforms.layout(inputs)[1], x.dtype)
            products = _scratch("products", kinds, transforms.layout(outputs)[1], x.dtype)
            window = _numbers(_scratch("window", 36, max(LANES, inputs), x.dtype))
            into(source, tuple(x.shape[2:]), padding, scales, span, window, _numbers(parts))
            torch.bmm(
                _tiles(parts, end - start, inputs),
                self._weight,
                out=_tiles(products, end - start, outputs),
            )
            out(
                _numbers(products),
                (height, width, times),
                span,
                factors,
                biases,
                added,
                np.float32(slope),
                limit,
                window,
                target,
            )

        count = -(-height // transforms.side) * -(-width // transforms.side)
        at_once = min(transforms.layout(inputs)[0], transforms.layout(outputs)[0])
        if padding:  # a band is one thread's work anyway
            at_once = min(at_once, max(_LEAST_TILES, count // 4))
        in_parts(part, count, at_once)
        return y

    def band_rows(self, rows: int) -> int:
        """Rows of an up-sampling layer's bands, where other layers' bands have `rows`.

        With one more row of the small picture on each side, a band consists of whole tiles; in
        taller bands these two rows take a smaller share of the time.
        """
        period = 2 * self.transforms.side
        return max(2, (_TIMES_LONGER * rows + 4) // period) * period - 4


def phases(weight: Tensor, low_pass: Tensor) -> Tensor:
    """Splits an up-sampling convolution [O, I, 3, 3] and the low-pass filter [4, 4] after it into
    four convolutions [4 * O, I, 3, 3] of the small picture: those of the even rows of the large
    picture first, and of these that of the even columns."""
    outputs, inputs = weight.shape[:2]
    whole = F.conv_transpose2d(weight.float().reshape(-1, 1, 3, 3), low_pass[None, None])
    whole = whole.reshape(outputs, inputs, 6, 6)
    places = [whole[..., y::2, x::2].flip(2, 3) for y in (0, 1) for x in (0, 1)]
    return torch.cat(places)


_kept = threading.local()


def _scratch(name: str, kinds: int, apart: int, dtype: torch.dtype) -> Tensor:
    """Scratch memory [kinds, apart], kept per thread: allocating it anew would take longer than the
    transforms."""
    found = getattr(_kept, name, None)
    if found is None or found.shape != (kinds, apart) or found.dtype != dtype:
        with torch.inference_mode(False):
            found = torch.empty((kinds, apart), dtype=dtype)
        setattr(_kept, name, found)
    return found


def _tiles(scratch: Tensor, count: int, channels: int) -> Tensor:
    """The part of scratch memory that `count` tiles use, [kinds, count, channels]."""
    return scratch[:, : count * channels].unflatten(1, (count, channels))


def _numbers(x: Tensor) -> np.ndarray:
    """A tensor's memory as one row of numbers, bfloat16 as uint16; a picture is channels-last."""
    if x.ndim == 4:
        x = x.permute(0, 2, 3, 1)
    return (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x).numpy().reshape(-1)


def _floats(x: Tensor) -> np.ndarray:
    return x.float().contiguous().numpy().reshape(-1)


def compiled(G: nn.Module, dtype: torch.dtype) -> Future[Transforms | None]:
    """The functions for a generator's layers, as from `compiling`; also None if they would not be
    faster."""
    layers = [m for m in G.modules() if isinstance(m, SynthesisLayer) and pays(m, dtype)]
    if not layers or not is_of_use(layers[0].weight.device, dtype):
        nothing: Future[Transforms | None] = Future()
        nothing.set_result(None)
        return nothing
    return begun(dtype, frozenset(n for layer in layers for n in layer.weight.shape[:2]))


@functools.lru_cache
def begun(dtype: torch.dtype, channels: frozenset[int]) -> Future[Transforms | None]:
    """Cached per process, so that a repeated request does not wait behind other compilations."""
    return compiling(
        lambda: _compile(dtype, channels),
        "Convolutions are computed without numba, about half as fast",
    )


def is_of_use(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this method is faster on a device than plain convolutions.

    In bfloat16 it is where the processor has vector instructions for the format but no matrix units
    (AMX), with which only memory traffic counts. In float32 it is on x86 with AVX2 or AVX-512.
    """
    if not can_fuse(device, dtype):
        return False
    if dtype == torch.bfloat16:
        fast = torch.cpu._is_avx512_bf16_supported()
        return fast and not torch.cpu._is_amx_tile_supported()
    return torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


def _half_layout(channels: int) -> tuple[int, int]:
    return HALF_TILES, HALF_TILES * channels


def _layout(channels: int) -> tuple[int, int]:
    return max(1, min(_TILES, _ROOM // channels)), APART


def _compile(dtype: torch.dtype, channels: Collection[int]) -> Transforms:
    from viz.render.inference.cpu.compiled_functions import compiled_function

    file = "numba_winograd" if dtype == torch.bfloat16 else "numba_winograd_float"
    into, out = f"{file}:transform_inputs", f"{file}:transform_outputs"
    if dtype == torch.bfloat16:
        inputs, outputs = ({n: compiled_function(k, n) for n in channels} for k in (into, out))
        transforms = Transforms(dtype, 2, _HALF_WEIGHTS, _half_layout, inputs, outputs)
    else:
        inputs, outputs = (dict.fromkeys(channels, compiled_function(k)) for k in (into, out))
        transforms = Transforms(dtype, 4, _WEIGHTS, _layout, inputs, outputs)
    for count in channels:
        one, zero = torch.ones(count), torch.zeros(count)
        layer = WinogradConvolution(torch.zeros(count, count, 3, 3), transforms)
        x = torch.zeros((1, 2, 2, count), dtype=dtype).permute(0, 3, 1, 2)
        layer(x, scale=one, factor=one, bias=zero, noise=None, slope=1, clamp=None)
    return transforms
