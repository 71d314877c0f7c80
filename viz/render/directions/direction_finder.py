"""Directions that a model has learnt, found from its weights and from random people.

Appearance: principal components of w (GANSpace, Härkönen et al. 2020, arXiv 2004.02546) and the
closed-form factors of the style layers (SeFa, Shen and Zhou 2021, arXiv 2007.06600). Motion: of the
directions that the motion layers read, those that change the tri-planes most.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from training.checkpoint import mark_of
from training.networks.backbone import MotionTimeFuser
from training.networks.layers import FullyConnected
from training.user_folders import user_folder
from viz.render.directions import direction_files
from viz.render.directions.direction_files import Directions
from viz.state.errors import UserError
from viz.state.jobs import Steps
from viz.state.types import Orbit

if TYPE_CHECKING:
    from training.networks.generator import Generator

PEOPLE = 10_000
"""Number of people sampled for the components."""
MOST = 32
"""Maximum number of directions of each kind."""
_BATCH = 500
_VERSION = 2
_LEAST_READ = 0.05
"""Strength relative to the strongest direction below which a direction is ignored: there, training
has left the motion layers' weights at their initial values, or they have decayed."""


def cached(G: Generator) -> Steps[str]:
    """Path of the file with a model's directions, which are found first if it does not exist.

    Yields:
        Progress as (detail, fraction).

    Raises:
        UserError: when the file cannot be written.
    """
    path = cache_path(mark_of(G))
    try:
        direction_files.load(path)
    except UserError:
        found = yield from find(G)
        direction_files.save(path, found)
    return str(path)


def cache_path(mark: str) -> Path:
    """The file for the directions of the model whose weights have this fingerprint."""
    return user_folder("cache") / "directions" / f"{mark}-{_VERSION}.npz"


def find(G: Generator, people: int = PEOPLE) -> Steps[Directions]:
    """Directions of a model.

    Args:
        G: the generator.
        people: number of people to draw; fewer than w_dim give fewer components.

    Yields:
        Progress as (detail, fraction).
    """
    total = torch.zeros(G.config.w_dim, dtype=torch.float64)
    products = torch.zeros(G.config.w_dim, G.config.w_dim, dtype=torch.float64)
    done = 0
    for ws in sampled_w(G, people):
        yield "Drawing people", 0.6 * done / people
        total += ws.sum(dim=0)
        products += ws.T @ ws
        done += len(ws)
    mean = total / done
    covariance = products / done - mean[:, None] * mean
    values, vectors = torch.linalg.eigh(covariance)
    order = values.argsort(descending=True)[:MOST]
    values, vectors = values[order].clamp_min(0), vectors[:, order].T
    yield "Factors of the style layers", 0.6
    factors = style_factors(G)
    spread = ((factors @ covariance) * factors).sum(dim=1).clamp_min(0).sqrt()
    motions, moved = yield from _motion_directions(G)
    return Directions(
        components=_float32(_upright(vectors) * values.sqrt()[:, None]),
        explained=_float32(values / covariance.trace().clamp_min(1e-30)),
        factors=_float32(_upright(factors) * spread[:, None]),
        motions=_float32(_upright(motions)),
        moved=_float32(moved),
    )


def sampled_w(G: Generator, people: int) -> Iterator[Tensor]:
    """w of random people, in batches float64 [n, w_dim], conditioned on the frontal camera; the
    same people each time."""
    c0 = torch.from_numpy(Orbit().camera().numbers())[None].to(G.device)
    draws = np.random.default_rng(0)
    for start in range(0, people, _BATCH):
        count = min(_BATCH, people - start)
        z = draws.standard_normal((count, G.config.z_dim), np.float32)
        ws = G.mapping(torch.from_numpy(z).to(G.device), c0.expand(count, -1))
        yield ws[:, 0].double().cpu()


def style_factors(G: Generator) -> Tensor:
    """Unit directions of w that change the styles of all synthesis layers most, float64 [K, w_dim]:
    eigenvectors of AᵀA, where A stacks the weights of the layers' affine maps."""
    weights = [
        layer.weight.double().cpu()
        for name, layer in G.backbone.named_modules()
        if name.endswith("affine")
        and isinstance(layer, FullyConnected)
        and layer.weight.shape[1] == G.config.w_dim
        and not _belongs_to_motion(G, name)
    ]
    stacked = torch.cat([weight / weight.shape[1] ** 0.5 for weight in weights])
    _, vectors = torch.linalg.eigh(stacked.T @ stacked)
    return vectors.T.flip(0)[:MOST]


def _belongs_to_motion(G: Generator, name: str) -> bool:
    parent = G.backbone.get_submodule(name.rpartition(".")[0])
    return isinstance(parent, MotionTimeFuser)


def _motion_directions(G: Generator) -> Steps[tuple[Tensor, Tensor]]:
    """Unit directions of the motion code, and how much each changes the average person's planes at
    the end of the clip relative to the first."""
    if not G.config.has_motion:
        return torch.zeros(0, 1, dtype=torch.float64), torch.zeros(0, dtype=torch.float64)
    fusers = [layer for layer in G.backbone.modules() if isinstance(layer, MotionTimeFuser)]
    stacked = torch.cat([fuser.affine.weight.double().cpu() for fuser in fusers])
    _, strengths, vectors = torch.linalg.svd(stacked, full_matrices=False)
    read = vectors[strengths > _LEAST_READ * strengths[0]][:MOST]
    ws = G.average_ws
    rest = _coarse_planes(G, ws, torch.zeros(1, G.config.motion_dim, device=G.device))
    moved = []
    for index, vector in enumerate(read):
        # Both ways from rest: if eyes close either way, the two ends look the same.
        squares = []
        for half, sign in enumerate((1, -1)):
            yield "Directions of motion", 0.65 + 0.35 * (index + half / 2) / len(read)
            code = sign * vector[None].float().to(G.device)
            squares.append(float((_coarse_planes(G, ws, code) - rest).square().mean()))
        moved.append((sum(squares) / 2) ** 0.5)
    changes = torch.tensor(moved, dtype=torch.float64)
    order = changes.argsort(descending=True)
    return read[order], changes[order] / changes.max().clamp_min(1e-30)


def _coarse_planes(G: Generator, ws: Tensor, motion: Tensor) -> Tensor:
    """The tri-planes after the blocks with motion layers [1, 3 C, h, w]: the later blocks only
    refine what has moved, and take most of the time."""
    features = planes = None
    first = 0
    for block in G.backbone.synthesis.blocks:
        if block.motion_time_fuser is None:
            break
        last = first + block.num_layers
        features, planes = block(features, planes, ws[:, first : last + 1], motion, "const")
        first = last
    assert planes is not None
    return planes


def _upright(vectors: Tensor) -> Tensor:
    """The same directions, with signs such that the largest component of each is positive."""
    largest = vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True))
    return vectors * torch.where(largest < 0, -1.0, 1.0)


def _float32(values: Tensor) -> np.ndarray:
    return values.numpy().astype(np.float32)
