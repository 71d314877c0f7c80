"""Rays of a decoder's fields on a processor, by compiled functions on all of torch's threads.

The functions are compiled once per machine and decoder size, in the background in some seconds, and
kept on the disk. Full pictures wait for them, so that the same request gives the same pixels at
every time, with a window or without one; only previews do not (`RaySettings.wait`). Where numba
does not work, the networks cast rays as they are.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor

from training.networks.decoder import Decoder
from training.reasons import first_line
from training.rendering import stratified_depths
from viz.render.inference.radiance_field import PreparedDecoder, Texels
from viz.render.inference.stage_interface import Check, Pixels

if TYPE_CHECKING:
    from viz.render.inference.cpu.numba_rays import Kernels, KernelWeights

log = logging.getLogger(__name__)

T = TypeVar("T")

SAMPLES_AT_ONCE = 2**13
"""Samples of a band of rays, about: a thread's work of half a millisecond to two."""
_POINTS_AT_ONCE = 2**13
_PATIENCE = 0.05
"""Seconds of waiting between two checks."""


class CompiledRays:
    """Renders a decoder's fields.

    Args:
        kernels: compiled for the decoder's sizes.
        weights: of the decoder.
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
            white_background: whether what a ray does not hit counts as 1 instead of 0.
            check: called between bands of rays; an exception from it abandons the picture.
        """
        table, scale = _table(texels), np.float32(texels.side / texels.box)
        start, towards = _array(origin), _array(directions)
        coarse = _array(stratified_depths(ray_range, 1, depth_samples)[0, 0])
        count = len(directions)
        features = np.empty((len(self._weights.color_bias), count), np.float32)
        depth, opacity = np.empty(count, np.float32), np.empty(count, np.float32)

        def cast(band: tuple[int, int]) -> None:
            self._kernels.cast(
                table,
                self._weights,
                scale,
                band,
                start,
                towards,
                coarse,
                importance_samples,
                white_background,
                (features, depth, opacity),
            )

        at_once = max(1, SAMPLES_AT_ONCE // (depth_samples + importance_samples))
        _in_bands(cast, count, at_once, check)
        return Pixels(*(torch.from_numpy(x) for x in (features.T, depth, opacity)))

    def sigma(self, texels: Texels, points: Tensor, check: Check = lambda: None) -> Tensor:
        """Density before its softplus [P] at world points [P, 3]."""
        table, scale = _table(texels), np.float32(texels.side / texels.box)
        places, found = _array(points), np.empty(len(points), np.float32)

        def look_up(band: tuple[int, int]) -> None:
            self._kernels.sigma(table, self._weights, scale, band, places, found)

        _in_bands(look_up, len(points), _POINTS_AT_ONCE, check)
        return torch.from_numpy(found)


def _array(x: Tensor) -> np.ndarray:
    return x.contiguous().float().numpy()


def _table(texels: Texels) -> np.ndarray:
    """float32 [2, S, S, C]."""
    return _array(texels.table).reshape(2, texels.stride, texels.stride, -1)


# Threads ------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "rays")


def _in_bands(
    run: Callable[[tuple[int, int]], None], count: int, at_once: int, check: Check
) -> None:
    """Runs a function, which lets go of the interpreter, on all spans of 0 to count."""
    threads = _threads(torch.get_num_threads())
    bands = [(start, min(start + at_once, count)) for start in range(0, count, at_once)]
    running = [threads.submit(run, band) for band in bands]
    try:
        for band in running:
            wait_for(band, check)
    finally:
        for band in running:
            band.cancel()


def wait_for(future: Future[T], check: Check) -> T:
    """A future's result; checks while it waits."""
    while True:
        check()
        try:
            return future.result(_PATIENCE)
        except TimeoutError:
            continue


# Compiling ----------------------------------------------------------------------------------------

_compiler = ThreadPoolExecutor(1, "compiling rays")


@torch.no_grad()
def compiled(decoder: Decoder) -> Future[CompiledRays | None]:
    """Begins to compile for a decoder, or to read what was compiled before.

    Returns:
        the functions; None where numba does not work, which is logged.
    """
    return _compiler.submit(_compile, PreparedDecoder.of(decoder))


def _compile(decoder: PreparedDecoder) -> CompiledRays | None:
    try:
        from viz.render.inference.cpu import numba_rays

        kernels = numba_rays.compile_kernels(*decoder.sizes)
        rays = CompiledRays(kernels, numba_rays.kernel_weights(decoder))
        # Each function is compiled when it is first called.
        texels = Texels.of(torch.zeros(1, 3, decoder.sizes[0], 1, 1), 1.0, torch.float32)
        ray, ray_range = torch.zeros(1, 3), torch.tensor([[0.0, 1.0]])
        options = {"depth_samples": 2, "importance_samples": 0, "white_background": False}
        rays.cast(texels, ray[0], ray, ray_range, **options)
        rays.sigma(texels, ray)
    except Exception as error:  # numba, its compiler or its cache can fail in many ways
        reason = first_line(error)
        log.warning("Rays are cast without numba, many times as slowly: %s", reason)
        return None
    return rays
