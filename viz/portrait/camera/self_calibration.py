"""A face template from the generator's own pictures.

Random people are rendered from known cameras, their landmarks are found, and each landmark's rays
are intersected. So any checkpoint gets a template in its own world.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from training.camera import FOCAL_LENGTH, Camera
from training.checkpoint import weights_mark
from training.networks.generator import Generator
from training.replacing import replacing
from training.user_folders import user_folder
from viz.portrait.camera.face_template import FaceTemplate, canonical_template, still_weights
from viz.portrait.faces.finding import find_faces
from viz.state.jobs import Steps, finish

log = logging.getLogger(__name__)

_VERSION = 1
"""Part of the name of what is kept: raise it where the way of finding it changes."""
_PEOPLE = 60
_LEAST_FOUND = 20
"""People with a face below which the canonical face is better."""
_SURE_LOGIT = 10.0
_PSI = 0.8
_MOST_YAW, _MOST_PITCH = 35.0, 15.0
"""Degrees to both sides."""
_MOST_TIME = 0.3
"""Of a random motion: a little, so that mouths and lids are not all alike."""
_OUTLIER = 0.01
"""World units at which a ray counts half."""
_ROUNDS = 6


def template(G: Generator) -> FaceTemplate:
    """The template of a generator, from the cache or by self-calibration; waits for it."""
    return finish(find_template(G))


def find_template(G: Generator) -> Steps[FaceTemplate]:
    """Steps of finding a generator's template; nothing to do where it is known."""
    path = user_folder("cache") / "face_template" / f"{weights_mark(G.state_dict())}-{_VERSION}"
    path = path.with_suffix(".safetensors")
    known = _read(path)
    if known is not None:
        return known
    found = yield from _measure(G)
    with contextlib.suppress(OSError):  # then the next time it is measured again
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(save({"points": found.points, "weights": found.weights}))
    return found


def _read(path: Path) -> FaceTemplate | None:
    try:
        stored = load_file(path)
        points, weights = stored["points"], stored["weights"]
    except (OSError, SafetensorError, KeyError):
        return None
    fits = points.shape == (468, 3) and weights.shape == (468,)
    finite = fits and bool(np.isfinite(points).all() and np.isfinite(weights).all())
    return FaceTemplate(points, weights) if finite and weights.sum() > 0 else None


def _measure(G: Generator) -> Steps[FaceTemplate]:
    draws = np.random.default_rng(1)
    origins, directions = [], []
    for k in range(_PEOPLE):
        yield "Measuring where this model has its faces", k / _PEOPLE
        camera = Camera.orbit(
            yaw=float(draws.uniform(-_MOST_YAW, _MOST_YAW)),
            pitch=float(draws.uniform(-_MOST_PITCH, _MOST_PITCH)),
        )
        faces = find_faces(random_person(G, camera, draws))
        if faces and faces[0].logit > _SURE_LOGIT:
            points = faces[0].landmarks[:, :2] / faces[0].picture_size[0]
            origins.append(camera.position)
            directions.append(_rays(points.astype(np.float64), camera))
        elif k >= 2 * _LEAST_FOUND and len(origins) < k / 10:
            break  # an untrained model
    log.info("Self-calibration: %d of %d faces found", len(origins), _PEOPLE)
    if len(origins) < _LEAST_FOUND:
        return canonical_template()
    points = _intersected(np.stack(origins), np.stack(directions))
    return FaceTemplate(points, still_weights(points))


@torch.no_grad()
def random_person(G: Generator, camera: Camera, draws: np.random.Generator) -> torch.Tensor:
    """A random person's picture [3, H, W] in 0..1, with a little of a random motion."""

    def normal(size: int) -> torch.Tensor:
        values = draws.standard_normal((1, size), np.float32)
        return torch.from_numpy(values).to(G.device)

    ws = G.mapping(normal(G.config.z_dim), truncation_psi=_PSI)
    motion, time = None, None
    if G.config.has_motion:
        motion = normal(G.config.motion_dim)
        time = torch.full((1, 1), float(draws.uniform(0, _MOST_TIME)), device=G.device)
    c = torch.from_numpy(camera.numbers())[None].to(G.device)
    image = G.superresolve(G.render(G.planes(ws, motion, time), ws, c), ws)
    return (image[0] * 0.5 + 0.5).clamp(0, 1)


def _rays(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Unit directions [n, 3] in the world of points [n, 2] in picture sides."""
    seen = np.concatenate([(points - 0.5) / FOCAL_LENGTH, np.ones((len(points), 1))], axis=1)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    return seen @ camera.rotation.T


def _intersected(origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The points nearest to bundles of rays, robustly.

    Args:
        origins: of V views [V, 3].
        directions: unit vectors of P points in each [V, P, 3].

    Returns:
        [P, 3].
    """
    # |projector (x - origin)| is the distance of x from a ray.
    projector = np.eye(3) - directions[..., :, None] * directions[..., None, :]
    weights = np.ones(directions.shape[:2])
    points = np.zeros((directions.shape[1], 3))
    for _ in range(_ROUNDS):
        left = np.einsum("vp,vpij->pij", weights, projector)
        right = np.einsum("vp,vpij,vj->pi", weights, projector, origins)
        points = np.linalg.solve(left, right[..., None])[..., 0]
        apart = np.einsum("vpij,vpj->vpi", projector, points - origins[:, None])
        weights = 1 / (1 + (np.linalg.norm(apart, axis=-1) / _OUTLIER) ** 2)
    return points
