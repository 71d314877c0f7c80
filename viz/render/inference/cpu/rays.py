"""Volume rendering on a CPU, by compiled functions on as many threads as torch uses.

Full pictures wait for the compiler, so that the same request always gives the same pixels, with or
without a window; only previews do not wait (`RaySettings.wait`). Where numba does not work, the
reference networks cast rays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.networks.decoder import Decoder
from training.rendering import compositing_weights, stratified_depths
from viz.render.inference.cpu.background import compiling, in_parts
from viz.render.inference.radiance_field import PreparedDecoder, Texels
from viz.render.inference.stage_interface import Check, Pixels

SAMPLES_AT_ONCE = 2**13
"""Approximate number of samples in a band of rays: 0.5 to 2 ms of work for a thread."""
_POINTS_AT_ONCE = 2**13
"""Points whose density a thread looks up at once."""
_SHARED_AT_ONCE = 2**18
"""Approximate number of samples of a shared first pass whose places are in memory at once."""
LOG2E = np.float32(math.log2(math.e))


class KernelWeights(NamedTuple):
    """A decoder's weights: C channels, K hidden units, F features. float32."""

    first: np.ndarray
    """[C, K], times log2(e): hidden units are log2(1 + 2**x)."""
    first_bias: np.ndarray
    """[K], times log2(e)."""
    density: np.ndarray
    """[K], divided by log2(e), which gives the original sigma."""
    density_bias: np.float32
    color: np.ndarray
    """[K, F]: divided and multiplied by log2(e), as colours are 1 / (1 + 2**-x)."""
    color_bias: np.ndarray
    """[F], times log2(e)."""

    @classmethod
    def of(cls, decoder: PreparedDecoder) -> KernelWeights:
        """A decoder's weights as the kernels take them."""
        return cls(
            _array(decoder.first) * LOG2E,
            _array(decoder.first_bias) * LOG2E,
            _array(decoder.density) / LOG2E,
            _array(decoder.density_bias)[0],
            _array(decoder.color),
            _array(decoder.color_bias) * LOG2E,
        )


class Kernels(NamedTuple):
    """Compiled functions for one decoder's sizes. All arrays are float32 and contiguous. `table`
    [2, S, S, C] is that of `Texels`, `scale` its texels per world unit, and `band` the first index
    and the one after the last."""

    cast: Callable[..., None]
    """(table, weights, scale, band, origin, directions, coarse, fine, white, shared, pixels,
    scratch) renders a band of rays from one point: origin [3], unit directions [R, 3], depths of
    the first pass [S], number of samples of the second, whether the background is white. Fills the
    pixels' features [F, R], depths [R] and opacities [R]. For the scratch see `_scratch`.

    `shared` is a first pass of fewer rays: the weights of their spans [Q * Q, S - 1], the side of
    the square picture that the rays make, and Q, the side of that of the first pass. If Q is 0,
    each ray has its own."""
    sigma: Callable[..., None]
    """(table, weights, scale, band, points, found, looked_up, hidden) fills sigma [P] for a band of
    world points [P, 3]; scratch is float32 [C] and [K]."""


