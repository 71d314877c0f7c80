"""Landmarks and irises by MediaPipe's networks (Kartynnik et al., 2019, arXiv 1907.06724;
Ablavatski et al., 2020, arXiv 2006.11341), also with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from viz.portrait.faces.face import LEFT_EYE, RIGHT_EYE
from viz.portrait.faces.face_net import face_net
from viz.portrait.faces.squares import Square
from viz.portrait.faces.warping import cut

SIZE = 192
"""Side of the landmark network's picture in pixels."""
_EYE_SIZE = 64
_EYE_SCALE = 2.3
"""Side of an eye's square, in distances between the eye's corners."""
_LID_POINTS = 16
"""Number of points on the lids' borders, which come first among those of the eye."""
_FEATURE_LAYERS = 4


@dataclass(frozen=True)
class NetLandmarks:
    """What the landmark network finds in N pictures; gradients flow through all of it."""

    points: Tensor
    """[N, 468, 3], in picture sides: x and y from 0 to 1."""
    logit: Tensor
    """Confidence that there is a face [N]: about 20 to 30 for a clear one, below 0 for none."""
    features: list[Tensor]
    """Activations of its first four pools [N, C, h, w], from fine to coarse: like a perceptual
    network's, they distinguish faces. Empty unless requested."""


def net_landmarks(pictures: Tensor, with_features: bool = False) -> NetLandmarks:
    """Landmarks of upright faces that fill about two thirds of their pictures.

    Args:
        pictures: [N, 3, 192, 192] in 0..1, on any device.
        with_features: whether to return the features too.
    """
    net = face_net("face_landmark", pictures.device)
    taps = net.pools[:_FEATURE_LAYERS] if with_features else ()
    points, flag, *features = net(pictures, taps)
    points = points.reshape(-1, 468, 3) / SIZE
    return NetLandmarks(points, flag.reshape(-1), features)


@torch.no_grad()
def landmarks_in(pixels: Tensor, square: Square) -> tuple[np.ndarray, float]:
    """Landmarks of the face that a square holds.

    Args:
        pixels: [3, H, W] in 0..1.
        square: upright to the face, 1.5 times as large as its landmarks.

    Returns:
        float32 [468, 3] in pixels, and the logit of its being a face.
    """
    found = net_landmarks(cut(pixels, square, SIZE)[None])
    points = found.points[0].double().cpu().numpy()
    result = np.empty((468, 3), np.float32)
    result[:, :2] = square.to_picture(points[:, :2])
    result[:, 2] = points[:, 2] * square.side
    return result, float(found.logit[0])


@torch.no_grad()
def eyes_of(
    pixels: Tensor, landmarks: np.ndarray, which: Sequence[int] = (0, 1)
) -> tuple[np.ndarray, np.ndarray]:
    """The eyes of a face with known landmarks.

    Args:
        pixels: [3, H, W] in 0..1.
        landmarks: [468, 2 or 3] in pixels.
        which: of n eyes, the person's own right one (0) and left one (1).

    Returns:
        irises float32 [n, 5, 2] and lids float32 [n, 16, 2], in pixels; see `Face`.
    """
    corners = (RIGHT_EYE, LEFT_EYE[::-1])
    squares = [_eye_square(landmarks, *corners[eye]) for eye in which]
    pictures = [cut(pixels, square, _EYE_SIZE) for square in squares]
    # The network only knows right eyes.
    pictures = [x.flip(-1) if eye else x for x, eye in zip(pictures, which, strict=True)]
    eyes = face_net("iris_landmark", pixels.device)(torch.stack(pictures))
    count = len(pictures)
    lids, irises = (y.reshape(count, -1, 3)[..., :2].double().cpu().numpy() for y in eyes)
    found = np.concatenate([irises, lids[:, :_LID_POINTS]], axis=1) / _EYE_SIZE
    for points, eye in zip(found, which, strict=True):
        points[:, 0] = 1 - points[:, 0] if eye else points[:, 0]
    placed = np.stack([s.to_picture(p) for s, p in zip(squares, found, strict=True)]).astype("f4")
    return placed[:, :5], placed[:, 5:]


def _eye_square(landmarks: np.ndarray, first: int, second: int) -> Square:
    """The square around an eye whose corners are these landmarks, from left to right."""
    a, b = landmarks[first, :2].astype(float), landmarks[second, :2].astype(float)
    (x, y), (dx, dy) = (a + b) / 2, b - a
    side = max(float(np.hypot(dx, dy)) * _EYE_SCALE, 1.0)
    return Square((float(x), float(y)), side, float(np.degrees(np.arctan2(dy, dx))))
