"""3x3 convolutions in bfloat16 by Winograd's method: less than half the products of plain ones.

Activations are [1, C, H, W] in channels-last memory, as in `convolutions`. The weights stay the
same for all people: factors of input and output channels go with the transforms.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from training.networks.layers import SynthesisLayer
from training.reasons import first_line
from viz.render.inference.convolutions import can_fuse
from viz.render.inference.cpu.background import compiler, in_parts, program_ends

log = logging.getLogger(__name__)

_LEAST_CHANNELS = 128
"""With fewer channels, the transforms cost what the products save."""
_LEAST_SIZE = 32
"""Side of the smallest pictures, pixels: below, the weights are most of what is read, and
Winograd's are nearly twice as many."""
_LEAST_PRODUCTS = 2**28
"""Pixels times inputs times outputs of the smallest layers: for less, a millisecond is not worth
the second that loading the functions from disk takes."""
_WEIGHTS = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
"""Winograd's G, which turns the 3 taps along an axis into 4 numbers."""


def pays(layer: SynthesisLayer) -> bool:
    """Whether a layer is faster this way."""
    outputs, inputs, taps = layer.weight.shape[:3]
    size = layer.noise_const.shape[-1]
    large = size**2 * inputs * outputs >= _LEAST_PRODUCTS and size >= _LEAST_SIZE
    usual = taps == 3 and size % 2 == 0 and not layer.up
    return usual and large and min(inputs, outputs) >= _LEAST_CHANNELS


@dataclass(frozen=True)
class Transforms:
    """Compiled functions, see `numba_winograd`; by the number of channels."""

    tiles: int
    inputs: dict[int, Callable[..., None]]
    outputs: dict[int, Callable[..., None]]


class WinogradConvolution:
    """A convolution of stride 1 with fixed weights, and what surrounds it in a layer.

    Args:
        weight: [O, I, 3, 3], any format.
        transforms: compiled for I and O.
    """

    def __init__(self, weight: Tensor, transforms: Transforms) -> None:
        self._transforms = transforms
        outputs, inputs = weight.shape[:2]
        taps = torch.tensor(_WEIGHTS, device=weight.device)
        products = torch.einsum("ia,ocab,jb->ijco", taps, weight.float(), taps)
        self._weight = products.reshape(16, inputs, outputs).bfloat16()

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
        """x bfloat16 [1, I, H, W] -> [1, O, H - 2 + 2 padding, W], a new tensor.

        Args:
            x: W and the output's height are even.
            scale: factors on the input channels, float32 [I].
            factor: on the output channels, before the bias, [O].
            bias: [O].
            noise: to add to each channel, float32 of the output's size; None for none.
            slope: of the activation below 0.
            clamp: bound of the result; None for none.
            padding: rows of zeros above and below; left and right there is always one column.
        """
        inputs, outputs = self._weight.shape[1:]
        height, width = x.shape[2:]
        tall = height - 2 + 2 * padding
        y = torch.empty((1, outputs, tall, width), dtype=x.dtype, memory_format=torch.channels_last)
        source, target = _numbers(x), _numbers(y)
        into = self._transforms.inputs[inputs]
        out = self._transforms.outputs[outputs]
        scales, factors, biases = (_floats(part) for part in (scale, factor, bias))
        added = np.empty(0, np.float32) if noise is None else _floats(noise)
        limit = np.float32(np.inf if clamp is None else clamp)
        tiles = self._transforms.tiles

        def part(start: int, end: int) -> None:
            parts = _scratch("parts", tiles, inputs)
            products = _scratch("products", tiles, outputs)
            count, span = end - start, (start, end)
            into(source, (height, width), padding, scales, span, _numbers(parts))
            torch.bmm(parts[:, :count], self._weight, out=products[:, :count])
            out(
                _numbers(products),
                width,
                span,
                factors,
                biases,
                added,
                np.float32(slope),
                limit,
                target,
            )

        in_parts(part, tall // 2 * (width // 2), tiles)
        return y


_kept = threading.local()


def _scratch(name: str, tiles: int, channels: int) -> Tensor:
    """Scratch memory bfloat16 [16, tiles, channels], kept per thread: allocating it anew would take
    longer than the transforms."""
    shape = 16, tiles, channels
    found = getattr(_kept, name, None)
    if found is None or found.shape != shape:
        with torch.inference_mode(False):
            found = torch.empty(shape, dtype=torch.bfloat16)
        setattr(_kept, name, found)
    return found


def _numbers(x: Tensor) -> np.ndarray:
    """A bfloat16 tensor's memory as uint16; of a picture in the order of channels-last."""
    if x.ndim == 4:
        x = x.permute(0, 2, 3, 1)
    return x.view(torch.uint16).numpy().reshape(-1)


def _floats(x: Tensor) -> np.ndarray:
    return x.float().contiguous().numpy().reshape(-1)


def compiled(G: nn.Module) -> Future[Transforms | None]:
    """Starts compiling for a generator's layers, or loading what was compiled before.

    Returns:
        the functions; None if they are of no use, or if numba does not work, which is logged.
    """
    layers = [layer for layer in G.modules() if isinstance(layer, SynthesisLayer) and pays(layer)]
    if not layers or not is_of_use(layers[0].weight.device):
        nothing: Future[Transforms | None] = Future()
        nothing.set_result(None)
        return nothing
    return _begun(frozenset(n for layer in layers for n in layer.weight.shape[:2]))


@functools.lru_cache
def _begun(channels: frozenset[int]) -> Future[Transforms | None]:
    """Cached per process, so that a repeated request does not wait behind other compilations."""
    return compiler.submit(_compile, channels)


def is_of_use(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 fast, but not so fast (by units for matrices) that
    only memory counts. In float32 torch's products of matrices are no faster than convolutions that
    take twice as many."""
    fast = torch.cpu._is_avx512_bf16_supported() and not torch.cpu._is_amx_tile_supported()
    return fast and can_fuse(device, torch.bfloat16)


def _compile(channels: Collection[int]) -> Transforms | None:
    try:
        from viz.render.inference.cpu import numba_winograd

        kernels = Transforms(
            numba_winograd.TILES,
            {count: numba_winograd.input_kernel(count) for count in channels},
            {count: numba_winograd.output_kernel(count) for count in channels},
        )
        # Each function is compiled when it is first called.
        size, span = (2, 2), (0, 1)
        for count in channels:
            one, none = np.ones(count, np.float32), np.empty(0, np.float32)
            pixels = np.zeros(4 * count, np.uint16)
            parts = np.zeros(16 * kernels.tiles * count, np.uint16)
            kernels.inputs[count](pixels, size, 1, one, span, parts)
            slope, limit = np.float32(1), np.float32(1)
            kernels.outputs[count](parts, 2, span, one, one, none, slope, limit, pixels)
    except Exception as error:  # numba, its compiler or its cache can fail in many ways
        if program_ends(error):
            return None
        reason = first_line(error)
        log.warning("Convolutions are computed without numba, about half as fast: %s", reason)
        return None
    return kernels
