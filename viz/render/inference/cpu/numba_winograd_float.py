"""Winograd's transforms of 3x3 convolutions in float32, compiled by numba.

F(4x4, 3x3) of Lavin and Gray (2016, arXiv 1509.09308): a tile of 6x6 input pixels gives 4x4 output
pixels with 36 multiplications for each pair of channels, where plain convolution takes 144.
bfloat16 is too imprecise for such tiles; see `numba_winograd`.

Channels are adjacent in memory and processed a few at a time, so that a tile stays in the
first-level cache. The distances between what a loop reads and writes are constants: only then does
the compiler know that nothing overlaps, and use vector instructions.

A `span` is the first tile, counted row by row, and the one after the last.
"""

from __future__ import annotations

import numpy as np

from viz.render.inference.cpu.numba_compiler import inlined
from viz.render.inference.cpu.winograd import APART as _APART
from viz.render.inference.cpu.winograd import LANES as _LANES

_SIDE = 4
"""Output pixels along a tile's side."""
_TWO, _FOUR, _FIVE, _EIGHT = np.float32(2), np.float32(4), np.float32(5), np.float32(8)


@inlined
def _spread(x, at, apart):
    """B^T d: transforms 6 pixels into 6 numbers."""
    d0, d1, d2 = x[at], x[at + apart], x[at + 2 * apart]
    d3, d4, d5 = x[at + 3 * apart], x[at + 4 * apart], x[at + 5 * apart]
    return _spread_numbers(d0, d1, d2, d3, d4, d5)


@inlined
def _spread_numbers(d0, d1, d2, d3, d4, d5):
    even, odd = d4 - _FOUR * d2, d3 - _FOUR * d1
    near, far = d4 - d2, _TWO * (d3 - d1)
    first, last = _FOUR * d0 - _FIVE * d2 + d4, _FOUR * d1 - _FIVE * d3 + d5
    return first, even + odd, even - odd, near + far, near - far, last


@inlined
def _gather(m0, m1, m2, m3, m4, m5):
    """A^T m: transforms 6 products into 4 pixels."""
    sum1, less1, sum2, less2 = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (
        m0 + sum1 + sum2,
        less1 + _TWO * less2,
        sum1 + _FOUR * sum2,
        less1 + _EIGHT * less2 + m5,
    )


@inlined
def _put(found, at, numbers):
    found[at], found[at + _APART], found[at + 2 * _APART] = numbers[0], numbers[1], numbers[2]
    found[at + 3 * _APART], found[at + 4 * _APART] = numbers[3], numbers[4]
    found[at + 5 * _APART] = numbers[5]


@inlined
def _transform_input(window, found, count):
    """B^T d B of one tile: `window` [6, 6, _LANES] to 36 elements, _APART from each other."""
    row = 6 * _LANES
    for c in range(count):
        p = _spread(window, c, row)
        q = _spread(window, _LANES + c, row)
        r = _spread(window, 2 * _LANES + c, row)
        s = _spread(window, 3 * _LANES + c, row)
        t = _spread(window, 4 * _LANES + c, row)
        u = _spread(window, 5 * _LANES + c, row)
        _put(found, c, _spread_numbers(p[0], q[0], r[0], s[0], t[0], u[0]))
        _put(found, 6 * _APART + c, _spread_numbers(p[1], q[1], r[1], s[1], t[1], u[1]))
        _put(found, 12 * _APART + c, _spread_numbers(p[2], q[2], r[2], s[2], t[2], u[2]))
        _put(found, 18 * _APART + c, _spread_numbers(p[3], q[3], r[3], s[3], t[3], u[3]))
        _put(found, 24 * _APART + c, _spread_numbers(p[4], q[4], r[4], s[4], t[4], u[4]))
        _put(found, 30 * _APART + c, _spread_numbers(p[5], q[5], r[5], s[5], t[5], u[5]))


@inlined
def _gather_column(x, at):
    row = 6 * _APART
    m0, m1, m2 = x[at], x[at + row], x[at + 2 * row]
    return _gather(m0, m1, m2, x[at + 3 * row], x[at + 4 * row], x[at + 5 * row])


@inlined
def _put_row(window, at, pixels):
    window[at], window[at + _LANES] = pixels[0], pixels[1]
    window[at + 2 * _LANES], window[at + 3 * _LANES] = pixels[2], pixels[3]


