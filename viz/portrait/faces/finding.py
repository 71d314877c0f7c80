"""All faces of a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from viz.portrait.faces.detector import FULL_RANGE, SHORT_RANGE, Candidate, candidates, distinct
from viz.portrait.faces.face import (
    LEFT_EYE,
    LEFT_LIDS,
    RIGHT_EYE,
    RIGHT_LIDS,
    SCALE,
    Face,
    square_of,
)
from viz.portrait.faces.landmark_nets import SIZE, eyes_of, landmarks_in
from viz.portrait.faces.squares import Square

_TURNS = (0.0, 180.0, 90.0, -90.0)
"""Rotations of pictures to try, in degrees, the likeliest first."""
_LEAST_LOGIT, _SURE_LOGIT = 5.0, 12.0
"""The landmark network gives faces 13 to 30, some upside-down ones 7, and things that resemble a
face up to 4."""
_MOST_FACES = 64
_FAR = 0.08
"""Movement between frames, in sizes of the face, beyond which the network runs again."""
_ROUNDS = 3
"""Passes of the landmark network, each on the square found by the previous one."""


def find_faces(pixels: Tensor) -> list[Face]:
    """The faces of a picture, the largest first; empty where there are none (see `NO_FACE`).

    Faces down to about 3 % of the picture's longer side are found, also in pictures rotated by 90
    or 180 degrees.

    Args:
        pixels: [3, H, W] in 0..1, on any device.
    """
    faces: list[Face] = []
    for turn in _TURNS:
        for candidate in distinct(_everywhere(pixels, turn))[:_MOST_FACES]:
            face = refined(pixels, candidate.square.scaled(SCALE))
            if face is not None:
                faces = _with(faces, face)
        if any(face.logit > _SURE_LOGIT for face in faces):
            break
    return sorted(faces, key=lambda face: -face.side)


def refined(pixels: Tensor, square: Square, rounds: int = _ROUNDS) -> Face | None:
    """The face near a square, tracked in a few passes; None if the network sees none.

    Args:
        pixels: [3, H, W] in 0..1.
        square: 1.5 times as large as the face, and about upright to it, such as `Face.square` of
            the previous frame.
        rounds: passes; 1 suffices if the face has hardly moved.
    """
    landmarks, logit = landmarks_in(pixels, square)
    for _ in range(rounds - 1):
        landmarks, logit = landmarks_in(pixels, square_of(landmarks))
    return _face(pixels, landmarks, logit) if logit >= _LEAST_LOGIT else None


def followed(pixels: Tensor, before: Face, eye: int) -> Face | None:
    """The next frame's face, as fast as possible: the landmark network runs where the face was
    `before`, and once more only if it has moved far. None if it sees none.

    Args:
        pixels: [3, H, W] in 0..1.
        eye: which eye is examined closely, 0 for the person's own right one and 1 for the left one;
            the other eye's lids and iris move with its landmarks. Best used in turns.
    """
    landmarks, logit = landmarks_in(pixels, before.square)
    if before.distance(landmarks) > _FAR:
        landmarks, logit = landmarks_in(pixels, square_of(landmarks))
    if logit < _LEAST_LOGIT:
        return None
    moved = (landmarks - before.landmarks)[[RIGHT_LIDS, LEFT_LIDS], :2]
    irises, lids = before.irises + moved.mean(1, keepdims=True), before.lids + moved
    irises[[eye]], lids[[eye]] = eyes_of(pixels, landmarks, [eye])
    return Face(landmarks, irises, lids, logit, before.picture_size)


def face_by_hand(
    pixels: Tensor,
    box: tuple[float, float, float, float],
    eyes: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Face:
    """The face in a box drawn by hand, whether or not the networks recognise it as one.

    Args:
        pixels: [3, H, W] in 0..1.
        box: left, top, right and bottom of the face in pixels.
        eyes: centres of the eye at the left and the eye at the right of an upright face, in pixels:
            the landmarks are moved, turned and scaled so that theirs lie there.
    """
    left, top, right, bottom = box
    turned = 0.0
    if eyes is not None:
        (ax, ay), (bx, by) = eyes
        turned = float(np.degrees(np.arctan2(by - ay, bx - ax)))
    side = max(right - left, bottom - top, 1.0) * SCALE
    square = Square(((left + right) / 2, (top + bottom) / 2), side, turned)
    landmarks, logit = landmarks_in(pixels, square)
    if eyes is not None:
        landmarks = _moved(landmarks, eyes)
    return _face(pixels, landmarks, logit)


def _face(pixels: Tensor, landmarks: np.ndarray, logit: float) -> Face:
    size = (pixels.shape[-1], pixels.shape[-2])
    return Face(landmarks, *eyes_of(pixels, landmarks), logit, size)


def _moved(landmarks: np.ndarray, eyes: Sequence[tuple[float, float]]) -> np.ndarray:
    """Landmarks moved so that the centres of the eyes lie at `eyes`, by a similarity."""
    points = landmarks[:, 0] + 1j * landmarks[:, 1]
    a, b = (points[list(eye)].mean() for eye in (RIGHT_EYE, LEFT_EYE))
    to_a, to_b = (complex(*eye) for eye in eyes)
    factor = (to_b - to_a) / (b - a)
    moved = (points - a) * factor + to_a
    depth = landmarks[:, 2] * abs(factor)
    return np.stack([moved.real, moved.imag, depth], axis=1).astype(np.float32)


def _everywhere(pixels: Tensor, turn: float) -> list[Candidate]:
    """The findings of both detectors in the whole picture, and of the one for small faces in its
    parts."""
    height, width = pixels.shape[-2:]
    long, short = max(height, width), min(height, width)
    whole = Square((width / 2, height / 2), float(long), turn)
    found = candidates(pixels, whole, SHORT_RANGE) + candidates(pixels, whole, FULL_RANGE)
    side = max(long / 2, min(short, long / 2))
    if side >= SIZE:
        for x in _centres(width, side):
            for y in _centres(height, side):
                found += candidates(pixels, Square((x, y), side, turn), FULL_RANGE)
    return found


def _centres(length: int, side: float) -> list[float]:
    """Centres of the windows along a picture's edge, which overlap by half."""
    if length <= side:
        return [length / 2]
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return np.linspace(side / 2, length - side / 2, count).tolist()


def _with(faces: list[Face], face: Face) -> list[Face]:
    """The faces and another one; of overlapping faces the most confident stays."""
    same = [other for other in faces if _same(face, other)]
    if any(other.logit >= face.logit for other in same):
        return faces
    return [other for other in faces if other not in same] + [face]


def _same(a: Face, b: Face) -> bool:
    return max(a.distance(b.landmarks), b.distance(a.landmarks)) < 0.4
