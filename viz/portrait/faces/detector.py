"""Detection of faces by MediaPipe's detectors (Bazarevsky et al., 2019, BlazeFace, arXiv
1907.05047)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from viz.portrait.faces.face_net import Name, face_net
from viz.portrait.faces.squares import Square
from viz.portrait.faces.warping import cut

_LEAST_SCORE = 0.4
_SAME_FACE = 0.3
"""Overlap of two boxes (intersection over union) above which they count as one face."""


@dataclass(frozen=True)
class DetectorNet:
    """One of the two networks."""

    name: Name
    size: int
    """Side of its input in pixels."""
    grids: tuple[tuple[int, int], ...]
    """Cells along a side, and anchors per cell, of its layers."""


SHORT_RANGE = DetectorNet("face_detection_short_range", 128, ((16, 2), (8, 6)))
FULL_RANGE = DetectorNet("face_detection_full_range", 192, ((48, 1),))


@dataclass(frozen=True)
class Candidate:
    """A possible face."""

    score: float
    """Confidence, 0 to 1."""
    square: Square
    """The detector's box, rotated upright to the face by its eyes."""


@torch.no_grad()
def candidates(pixels: Tensor, window: Square, detector: DetectorNet) -> list[Candidate]:
    """Faces that a detector sees in a window of the picture, most confident first.

    Args:
        pixels: [3, H, W] in 0..1.
        window: the part to search, rotated as the faces are expected to be.
        detector: which network.
    """
    picture = cut(pixels, window, detector.size) * 2 - 1
    numbers, logits = (y[0] for y in face_net(detector.name, pixels.device)(picture[None]))
    scores = torch.sigmoid(logits[:, 0]).cpu().numpy()
    kept = scores > _LEAST_SCORE
    scores, found = scores[kept], numbers.double().cpu().numpy()[kept] / detector.size
    # A box's centre and size, then six points: both eyes, nose, mouth and both ears.
    anchors = _anchors(detector)[kept]
    boxes = np.concatenate([found[:, :2] + anchors, found[:, 2:4]], axis=1)
    eyes = found[:, 4:8].reshape(-1, 2, 2) + anchors[:, None]
    result = []
    for group in _groups(scores, boxes):
        weights = scores[group] / scores[group].sum()
        box, pair = weights @ boxes[group], np.einsum("n,nij->ij", weights, eyes[group])
        (ax, ay), (bx, by) = window.to_picture(pair)
        x, y = window.to_picture(box[:2])
        angle = math.degrees(math.atan2(by - ay, bx - ax))
        side = float(box[2:].max()) * window.side
        result.append(
            Candidate(float(scores[group].max()), Square((float(x), float(y)), side, angle))
        )
    return result


@lru_cache(maxsize=2)
def _anchors(detector: DetectorNet) -> np.ndarray:
    """Centres of a network's anchors in its order, 0 to 1, [n, 2]."""
    centres = []
    for cells, repeats in detector.grids:
        steps = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(steps, steps, indexing="ij")
        centres.append(np.stack([x, y], -1).reshape(-1, 2).repeat(repeats, axis=0))
    return np.concatenate(centres)


def _groups(scores: np.ndarray, boxes: np.ndarray) -> list[list[int]]:
    """Indices of the boxes [n, 4] (centre and size) that show the same face as the most confident
    one, that one first."""
    left = list(np.argsort(-scores))
    groups = []
    while left:
        group = [
            int(k) for k in left if overlap(boxes[left[0]], boxes[k]) > _SAME_FACE or k == left[0]
        ]
        groups.append(group)
        left = [k for k in left if k not in group]
    return groups


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes, given as centre and size [4]."""
    low = np.maximum(a[:2] - a[2:] / 2, b[:2] - b[2:] / 2)
    high = np.minimum(a[:2] + a[2:] / 2, b[:2] + b[2:] / 2)
    common = float(np.clip(high - low, 0, None).prod())
    return common / max(float(a[2:].prod() + b[2:].prod()) - common, 1e-9)


def distinct(found: list[Candidate]) -> list[Candidate]:
    """The most confident candidate of each face."""
    kept: list[Candidate] = []
    for one in sorted(found, key=lambda c: -c.score):
        if all(_overlap(one.square, other.square) <= _SAME_FACE for other in kept):
            kept.append(one)
    return kept


def _overlap(a: Square, b: Square) -> float:
    return overlap(*(np.array([*s.centre, s.side, s.side]) for s in (a, b)))
