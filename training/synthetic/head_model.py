"""The head that is drawn: the morphable model posed, welded, and painted with masks.

Lengths are in centimetres, y up, and the face looks along +z; `to_world` converts to world units.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse

from training.synthetic.expression import MOTION_DIM, expr_weights
from training.synthetic.ict import LABELS, ModelError, MorphableModel
from training.synthetic.traits import SHAPE_DIM, Traits, smooth

SCALE = 0.0196
"""World units a centimetre."""
_CENTRE = np.array([0.0, 2.3, 0.2], np.float32)

SKULL_CENTRE = np.array([0.0, 4.6, -0.4], np.float32)
"""Origin of the rays that bind the hair to the scalp."""
NECK_AXIS = np.array([0.0, -2.6], np.float32)
"""(x, z) of the vertical axis of the neck."""

_LOWEST = -19.0
"""Height below which the neck is cut off, as the shirt hides it."""


def to_world(points: np.ndarray) -> np.ndarray:
    """World coordinates of points in centimetres, float32 [..., 3]."""
    return (points - _CENTRE) * np.float32(SCALE)


class HeadModel:
    """A morphable head prepared for drawing; its arrays are read-only.

    Raises:
        ModelError: if the face model lacks expressions or identity modes.
    """

    def __init__(self, morphable: MorphableModel) -> None:
        missing = sorted(set(expr_weights(np.zeros(MOTION_DIM), 0)) - set(morphable.expressions))
        if missing:
            raise ModelError(f"The face model lacks expressions: {', '.join(missing)}.")
        if len(morphable.identities) < SHAPE_DIM:
            count = len(morphable.identities)
            raise ModelError(f"The face model has {count} identity modes, fewer than {SHAPE_DIM}.")
        self.morphable = morphable
        self.vertices = morphable.vertices
        self.labels = morphable.labels
        self.skin = self.labels <= LABELS["head"]
        """Whether each vertex is skin, bool [V]."""
        hidden = [LABELS[name] for name in ("iris_L", "iris_R", "lash_L", "lash_R")]
        triangles = morphable.triangles
        kept = ~np.isin(self.labels[triangles[:, 0]], hidden)  # irises are painted on the sclera
        kept &= self.vertices[triangles, 1].max(1) > _LOWEST
        self.triangles = triangles[kept]
        """Vertex indices of the triangles to draw, int32 [T, 3]."""
        self.eyes = [self._centre(LABELS[name]) for name in ("sclera_L", "sclera_R")]
        """Centres of the eyeballs at rest, float32 [3] each."""
        self._identities = morphable.identities[:SHAPE_DIM].reshape(SHAPE_DIM, -1)
        self._young, self._old = _ages(self.vertices, self.eyes)
        self._names = {name: i for i, name in enumerate(morphable.expressions)}
        deltas = [delta.ravel() for delta in morphable.expressions.values()]
        self._expressions = sparse.csr_array(np.stack(deltas, axis=1))  # [3 V, E]
        self._weld()
        self.masks = Masks(self)

    def keep_triangles(self, kept: np.ndarray) -> None:
        """Draws only those triangles from now on for which `kept`, bool [T], is set."""
        self.triangles = self.triangles[kept]
        self._weld()

    def identity_vertices(self, shape: np.ndarray, age: float = 0.0) -> np.ndarray:
        """The rest face of the identity `shape` [SHAPE_DIM] at an age (see `Traits.age`), float32
        [V, 3]."""
        moved = (shape.astype(np.float32) @ self._identities).reshape(-1, 3)
        aged = max(-age, 0.0) * self._young + max(age, 0.0) * self._old
        return self.vertices + moved + aged

    def posed(self, vertices: np.ndarray, weights: dict[str, float]) -> np.ndarray:
        """`vertices` [V, 3] with expression `weights` by name, float32 [V, 3].

        Raises:
            KeyError: for an expression that the model lacks.
        """
        column = np.zeros(len(self._names), np.float32)
        for name, weight in weights.items():
            column[self._names[name]] = weight
        return vertices + (self._expressions @ column).reshape(-1, 3)

    def face_normals(self, vertices: np.ndarray) -> np.ndarray:
        """Normals [T, 3] of the triangles of `vertices` [V, 3], with lengths of twice their
        area."""
        a, b, c = (vertices[self.triangles[:, k]] for k in range(3))
        (x1, y1, z1), (x2, y2, z2) = (b - a).T, (c - a).T
        return np.stack([y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2], axis=1)

    def normals(self, faces: np.ndarray) -> np.ndarray:
        """Unit normals of the vertices from `face_normals`, float32 [V, 3]; 0 without a
        triangle."""
        normals = self._gather @ faces
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        return normals[self._welded]

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Averages `values` [V] over the neighbours of each vertex, float64 [V]."""
        corners = len(self.triangles)
        touches = sparse.csr_array(
            (
                np.ones(3 * corners),
                (np.tile(np.arange(corners), 3), self._welded[self.triangles.T.ravel()]),
            ),
            shape=(corners, self._welded.max() + 1),
        )
        count = np.bincount(self._welded)
        welded = np.bincount(self._welded, values) / np.maximum(count, 1)
        near = self._gather @ touches
        near = (near @ welded) / np.maximum(near.sum(1), 1e-6)
        return near[self._welded]

    def _centre(self, label: int) -> np.ndarray:
        points = self.vertices[self.labels == label]
        return (points.max(0) + points.min(0)) / 2

    def _weld(self) -> None:
        """Makes vertices at the same position share a normal, as the meshes are cut along texture
        seams."""
        key = np.c_[np.round(self.vertices, 3), np.where(self.skin, 0, 1 + self.labels)]
        self._welded = np.unique(key, axis=0, return_inverse=True)[1].ravel()
        count = len(self.triangles)
        corners = self._welded[self.triangles].T.ravel()
        self._gather = sparse.csr_array(
            (np.ones(3 * count, np.float32), (corners, np.tile(np.arange(count), 3))),
            shape=(self._welded.max() + 1, count),
        )


