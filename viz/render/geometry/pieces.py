"""Connected pieces of a surface: which to keep, and which are cavities inside others."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

_NUDGE = np.array([0.0, 1.7e-7, 2.3e-7])
"""Offset that keeps a ray off the grid's planes, in which edges lie."""


def pieces(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Connected pieces of a mesh of vertices [V, 3] and faces [F, 3]: the piece of each face,
    int32 [F], and the volume of each piece, float64 [pieces], negative for a cavity's wall."""
    # Only meshes need these modules, and loading them would delay the first picture.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(vertices)
    ends = np.stack([faces[:, :2].ravel(), faces[:, 1:].ravel()])
    links = coo_array((np.ones(ends.shape[1], bool), (ends[0], ends[1])), (count, count))
    labels = connected_components(links, directed=False)[1][faces[:, 0]]
    labels = np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int32)
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    volume = np.einsum("fk,fk->f", a, np.cross(b, c)) / 6
    return labels, np.bincount(labels, volume)


def tidy(
    vertices: np.ndarray, faces: np.ndarray, *, largest: bool, fill: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Removes unwanted pieces of a closed surface.

    Args:
        vertices: [V, 3].
        faces: [F, 3], counter-clockwise seen from outside.
        largest: keep only the piece of the largest volume.
        fill: drop the walls of cavities, and what floats inside them.

    Returns:
        the vertices and faces that are left.
    """
    labels, volumes = pieces(vertices, faces)
    if len(volumes) == 1:
        return vertices, faces
    main = int(volumes.argmax())
    solids = [main] if largest else np.flatnonzero(volumes > 0).tolist()
    kept = set(solids)
    inside = _Insides(vertices, faces, labels)
    if fill and not largest:
        # A piece within a solid is a cavity's wall, or floats in a cavity, which is filled.
        kept = {k for k in solids if not any(inside(k, s) for s in solids if s != k)}
    elif largest and not fill:
        kept |= {k for k in np.flatnonzero(volumes < 0).tolist() if inside(k, main)}
    elif not fill:
        kept = set(range(len(volumes)))
    chosen = np.zeros(len(volumes), bool)
    chosen[list(kept)] = True
    return compact(vertices, faces[chosen[labels]])


class _Insides:
    """Whether one piece lies within another."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, labels: np.ndarray) -> None:
        order = np.argsort(labels, kind="stable")
        starts = np.searchsorted(labels[order], np.arange(labels.max() + 2))
        self._corners = vertices[faces[order]].astype(np.float64)  # [F, 3, 3]
        self._parts = [slice(a, b) for a, b in pairwise(starts)]
        self._low = np.array([self._corners[p].min(axis=(0, 1)) for p in self._parts])
        self._high = np.array([self._corners[p].max(axis=(0, 1)) for p in self._parts])

    def __call__(self, piece: int, other: int) -> bool:
        if (self._low[piece] < self._low[other]).any():
            return False
        if (self._high[piece] > self._high[other]).any():
            return False
        point = self._corners[self._parts[piece]][0].mean(axis=0) + _NUDGE
        return crosses(self._corners[self._parts[other]], point) % 2 == 1


def crosses(corners: np.ndarray, point: np.ndarray) -> int:
    """How many triangles [F, 3, 3] a ray from a point [3] along +x passes through."""
    flat = corners[:, :, 1:] - point[1:]
    near = (flat.min(axis=1) <= 0).all(axis=1) & (flat.max(axis=1) >= 0).all(axis=1)
    corners, flat = corners[near], flat[near]
    following = np.roll(flat, -1, axis=1)
    areas = flat[..., 0] * following[..., 1] - flat[..., 1] * following[..., 0]  # [F, 3]
    around = (areas > 0).all(axis=1) | (areas < 0).all(axis=1)
    weights = np.roll(areas[around], -1, axis=1)  # of the corner opposite to each edge
    weights = weights / weights.sum(axis=1, keepdims=True)
    return int(((weights * corners[around, :, 0]).sum(axis=1) > point[0]).sum())


def compact(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mesh without vertices that no face uses."""
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    place = np.cumsum(used, dtype=np.int32) - 1
    return vertices[used], place[faces]
