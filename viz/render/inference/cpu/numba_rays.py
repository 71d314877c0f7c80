"""Volume rendering on a CPU, compiled by numba: one pass over each ray.

All data of a ray stay in the first-level cache; only its pixel is written to memory. The inner
loops have fixed lengths and no branches, so that the compiler turns them into vector instructions:
texels are blended and hidden units computed several at a time, and exponentials and logarithms are
polynomials. These are exact to float32's last digit or two; a test compares the pictures with
`training.rendering.cast`.

Exponentials are powers of two here, with log2(e) folded into the weights (`rays.KernelWeights`),
which saves a multiplication. A sample's colours are computed only if its share in the pixel is
noticeable.

NaN in one ray does not spread to others, and makes no loop run longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from viz.render.inference.cpu.numba_compiler import inlined
from viz.render.inference.cpu.rays import LOG2E as _LOG2E

FAINT = np.float32(1e-6)
"""Share in the pixel below which a sample's colours are left out."""
_FAINT_SHARED = np.float32(1e-3)
"""The same where rays share their first pass, and the opacity below which such a ray is empty."""
_LEAST_ALPHA = np.float32(2**-25)
"""For smaller x, 1 - exp(-x) is 0 in float32. The compiler may reorder sums, so this has to be
explicit."""
_PRODUCTS_AT_ONCE = 16
"""Hidden units that are added to a colour at once, in an unrolled loop."""

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_LEAST_EXPONENT = np.float32(-100)
"""Least exponent of a power of two, high enough for products to stay above 2**-126. Smaller numbers
are denormal, take a processor a hundred times as long, and would be common in empty space, which is
most of a picture."""


def _polynomial(function: Callable, low: float, high: float, degree: int) -> list[np.float32]:
    """Coefficients of a polynomial that approximates a function, lowest powers first."""
    fit = np.polynomial.Chebyshev.interpolate(function, degree, domain=[low, high])
    return [np.float32(x) for x in fit.convert(kind=np.polynomial.Polynomial).coef]


# 2**x = 1 + x E(x) on [-1, 0], and log2(1 + x) = x L(x) on [0, 1]. The ends where x is 0 are left
# out of the fit, as the quotients are 0 / 0 there.
_E0, _E1, _E2, _E3, _E4 = _polynomial(lambda x: (np.exp2(x) - 1) / x, -1, -1e-9, 4)
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7 = _polynomial(lambda x: np.log2(1 + x) / x, 1e-9, 1, 7)


@inlined
def _exp2(x):
    """2**x for x <= 0, but at least 2**-100."""
    x = _LEAST_EXPONENT if x < _LEAST_EXPONENT else x
    whole = np.int32(x)
    rest = x - np.float32(whole)
    power = _ONE + rest * (_E0 + rest * (_E1 + rest * (_E2 + rest * (_E3 + rest * _E4))))
    return power * np.int32((whole + 127) << 23).view(np.float32)


@inlined
def _softplus2(x):
    """log2(1 + 2**x)."""
    size = abs(x)
    t = _exp2(-size)
    log = _L4 + t * (_L5 + t * (_L6 + t * _L7))
    return _HALF * (x + size) + t * (_L0 + t * (_L1 + t * (_L2 + t * (_L3 + t * log))))


@inlined
def _within(x, high):
    """x clamped to 0..high; 0 for NaN."""
    x = x if x > _ZERO else _ZERO
    return x if x < high else high


@inlined
def _look_up(table, x, y, z, features, channels):
    """Blends the eight texels around texel coordinates into features [C]."""
    high = np.float32(table.shape[1] - 2)
    x, y, z = _within(x, high), _within(y, high), _within(z, high)
    i, j, k = np.int32(x), np.int32(y), np.int32(z)
    right, up, deep = x - np.float32(i), y - np.float32(j), z - np.float32(k)
    left, down, near = _ONE - right, _ONE - up, _ONE - deep
    row0, row1, row2, row3 = (
        table[0, j, i],
        table[0, j, i + 1],
        table[0, j + 1, i],
        table[0, j + 1, i + 1],
    )
    row4, row5, row6, row7 = (
        table[1, k, i],
        table[1, k, i + 1],
        table[1, k + 1, i],
        table[1, k + 1, i + 1],
    )
    w0, w1, w2, w3 = down * left, down * right, up * left, up * right
    w4, w5, w6, w7 = near * left, near * right, deep * left, deep * right
    for c in range(channels):
        features[c] = (
            w0 * row0[c]
            + w1 * row1[c]
            + w2 * row2[c]
            + w3 * row3[c]
            + w4 * row4[c]
            + w5 * row5[c]
            + w6 * row6[c]
            + w7 * row7[c]
        )


@inlined
def _decode(weights, features, hidden, channels, units):
    """Fills hidden units [K] from features [C]; returns sigma, the density before its softplus."""
    sigma = weights.density_bias
    for k in range(units):
        x = weights.first_bias[k]
        for c in range(channels):
            x += features[c] * weights.first[c, k]
        hidden[k] = _softplus2(x)
        sigma += hidden[k] * weights.density[k]
    return sigma


