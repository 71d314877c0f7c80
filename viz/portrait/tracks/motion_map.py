"""A fast mapping from a face's points to a motion code, learnt from the generator itself.

Random people are rendered at rest and in motion, their points are found, and ridge regression maps
shifts of the points to motion codes. It needs no data but the generator's own pictures, so it works
for any checkpoint.

The motion of a face is not a linear function of the code: a mouth may open with the magnitude of a
number, whatever its sign, so that a regression over all codes would find nothing. But around a code
that half opens the mouth and half closes the eyes, each can move both ways. Such a code is found
first, and the regression is valid around it.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from training.checkpoint import weights_mark
from training.networks.generator import Generator
from viz.portrait.camera import learnt_files
from viz.portrait.camera.camera_fit import fit_camera
from viz.portrait.camera.face_template import LIPS, FaceTemplate
from viz.portrait.camera.own_pictures import OwnPictures
from viz.portrait.camera.self_calibration import expected_face
from viz.portrait.inversion.code_space import read_directions
from viz.portrait.tracks.expressions import EYES, LIDS, MOUTH, POINTS, face_points, lifted
from viz.state.errors import UserError
from viz.state.jobs import Steps

log = logging.getLogger(__name__)

_KIND, _VERSION = "motion_map", 5
"""Part of the cache file's name: increase it when the method changes."""
_PEOPLE, _MOTIONS = 36, 10
"""Number of people rendered, and of motions of each."""
_LEAST_FACES = 100
"""Fewest pictures with a face from which a map is learnt."""
_TRIES, _CANDIDATES = 64, 8
"""Number of codes examined, and of those whose surroundings are examined."""
_STEP = 0.15
"""Step of a code's coordinate, to see what it moves; coordinates have unit variance."""
_SPREAD = 0.25
"""Standard deviation of the codes around the chosen one."""
_NOISE = 0.04
"""Noise level of displacements, in weighted world coordinates: smaller ones need not be
explained."""
_MOST_YAW, _MOST_PITCH = 20.0, 10.0
"""Largest yaw and pitch to either side, degrees."""
_FOLDS = 5
_MOST_DIRECTIONS = 48
NO_FACES = "No faces were found on this model's people: no video can drive its motion."
_FORWARD_PENALTY = 1e-3
"""Ridge penalty of the regression of displacements on codes, as a fraction of the codes' unit
variance."""
_MOST_COMPONENTS = 60
"""Number of principal displacements of the points."""
_PENALTIES = np.geomspace(1e-3, 1e1, 9)
"""Ridge penalties that are tried, as fractions of the displacements' variance."""


@dataclass(frozen=True, eq=False)
class MotionMap:
    """A linear map from displacements of a face's points to motion codes."""

    rest: np.ndarray
    """Code of a face at rest, float32 [motion_dim]."""
    matrix: np.ndarray
    """Map from displacements in x and y to coordinates, float32 [956, R]."""
    directions: np.ndarray
    """Directions of these coordinates, float32 [R, motion_dim]."""
    openings: np.ndarray
    """Correlation of the openings of mouths and of eyes with the true ones, for people left out of
    training, float32 [2]."""

    def codes(self, points: np.ndarray, neutral: np.ndarray) -> np.ndarray:
        """Motion codes, for t = 1.

        Args:
            points: lifted, [..., 478, 3].
            neutral: the same face at rest [478, 3].

        Returns:
            float32 [..., motion_dim].
        """
        coordinates = shifts(points, neutral) @ self.matrix
        return (self.rest + coordinates @ self.directions).astype(np.float32)


