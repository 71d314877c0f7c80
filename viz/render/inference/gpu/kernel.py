"""Triton kernels for a GPU, where Triton works: the ray stage, and what follows a convolution.

Triton comes with PyTorch's builds for CUDA. On some machines it also needs a C compiler and more,
so `available` tries it, and everything also works without it. With TRITON_INTERPRET=1 the kernels
run on the CPU, one number at a time, for tests.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import logging
import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training import rendering
from training.networks.decoder import Decoder
from training.networks.layers import resample_filter
from training.reasons import first_line
from viz.render.inference.convolutions import LEAKY_SLOPE
from viz.render.inference.radiance_field import PreparedDecoder, Texels
from viz.render.inference.stage_interface import Pixels

log = logging.getLogger(__name__)

MOST_SAMPLES = 128
"""Most samples of one pass along a ray: they stay in registers."""
_MOST_UNITS = 128
"""Most channels, hidden units and features that the ray kernel takes."""
_LEAST_TILE = 16
"""Smallest side of a product on tensor cores."""
_POINTS = 64
"""Samples that one program looks up."""
_RAYS_AT_ONCE = 2**16
"""Most rays whose samples are in memory at once: about 400 MB of colours in float16."""
_LEAST_CAPABILITY = (8, 0)
"""Oldest GPUs whose tensor cores Triton uses: for older ones it generates programs of single
products that take minutes to compile."""
_TRIED_ERROR = 5e-3
"""Relative error of a small picture above which the kernel is not trusted."""


def version() -> str:
    """Triton's version; empty without it."""
    for name in ("triton", "triton-windows"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


@functools.lru_cache
def available(device: torch.device) -> bool:
    """Whether the kernels run on a device and give the right numbers there; tried once."""
    if device.type != "cuda":
        if os.environ.get("TRITON_INTERPRET") != "1":
            return False
    elif torch.cuda.get_device_capability(device) < _LEAST_CAPABILITY:
        return False
    try:
        _module("rays")
        _module("layers")
        if device.type == "cuda":
            with torch.cuda.device(device):
                error = try_out(device)
            if not error < _TRIED_ERROR:
                log.warning("Triton's kernels are not used: they are off by %.2g here.", error)
                return False
    except Exception as error:  # a compiler, a header, a driver, a version: anything can be missing
        reason = first_line(error)
        log.info("Triton's kernels are not used: %s", reason)
        return False
    return True


def _module(name: str) -> Any:
    return importlib.import_module(f"viz.render.inference.gpu.triton_{name}")


@torch.inference_mode()
def try_out(device: torch.device) -> float:
    """Error of the kernels, with products in float16, on a small field of random numbers."""
    draws = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        decoder = Decoder(32, 64, 32).to(device)
    for parameter in decoder.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=draws))
    planes = torch.randn(1, 3, 32, 16, 16, generator=draws).to(device)
    directions = torch.randn(9, 3, generator=draws).to(device)
    directions = F.normalize(directions, dim=1)
    origin = torch.full((1, 3), 0.1, device=device)
    ray_range = torch.tensor([[0.0, 0.6]], device=device)
    options = {"depth_samples": 33, "importance_samples": 33, "white_background": False}
    texels = Texels.of(planes, 1.0, torch.float16)
    weights = PreparedDecoder.of(decoder, torch.float16)
    ours = cast(texels, weights, origin[0], directions, ray_range, **options)
    exact = rendering.cast(
        lambda points: decoder(rendering.sample_planes(planes, points, 1.0)),
        origin,
        directions[None],
        ray_range,
        **options,
    )
    found = [float((ours.features - exact.features[0]).norm() / exact.features.norm())]
    found.append(float((ours.depth - exact.depth[0]).norm() / exact.depth.norm()))
    x = torch.randn(1, 24, 9, 9, generator=draws).to(device)
    bias = torch.randn(24, generator=draws).to(device)
    for low_pass in (None, 4 * resample_filter().to(device)):
        picture = x.to(torch.float16, memory_format=torch.channels_last)
        options = {"factor": bias, "clamp": 1.0, "low_pass": low_pass}
        first, second = (
            run(picture.clone(), bias, **options) for run in (finish, finish_reference)
        )
        found.append(float((first.float() - second.float()).norm() / second.float().norm()))
    return max(found) if all(error == error for error in found) else float("inf")


