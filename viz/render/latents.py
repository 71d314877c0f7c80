"""Turns the user's choices into the codes that the generator takes."""

from __future__ import annotations

import functools
import math
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from viz.render import tuning
from viz.state.animation.blending import motions, people
from viz.state.errors import UserError
from viz.state.named_files import LARGEST_WS, problem_of
from viz.state.person import PERSON_SUFFIX, Latent, Motion, lattice_corners

if TYPE_CHECKING:
    from training.camera import Camera
    from training.networks.generator import Generator

_MOTION_STREAM = 1
"""Second entropy word for motion seeds; without it a seed's motion and person would be the same
numbers."""


@functools.lru_cache(maxsize=4096)
def z_from_seed(seed: int, dim: int) -> np.ndarray:
    """Appearance code float32 [dim] of a seed: the numbers that EG3D's scripts draw for it."""
    return np.random.RandomState(seed).randn(dim).astype(np.float32)


@functools.lru_cache(maxsize=4096)
def z_motion_from_seed(seed: int, dim: int) -> np.ndarray:
    """Motion code float32 [dim] of a seed."""
    return np.random.default_rng([seed, _MOTION_STREAM]).standard_normal(dim, np.float32)


def motion_code(motion: Motion, dim: int) -> np.ndarray:
    """Motion code float32 [1, dim], before its strength is applied.

    Blends keep the typical length of a random code: weights are divided by the root of the sum of
    their squares.
    """

    if motion.others:
        parts = [(motion_code(part, dim), share) for part, share in motions(motion)]
        total = np.sum([code * share for code, share in parts], axis=0)
        # Near neighbours on the pad have similar codes: the result gets the mean of their lengths.
        length = sum(float(np.linalg.norm(code)) * share for code, share in parts)
        return (total * length / max(float(np.linalg.norm(total)), 1e-6)).astype(np.float32)

    def blended(parts: list[tuple[np.ndarray, float]]) -> np.ndarray:
        total = np.sum([code * weight for code, weight in parts], axis=0)
        return total / math.sqrt(sum(weight**2 for _, weight in parts))

    corners = lattice_corners(motion.x, motion.y)
    code = blended([(z_motion_from_seed(seed, dim), weight) for seed, weight in corners])
    if motion.blend:
        other = z_motion_from_seed(motion.blend_seed, dim)
        code = blended([(code, 1 - motion.blend), (other, motion.blend)])
    for shift in motion.shifts:
        code = shift.added_to(code, "a motion code")
    return code[None].astype(np.float32)


def own_expression(G: Generator, latent: Latent) -> np.ndarray | None:
    """The part of people's expressions in their photos that is kept, as a motion code times t,
    float32 [1, motion_dim]; None if none is kept.

    Raises:
        UserError: when a person file cannot be used.
    """
    total: np.ndarray | None = None
    for person, share in people(latent):
        part = share * person.expression * (1 - person.blend)
        if part and person.is_portrait:
            motion = tuning.read_for(person.ws_file, G).motion
            if len(motion):
                kept = np.float32(part) * motion
                total = kept if total is None else total + kept
    return None if total is None else total[None]


