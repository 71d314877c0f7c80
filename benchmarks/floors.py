"""Lower bounds on the time of a generator's stages, from their arithmetic and memory traffic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from training.networks.backbone import SynthesisBlock
from training.networks.generator import Generator
from training.networks.layers import SynthesisLayer, ToRGB
from viz.render.inference.plan import Plan

_PRODUCT = {"cuda": 8192, "cpu": 1024}
"""Side of the matrices whose product measures a device's speed."""
_COPY = {"cuda": 2**29, "cpu": 2**26}
"""Bytes copied to measure its memory bandwidth."""
_TRIES = 5


@dataclass(frozen=True)
class Work:
    """What one stage does for one picture."""

    flop: float
    """Number of multiplications and additions."""
    bytes: float
    """Bytes of weights, inputs and results, each counted once."""

    def __add__(self, other: Work) -> Work:
        return Work(self.flop + other.flop, self.bytes + other.bytes)

    def seconds(self, speed: Work) -> float:
        """Minimum time at a device's speed."""
        return max(self.flop / speed.flop, self.bytes / speed.bytes)


def _convolution(layer: SynthesisLayer | ToRGB, size: int, out_size: int, item: int) -> Work:
    """Work of a layer; sides of its input and output in pixels, and bytes per number."""
    outs, ins, taps = layer.weight.shape[0], layer.weight.shape[1], layer.weight[0, 0].numel()
    flop = 2 * outs * ins * taps * size**2
    if size != out_size:
        flop += 2 * 16 * outs * out_size**2  # the low-pass filter
    if isinstance(layer, ToRGB):  # adds to the float32 picture of the blocks before
        return Work(flop, item * outs * ins + 2 * 4 * outs * out_size**2)
    return Work(flop, item * (outs * ins * taps + ins * size**2 + outs * out_size**2))


def _blocks(blocks: Iterable[tuple[SynthesisBlock, int]], item: int) -> Work:
    """Work of blocks, given with the sides of their outputs in pixels."""
    found = Work(0, 0)
    for block, size in blocks:
        if block.conv0 is not None:
            before = size // 2 if block.conv0.up else size
            found += _convolution(block.conv0, before, size, item)
        found += _convolution(block.conv1, size, size, item)
        found += _convolution(block.torgb, size, size, item)
        if block.motion_time_fuser is not None:
            found += _convolution(block.motion_time_fuser.conv, size, size, item)
    return found


def work(G: Generator, plan: Plan) -> dict[str, Work]:
    """The work of each stage for a picture of the trained size."""
    config, options = G.config, G.config.rendering

    def item(name: str) -> int:
        return getattr(torch, name).itemsize

    synthesis = G.backbone.synthesis
    blocks = zip(synthesis.blocks, synthesis.resolutions, strict=True)
    pixels = options.raw_resolution**2
    samples = pixels * (options.depth_samples + options.importance_samples)
    channels, hidden = config.plane_channels, config.decoder_hidden
    decoder = 2 * channels * hidden + 2 * hidden * (1 + config.feature_channels)
    texels = "float32" if G.device.type == "cpu" else plan.texels
    table = 2 * config.plane_resolution**2 * channels * item(texels)
    found = {
        "planes": _blocks(blocks, item(plan.backbone)) + Work(0, table),
        "render": Work(
            samples * (16 * channels + decoder), table + 4 * pixels * (config.feature_channels + 2)
        ),
    }
    module = G.superresolution
    if module is not None:
        size = module.layout.output_resolution
        pair = [(module.block0, size // 2), (module.block1, size)]
        found["superresolution"] = _blocks(pair, item(plan.superresolution))
    return found


def speed(device: torch.device, dtype: torch.dtype) -> Work:
    """A device's operations and bytes per second, measured with a large product and a large
    copy."""
    kind = "cuda" if device.type == "cuda" else "cpu"

    def seconds(run: Callable[[], object]) -> float:
        found = []
        for _ in range(_TRIES):
            if kind == "cuda":
                torch.cuda.synchronize(device)
            start = time.perf_counter()
            run()
            if kind == "cuda":
                torch.cuda.synchronize(device)
            found.append(time.perf_counter() - start)
        return min(found)

    side = _PRODUCT[kind]
    a = torch.ones(side, side, dtype=dtype, device=device)
    flop = 2 * side**3 / seconds(lambda: a @ a)
    source = torch.zeros(_COPY[kind], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    moved = 2 * source.nbytes / seconds(lambda: target.copy_(source))
    return Work(flop, moved)
