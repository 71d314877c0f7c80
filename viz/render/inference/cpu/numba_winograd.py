"""Winograd's transforms of 3x3 convolutions in bfloat16, compiled by numba.

F(2x2, 3x3) of Lavin and Gray (2016, arXiv 1509.09308): a tile of 4x4 input pixels gives 2x2 output
pixels with 16 multiplications for each pair of channels, where plain convolution takes 36. Here are
the transforms of the input and the output; `winograd` leaves the multiplications to torch.

bfloat16 is the upper half of float32; numba has no such type, so it is passed as uint16.
Transforms are computed in float32. Channels are adjacent in memory, so that the inner loops, of a
fixed length and on arrays at fixed distances, become vector instructions.

A `span` is the first tile, counted row by row, and the one after the last.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from viz.render.inference.cpu.numba_compiler import inlined
from viz.render.inference.cpu.winograd import HALF_TILES as _TILES


@inlined
def _number(half):
    """A bfloat16 as float32."""
    return np.uint32(np.uint32(half) << np.uint32(16)).view(np.float32)


@inlined
def _half(number):
    """The bfloat16 nearest to a float32, ties to even; NaN stays NaN."""
    bits = np.float32(number).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    rounded = rounded if number == number else np.uint32(0x7FC00000)
    return np.uint16(np.uint32(rounded) >> np.uint32(16))


@inlined
def _rows(pixels, start, across):
    """Views that begin at a pixel and at the three pixels below it."""
    return (
        pixels[start:],
        pixels[start + across :],
        pixels[start + 2 * across :],
        pixels[start + 3 * across :],
    )


@inlined
def _transform_input(rows, scale, found, channels):
    """B^T d B of one tile.

    Args:
        rows: four views that begin with the tile's pixels.
        scale: factor of each channel.
        found: to fill with the tile's 16 elements, at a fixed distance from each other.
        channels: C.
    """
    apart = _TILES * channels
    first, second, third, fourth = rows
    for c in range(channels):
        by = scale[c]
        a0, a1 = by * _number(first[c]), by * _number(first[channels + c])
        a2, a3 = by * _number(first[2 * channels + c]), by * _number(first[3 * channels + c])
        b0, b1 = by * _number(second[c]), by * _number(second[channels + c])
        b2, b3 = by * _number(second[2 * channels + c]), by * _number(second[3 * channels + c])
        c0, c1 = by * _number(third[c]), by * _number(third[channels + c])
        c2, c3 = by * _number(third[2 * channels + c]), by * _number(third[3 * channels + c])
        d0, d1 = by * _number(fourth[c]), by * _number(fourth[channels + c])
        d2, d3 = by * _number(fourth[2 * channels + c]), by * _number(fourth[3 * channels + c])
        r0, r1, r2, r3 = a0 - c0, a1 - c1, a2 - c2, a3 - c3
        found[c], found[apart + c] = _half(r0 - r2), _half(r1 + r2)
        found[2 * apart + c], found[3 * apart + c] = _half(r2 - r1), _half(r1 - r3)
        r0, r1, r2, r3 = b0 + c0, b1 + c1, b2 + c2, b3 + c3
        found[4 * apart + c], found[5 * apart + c] = _half(r0 - r2), _half(r1 + r2)
        found[6 * apart + c], found[7 * apart + c] = _half(r2 - r1), _half(r1 - r3)
        r0, r1, r2, r3 = c0 - b0, c1 - b1, c2 - b2, c3 - b3
        found[8 * apart + c], found[9 * apart + c] = _half(r0 - r2), _half(r1 + r2)
        found[10 * apart + c], found[11 * apart + c] = _half(r2 - r1), _half(r1 - r3)
        r0, r1, r2, r3 = b0 - d0, b1 - d1, b2 - d2, b3 - d3
        found[12 * apart + c], found[13 * apart + c] = _half(r0 - r2), _half(r1 + r2)
        found[14 * apart + c], found[15 * apart + c] = _half(r2 - r1), _half(r1 - r3)


@inlined
def _finished(x, slope, limit):
    """Activation and clamping; NaN stays NaN."""
    x = x if x > 0 else x * slope
    x = limit if x > limit else x
    return _half(-limit if x < -limit else x)


@inlined
def _transform_output(products, factor, bias, noise, slope, limit, rows, channels):
    """A^T m A of one tile and what follows it. `rows` are two views that begin with its pixels; for
    the other arguments see `transform_outputs`."""
    upper, lower = rows
    apart = _TILES * channels
    n0, n1, n2, n3 = noise
    for c in range(channels):
        by, plus = factor[c], bias[c]
        m4, m8 = _number(products[4 * apart + c]), _number(products[8 * apart + c])
        m5, m9 = _number(products[5 * apart + c]), _number(products[9 * apart + c])
        m6, m10 = _number(products[6 * apart + c]), _number(products[10 * apart + c])
        m7, m11 = _number(products[7 * apart + c]), _number(products[11 * apart + c])
        r0 = _number(products[c]) + m4 + m8
        r1 = _number(products[apart + c]) + m5 + m9
        r2 = _number(products[2 * apart + c]) + m6 + m10
        r3 = _number(products[3 * apart + c]) + m7 + m11
        upper[c] = _finished(by * (r0 + r1 + r2) + plus + n0, slope, limit)
        upper[channels + c] = _finished(by * (r1 - r2 - r3) + plus + n1, slope, limit)
        r0 = m4 - m8 - _number(products[12 * apart + c])
        r1 = m5 - m9 - _number(products[13 * apart + c])
        r2 = m6 - m10 - _number(products[14 * apart + c])
        r3 = m7 - m11 - _number(products[15 * apart + c])
        lower[c] = _finished(by * (r0 + r1 + r2) + plus + n2, slope, limit)
        lower[channels + c] = _finished(by * (r1 - r2 - r3) + plus + n3, slope, limit)


def transform_inputs(channels: int) -> Callable[..., None]:
    """(pixels, size, above, scale, span, window, found): transforms tiles of an input.

    Its arguments: bfloat16 [H * W * C], (H, W), rows of zero padding above it (and as many below),
    factors float32 [C], span, scratch for 16 * C numbers, bfloat16 [16 * HALF_TILES * C] to fill.
    """
    row = 4 * channels

    @inlined
    def transform(pixels, size, above, scale, span, window, found):
        height, width = size
        across = width * channels
        for k in range(span[1] - span[0]):
            y, x = divmod(span[0] + k, width // 2)
            top, left = 2 * y - above, 2 * x - 1
            tile = found[k * channels :]
            if top >= 0 and top + 4 <= height and left >= 0 and left + 4 <= width:
                start = top * across + left * channels
                _transform_input(_rows(pixels, start, across), scale, tile, channels)
                continue
            for c in range(16 * channels):
                window[c] = np.uint16(0)
            for i in range(max(0, -top), min(4, height - top)):
                for j in range(max(0, -left), min(4, width - left)):
                    start = (top + i) * across + (left + j) * channels
                    for c in range(channels):
                        window[i * row + j * channels + c] = pixels[start + c]
            _transform_input(_rows(window, 0, row), scale, tile, channels)

    return transform


def transform_outputs(channels: int) -> Callable[..., None]:
    """(products, size, span, factor, bias, noise, slope, limit, window, pixels): makes tiles of an
    output.

    Its arguments: bfloat16 [16 * HALF_TILES * C], (H, W, 1), span, factors and then biases float32
    [C], noise to add float32 [H * W] or empty, slope of the activation below 0, largest magnitude
    of the result, scratch (not used here), bfloat16 [H * W * C] to fill.
    """

    @inlined
    def transform(products, size, span, factor, bias, noise, slope, limit, window, pixels):
        width, zero = size[1], np.float32(0)
        across = width * channels
        for k in range(span[1] - span[0]):
            y, x = divmod(span[0] + k, width // 2)
            at = 2 * y * width + 2 * x
            added = (zero, zero, zero, zero)
            if len(noise):
                added = (noise[at], noise[at + 1], noise[at + width], noise[at + width + 1])
            _transform_output(
                products[k * channels :],
                factor,
                bias,
                added,
                slope,
                limit,
                (pixels[at * channels :], pixels[at * channels + across :]),
                channels,
            )

    return transform
