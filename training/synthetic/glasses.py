"""Glasses: two rims, a bridge and two temples of thin tubes, fitted to each face.

Lengths are in centimetres, y up, the face looks along +z.
"""

from __future__ import annotations

import numpy as np

from training.synthetic.traits import Traits

_RIM, _BAR, _SIDES = 40, 10, 6
"""Rings of a tube around a lens and along a bar, and vertices per ring."""
_RADIUS = 0.17
"""Radius of the tubes; thinner ones would be narrower than a pixel."""
_TUBES = (_RIM + 1, _RIM + 1, _BAR, _BAR, _BAR)
"""Rings of each tube; a rim's last ring repeats its first."""
VERTICES = sum(_TUBES) * _SIDES


def triangles() -> np.ndarray:
    """Vertex indices, counter-clockwise from outside, int32 [T, 3]; the same for all glasses."""
    found, start = [], 0
    for rings in _TUBES:
        ring, side = np.meshgrid(np.arange(rings - 1), np.arange(_SIDES), indexing="ij")
        beside = (side + 1) % _SIDES
        a, b = (start + ring * _SIDES + s for s in (side, beside))
        found += [np.stack([a, b, a + _SIDES], -1), np.stack([b, b + _SIDES, a + _SIDES], -1)]
        start += rings * _SIDES
    return np.concatenate([part.reshape(-1, 3) for part in found]).astype(np.int32)


def fit_glasses(
    traits: Traits, marks: np.ndarray, skin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points and unit normals, float32 [VERTICES, 3], of glasses that sit on the nose and the ears
    of a face with these landmarks [68, 3] and vertices of the skin [P, 3]."""
    right, left = marks[36:42].mean(axis=0), marks[42:48].mean(axis=0)
    temple = 0.5 * (marks[16, 0] - marks[0, 0])  # half the width of the head
    across = 0.5 * (left[0] - right[0])
    width = min(2.35 + 0.5 * traits.rims, 0.97 * temple - across, across - 0.45)
    height = (0.72 + 0.08 * traits.rims) * width
    front = max(float(marks[36:48, 2].max()), float(marks[27, 2])) + 1.25
    lines = [_rim(eye, width, height, front, traits.rims) for eye in (right, left)]
    inner = [lines[0][_farthest(lines[0], (1, 0.35))], lines[1][_farthest(lines[1], (-1, 0.35))]]
    bridge = _bar(inner[0], inner[1])
    bridge[:, 1] += 0.25 * np.sin(np.linspace(0, np.pi, _BAR))
    bridge[:, 2] += 0.3 * np.sin(np.linspace(0, np.pi, _BAR))
    lines.append(bridge)
    for rim, ear, aside in ((lines[0], marks[0], -1), (lines[1], marks[16], 1)):
        hinge = rim[_farthest(rim, (aside, 0.5))]
        bar = _bar(hinge, np.array([hinge[0], hinge[1] - 0.1, ear[2] - 2.2]))
        side = skin[(np.abs(skin[:, 1] - hinge[1]) < 0.9) & (aside * skin[:, 0] > 0)]
        near = np.abs(side[:, 2] - bar[:, 2, None]) < 0.9  # [rings, P]
        width = np.where(near, np.abs(side[:, 0]), 0).max(axis=1, initial=0) + 0.2
        bar[:, 0] = aside * np.maximum.accumulate(np.maximum(width, aside * hinge[0]))
        lines.append(bar)
    tubes = [_tube(line, closed=k < 2) for k, line in enumerate(lines)]
    points, normals = (np.concatenate(parts) for parts in zip(*tubes, strict=True))
    return points.astype(np.float32), normals.astype(np.float32)


def _rim(eye: np.ndarray, width: float, height: float, front: float, square: float) -> np.ndarray:
    """The outline of a lens in front of an eye, [_RIM + 1, 3]: an ellipse, or a superellipse."""
    turn = np.linspace(0, 2 * np.pi, _RIM + 1)
    power = 1 / (1 + 0.9 * square)
    x, y = (np.sign(c) * np.abs(c) ** power for c in (np.cos(turn), np.sin(turn)))
    x, y = eye[0] + width * x, eye[1] - 0.25 + height * y
    return np.stack([x, y, front - 0.035 * x**2], axis=1)


def _farthest(line: np.ndarray, towards: tuple[float, float]) -> int:
    """Index of the point of an outline that lies farthest in a direction."""
    return int((line[:, :2] @ np.array(towards)).argmax())


def _bar(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    return np.linspace(start, end, _BAR)


def _tube(line: np.ndarray, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals of a tube along a line, [len(line) * _SIDES, 3] each."""
    along = np.gradient(line, axis=0)
    if closed:
        along[0] = along[-1] = line[1] - line[-2]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, (0.0, 0.3, 1.0))
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    up = np.cross(across, along)
    turn = np.linspace(0, 2 * np.pi, _SIDES, endpoint=False)[None, :, None]
    normals = np.cos(turn) * across[:, None] + np.sin(turn) * up[:, None]
    return (line[:, None] + _RADIUS * normals).reshape(-1, 3), normals.reshape(-1, 3)