def shifts(points: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Displacements of points [..., 478, 3] from their positions at rest [..., 956]: x and y only,
    as depths are the template's."""
    moved = (points - neutral)[..., :2]
    return moved.reshape(*moved.shape[:-2], 2 * POINTS)


def find_motion_map(G: Generator, template: FaceTemplate) -> Steps[MotionMap]:
    """Steps of learning a generator's map; none if it is known.

    Raises:
        UserError: when the generator does not move, or no faces are found on its people.
    """
    if not G.config.has_motion:
        raise UserError("This model has no motion: open a PV3D model to move its people.")
    mark = weights_mark(G.state_dict())
    known = kept_motion_map(mark)
    if known is None:
        known = yield from _learn(G, template)
        learnt_files.keep(_KIND, mark, _VERSION, asdict(known))
    return known


def kept_motion_map(mark: str) -> MotionMap | None:
    """The map learnt earlier from the generator with this fingerprint of its weights; None if none
    is stored."""
    stored = learnt_files.read(_KIND, mark, _VERSION)
    if stored is None or stored.keys() != {"rest", "matrix", "directions", "openings"}:
        return None
    found = MotionMap(**stored)
    count, size = found.directions.shape if found.directions.ndim == 2 else (0, 0)
    fits = found.rest.shape == (size,) and found.matrix.shape == (2 * POINTS, count)
    return found if fits else None


def _learn(G: Generator, template: FaceTemplate) -> Steps[MotionMap]:
    faces = _Faces(G, template)
    chosen = yield from _choose(faces)
    moved, codes, people = [], [], []
    for k in range(_PEOPLE):
        yield "Learning how this model's faces move", 0.5 + 0.5 * k / _PEOPLE
        ws = faces.pictures.person()
        around = chosen + _SPREAD * faces.draw(_MOTIONS)
        for code, shift in zip(around, faces.shifts(ws, around), strict=True):
            if shift is not None:
                moved.append(shift)
                codes.append(code)
                people.append(k)
    if len(moved) < _LEAST_FACES:
        raise UserError(NO_FACES)
    found = solve(np.stack(moved), np.stack(codes), np.array(people), faces.directions)
    log.info("Motion map: %d pictures, openings %s", len(moved), found.openings.round(2))
    return found


class OwnFaces:
    """Points of a generator's faces in motion, found in its own pictures; `seed` determines all
    draws."""

    def __init__(self, G: Generator, template: FaceTemplate, seed: int) -> None:
        self.pictures = OwnPictures(G, seed)
        self._template, self._device = template, G.device

    def points(
        self, ws: Tensor, code: np.ndarray, yaw: float = 0.0, pitch: float = 0.0
    ) -> np.ndarray | None:
        """Lifted points [478, 3] of a person with a motion code [motion_dim] at t = 1, seen from
        yaw and pitch in degrees; None without a face."""
        motion = torch.from_numpy(code.astype(np.float32))[None].to(self._device)
        face = expected_face(
            self.pictures.picture(ws, motion, yaw, pitch), self._template, yaw, pitch
        )
        if face is None:
            return None
        fit = fit_camera(self._template, face.landmarks)
        return lifted(face_points(face), fit, self._template)


class _Faces(OwnFaces):
    """The same with codes as coordinates of `read_directions`."""

    def __init__(self, G: Generator, template: FaceTemplate) -> None:
        super().__init__(G, template, seed=2)
        self.directions = read_directions(G)[:_MOST_DIRECTIONS].cpu().double().numpy()

    def draw(self, count: int) -> np.ndarray:
        """Random codes [count, R]."""
        return self.pictures.draws.standard_normal((count, len(self.directions)))

    def shifts(self, ws: Tensor, codes: np.ndarray, turned: bool = True) -> list[np.ndarray | None]:
        """For each of the codes [n, R], how far a person's points are from those at rest [956];
        None without a face. If `turned`, each picture has a camera of its own, else all are
        frontal."""

        def seen(code: np.ndarray) -> np.ndarray | None:
            camera = self.pictures.camera(_MOST_YAW, _MOST_PITCH) if turned else (0.0, 0.0)
            return self.points(ws, code @ self.directions, *camera)

        still = seen(np.zeros(len(self.directions)))
        if still is None:
            return [None] * len(codes)
        found = [seen(code) for code in codes]
        return [None if points is None else shifts(points, still) for points in found]


def _choose(faces: _Faces) -> Steps[np.ndarray]:
    """The code [R] around which expressions can change in every direction.

    Codes with the mouth and the eyes about half open are compared by how well their surroundings
    reach the rest and the expressions of other codes.
    """
    ws = faces.pictures.person()
    tries = faces.draw(_TRIES) * 0.7
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    for k in range(0, _TRIES, 4):
        yield "Looking for what moves this model's faces", 0.2 * k / _TRIES
        part = tries[k : k + 4]
        found = faces.shifts(ws, part, turned=False)
        seen += [(c, s) for c, s in zip(part, found, strict=True) if s is not None]
    if len(seen) < _TRIES / 2:
        raise UserError(NO_FACES)
    weights = _point_weights()
    targets = np.stack([shift for _, shift in seen]) * weights
    targets = np.concatenate([targets, np.zeros((len(targets), targets.shape[1]))])
    best, least = seen[0][0], float("inf")
    for k, number in enumerate(_half_way(np.stack([shift for _, shift in seen]))):
        yield "Looking for what moves this model's faces", 0.2 + 0.3 * k / _CANDIDATES
        code, shift = seen[number]
        steps = code + _STEP * np.eye(len(code))
        moved = faces.shifts(ws, steps, turned=False)
        if any(m is None for m in moved):
            continue
        jacobian = np.stack([(m - shift) / _STEP * weights for m in moved if m is not None])
        left = _left(jacobian, targets - shift * weights)
        if left < least:
            best, least = code, left
    return best


def _half_way(moved: np.ndarray) -> list[int]:
    """Indices of the displacements [n, 956] that have mouth and eyes between their extremes."""
    points = moved.reshape(len(moved), POINTS, 2)
    away = np.zeros(len(moved))
    for upper, lower, *_ in (MOUTH, *EYES):
        opening = (points[:, lower] - points[:, upper])[:, 1]
        low, high = np.quantile(opening, [0.1, 0.9])
        away += ((opening - (low + high) / 2) / max(high - low, 1e-9)) ** 2
    return np.argsort(away)[:_CANDIDATES].tolist()


def _left(jacobian: np.ndarray, wanted: np.ndarray) -> float:
    """Mean squared residual of wanted displacements [n, 956] after steps of about unit size along a
    Jacobian [R, 956]."""
    square = jacobian @ jacobian.T + _NOISE**2 * np.eye(len(jacobian))
    steps = np.linalg.solve(square, jacobian @ wanted.T)
    remain = wanted.T - jacobian.T @ steps
    return float((remain**2).sum(0).mean() + _NOISE**2 * (steps**2).sum(0).mean())


def _point_weights() -> np.ndarray:
    """Weight of the displacement of each point [956]: lids and irises move little, but are
    noticed."""
    weights = np.ones(POINTS)
    weights[list(LIDS)], weights[list(LIPS)], weights[468:] = 10.0, 2.0, 3.0
    return np.repeat(weights, 2)


def solve(
    moved: np.ndarray, codes: np.ndarray, people: np.ndarray, directions: np.ndarray
) -> MotionMap:
    """The map from displacements of points to the codes that caused them.

    Ridge regression on the principal components of the displacements, with the penalty that works
    best for people who are left out. Inverting the regression of displacements on codes would
    preserve the full size of expressions, but leads to codes outside the region where the map is
    valid.

    Args:
        moved: shifts of people in motion [n, 956].
        codes: the codes that caused them, of about equal variance [n, R].
        people: index of the person in each row, for leaving people out [n].
        directions: of the codes' coordinates [R, motion_dim].
    """
    weights = _point_weights()
    x, y = moved - moved.mean(0), codes - codes.mean(0)
    _, lengths, axes = np.linalg.svd(x * weights, full_matrices=False)
    axes = axes[: min(_MOST_COMPONENTS, int((lengths > 1e-6 * lengths[0]).sum()))] * weights
    parts, fold = x @ axes.T, people % _FOLDS

    def solved(rows: np.ndarray, share: float) -> np.ndarray:
        chosen = parts[rows]
        square = chosen.T @ chosen
        penalty = share * np.trace(square) / len(square)
        return np.linalg.solve(square + penalty * np.eye(len(square)), chosen.T @ y[rows])

    def left_out(share: float) -> np.ndarray:
        """Codes of people predicted from those of the others [n, R]."""
        found = np.zeros_like(y)
        for k in range(_FOLDS):
            found[fold == k] = parts[fold == k] @ solved(fold != k, share)
        return found

    best = min((float(p) for p in _PENALTIES), key=lambda p: np.square(left_out(p) - y).mean())
    matrix = axes.T @ solved(np.full(len(x), True), best)
    reached = _openings(left_out(best) @ _jacobian(x, y)).T
    pairs = zip(_openings(x).T, reached, strict=True)
    return MotionMap(
        rest=((codes.mean(0) - moved.mean(0) @ matrix) @ directions).astype(np.float32),
        matrix=matrix.astype(np.float32),
        directions=directions.astype(np.float32),
        openings=np.array([np.corrcoef(a, b)[0, 1] for a, b in pairs], np.float32),
    )


def _jacobian(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Displacements in x [n, 956] per unit of each coordinate in y [n, R], both centred; [R,
    956]."""
    return np.linalg.solve(y.T @ y + _FORWARD_PENALTY * len(y) * np.eye(y.shape[1]), y.T @ x)


def _openings(moved: np.ndarray) -> np.ndarray:
    """How far displacements [n, 956] open the mouth and the eyes, world units [n, 2]."""
    y = moved.reshape(len(moved), POINTS, 2)[..., 1]
    mouth, right, left = (y[:, upper] - y[:, lower] for upper, lower, *_ in (MOUTH, *EYES))
    return np.stack([mouth, right + left], axis=1)
