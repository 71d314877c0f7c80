"""The cost of finding a surface, sparsely and on the whole grid.

    python benchmarks/mesh.py --checkpoint head.safetensors --resolution 256

Each way runs in its own process, which reports the CPU seconds it took and the memory it needed
beyond the model's: the whole grid filled by `G.sample` and meshed by scikit-image ("plain"), the
whole grid by the density alone ("whole"), and only the boxes that the surface can pass through
("sparse"). The meshes are compared, and ratios to the plain way are printed.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from scipy.spatial import KDTree
from skimage.measure import marching_cubes

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from training.checkpoint import load_generator
from training.config import GeneratorConfig
from training.networks.generator import Generator
from viz.render.geometry import DensityField, Grid, sigma_grid, sigma_level, surface_steps
from viz.state.jobs import finish

Mesh = tuple[np.ndarray, np.ndarray]
WAYS = ("plain", "whole", "sparse")


@dataclass(frozen=True)
class MeshTimingOptions:
    """What is measured."""

    checkpoint: str = ""
    """Model; empty makes a full-size one with random weights."""
    resolution: int = 256
    """Points along each side of the grid."""
    density: float = 10.0
    """On the surface; where a model does not reach it, the density that a tenth of the box has."""
    t: float = 0.5
    """Moment of the clip."""
    ways: tuple[str, ...] = WAYS
    """Which ways run; the plain one takes 8 bytes a point and more."""


def moment(options: MeshTimingOptions) -> tuple[Generator, torch.Tensor]:
    """Model and planes."""
    torch.manual_seed(0)
    if options.checkpoint:
        G = load_generator(options.checkpoint)
    else:
        G = Generator(GeneratorConfig()).eval().requires_grad_(False)
    ws = G.mapping(torch.randn(1, G.config.z_dim))
    motion = torch.randn(1, G.config.motion_dim) if G.config.has_motion else None
    return G, G.planes(ws, motion, torch.tensor([[options.t]]))


def plain(G: Generator, planes: torch.Tensor, resolution: int, level: float) -> Mesh:
    """The whole grid by the model itself, meshed in one piece."""
    sigma = sigma_grid(G, planes, resolution)
    padded = np.pad(sigma, 1, constant_values=level - 1)
    vertices, faces, _, _ = marching_cubes(padded, level)
    box = G.config.rendering.box_warp
    world = (vertices - 1) * (box / (resolution - 1)) - box / 2
    return world.clip(-box / 2, box / 2), faces


def run(way: str, options: MeshTimingOptions) -> dict[str, Any]:
    """One way's mesh and what it took."""
    torch.set_num_threads(1)
    with torch.inference_mode():
        G, planes = moment(options)
        field = DensityField(G, planes)
        axis = torch.linspace(-field.box / 2, field.box / 2, 48)
        coarse = field.over(axis, axis, axis)
        level = sigma_level(options.density)
        if not coarse.min() < level < coarse.max():
            level = float(coarse.quantile(0.9))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        if way == "plain":
            mesh = plain(G, planes, options.resolution, level)
        else:
            field = DensityField(G, planes)
            grid = Grid.cube(field.box, options.resolution)
            mesh = finish(surface_steps(field, grid, level, sparse=way == "sparse"))
    seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"mesh": mesh, "seconds": seconds, "mb": memory / 1e3, "level": level}


def main(options: MeshTimingOptions) -> None:
    """Measures and prints."""
    found: dict[str, dict[str, Any]] = {}
    for way in options.ways:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[way] = pool.apply(run, (way, options))
        result = found[way]
        vertices, faces = result["mesh"]
        line = f"{way}: {result['seconds']:.2f} s, {result['mb']:.0f} MB, {len(faces)} triangles"
        if way != options.ways[0]:
            first = found[options.ways[0]]
            line += (
                f"; {first['seconds'] / result['seconds']:.1f} times as fast as {options.ways[0]}"
            )
            line += f" in {result['mb'] / first['mb']:.3f} of the memory"
            distance = KDTree(first["mesh"][0]).query(vertices)[0]
            line += f", vertices {distance.max():.1e} apart at most"
        print(line, flush=True)
    if "whole" in found and "sparse" in found:
        same = all(
            np.array_equal(a, b)
            for a, b in zip(found["whole"]["mesh"], found["sparse"]["mesh"], strict=True)
        )
        print(f"whole and sparse are {'the very same mesh' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main(tyro.cli(MeshTimingOptions))
