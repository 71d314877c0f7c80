"""Runs the Triton kernels in Triton's interpreter, on the CPU, and prints their errors as JSON.

A process of its own, as the interpreter is switched on for good before Triton is loaded.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from unittest import mock

if __name__ == "__main__":
    os.environ["TRITON_INTERPRET"] = "1"

import torch
import torch.nn.functional as F

from tests.viz.render.inference_cases import (
    CONFIGS,
    error,
    generator,
    pictures,
    raw_errors,
    ray_settings,
)
from training import rendering
from training.networks.decoder import Decoder
from training.networks.layers import resample_filter
from viz.render.inference.gpu import kernel
from viz.render.inference.gpu.device_stages import DeviceStages
from viz.render.inference.plan import Plan
from viz.render.inference.radiance_field import PreparedDecoder, Texels
from viz.render.inference.stages import ReferenceStages

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Case:
    """Sizes and a field of random numbers."""

    channels: int = 32
    hidden: int = 64
    features: int = 32
    depth_samples: int = 48
    importance_samples: int = 48
    white: bool = False
    sharp: float = 3.0
    """How much sigma varies."""
    ray_range: tuple[float, float] = (0.0, 1.3)
    lr_mul: float = 1.0
    half: bool = False
    at_once: int = 2**16
    """Rays cast together."""


CASES = {
    "as trained": Case(),
    "no powers of two": Case(24, 40, 20, 5, 7, lr_mul=0.5),
    "white background": Case(16, 64, 32, 24, 24, white=True),
    "coarse only": Case(8, 16, 8, 12, 0),
    "fewest samples": Case(16, 16, 3, 4, 1),
    "two samples": Case(16, 16, 16, 2, 0, white=True),
    "more fine than coarse": Case(16, 32, 16, 4, 96),
    "more coarse than fine": Case(16, 32, 16, 96, 5),
    "surfaces": Case(16, 32, 16, 20, 20, sharp=60.0),
    "beside the box": Case(16, 32, 16, 12, 12, ray_range=(3.0, 4.0)),
    "no length": Case(16, 32, 16, 12, 12, ray_range=(0.4, 0.4)),
    "several bundles": Case(16, 16, 8, 6, 5, at_once=3),
    "half": Case(half=True),
}


def cast_errors(case: Case, device: torch.device = CPU) -> list[float]:
    """Of features, depth and opacity against `training.rendering.cast`."""
    draws = torch.Generator().manual_seed(0)
    decoder = Decoder(case.channels, case.hidden, case.features, case.lr_mul)
    for parameter in decoder.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=draws))
    decoder.net.get_parameter("2.weight")[0] *= case.sharp
    decoder = decoder.to(device)
    planes = torch.randn(1, 3, case.channels, 16, 16, generator=draws).to(device)
    directions = F.normalize(torch.randn(7, 3, generator=draws), dim=1).to(device)
    origins = torch.tensor([[0.1, 0.2, -0.3]], device=device)
    ray_range = torch.tensor([case.ray_range], device=device)
    options = {
        "depth_samples": case.depth_samples,
        "importance_samples": case.importance_samples,
        "white_background": case.white,
    }
    dtype = torch.float16 if case.half else torch.float32
    texels, weights = Texels.of(planes, 1.0, dtype), PreparedDecoder.of(decoder, dtype)
    assert kernel.can_cast(weights, case.depth_samples, case.importance_samples)
    with mock.patch.object(kernel, "_RAYS_AT_ONCE", case.at_once):
        ours = kernel.cast(texels, weights, origins[0], directions, ray_range, **options)
    exact = rendering.cast(
        lambda points: decoder(rendering.sample_planes(planes, points, 1.0)),
        origins,
        directions[None],
        ray_range,
        **options,
    )
    pairs = [(ours.features, exact.features[0]), (ours.depth, exact.depth[0])]
    pairs.append((ours.opacity, exact.opacity[0]))
    return [float((a - b).norm() / b.norm().clamp_min(1e-3)) for a, b in pairs]


def finish_errors(device: torch.device = CPU) -> dict[str, list[float]]:
    """Of what follows a convolution, with and without the filter, noise, factor and bound."""
    draws = torch.Generator().manual_seed(0)
    found = {}
    for name, channels, side, clamp in (("few", 3, 5, None), ("many", 70, 12, 0.7)):
        bias, factor = torch.randn(2, channels, generator=draws).to(device)
        noise = torch.randn(side, side, generator=draws).to(device)
        errors = []
        for low_pass in (None, 4 * resample_filter().to(device)):
            size = side if low_pass is None else side + 1
            x = torch.randn(1, channels, size, size, generator=draws).to(device)
            x = x.contiguous(memory_format=torch.channels_last)
            for more in ({}, {"factor": factor}, {"factor": factor, "noise": noise}):
                pair = [
                    run(x.clone(), bias, clamp=clamp, low_pass=low_pass, **more)
                    for run in (kernel.finish, kernel.finish_reference)
                ]
                errors.append(error(*pair))
        found[name] = errors
    return found


def stage_errors() -> list[float]:
    """Of a whole generator's raw picture, its layers finished by the kernel, too."""
    G = generator(replace(CONFIGS["other box"], plane_resolution=16, conv_clamp=2.0))
    settings = ray_settings(G, resolution=3, with_normals=True)
    ours = pictures(DeviceStages(G, Plan(), kernels=True), G, settings=settings)
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G, settings=settings)
    assert ours[1].normals is not None
    assert exact[1].normals is not None
    return [*raw_errors(ours[1], exact[1]), error(ours[1].normals, exact[1].normals)]


def main() -> None:
    with torch.inference_mode():
        found = {
            "available": kernel.available(CPU),
            "trial": kernel.try_out(CPU),
            "cast": {name: cast_errors(case) for name, case in CASES.items()},
            "finish": finish_errors(),
            "stages": stage_errors(),
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
