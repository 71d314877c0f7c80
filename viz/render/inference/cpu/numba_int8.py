"""The steps between 8-bit convolutions, compiled by numba; see `int8`.

Activations are uint8 with the zero point `ZERO`, in channels-last order. Every intermediate result
is given a type, as numba would compute it in 64 bits otherwise, ten times as slowly. Indices of the
inner loops are unsigned, as ones that may be negative are as slow.

A `span` is the first index and the one after the last.
"""

from __future__ import annotations

import numpy as np

from viz.render.inference.cpu.int8 import ZERO
from viz.render.inference.cpu.numba_compiler import inlined

_ZERO, _HALF, _LARGEST = np.int32(ZERO), np.float32(0.5), np.float32(255)
_FIFTH, _BITS = np.int32(51), np.int32(8)
"""Leaky ReLU's slope, 0.2, is about 51 / 2**8."""


@inlined
def quantize(pixels, span, factor, found):
    """Quantizes the pixels of a span: float32 [P, C], times each channel's factor [C], into found
    [P, C]."""
    channels = np.uint64(len(factor))
    for p in range(np.uint64(span[0]), np.uint64(span[1])):
        at = p * channels
        for c in range(channels):
            x = pixels[at + c] * factor[c] + np.float32(ZERO + 0.5)
            x = x if x > np.float32(0) else np.float32(0)
            found[at + c] = np.uint8(np.int32(x if x < _LARGEST else _LARGEST))


@inlined
def activate(numbers, span):
    """Applies leaky ReLU to the numbers of a span, in place."""
    for k in range(np.uint64(span[0]), np.uint64(span[1])):
        x = np.int32(np.int32(numbers[k]) - _ZERO)
        less = np.int32(np.int32(x * _FIFTH + _ZERO) >> _BITS)
        numbers[k] = np.uint8(np.int32((x if x > less else less) + _ZERO))


@inlined
def enlarge(pixels, side, large, span, found):
    """Bilinear interpolation of a square picture, as torch's `interpolate`, for the output rows of
    a span: float32 [side, side, C] to [large, large, C]."""
    channels = np.uint64(len(pixels) // (side * side))
    step = np.float32(side / large)
    for i in range(span[0], span[1]):
        y = max((np.float32(i) + _HALF) * step - _HALF, np.float32(0))
        top = min(int(y), side - 1)
        below, down = min(top + 1, side - 1), np.float32(y - np.float32(top))
        for j in range(large):
            x = max((np.float32(j) + _HALF) * step - _HALF, np.float32(0))
            left = min(int(x), side - 1)
            next_, right = min(left + 1, side - 1), np.float32(x - np.float32(left))
            a = np.uint64(top * side + left) * channels
            b = np.uint64(top * side + next_) * channels
            c = np.uint64(below * side + left) * channels
            d = np.uint64(below * side + next_) * channels
            to = np.uint64(i * large + j) * channels
            for k in range(channels):
                upper = pixels[a + k] + right * (pixels[b + k] - pixels[a + k])
                lower = pixels[c + k] + right * (pixels[d + k] - pixels[c + k])
                found[to + k] = upper + down * (lower - upper)