@inlined
def _add_colors(weights, hidden, share, colors, scratch, units, count, at_once):
    """Adds a sample's colours, times its share, to colors [F]."""
    for f in range(count):
        scratch[f] = weights.color_bias[f]
    for start in range(0, units, at_once):
        for f in range(count):
            x = scratch[f]
            for k in range(at_once):
                x += hidden[start + k] * weights.color[start + k, f]
            scratch[f] = x
    for f in range(count):
        x = scratch[f]
        t = _exp2(-abs(x))
        colors[f] += share * (_ONE if x > _ZERO else t) / (_ONE + t)


@inlined
def _find_alphas(depths, sigma, alphas):
    """Opacity of each span between neighbouring samples: depths, sigma [S], alphas [S - 1]."""
    for s in range(len(depths) - 1):
        mean = _HALF * (sigma[s] + sigma[s + 1])
        density = _softplus2((mean - _ONE) * _LOG2E)
        alpha = _ONE - _exp2(density * (depths[s] - depths[s + 1]))
        alphas[s] = _ZERO if alpha < _LEAST_ALPHA else alpha


@inlined
def _find_weights(alphas, weights):
    """Fills the weight of each span in its ray's colour, given the spans' opacities."""
    passed = _ONE
    for s in range(len(weights)):
        weights[s] = alphas[s] * passed
        passed *= _ONE - alphas[s]


@inlined
def _find_shared_weights(shared, ray, weights):
    """Fills the largest weights of each span among the four rays of a shared first pass that are
    nearest to a ray; NaN counts as 0.

    Returns:
        the sum of the weights.
    """
    found, side, rough = shared
    row, column = ray // side, ray % side
    # A pixel's place among those of the first pass, whose pixels have the same four corners.
    top = (2 * row + 1) * rough - side
    left = (2 * column + 1) * rough - side
    top, left = top // (2 * side), left // (2 * side)
    for s in range(len(weights)):
        weights[s] = _ZERO
    for j in range(max(top, 0), min(top + 2, rough)):
        for i in range(max(left, 0), min(left + 2, rough)):
            near = found[j * rough + i]
            for s in range(len(weights)):
                weights[s] = near[s] if near[s] > weights[s] else weights[s]
    total = _ZERO
    for s in range(len(weights)):
        total += weights[s]
    return total


@inlined
def _find_fine_depths(depths, weights, fine, cdf):
    """Fills fine [K], as `training.rendering.importance_depths` with its fixed quantiles.

    Args:
        depths: of the first pass [S].
        weights: of the spans between [S - 1].
        fine: to fill.
        cdf: scratch, at least S numbers.
    """
    spans = len(depths) - 1
    # The spans' weights are smoothed: the larger of each two neighbours, then the mean of each two
    # of these.
    before, largest, total = _ZERO, _ZERO, _ZERO
    for s in range(spans):
        weight = weights[s]
        larger = weight if s == 0 or weight > before else before
        if s > 1:
            cdf[s - 1] = _HALF * (largest + larger) + np.float32(0.01 + 1e-5)
            total += cdf[s - 1]
        before, largest = weight, larger
    edges = max(spans - 1, 1)
    cdf[0] = _ZERO
    for s in range(1, edges):
        cdf[s] = cdf[s - 1] + cdf[s] / total
    upper = 0
    for k in range(len(fine)):
        quantile = (np.float32(k) + _HALF) / np.float32(len(fine))
        while upper < edges and cdf[upper] <= quantile:
            upper += 1
        below, above = max(upper - 1, 0), min(upper, edges - 1)
        width = cdf[above] - cdf[below]
        width = _ONE if width < np.float32(1e-5) else width
        left = _HALF * (depths[below] + depths[below + 1])
        right = _HALF * (depths[above] + depths[above + 1])
        fine[k] = left + (quantile - cdf[below]) / width * (right - left)


@inlined
def _find_only_depths(depths, weights, found, cdf):
    """Fills found [K], at least 2, with the depths of a ray's only samples: most where a shared
    first pass met something, the first and the last at the ends of the ray.

    Args:
        depths: of the first pass [S].
        weights: of the spans between [S - 1].
        found: to fill.
        cdf: scratch, at least S numbers.
    """
    spans, before = len(weights), weights[0]
    cdf[0] = _ZERO
    for s in range(spans):  # smoothed as for the second pass
        weight, after = weights[s], weights[min(s + 1, spans - 1)]
        larger = (before if before > weight else weight) + (after if after > weight else weight)
        cdf[s + 1] = cdf[s] + _HALF * larger + np.float32(0.01)
        before = weight
    s = 0
    for k in range(len(found)):
        place = cdf[spans] * (np.float32(k) / np.float32(len(found) - 1))
        while s < spans - 1 and cdf[s + 1] < place:
            s += 1
        share = (place - cdf[s]) / (cdf[s + 1] - cdf[s])
        found[k] = depths[s] + share * (depths[s + 1] - depths[s])


