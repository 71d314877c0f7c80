"""A fast way from a face's points to a motion code, which a generator teaches by itself.

Random people are rendered at rest and with random motion codes, their points are found, and ridge
regression maps shifts of the points to the codes. It needs no data but the generator's own
pictures, so any checkpoint gets its map.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from torch import Tensor

from training.camera import Camera
from training.checkpoint import weights_mark
from training.networks.backbone import MotionTimeFuser
from training.networks.generator import Generator
from training.replacing import replacing
from training.user_folders import user_folder
from viz.portrait.camera.camera_fit import fit_camera, project
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.faces.finding import refined
from viz.portrait.faces.squares import Square
from viz.portrait.tracks.expression import POINTS, face_points, lifted
from viz.state.errors import UserError
from viz.state.jobs import Steps, finish

log = logging.getLogger(__name__)

_VERSION = 1
"""Part of the name of what is kept: raise it where the way of learning changes."""
_PEOPLE, _MOTIONS = 60, 6
"""How many are rendered, and with how many motions each."""
_LEAST_FACES = 100
"""Pictures with a face below which nothing can be learnt."""
_PSI = 0.8
_MOST_YAW, _MOST_PITCH = 20.0, 10.0
"""Degrees to both sides."""
_MOST_DIRECTIONS = 48
_LEAST_READ = 1e-3
"""Directions of the motion code that the layers read by less than this share of the strongest
count as unread."""
_MOST_COMPONENTS = 60
"""Principal shifts of the points that are looked at."""
_NOISE = np.geomspace(1e-3, 1e1, 9)
"""Ridge penalties that are tried, as shares of the shifts' variance."""


@dataclass(frozen=True, eq=False)
class MotionMap:
    """A linear map from shifts of a face's points to motion codes."""

    matrix: np.ndarray
    """Of shifts in x and y, [956, motion_dim]."""
    explained: float
    """Share of the codes' variance that it explains for people it has not learnt from."""

    def codes(self, points: np.ndarray, neutral: np.ndarray) -> np.ndarray:
        """Motion codes, for t = 1.

        Args:
            points: lifted, [..., 478, 3].
            neutral: the same face at rest [478, 3].

        Returns:
            float32 [..., motion_dim].
        """
        return (shifts(points, neutral) @ self.matrix).astype(np.float32)