def can_cast(weights: PreparedDecoder, depth_samples: int, importance_samples: int) -> bool:
    """Whether the ray kernel takes these sizes."""
    few = max(depth_samples, importance_samples) <= MOST_SAMPLES
    return few and depth_samples >= 2 and max(weights.sizes) <= _MOST_UNITS


def cast(
    texels: Texels,
    weights: PreparedDecoder,
    origin: Tensor,
    directions: Tensor,
    ray_range: Tensor,
    *,
    depth_samples: int,
    importance_samples: int,
    white_background: bool,
) -> Pixels:
    """Renders rays from one point, as `training.rendering.cast` without jitter.

    For R rays with S samples in both passes, C channels, K hidden units and F features it computes
    R S (16 C + 2 C K + 2 K (F + 1)) FLOP and the exponentials of K + F numbers a sample. Looking up
    reads 8 texels a sample, 8 C R S numbers that mostly come from caches: the table itself, a few
    MB, comes once from memory. Between the launches R S (F + 5) numbers are passed, colours in the
    format of the products; 4 R (F + 2) bytes come out.

    Args:
        texels: of the planes; of float16 or float32.
        weights: of the decoder.
        origin: float32 [3].
        directions: unit vectors, float32 [R, 3].
        ray_range: start and end of the rays, world units, float32 [1, 2].
        depth_samples: samples of the first pass, 2 to `MOST_SAMPLES`.
        importance_samples: samples of the second, 0 to `MOST_SAMPLES`; 0 leaves it out, else
            there are 4 or more of the first.
        white_background: whether what a ray does not hit counts as 1 instead of 0.
    """
    parts = []
    for some in directions.contiguous().split(_RAYS_AT_ONCE):
        bundle = _Bundle(
            texels,
            weights,
            origin.contiguous(),
            some,
            ray_range.contiguous(),
            depth_samples,
            importance_samples,
        )
        parts.append(bundle.cast(white_background))
    if len(parts) == 1:
        return parts[0]
    return Pixels(
        torch.cat([part.features for part in parts]),
        torch.cat([part.depth for part in parts]),
        torch.cat([part.opacity for part in parts]),
    )