@inlined
def _merge(depths, sigma, coarse, merged_depths, merged_sigma, order):
    """Merges the samples of both passes by depth: the first `coarse` ones and the rest, each in
    ascending order."""
    i, j, count = 0, coarse, len(depths)
    for s in range(count):
        if j >= count or (i < coarse and depths[i] <= depths[j]):
            order[s] = i
            i += 1
        else:
            order[s] = j
            j += 1
        merged_depths[s], merged_sigma[s] = depths[order[s]], sigma[order[s]]


@inlined
def _find_shares(depths, alphas, shares):
    """Fills each sample's share in its pixel [S].

    Returns:
        opacity, and expected depth, which is the far end where nothing is hit.
    """
    last = len(depths) - 1
    passed, opacity, depth, before = _ONE, _ZERO, _ZERO, _ZERO
    for s in range(last):
        weight = alphas[s] * passed
        passed *= _ONE - alphas[s]
        opacity += weight
        depth += weight * _HALF * (depths[s] + depths[s + 1])
        shares[s] = _HALF * (before + weight)
        before = weight
    shares[last] = _HALF * before
    depth = depth / opacity if opacity > _ZERO else depths[last]
    depth = depth if depth > depths[0] else depths[0]
    return opacity, depth if depth < depths[last] else depths[last]


def cast(channels: int, units: int, count: int) -> Callable[..., None]:
    """See `rays.Kernels.cast`, for a decoder of C channels, K hidden units and F features."""
    at_once = math.gcd(units, _PRODUCTS_AT_ONCE)

    @inlined
    def cast_rays(
        table,
        weights,
        scale,
        band,
        origin,
        directions,
        coarse,
        fine,
        white,
        shared,
        pixels,
        scratch,
    ):
        features, depth, opacity = pixels
        numbers, order, hidden, looked_up, colors, color = scratch
        shares_pass = shared[2] > 0
        first = 0 if shares_pass else len(coarse)
        faint = _FAINT_SHARED if shares_pass else FAINT
        most = first + fine
        depths, sigma, alphas = numbers[0, :most], numbers[1, :most], numbers[2, :most]
        sorted_depths, sorted_sigma = numbers[3, :most], numbers[4, :most]
        shares, cdf, spans = numbers[5, :most], numbers[6], numbers[7, : len(coarse) - 1]
        shift = _HALF * np.float32(table.shape[1] - 2)
        start_x, start_y = origin[0] * scale + shift, origin[1] * scale + shift
        start_z = origin[2] * scale + shift
        for s in range(first):
            depths[s] = coarse[s]
        for ray in range(band[0], band[1]):
            samples = most
            if shares_pass and _find_shared_weights(shared, ray, spans) < faint:
                samples = 0
            step_x, step_y = directions[ray, 0] * scale, directions[ray, 1] * scale
            step_z = directions[ray, 2] * scale
            for s in range(samples):
                if s == first:
                    if shares_pass:
                        _find_only_depths(coarse, spans, depths, cdf)
                    else:
                        _find_alphas(coarse, sigma, alphas)
                        _find_weights(alphas, spans)
                        _find_fine_depths(coarse, spans, depths[first:], cdf)
                x = start_x + depths[s] * step_x
                y = start_y + depths[s] * step_y
                z = start_z + depths[s] * step_z
                _look_up(table, x, y, z, looked_up, channels)
                sigma[s] = _decode(weights, looked_up, hidden[s], channels, units)
            opacity[ray], depth[ray] = _ZERO, coarse[len(coarse) - 1]
            if samples > 0:
                _merge(depths, sigma, first, sorted_depths, sorted_sigma, order)
                _find_alphas(sorted_depths, sorted_sigma, alphas)
                opacity[ray], depth[ray] = _find_shares(sorted_depths, alphas, shares)
            for f in range(count):
                colors[f] = _ZERO
            for s in range(samples):
                if not shares[s] < faint:
                    sample = hidden[order[s]]
                    _add_colors(weights, sample, shares[s], colors, color, units, count, at_once)
            # Colours range from -0.001 to 1.001, as in the decoder.
            behind = _ONE - opacity[ray] if white else _ZERO
            behind -= np.float32(0.001) * opacity[ray]
            for f in range(count):
                x = np.float32(1.002) * colors[f] + behind
                features[f, ray] = x + x - _ONE

    return cast_rays


def sigma(channels: int, units: int) -> Callable[..., None]:
    """See `rays.Kernels.sigma`."""

    @inlined
    def find_sigma(table, weights, scale, band, points, found, looked_up, hidden):
        shift = _HALF * np.float32(table.shape[1] - 2)
        for p in range(band[0], band[1]):
            x = points[p, 0] * scale + shift
            y = points[p, 1] * scale + shift
            z = points[p, 2] * scale + shift
            _look_up(table, x, y, z, looked_up, channels)
            found[p] = _decode(weights, looked_up, hidden, channels, units)

    return find_sigma
