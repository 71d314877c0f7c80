"""Where the head lies in a model's box: once per model, from the density of its average person."""

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
"""Along each side of the box."""
_SOLID = 0.5
"""Opacity of a cell that something fills."""
_WALL = 0.3
"""Filled share of a layer's rim from which on it belongs to a wall behind the head."""
_RIM = 0.4
"""What lies further from the box's axis is the rim; parts of the box's side, as all below."""
_CORE = 0.25
"""What lies further aside from the axis is no part of the neck."""
_LOWEST_CHIN = -0.35
_HIGHEST_CHIN = -0.1
"""The neck is looked for between these two heights."""
_ENDS = (0.005, 0.995)
"""Shares of the profile where it is taken to begin and to end, as specks may lie beyond."""
_MOST = 0.2
"""Largest distance of a head from the middle of the box; anything farther out is no head."""


_VERSION = 1
"""Part of the cache file's name: increase it when another head would be found."""


def cached_head(G: Generator, mark: str) -> Head:
    """`find_head`, kept in the user's cache folder, so that only the first load of a model waits.

    Args:
        G: the model.
        mark: fingerprint of its weights.
    """
    path = user_folder("cache") / "heads" / f"{mark}-{_VERSION}.json"
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=Head)
    head = find_head(G)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(msgspec.json.encode(head))
    return head


@torch.inference_mode()
def find_head(G: Generator) -> Head:
    """The head of the average person at rest; where none is made out, in the middle of the box.

    Measured on a coarse grid in whole cells, so that rounding on another device changes nothing.
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
    config, device = G.config, G.device
    mapping = G.backbone.mapping
    ws = mapping.w_avg.reshape(1, 1, -1).expand(1, config.num_ws, -1)
    still = torch.zeros(1, config.motion_dim, device=device), torch.zeros(1, 1, device=device)
    planes = G.planes(ws, *(still if config.has_motion else (None, None)))
    step = config.rendering.box_warp / _CELLS
    axis = (torch.arange(_CELLS, device=device) + 0.5) * step - config.rendering.box_warp / 2
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    sigma = G.sample(planes, points.reshape(1, -1, 3))[0].float()
    return (opacity(sigma, step) > _SOLID).reshape(_CELLS, _CELLS, _CELLS).cpu().numpy()


def _span(profile: np.ndarray, axis: np.ndarray) -> tuple[float, float] | None:
    """Where a profile of counts begins and ends; None for an empty one."""
    if not profile.any():
        return None
    part = np.cumsum(profile) / profile.sum()
    half = 0.5 / _CELLS
    first, last = np.searchsorted(part, _ENDS)
    return float(axis[first] - half), float(axis[last] + half)