@dataclass(frozen=True)
class _Bundle:
    """Rays that are cast together; see `cast`."""

    texels: Texels
    weights: PreparedDecoder
    origin: Tensor
    directions: Tensor
    ray_range: Tensor
    depth_samples: int
    importance_samples: int

    def _empty(self, *sides: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """An uninitialised tensor of these sides for every ray."""
        return self.directions.new_empty(self.directions.shape[0], *sides, dtype=dtype)

    def cast(self, white_background: bool) -> Pixels:
        rows, total = self.directions.shape[0], self.depth_samples + self.importance_samples
        features, dtype = self.weights.sizes[2], self.weights.color.dtype
        colors = self._empty(total, features, dtype=dtype)
        sigma = self._empty(self.depth_samples)
        fine_depths = self._empty(self.importance_samples)
        ranks = self._empty(self.importance_samples, dtype=torch.int32)
        self._look(0, fine_depths, ranks, sigma, colors)
        if self.importance_samples:
            coarse_sigma, sigma, depths = sigma, self._empty(total), self._empty(total)
            sources = self._empty(total, dtype=torch.int32)
            _module("rays").place[(rows,)](
                coarse_sigma,
                self.ray_range,
                fine_depths,
                ranks,
                depths,
                sigma,
                sources,
                self.depth_samples,
                self.importance_samples,
                COARSE=_tile(self.depth_samples),
                FINE=_tile(self.importance_samples),
                num_warps=4 if max(self.depth_samples, self.importance_samples) <= 64 else 8,
            )
            self._look(self.depth_samples, fine_depths, ranks, sigma, colors)
        else:
            depths = rendering.stratified_depths(self.ray_range, rows, total)[0].contiguous()
            order = torch.arange(total, dtype=torch.int32, device=colors.device)
            sources = order.expand(rows, total).contiguous()
        pixels = Pixels(self._empty(features), self._empty(), self._empty())
        _module("rays").blend[(rows,)](
            sigma,
            depths,
            sources,
            colors,
            pixels.features,
            pixels.depth,
            pixels.opacity,
            total,
            SAMPLES=_tile(total),
            F=features,
            F_TILE=_tile(features),
            WHITE=white_background,
            num_warps=2,
        )
        return pixels

    def _look(
        self, offset: int, fine_depths: Tensor, ranks: Tensor, sigma: Tensor, colors: Tensor
    ) -> None:
        """Fills in what a pass sees: the first one at offset 0, the second one after it."""
        channels, hidden, features = self.weights.sizes
        here = self.importance_samples if offset else self.depth_samples
        count = self.directions.shape[0] * here
        _module("rays").look[(-(-count // _POINTS),)](
            self.texels.table,
            self.weights.first,
            self.weights.first_bias,
            self.weights.density,
            self.weights.density_bias,
            self.weights.color,
            self.weights.color_bias,
            self.origin,
            self.directions,
            self.ray_range,
            fine_depths,
            ranks,
            sigma,
            colors,
            count,
            here,
            self.depth_samples,
            colors.shape[1],
            offset,
            self.texels.side,
            self.texels.side / self.texels.box,
            FINE=offset > 0,
            C=channels,
            C_TILE=_tile(channels),
            H=hidden,
            H_TILE=_tile(hidden),
            F=features,
            F_TILE=_tile(features),
            N=_POINTS,
            PRECISION="tf32x3",  # three short products each: float32 but for its last bits
            num_warps=4,
        )


def _tile(count: int) -> int:
    """The smallest power of two that is at least `count`."""
    return max(_LEAST_TILE, 1 << (count - 1).bit_length())


def finish(
    x: Tensor,
    bias: Tensor,
    *,
    factor: Tensor | None = None,
    noise: Tensor | None = None,
    clamp: float | None = None,
    low_pass: Tensor | None = None,
) -> Tensor:
    """What follows a synthesis layer's convolution, in one pass; sums in float32.

    For O H W numbers it computes about 6 FLOP each, 32 more with the filter; x is read and the
    result written once.

    Args:
        x: [1, O, H, W] in channels-last memory, which may be written to; of a transposed
            convolution [1, O, H + 1, W + 1].
        bias: float32 [O], with the activation's gain applied.
        factor: on the channels, float32 [O], with the gain applied; or None.
        noise: float32 [H, W], with the gain applied; or None.
        clamp: bound on the result; None for none.
        low_pass: the filter that follows a transposed convolution, float32 [4, 4], with its gain
            applied; None for other convolutions.

    Returns:
        [1, O, H, W] in x's format.
    """
    channels, height, width = x.shape[1:]
    x = x.contiguous(memory_format=torch.channels_last)
    target = x
    if low_pass is not None:
        height, width = height - 1, width - 1
        shape = (1, channels, height, width)
        target = torch.empty(
            shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last
        )
    tile = min(64, _tile(channels))
    pixels = (2048 if low_pass is None else 1024) // tile  # the filter takes more registers
    grid = (-(-height * width // pixels), -(-channels // tile))
    _module("layers").finish[grid](
        x,
        target,
        bias if factor is None else factor,
        bias if noise is None else noise,
        bias,
        bias if low_pass is None else low_pass,
        height,
        width,
        channels,
        0.0 if clamp is None else clamp,
        SMOOTH=low_pass is not None,
        FACTOR=factor is not None,
        NOISE=noise is not None,
        CLAMP=clamp is not None,
        PIXELS=pixels,
        CHANNELS=tile,
        num_warps=4,
    )
    return target


def finish_reference(
    x: Tensor,
    bias: Tensor,
    *,
    factor: Tensor | None = None,
    noise: Tensor | None = None,
    clamp: float | None = None,
    low_pass: Tensor | None = None,
) -> Tensor:
    """The same as `finish`, without Triton."""
    if low_pass is not None:
        channels = x.shape[1]
        taps = low_pass.to(x.dtype).expand(channels, 1, 4, 4)
        x = F.conv2d(x, taps, padding=1, groups=channels)
    if factor is not None:
        x = x.mul_(factor[:, None, None])
    if noise is not None:
        x = x.add_(noise)
    x = F.leaky_relu_(x.add_(bias[:, None, None]), LEAKY_SLOPE)
    return x if clamp is None else x.clamp_(-clamp, clamp)