def shifts(points: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """How far points [..., 478, 3] lie from their places at rest [..., 956]: x and y, as depths are
    the template's."""
    moved = (points - neutral)[..., :2]
    return moved.reshape(*moved.shape[:-2], 2 * POINTS)


def motion_map(G: Generator, template: FaceTemplate) -> MotionMap:
    """The map of a generator, from the cache or learnt now; waits for it."""
    return finish(find_motion_map(G, template))


def find_motion_map(G: Generator, template: FaceTemplate) -> Steps[MotionMap]:
    """Steps of finding a generator's map; nothing to do where it is known.

    Raises:
        UserError: when the generator does not move, or no faces are found on its people.
    """
    if not G.config.has_motion:
        raise UserError("This model has no motion: open a PV3D model to move its people.")
    name = f"{weights_mark(G.state_dict())}-{_VERSION}.safetensors"
    path = user_folder("cache") / "motion_map" / name
    known = _read(path, G.config.motion_dim)
    if known is not None:
        return known
    found = yield from _learn(G, template)
    with contextlib.suppress(OSError):  # then the next time it is learnt again
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            explained = np.array([found.explained])
            part.write_bytes(save({"matrix": found.matrix, "explained": explained}))
    return found


def _read(path: Path, size: int) -> MotionMap | None:
    try:
        stored = load_file(path)
        matrix, explained = stored["matrix"], float(stored["explained"][0])
    except (OSError, SafetensorError, KeyError, IndexError):
        return None
    fits = matrix.shape == (2 * POINTS, size) and bool(np.isfinite(matrix).all())
    return MotionMap(matrix, explained) if fits else None


def _learn(G: Generator, template: FaceTemplate) -> Steps[MotionMap]:
    directions = motion_directions(G)
    draws = np.random.default_rng(2)
    moved, codes, people = [], [], []
    for k in range(_PEOPLE):
        yield "Learning how this model's faces move", k / _PEOPLE
        z = draws.standard_normal((1, G.config.z_dim), np.float32)
        with torch.no_grad():
            ws = G.mapping(torch.from_numpy(z).to(G.device), truncation_psi=_PSI)
        coordinates = draws.standard_normal((1 + _MOTIONS, len(directions)))
        coordinates[0] = 0
        seen = [_points(G, ws, c @ directions, template, draws) for c in coordinates]
        rest = seen[0]
        if rest is None:
            continue
        for points, code in zip(seen[1:], coordinates[1:], strict=True):
            if points is not None:
                moved.append(shifts(points, rest))
                codes.append(code)
                people.append(k)
    if len(moved) < _LEAST_FACES:
        raise UserError(
            "No faces were found on this model's people: its motion cannot be driven by a video."
        )
    matrix, explained = _ridge(np.stack(moved), np.stack(codes), np.array(people))
    log.info("Motion map: %d pictures, %.0f %% explained", len(moved), 100 * explained)
    return MotionMap((matrix @ directions).astype(np.float32), explained)


def motion_directions(G: Generator) -> np.ndarray:
    """Orthonormal directions of the motion code that the motion layers read, the strongest first
    [R, motion_dim]: a trained model may read few."""
    layers = [m.affine for m in G.modules() if isinstance(m, MotionTimeFuser)]
    weights = torch.cat([layer.weight.detach() * layer.gain for layer in layers])
    _, strengths, axes = torch.linalg.svd(weights.double().cpu(), full_matrices=False)
    count = int((strengths > _LEAST_READ * strengths[0]).sum())
    return axes[: min(count, _MOST_DIRECTIONS)].numpy()


@torch.no_grad()
def _points(
    G: Generator,
    ws: Tensor,
    code: np.ndarray,
    template: FaceTemplate,
    draws: np.random.Generator,
) -> np.ndarray | None:
    """Lifted points of a person in motion, seen from a random camera; None without a face."""
    yaw = float(draws.uniform(-_MOST_YAW, _MOST_YAW))
    pitch = float(draws.uniform(-_MOST_PITCH, _MOST_PITCH))
    c = torch.from_numpy(Camera.orbit(yaw=yaw, pitch=pitch).numbers())[None].to(G.device)
    motion = torch.from_numpy(code.astype(np.float32))[None].to(G.device)
    planes = G.planes(ws, motion, torch.ones(1, 1, device=G.device))
    image = G.superresolve(G.render(planes, ws, c), ws)[0]
    pixels = (image * 0.5 + 0.5).clamp(0, 1)
    expected = project(template.points, yaw, pitch) * pixels.shape[-1]
    square = Square.around(expected, 0.0, 1.5)
    face = refined(pixels, square, rounds=2)
    if face is None:
        return None
    return lifted(face_points(face), fit_camera(template, face.landmarks), template)


def _ridge(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, float]:
    """Ridge regression of y [n, R] on the principal components of x [n, D], without a constant, as
    a face at rest has code 0. The penalty is the best for people that are left out.

    Returns:
        the matrix [D, R], and the share of y's variance explained for people that are left out.
    """
    _, lengths, axes = np.linalg.svd(x, full_matrices=False)
    axes = axes[: min(_MOST_COMPONENTS, int((lengths > 1e-6 * lengths[0]).sum()))]
    parts = x @ axes.T
    fold = groups % 5
    variance = float(y.var())

    def solved(rows: np.ndarray, share: float) -> np.ndarray:
        chosen = parts[rows]
        square = chosen.T @ chosen
        penalty = share * np.trace(square) / len(square)
        return np.linalg.solve(square + penalty * np.eye(len(square)), chosen.T @ y[rows])

    def error(share: float) -> float:
        left_out = [parts[fold == k] @ solved(fold != k, share) - y[fold == k] for k in range(5)]
        return float(np.mean(np.concatenate(left_out) ** 2))

    errors = [error(share) for share in _NOISE]
    best = float(_NOISE[int(np.argmin(errors))])
    return axes.T @ solved(np.full(len(x), True), best), 1 - min(errors) / variance