class CompiledRays:
    """Renders the fields of one decoder.

    Args:
        kernels: compiled for the decoder's sizes.
        weights: those of the decoder.
    """

    def __init__(self, kernels: Kernels, weights: KernelWeights) -> None:
        self._kernels, self._weights = kernels, weights

    def cast(
        self,
        texels: Texels,
        origin: Tensor,
        directions: Tensor,
        ray_range: Tensor,
        *,
        depth_samples: int,
        importance_samples: int,
        white_background: bool,
        fewer: Tensor | None = None,
        check: Check = lambda: None,
    ) -> Pixels:
        """Renders rays from one point, as `training.rendering.cast` without jitter. A pixel does
        not depend on the other rays or the number of threads.

        Args:
            texels: float32.
            origin: [3].
            directions: unit vectors [R, 3].
            ray_range: start and end of the rays, world units [1, 2].
            depth_samples: samples of the first pass, at least 2.
            importance_samples: samples of the second; 0 leaves it out.
            white_background: whether the background is white instead of black.
            fewer: directions of the rays of a smaller picture [Q * Q, 3], if only these make a
                first pass. Each of the R rays, of a square picture of the same camera, then places
                its second pass where the nearest four of them met something, and has no other
                samples. Surfaces are smooth enough for that to be hardly visible.
            check: called between bands of rays; an exception from it abandons the work.
        """
        table, scale = _table(texels), np.float32(texels.side / texels.box)
        eye, towards = _array(origin), _array(directions)
        coarse = _array(stratified_depths(ray_range, 1, depth_samples)[0, 0])
        count = len(directions)
        features = np.empty((len(self._weights.color_bias), count), np.float32)
        depth, opacity = np.empty(count, np.float32), np.empty(count, np.float32)

        shared = self._first_pass(texels, origin, fewer, ray_range, depth_samples, count, check)

        def cast(start: int, end: int) -> None:
            self._kernels.cast(
                table,
                self._weights,
                scale,
                (start, end),
                eye,
                towards,
                coarse,
                importance_samples,
                white_background,
                shared,
                (features, depth, opacity),
                _scratch(self._weights, depth_samples + importance_samples),
            )

        own = importance_samples + (depth_samples if fewer is None else 0)
        at_once = max(1, SAMPLES_AT_ONCE // own)
        in_parts(cast, count, at_once, check)
        return Pixels(*(torch.from_numpy(x) for x in (features.T, depth, opacity)))

    def _first_pass(
        self,
        texels: Texels,
        origin: Tensor,
        directions: Tensor | None,
        ray_range: Tensor,
        samples: int,
        count: int,
        check: Check,
    ) -> tuple[np.ndarray, int, int]:
        """The first pass that `count` rays share, as the kernels take it."""
        if directions is None:
            return np.empty((0, samples - 1), np.float32), 0, 0
        weights = []
        for some in directions.split(max(1, _SHARED_AT_ONCE // samples)):
            depths = stratified_depths(ray_range, len(some), samples)[0]
            points = origin + depths[..., None] * some[:, None]
            sigma = self.sigma(texels, points.flatten(0, 1), check)
            weights.append(compositing_weights(depths, sigma.reshape(depths.shape)))
        return _array(torch.cat(weights)), math.isqrt(count), math.isqrt(len(directions))

    def sigma(self, texels: Texels, points: Tensor, check: Check = lambda: None) -> Tensor:
        """Density before its softplus [P] at world points [P, 3]."""
        table, scale = _table(texels), np.float32(texels.side / texels.box)
        places, found = _array(points), np.empty(len(points), np.float32)

        def look_up(start: int, end: int) -> None:
            scratch = (np.empty(n, np.float32) for n in self._weights.first.shape)
            self._kernels.sigma(table, self._weights, scale, (start, end), places, found, *scratch)

        in_parts(look_up, len(points), _POINTS_AT_ONCE, check)
        return torch.from_numpy(found)


def _array(x: Tensor) -> np.ndarray:
    return x.contiguous().float().numpy()


def _table(texels: Texels) -> np.ndarray:
    """float32 [2, S, S, C]."""
    return _array(texels.table).reshape(2, texels.stride, texels.stride, -1)


def _scratch(weights: KernelWeights, samples: int) -> tuple[np.ndarray, ...]:
    """What rendering a ray needs: eight rows of numbers for its samples, their order, and the
    hidden units of each; texels, and colours of the ray and of a sample."""
    (channels, units), count = weights.first.shape, len(weights.color_bias)
    shapes = (samples, units), (channels,), (count,), (count,)
    rows, order = np.empty((8, samples), np.float32), np.empty(samples, np.intp)
    return rows, order, *(np.empty(shape, np.float32) for shape in shapes)


@torch.no_grad()
def compiled(decoder: Decoder) -> Future[CompiledRays | None]:
    """The functions for a decoder, as from `compiling`."""
    prepared = PreparedDecoder.of(decoder)
    return compiling(
        lambda: _compile(prepared), "Rays are cast without numba, many times as slowly"
    )


def _compile(decoder: PreparedDecoder) -> CompiledRays:
    from viz.render.inference.cpu.compiled_functions import compiled_function

    sizes = decoder.sizes
    kernels = Kernels(
        compiled_function("numba_rays:cast", *sizes),
        compiled_function("numba_rays:sigma", *sizes[:2]),
    )
    found = CompiledRays(kernels, KernelWeights.of(decoder))
    texels = Texels.of(torch.zeros(1, 3, decoder.sizes[0], 1, 1), 1.0, torch.float32)
    ray, ray_range = torch.zeros(1, 3), torch.tensor([[0.0, 1.0]])
    options = {"depth_samples": 2, "importance_samples": 0, "white_background": False}
    found.cast(texels, ray[0], ray, ray_range, **options)
    found.sigma(texels, ray)
    return found
