"""The ray stage in four Triton launches: coarse look, fine depths, fine look, pixels.

Imported only if Triton is available, which `viz.render.inference.gpu.kernel` finds out.

One launch for all would keep every number in registers, but there are not as many, and Triton has
no cheap way to move a number from lane to lane. Here what one launch writes, the next one reads
from wherever it needs it: neighbours by an offset, samples in order by their rank.
"""

# No `from __future__ import annotations` here: Triton reads the annotations as they are.
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]


@triton.jit
def _softplus(x):
    return tl.maximum(x, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(x)))


@triton.jit
def _larger(a, b):
    return tl.maximum(a, b)


@triton.jit
def _coarse_depth(ray_range, samples, i):
    """Middle of step i of the first pass, rounded as `training.rendering.stratified_depths`."""
    start = tl.load(ray_range)
    step = (tl.load(ray_range + 1) - start) / (samples - 1)
    return (start + step * i.to(tl.float32)) + 0.5 * step


@triton.jit
def _plane(table, place, right, up, stride, fits, C: tl.constexpr, C_TILE: tl.constexpr):
    """Bilinear samples [N, C] of one plane: texels `place` [N] and those after and above it."""
    at = table + place[:, None] * C + tl.arange(0, C_TILE)[None, :]
    above = at + stride * C
    left, right = (1.0 - right)[:, None], right[:, None]
    low = tl.load(at, mask=fits, other=0.0).to(tl.float32) * left
    low += tl.load(at + C, mask=fits, other=0.0).to(tl.float32) * right
    high = tl.load(above, mask=fits, other=0.0).to(tl.float32) * left
    high += tl.load(above + C, mask=fits, other=0.0).to(tl.float32) * right
    return low * (1.0 - up)[:, None] + high * up[:, None]