def _ages(vertices: np.ndarray, eyes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Displacements of an adult's vertices [V, 3] to a child's and to an old person's, float32
    [V, 3] each, designed by eye, as the face model has only adults."""
    x, y, z = vertices.T
    eye = float(np.mean([centre[1] for centre in eyes]))

    def near(centre: tuple[float, float, float], radius: float) -> np.ndarray:
        side = np.array([np.copysign(1, x), np.ones_like(x), np.ones_like(x)]).T
        square = ((vertices - side * np.array(centre)) ** 2).sum(axis=1)
        return np.exp(-square / radius**2)

    young, old = np.zeros(vertices.shape), np.zeros(vertices.shape)
    # A child's face is short below the eyes, and narrow at the jaw and the neck; everything below
    # the chin moves up with it.
    young[:, 1] = 0.15 * np.clip(eye - y, 0, 12)
    narrow = 0.08 * smooth(2, -8, y) + 0.14 * smooth(-8, -12, y)
    young[:, 0] = -x * narrow
    young[:, 2] = -(z - NECK_AXIS[1]) * 0.2 * smooth(-8, -12, y)
    young[:, 2] -= 1.1 * near((0, 0.4, 12.6), 2.2) * smooth(10, 12, z)
    young[:, 1] += 0.35 * near((0, 0.4, 12.6), 2.2)
    forehead = near((0, 9, 9.5), 5.0)
    young[:, 2] += 0.5 * forehead + 0.4 * near((4.6, -2.5, 8.0), 2.6)
    young[:, 0] += 0.4 * np.sign(x) * near((4.6, -2.5, 8.0), 2.6)
    for centre in eyes:  # the eyeball with its lids
        offset = vertices - centre
        close = np.exp(-((offset**2).sum(axis=1)) / 2.6**2)
        young += 0.16 * offset * close[:, None] * (z > 0)[:, None]
    # Old skin sags: jowls, hollow cheeks, lids and the tip of the nose.
    jowl, cheek = near((4.4, -6.6, 6.8), 2.2), near((5.6, -2.2, 7.4), 2.2)
    old[:, 1] -= 0.7 * jowl + 0.35 * near((0, 0.2, 12.6), 1.8) + 0.2 * near((3.2, 5.0, 9.5), 1.6)
    old[:, 0] += np.sign(x) * (0.5 * jowl - 0.6 * cheek)
    old[:, 2] += 0.5 * near((0, 0.2, 12.6), 1.8) * smooth(9, 11, z) - 0.5 * cheek
    old[:, 2] -= 0.25 * near((0, -3.4, 10.5), 1.8)  # thin lips
    return young.astype(np.float32), old.astype(np.float32)


class Masks:
    """Where the neutral head has lips, brows, beard and so on: [V], 0 to 1."""

    def __init__(self, head: HeadModel) -> None:
        marks = head.vertices[head.morphable.landmarks]
        self._skin = head.skin
        x, y, z = head.vertices.T
        mouth = _polygon_distance(head.vertices[:, :2], marks[48:60, :2])
        near = (head.labels == LABELS["face"]) & (z > 7) & (y > -5.5) & (y < -1)
        self.lips = np.where(near, smooth(0.12, -0.12, mouth), 0)
        self.liner = self._on_skin(_lash_lines(head.vertices, marks))
        self.blush = self._on_skin(_blushes(head.vertices))
        self._brow = _brow_distance(head.vertices, marks)
        off_lips = 1 - smooth(0.30, 0.0, mouth) * (z > 7)
        side = np.abs(x)
        chin = smooth(3.4, 1.6, side) * smooth(-4.3, -5.2, y) * smooth(-12.0, -9.5, y)
        chin = np.maximum(chin, smooth(0.9, 0.3, side) * smooth(-3.6, -4.2, y) * smooth(8, 9, z))
        corner = smooth(1.0, 0.2, np.abs(side - 3.0)) * smooth(-6.8, -5.6, y) * smooth(-1.8, -3, y)
        edge = y - side * 0.42 + 1.2  # rises from the corner of the mouth to the sideburn
        jaw = smooth(-0.6, -4.2, edge) * smooth(-11.8, -8.8, y) * smooth(-0.8, 2.2, z)
        jaw = jaw * (0.25 + 0.75 * smooth(1.0, 5.5, z))
        lip = smooth(3.7, 2.4, side) * smooth(-0.9, -1.7, y + 0.16 * side) * smooth(6.5, 8.5, z)
        lip = lip * smooth(-4.4, -3.2, y)
        groove = 1 - 0.5 * smooth(0.45, 0.1, side)
        front = smooth(5.0, 8.0, z)
        jaw = jaw * (1 - smooth(-8.2, -9.6, y) * smooth(6.0, 3.5, z))  # not on the neck
        self._beards = [
            self._on_skin(jaw * off_lips),
            self._on_skin(np.maximum(chin, 0.8 * corner) * front * off_lips),
            self._on_skin(np.maximum(lip * groove, 0.5 * corner * front) * off_lips),
        ]

    def _on_skin(self, mask: np.ndarray) -> np.ndarray:
        return np.where(self._skin, np.clip(mask, 0, 1), 0)

    def brow(self, traits: Traits) -> np.ndarray:
        """The eyebrows of a person."""
        width = traits.brow_width
        return self._on_skin(smooth(1.15 * width, 0.35 * width, self._brow))

    def beard(self, traits: Traits) -> np.ndarray:
        """The beard of a person, times its density."""
        parts = [d * mask for d, mask in zip(traits.beard, self._beards, strict=True)]
        return np.max(parts, axis=0)


def _polygon_distance(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Signed distances [P] of `points` [P, 2] from a polygon [Q, 2], negative inside."""
    distance = np.full(len(points), np.inf)
    inside = np.zeros(len(points), bool)
    x, y = points.T
    for p, q in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        distance = np.minimum(distance, _segment(points, p, q)[0])
        if p[1] != q[1]:
            crossing = (q[0] - p[0]) * (y - p[1]) / (q[1] - p[1]) + p[0]
            inside ^= ((p[1] > y) != (q[1] > y)) & (x < crossing)
    return np.where(inside, -distance, distance)


def _segment(points: np.ndarray, p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances [P] of `points` [P, D] from the segment pq, and the nearest places on it, 0 to
    1."""
    edge, offset = q - p, points - p
    place = np.clip((offset @ edge) / max(float(edge @ edge), 1e-12), 0, 1)
    return np.linalg.norm(offset - place[:, None] * edge, axis=1), place


def _line(points: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances [P] of `points` [P, 3] from a polyline, and the nearest places along it, 0 to 1."""
    distance = np.full(len(points), np.inf)
    along = np.zeros(len(points))
    pieces = len(line) - 1
    for i in range(pieces):
        near, place = _segment(points, line[i], line[i + 1])
        closer = near < distance
        distance[closer] = near[closer]
        along[closer] = (i + place[closer]) / pieces
    return distance, along


def _brow_distance(vertices: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Distances [V] from the eyebrows relative to their half width, which shrinks outwards."""
    relative = np.full(len(vertices), np.inf)
    for start, end, inner_first in ((17, 22, False), (22, 27, True)):
        line = marks[start:end] + np.array([0, 0.05, 0], np.float32)
        distance, along = _line(vertices, line)
        outwards = along if inner_first else 1 - along
        relative = np.minimum(relative, distance / (0.50 * (1 - 0.55 * outwards)))
    return relative


def _lash_lines(vertices: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Mask [V] of the rims of the eyelids, stronger at the upper lid."""
    mask = np.zeros(len(vertices))
    for start in (36, 42):
        lid = marks[start : start + 6]
        distance, _ = _line(vertices, np.r_[lid, lid[:1]])
        upper = vertices[:, 1] > lid[:, 1].mean()
        mask = np.maximum(mask, smooth(0.26, 0.02, distance) * np.where(upper, 1, 0.55))
    return mask


def _blushes(vertices: np.ndarray) -> np.ndarray:
    """Mask [V] of the cheeks, the tip of the nose and the chin."""
    mask = np.zeros(len(vertices))
    for centre, radius, strength in (
        ((5.2, -0.6, 8.6), 2.6, 1.0),
        ((-5.2, -0.6, 8.6), 2.6, 1.0),
        ((0, 0.4, 13), 1.3, 0.8),
        ((0, -8, 10.3), 1.5, 0.35),
    ):
        square = ((vertices - np.array(centre)) ** 2).sum(1)
        mask = np.maximum(mask, strength * np.exp(-square / radius**2))
    return mask