@inlined
def _transform_output(products, window, count):
    """A^T m A of one tile: 36 elements, _APART from each other, to `window` [4, 4, _LANES]."""
    row = _SIDE * _LANES
    for c in range(count):
        p = _gather_column(products, c)
        q = _gather_column(products, _APART + c)
        r = _gather_column(products, 2 * _APART + c)
        s = _gather_column(products, 3 * _APART + c)
        t = _gather_column(products, 4 * _APART + c)
        u = _gather_column(products, 5 * _APART + c)
        _put_row(window, c, _gather(p[0], q[0], r[0], s[0], t[0], u[0]))
        _put_row(window, row + c, _gather(p[1], q[1], r[1], s[1], t[1], u[1]))
        _put_row(window, 2 * row + c, _gather(p[2], q[2], r[2], s[2], t[2], u[2]))
        _put_row(window, 3 * row + c, _gather(p[3], q[3], r[3], s[3], t[3], u[3]))


@inlined
def _fill(window, pixels, corner, size, channels, scale, count):
    """Copies some channels of a tile's 6x6 pixels, times their factors, into a window; pixels
    outside the picture are 0. `pixels` and `scale` begin with the first of these channels."""
    (top, left), (height, width) = corner, size
    for i in range(6):
        for j in range(6):
            y, x, to = top + i, left + j, np.uint64((6 * i + j) * _LANES)
            if y < 0 or y >= height or x < 0 or x >= width:
                for c in range(count):
                    window[to + np.uint64(c)] = np.float32(0)
                continue
            at = np.uint64((y * width + x) * channels)
            for c in range(count):
                window[to + np.uint64(c)] = pixels[at + np.uint64(c)] * scale[c]


@inlined
def _finish(x, factor, bias, noise, slope, limit, pixels, count):
    """Factor, bias, noise, activation and clamping of one pixel's channels; NaN stays NaN."""
    for c in range(count):
        y = factor[c] * x[c] + bias[c] + noise
        y = y if y > 0 else y * slope
        y = limit if y > limit else y
        pixels[c] = -limit if y < -limit else y


@inlined
def transform_inputs(pixels, size, above, scale, span, window, found):
    """Transforms tiles of an input.

    Args:
        pixels: float32 [H * W * C].
        size: (H, W).
        above: rows of zero padding above it (and as many below).
        scale: factors [C].
        span: see above.
        window: scratch for 36 * LANES numbers.
        found: to fill, float32 [36 * APART], each element [tiles, C].
    """
    channels, across = len(scale), (size[1] + _SIDE - 1) // _SIDE
    for k in range(span[1] - span[0]):
        y, x = divmod(span[0] + k, across)
        corner = _SIDE * y - above, _SIDE * x - 1
        for first in range(0, channels, _LANES):
            count = min(_LANES, channels - first)
            _fill(window, pixels[first:], corner, size, channels, scale[first:], count)
            _transform_input(window, found[k * channels + first :], count)


@inlined
def transform_outputs(products, size, span, factor, bias, noise, slope, limit, window, pixels):
    """Makes tiles of an output.

    Args:
        products: float32 [36 * APART], each element [tiles, times^2 * C].
        size: (h, w, times): of the picture that has these tiles, and how many times larger the
            output is along each side.
        span: see above.
        factor: [C].
        bias: [C].
        noise: added [H * W], or empty.
        slope: of the activation below 0.
        limit: largest magnitude of the result.
        window: scratch for 16 * LANES numbers.
        pixels: to fill, float32 [H * W * C].
    """
    (height, width, times), channels = size, len(factor)
    across = (width + _SIDE - 1) // _SIDE
    for k in range(span[1] - span[0]):
        y, x = divmod(span[0] + k, across)
        for phase in range(times * times):
            down, right = divmod(phase, times)
            for first in range(0, channels, _LANES):
                count = min(_LANES, channels - first)
                at = (k * times * times + phase) * channels + first
                _transform_output(products[at:], window, count)
                for i in range(min(_SIDE, height - _SIDE * y)):
                    for j in range(min(_SIDE, width - _SIDE * x)):
                        row = times * (_SIDE * y + i) + down
                        pixel = row * times * width + times * (_SIDE * x + j) + right
                        _finish(
                            window[(_SIDE * i + j) * _LANES :],
                            factor[first:],
                            bias[first:],
                            noise[pixel] if len(noise) else np.float32(0),
                            slope,
                            limit,
                            pixels[pixel * channels + first :],
                            count,
                        )