@triton.jit(do_not_specialize=["count", "here", "samples", "row", "offset", "side"])
def look(
    table,
    first,
    first_bias,
    density,
    density_bias,
    color,
    color_bias,
    origin,
    directions,
    ray_range,
    fine_depths,
    ranks,
    sigma_out,
    colors_out,
    count,
    here,
    samples,
    row,
    offset,
    side,
    scale,
    FINE: tl.constexpr,
    C: tl.constexpr,
    C_TILE: tl.constexpr,
    H: tl.constexpr,
    H_TILE: tl.constexpr,
    F: tl.constexpr,
    F_TILE: tl.constexpr,
    N: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Sigma and colours, before their widening, of N samples.

    There are `count` samples in all, `here` of this pass on every ray; the first pass has
    `samples`. FINE takes depths and places of sigma from `fine_depths` and `ranks` [R, here]. Rows
    of sigma_out (with FINE) and colors_out have `row` samples, this pass's from `offset` on.
    """
    n = tl.program_id(0) * N + tl.arange(0, N)
    live = n < count
    ray, i = n // here, n % here
    if FINE:
        depth = tl.load(fine_depths + n, mask=live, other=0.0)
    else:
        depth = _coarse_depth(ray_range, samples, i)
    stride = side + 3
    shift = (side + 1) * 0.5
    toward = directions + 3 * ray
    x = tl.load(origin) + tl.load(toward, mask=live, other=0.0) * depth
    y = tl.load(origin + 1) + tl.load(toward + 1, mask=live, other=0.0) * depth
    z = tl.load(origin + 2) + tl.load(toward + 2, mask=live, other=0.0) * depth
    # Everything outside the planes is moved to their border of zeros.
    x = tl.minimum(tl.maximum(x * scale + shift, 0.0), side + 1.0)
    y = tl.minimum(tl.maximum(y * scale + shift, 0.0), side + 1.0)
    z = tl.minimum(tl.maximum(z * scale + shift, 0.0), side + 1.0)
    across, up, back = x.to(tl.int32), y.to(tl.int32), z.to(tl.int32)
    right, above, behind = x - across.to(tl.float32), y - up.to(tl.float32), z - back.to(tl.float32)
    c, h, f = tl.arange(0, C_TILE), tl.arange(0, H_TILE), tl.arange(0, F_TILE)
    fits = live[:, None] & (c < C)[None, :]
    texels = _plane(table, up * stride + across, right, above, stride, fits, C, C_TILE)
    place = (back + stride) * stride + across
    texels += _plane(table, place, right, behind, stride, fits, C, C_TILE)
    weight = tl.load(
        first + c[:, None] * H + h[None, :], mask=(c < C)[:, None] & (h < H)[None, :], other=0.0
    )
    hidden = tl.dot(texels.to(weight.dtype), weight, input_precision=PRECISION)
    hidden = _softplus(hidden + tl.load(first_bias + h, mask=h < H, other=0.0)[None, :])
    share = tl.load(density + h, mask=h < H, other=0.0)
    sigma = tl.sum(hidden * share[None, :], axis=1) + tl.load(density_bias)
    place = n
    if FINE:
        place = ray * row + tl.load(ranks + n, mask=live, other=0)
    tl.store(sigma_out + place, sigma, mask=live)
    weight = tl.load(
        color + h[:, None] * F + f[None, :], mask=(h < H)[:, None] & (f < F)[None, :], other=0.0
    )
    if weight.dtype == tl.float16:
        hidden = tl.minimum(hidden, 65504.0)
    colors = tl.dot(hidden.to(weight.dtype), weight, input_precision=PRECISION)
    colors += tl.load(color_bias + f, mask=f < F, other=0.0)[None, :]
    colors = 1.0 / (1.0 + tl.exp(-colors))
    place = (ray * row + offset + i)[:, None] * F + f[None, :]
    tl.store(
        colors_out + place,
        colors.to(colors_out.dtype.element_ty),
        mask=live[:, None] & (f < F)[None, :],
    )


@triton.jit
def _alpha(sigma, spacing, i, spans):
    """Opacity of span i between samples i and i + 1 of a row; 0 for i outside of 0..spans - 1."""
    inside = (i >= 0) & (i < spans)
    both = tl.load(sigma + i, mask=inside, other=0.0)
    both += tl.load(sigma + i + 1, mask=inside, other=0.0)
    return tl.where(inside, 1.0 - tl.exp(-_softplus(0.5 * both - 1.0) * spacing), 0.0)


@triton.jit
def _coarse_weights(sigma, ray_range, samples, i):
    """Share of span i [N] in the pixel, for i that rise by 1 from at most 1."""
    here = _coarse_depth(ray_range, samples, i)
    before = _coarse_depth(ray_range, samples, i - 1)
    alpha = _alpha(sigma, _coarse_depth(ray_range, samples, i + 1) - here, i, samples - 1)
    passed = 1.0 - _alpha(sigma, here - before, i - 1, samples - 1) + 1e-10
    return alpha * tl.cumprod(passed, axis=0)


@triton.jit(do_not_specialize=["samples", "more"])
def place(
    coarse_sigma,
    ray_range,
    fine_depths,
    ranks,
    depths_out,
    sigma_out,
    sources_out,
    samples,
    more,
    COARSE: tl.constexpr,
    FINE: tl.constexpr,
):
    """Fine depths of one ray, and the ranks of both passes' samples by depth.

    As `training.rendering.importance_depths` with the quantiles (k + 0.5) / more: in its terms
    entry i of the distribution here is cdf[i], which belongs to edges[i], the middle of span i.
    Written are fine depths and their ranks [R, more], and in rows of samples + more the depths in
    order, sigma of the coarse samples, and each sample's number, from `samples` on for fine ones.
    """
    ray = tl.program_id(0)
    i, k = tl.arange(0, COARSE), tl.arange(0, FINE)
    row = coarse_sigma + ray * samples
    weights = _coarse_weights(row, ray_range, samples, i)
    after = tl.maximum(weights, _coarse_weights(row, ray_range, samples, i + 1))
    before = tl.maximum(weights, _coarse_weights(row, ray_range, samples, i - 1))
    last = samples - 3
    share = tl.where((i >= 1) & (i <= last), 0.5 * (before + after) + 0.01 + 1e-5, 0.0)
    cdf = tl.cumsum(share / tl.sum(share, axis=0), axis=0)
    at = (k.to(tl.float32) + 0.5) / more
    exists = (i <= last)[None, :]
    reached = (cdf[None, :] <= at[:, None]) & exists  # [FINE, COARSE]
    upper = tl.sum(reached.to(tl.int32), axis=1)
    low = tl.max(tl.where(reached, cdf[None, :], 0.0), axis=1)
    high = tl.min(tl.where(exists & (cdf[None, :] > at[:, None]), cdf[None, :], 2.0), axis=1)
    span = tl.where(high > 1.5, 0.0, high - low)
    span = tl.where(span < 1e-5, 1.0, span)
    start = tl.load(ray_range)
    step = (tl.load(ray_range + 1) - start) / (samples - 1)
    left = start + step * tl.maximum(upper, 1).to(tl.float32)
    right = start + step * (tl.minimum(upper, last) + 1).to(tl.float32)
    fine = left + (at - low) / span * (right - left)
    # Rounding must not leave two depths the wrong way round: ranks would meet.
    fine = tl.associative_scan(fine, 0, _larger)

    coarse = _coarse_depth(ray_range, samples, i)
    passed = tl.sum(((coarse[None, :] <= fine[:, None]) & (i < samples)[None, :]).to(tl.int32), 1)
    rank = k + passed
    there = k < more
    tl.store(fine_depths + ray * more + k, fine, mask=there)
    tl.store(ranks + ray * more + k, rank, mask=there)
    begin = ray * (samples + more)
    tl.store(depths_out + begin + rank, fine, mask=there)
    tl.store(sources_out + begin + rank, samples + k, mask=there)
    ahead = (passed[None, :] <= i[:, None]) & there[None, :]  # fine ones before coarse ones
    rank = i + tl.sum(ahead.to(tl.int32), axis=1)
    real = i < samples
    tl.store(depths_out + begin + rank, coarse, mask=real)
    tl.store(sources_out + begin + rank, i, mask=real)
    tl.store(sigma_out + begin + rank, tl.load(row + i, mask=real, other=0.0), mask=real)


@triton.jit
def _weights(sigma, depths, count, p):
    """Share of span p [N] in the pixel, for p that rise by 1 from at most 1."""
    spans = count - 1
    here = tl.load(depths + p, mask=(p >= 0) & (p < count), other=0.0)
    after = tl.load(depths + p + 1, mask=(p >= 0) & (p < spans), other=0.0)
    before = tl.load(depths + p - 1, mask=(p >= 1) & (p < count), other=0.0)
    alpha = _alpha(sigma, after - here, p, spans)
    passed = 1.0 - _alpha(sigma, here - before, p - 1, spans) + 1e-10
    return alpha * tl.cumprod(passed, axis=0), 0.5 * (here + after)


@triton.jit(do_not_specialize=["count"])
def blend(
    sigma,
    depths,
    sources,
    colors,
    features_out,
    depth_out,
    opacity_out,
    count,
    SAMPLES: tl.constexpr,
    F: tl.constexpr,
    F_TILE: tl.constexpr,
    WHITE: tl.constexpr,
):
    """One ray's pixel from its samples in order, `count` in each row of what is read."""
    ray = tl.program_id(0)
    p, f = tl.arange(0, SAMPLES), tl.arange(0, F_TILE)
    begin = ray * count
    weights, middles = _weights(sigma + begin, depths + begin, count, p)
    before, _ = _weights(sigma + begin, depths + begin, count, p - 1)
    shares = 0.5 * (weights + before)
    real = p < count
    source = begin + tl.load(sources + begin + p, mask=real, other=0)
    fits = real[:, None] & (f < F)[None, :]
    color = tl.load(colors + source[:, None] * F + f[None, :], mask=fits, other=0.0)
    blended = tl.sum(color.to(tl.float32) * shares[:, None], axis=0)
    opacity = tl.sum(weights, axis=0)
    near, far = tl.load(depths + begin), tl.load(depths + begin + count - 1)
    depth = tl.sum(weights * middles, axis=0)
    hit = opacity > 0.0
    depth = tl.where(hit, depth / tl.where(hit, opacity, 1.0), far)
    blended = 1.002 * blended - 0.001 * opacity
    if WHITE:
        blended += 1.0 - opacity
    tl.store(features_out + ray * F + f, 2.0 * blended - 1.0, mask=f < F)
    tl.store(depth_out + ray, tl.minimum(tl.maximum(depth, near), far))
    tl.store(opacity_out + ray, opacity)
