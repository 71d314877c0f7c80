"""What follows a convolution, as one Triton kernel: a picture is read once and written once.

Imported only if Triton is available, which `viz.render.inference.gpu.kernel` finds out.
"""

# No `from __future__ import annotations` here: Triton reads the annotations as they are.
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]


@triton.jit
def finish(
    source,
    target,
    factor,
    noise,
    bias,
    low_pass,
    height,
    width,
    channels,
    clamp,
    SMOOTH: tl.constexpr,
    FACTOR: tl.constexpr,
    NOISE: tl.constexpr,
    CLAMP: tl.constexpr,
    PIXELS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Factor, noise, bias, leaky ReLU and bound; see `viz.render.inference.gpu.kernel.finish`.

    Pictures are channels-last. With SMOOTH the source is one larger along both sides and goes
    through the low-pass filter. Flags tell which pointers count.
    """
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside = pixel < height * width
    fits = inside[:, None] & (channel < channels)[None, :]
    if SMOOTH:
        row, column = pixel // width, pixel % width
        x = tl.zeros([PIXELS, CHANNELS], tl.float32)
        for a in range(4):
            for b in tl.static_range(4):
                above, beside = row + (a - 1), column + (b - 1)
                there = (above >= 0) & (above <= height) & (beside >= 0) & (beside <= width)
                at = (above * (width + 1) + beside)[:, None] * channels + channel[None, :]
                tap = tl.load(source + at, mask=fits & there[:, None], other=0.0)
                x += tl.load(low_pass + 4 * a + b) * tap.to(tl.float32)
    else:
        at = pixel[:, None] * channels + channel[None, :]
        x = tl.load(source + at, mask=fits, other=0.0).to(tl.float32)
    if FACTOR:
        x *= tl.load(factor + channel, mask=channel < channels, other=0.0)[None, :]
    if NOISE:
        x += tl.load(noise + pixel, mask=inside, other=0.0)[:, None]
    x += tl.load(bias + channel, mask=channel < channels, other=0.0)[None, :]
    x = tl.where(x >= 0.0, x, 0.2 * x)
    if CLAMP:
        x = tl.minimum(tl.maximum(x, -clamp), clamp)
    at = pixel[:, None] * channels + channel[None, :]
    tl.store(target + at, x.to(target.dtype.element_ty), mask=fits)