def intermediate_latents(G: Generator, latent: Latent, conditioning: Camera) -> Tensor:
    """ws [1, num_ws, w_dim] of a person: blended, mixed and truncated as chosen.

    Raises:
        UserError: when a person's file cannot be used.
    """
    if latent.others:
        parts = [
            share * intermediate_latents(G, part, conditioning) for part, share in people(latent)
        ]
        return torch.stack(parts).sum(dim=0)
    c0 = torch.from_numpy(conditioning.numbers())[None].to(G.device)

    def ws_of(seeds: list[tuple[int, float]]) -> Tensor:
        """Weighted mean of the seeds' ws."""
        z = np.stack([z_from_seed(seed, G.config.z_dim) for seed, _ in seeds])
        ws = G.mapping(torch.from_numpy(z).to(G.device), c0)
        weights = ws.new_tensor([weight for _, weight in seeds])
        return (weights[:, None, None] * ws).sum(dim=0, keepdim=True)

    if latent.ws_file:
        ws = torch.from_numpy(read_person(G, latent.ws_file)).to(G.device)[None]
    else:
        ws = ws_of(lattice_corners(latent.x, latent.y))
    if latent.blend:
        ws = torch.lerp(ws, ws_of([(latent.blend_seed, 1.0)]), latent.blend)
    layers = [k for k in latent.mix_layers if k < G.config.num_ws]
    if layers:
        ws = ws.clone()
        ws[:, layers] = ws_of([(latent.mix_seed, 1.0)])[:, layers]
    if latent.psi != 1:
        average = G.backbone.mapping.w_avg
        truncated = average + latent.psi * (ws - average)
        cutoff = G.config.num_ws if latent.cutoff is None else latent.cutoff
        ws = torch.cat([truncated[:, :cutoff], ws[:, cutoff:]], dim=1)
    if latent.layer_psi:
        average = G.backbone.mapping.w_avg
        factors = ws.new_tensor(latent.layer_factors(G.config.num_ws))
        ws = average + factors[:, None] * (ws - average)
    for shift in latent.shifts:
        nowhere = np.zeros(G.config.w_dim, np.float32)
        step = torch.from_numpy(shift.added_to(nowhere, "w")).to(ws)
        shifted = shift.layers or range(G.config.num_ws)
        is_shifted = ws.new_tensor([k in shifted for k in range(G.config.num_ws)])
        ws = ws + is_shifted[:, None] * step
    return ws


def read_person(G: Generator, path: str) -> np.ndarray:
    """ws float32 [num_ws, w_dim] from a person file, or from NumPy's.

    Raises:
        UserError: naming the file and what does not fit.
    """
    if path.lower().endswith(PERSON_SUFFIX):
        return tuning.read_for(path, G).ws.copy()  # torch warns about read-only arrays
    return read_ws(path, (G.config.num_ws, G.config.w_dim))


def read_ws(path: str, shape: tuple[int, int]) -> np.ndarray:
    """ws float32 [num_ws, w_dim] from a .npy file, or a .npz file with the key ws or w.

    One w [w_dim] serves all layers; leading axes of length 1 are dropped.

    Raises:
        UserError: naming the file and what does not fit.
    """
    name = Path(path).name
    problem = problem_of(path, LARGEST_WS)
    if problem.startswith("no such file"):
        raise UserError(f"{name} no longer exists: choose another ws file.")
    if problem:
        raise UserError(f"{name} cannot be read as ws: {problem}.")
    try:
        data = np.load(path, allow_pickle=False)
        if isinstance(data, np.lib.npyio.NpzFile):
            with data:
                keys = [key for key in ("ws", "w") if key in data]
                if not keys:
                    raise UserError(f"{name} holds no array called ws or w.")
                with zipfile.ZipFile(path) as archive:
                    size = archive.getinfo(f"{keys[0]}.npy").file_size
                if size > LARGEST_WS:
                    raise ValueError("it unpacks to more data than ws can have")
                data = data[keys[0]]
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as e:
        raise UserError(f"{name} is not a ws file that NumPy can read (.npy or .npz).") from e
    ws = np.asarray(data)
    if ws.dtype.kind != "f" or not np.isfinite(ws).all():
        raise UserError(f"{name} must hold finite floating-point numbers.")
    while ws.ndim > 1 and ws.shape[0] == 1:
        ws = ws[0]
    if ws.shape == shape[1:]:
        ws = np.broadcast_to(ws, shape)
    if ws.shape != shape:
        raise UserError(
            f"{name} holds ws of shape {list(ws.shape)}; this model takes {list(shape)}."
        )
    return np.ascontiguousarray(ws, np.float32)
