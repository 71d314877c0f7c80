"""A face template from the generator's own pictures.

Random people are rendered from known cameras, their landmarks are found, and each landmark's rays
are intersected. This gives any checkpoint a template in its own world.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
from torch import Tensor

from training.camera import FOCAL_LENGTH, Camera
from training.checkpoint import mark_of
from training.networks.generator import Generator
from viz.portrait.camera import learnt_files
from viz.portrait.camera.camera_fit import fit_camera, project
from viz.portrait.camera.face_template import FaceTemplate, canonical_template, still_weights
from viz.portrait.camera.own_pictures import OwnPictures
from viz.portrait.faces.face import SCALE, Face
from viz.portrait.faces.finding import refined
from viz.portrait.faces.squares import Square
from viz.state.jobs import Steps

log = logging.getLogger(__name__)

_KIND, _VERSION = "face_template", 2
"""Part of the cache file's name: increase it when the method changes."""
_PEOPLE = 80
_LEAST_FOUND = 20
"""With fewer faces found than this, the canonical face is better."""
_SURE_LOGIT = 10.0
_MOST_YAW, _MOST_PITCH = 35.0, 20.0
"""Largest yaw and pitch to either side, degrees."""
_MOST_TIME = 0.3
"""Largest time of a random motion: small, but enough for mouths and eyelids to vary."""
_USUAL_ANGLE = 15.0
"""Divisor of yaw and pitch in degrees, so that a small penalty suits all terms."""
_OUTLIER = 0.01
"""Distance in world units at which a ray has half its weight."""
_ROUNDS = 6


def find_template(G: Generator) -> Steps[FaceTemplate]:
    """Steps of finding a generator's template; none if it is known."""
    mark = mark_of(G)
    known = kept_template(mark)
    if known is None:
        known = yield from _measure(G)
        learnt_files.keep(_KIND, mark, _VERSION, asdict(known))
    return known


def kept_template(mark: str) -> FaceTemplate | None:
    """The template found earlier for the generator with this fingerprint of its weights; None if
    none is stored."""
    stored = learnt_files.read(_KIND, mark, _VERSION)
    if stored is None or stored.keys() != {"points", "weights", "correction"}:
        return None
    found = FaceTemplate(**stored)
    values = (found.points, found.weights, found.correction)
    return found if [v.shape for v in values] == [(468, 3), (468,), (3, 2)] else None


def _measure(G: Generator) -> Steps[FaceTemplate]:
    pictures = OwnPictures(G, seed=1)
    canonical = canonical_template()
    origins, directions, angles, landmarks = [], [], [], []
    for k in range(_PEOPLE):
        yield "Measuring where this model's faces are", k / _PEOPLE
        yaw, pitch = pictures.camera(_MOST_YAW, _MOST_PITCH)
        ws, motion = pictures.person(), pictures.motion()
        if motion is not None:
            motion = motion * float(pictures.draws.uniform(0, _MOST_TIME))
        face = expected_face(pictures.picture(ws, motion, yaw, pitch), canonical, yaw, pitch)
        if face is not None and face.logit > _SURE_LOGIT:
            camera = Camera.orbit(yaw=yaw, pitch=pitch)
            points = face.landmarks[:, :2].astype(np.float64) / face.picture_size[0]
            origins.append(camera.position)
            directions.append(_rays(points, camera))
            angles.append((yaw, pitch))
            landmarks.append(points)
        elif k >= 2 * _LEAST_FOUND and len(origins) < k / 10:
            break  # an untrained model
    log.info("Self-calibration: %d of %d faces found", len(origins), _PEOPLE)
    if len(origins) < _LEAST_FOUND:
        return canonical
    points = _intersected(np.stack(origins), np.stack(directions))
    found = FaceTemplate(points, still_weights(points))
    return replace(found, correction=_correction(found, landmarks, np.array(angles)))


def _correction(
    template: FaceTemplate, landmarks: Sequence[np.ndarray], angles: np.ndarray
) -> np.ndarray:
    """The errors of fits of pictures with known angles [n, 2], see `FaceTemplate.correction`."""
    fits = [fit_camera(template, points) for points in landmarks]
    found = np.array([(fit.yaw, fit.pitch) for fit in fits])
    terms = np.concatenate([np.ones((len(fits), 1)), found / _USUAL_ANGLE], axis=1)
    more = np.linalg.solve(terms.T @ terms + np.eye(3), terms.T @ (angles - found))
    more[1:] /= _USUAL_ANGLE
    return more


def expected_face(pixels: Tensor, template: FaceTemplate, yaw: float, pitch: float) -> Face | None:
    """The face of a generator's picture [3, H, W], found where a template predicts it; None if the
    landmark network sees none."""
    points = project(template.points, yaw, pitch) * pixels.shape[-1]
    return refined(pixels, Square.around(points, 0.0, SCALE), rounds=2)


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
