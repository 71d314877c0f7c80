"""Finds the head in a model's box, once per model, from the density of its average person."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import numpy as np
import torch

from training.networks.generator import Generator
from training.rendering import opacity
from training.replacing import replacing
from training.user_folders import user_folder
from viz.state.types import Head

_CELLS = 32
"""Cells along each side of the box. Lengths below are fractions of that side."""
_SOLID = 0.5
"""Opacity above which a cell counts as filled."""
_WALL = 0.3
"""Filled fraction of a layer's rim above which the layer belongs to a wall behind the head."""
_RIM = 0.4
"""Distance from the box's axis beyond which cells belong to the rim."""
_CORE = 0.25
"""Distance to the side beyond which nothing belongs to the neck."""
_LOWEST_CHIN = -0.35
_HIGHEST_CHIN = -0.1
"""Heights between which the neck is searched for."""
_ENDS = (0.005, 0.995)
"""Quantiles of a profile that count as its ends, as there may be specks beyond."""
_MOST = 0.2
"""Largest distance of a head from the centre of the box; anything farther out is not a head."""
_VERSION = 1
"""Part of the cache file's name: increase it when the search would find another head."""


def cached_head(G: Generator, mark: str) -> Head:
    """`find_head`, cached in the user's folder under the fingerprint of the model's weights, so
    that only its first load waits for it."""
    path = user_folder("cache") / "heads" / f"{mark}-{_VERSION}.json"
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=Head)
    head = find_head(G)
    with suppress(OSError), replacing(path) as part:
        part.write_bytes(msgspec.json.encode(head))
    return head


@torch.inference_mode()
def find_head(G: Generator) -> Head:
    """The head of the average person at rest; at the centre of the box if none is recognised.

    Measured in whole cells of a coarse grid, so that another device's rounding changes nothing.
    """
    filled = filled_cells(G)
    side = G.config.rendering.box_warp
    axis = (np.arange(_CELLS) + 0.5) / _CELLS - 0.5
    rim = np.maximum(*np.abs(np.meshgrid(axis, axis, indexing="ij"))) > _RIM  # [x, y]
    filled = filled & ~(filled[rim].mean(axis=0) > _WALL)
    core = filled & (np.abs(axis) < _CORE)[:, None, None]
    below = (axis > _LOWEST_CHIN) & (axis < _HIGHEST_CHIN)
    neck = axis[below][np.argmin(core.sum(axis=(0, 2))[below])]
    head = filled & (axis > neck)[None, :, None]
    spans = [_span(head.sum(axis=tuple({0, 1, 2} - {k})), axis) for k in range(3)]
    if any(span is None for span in spans):
        return Head()
    low, high = np.array([span for span in spans if span is not None]).T
    middle, radius = (low + high) / 2, (high - low).max() / 2
    if np.abs(middle).max() > _MOST or not 0.1 < radius < 0.5:
        return Head()
    x, y, z = (round(float(number) * side, 3) for number in middle)
    return Head((x, y, z), round(float(radius) * side, 3))


def filled_cells(G: Generator) -> np.ndarray:
    """Which cells of the box are opaque, bool [x, y, z]."""
    side = G.config.rendering.box_warp
    step = side / _CELLS
    axis = (torch.arange(_CELLS, device=G.device) + 0.5) * step - side / 2
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    sigma = G.sample(G.average_planes(), points.reshape(1, -1, 3))[0].float()
    return (opacity(sigma, step) > _SOLID).reshape(_CELLS, _CELLS, _CELLS).cpu().numpy()


def _span(profile: np.ndarray, axis: np.ndarray) -> tuple[float, float] | None:
    """Start and end of a profile of counts; None if it is empty."""
    if not profile.any():
        return None
    part = np.cumsum(profile) / profile.sum()
    half = 0.5 / _CELLS
    first, last = np.searchsorted(part, _ENDS)
    return float(axis[first] - half), float(axis[last] + half)
