"""Similarity of a rendered picture and a photo, as differentiable losses."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.generator import RawRender
from viz.portrait.faces.face import square_of
from viz.portrait.faces.landmark_nets import SIZE, net_landmarks
from viz.portrait.faces.warping import cut
from viz.portrait.inversion.photo_target import PhotoTarget

_SMALLEST = 16
"""Side of the smallest picture that is compared."""
_SQUARES = 2.0
_EDGES = 2.0
_OPACITY = 2.0
_LANDMARKS = 10.0
_FEATURES = 0.05
_EYES_SIDE = 64
"""Side of the pictures in which eyes are compared."""
_INNER_LIPS = ((82, 87), (13, 14), (312, 317))
"""Pairs of upper and lower points on the inner lips."""
_FACE_ENDS = (10, 152)
"""Top of the forehead and chin."""


class Likeness:
    """Compares pictures with one photo."""

    def __init__(self, target: PhotoTarget) -> None:
        self.target = target
        self._levels: dict[int, tuple[Tensor, Tensor]] = {}
        self._weights = target.weights()
        self._face = target.face() * target.known
        self._eyes = target.open_eyes()
        points = target.landmarks.cpu().numpy() * target.picture.shape[-1]
        self._square = square_of(points)
        with torch.no_grad():
            self.landmarks, self._features = self._look(target.picture)

    def picture(self, image: Tensor) -> Tensor:
        """Loss of pictures [N, 3, s, s] at their own and smaller sizes: absolute and squared
        differences of colours and of edges. [N]."""
        losses, side = [], image.shape[-1]
        while side >= min(_SMALLEST, image.shape[-1]):
            losses.append(self._at(image, side))
            side //= 2
        return torch.stack(losses).mean(dim=0)

    def opacity(self, raw: RawRender) -> Tensor:
        """Loss of opacity where the photo shows no person, and of transparency where it does."""
        matte = self.target.matte
        if matte is None:
            return raw.opacity.new_zeros(())
        size = raw.opacity.shape[-2:]
        known = F.interpolate(self.target.known, size, mode="area")
        wrong = (raw.opacity - F.interpolate(matte, size, mode="area")) * known
        return _OPACITY * wrong.square().mean()

    def face(self, image: Tensor) -> Tensor:
        """Loss of the face's landmarks and features in final pictures."""
        landmarks, features = self._look(image)
        apart = (landmarks - self.landmarks).norm(dim=-1).mean()
        pairs = zip(features, self._features, strict=True)
        ratios = ((x - y).abs().mean() / y.abs().mean() for x, y in pairs)
        unlike = sum(ratios, start=apart.new_zeros(()))
        return _LANDMARKS * apart + _FEATURES * unlike

    def eyes(self, image: Tensor) -> Tensor:
        """Mean difference of colours, which span 2, from the photo's open eyes in pictures [N, 3,
        s, s], which need not be sharp [N]; 0 if the photo has none."""
        side = min(image.shape[-1], _EYES_SIDE)
        wanted, _ = self.level(side)
        where = self.open_eyes(side)
        apart = (F.interpolate(image, (side, side), mode="area") - wanted).abs() * where
        return apart.mean(dim=(1, 2, 3)) / where.mean().clamp_min(1e-4)

    def open_eyes(self, side: int) -> Tensor:
        """Where the photo's open eyes are, 0 to 1 [1, 1, side, side]."""
        return F.interpolate(self._eyes, (side, side), mode="area")

    def points(self, image: Tensor) -> Tensor:
        """Landmarks of final pictures [N, 468, 2], in 0..1 of the crop."""
        return self._look(image)[0]

    @torch.no_grad()
    def figures(self, image: Tensor) -> dict[str, float]:
        """Figures of a final picture: `psnr` and `face_psnr` in dB, `landmarks` as the mean
        distance in sides of the picture."""
        errors = (image.clamp(-1, 1) - self.target.picture).square().mean(dim=1, keepdim=True) / 4

        def decibels(where: Tensor) -> float:
            share = float((errors * where).sum() / where.sum().clamp_min(1))
            return -10 * math.log10(max(share, 1e-10))

        apart = (self.points(image) - self.landmarks).norm(dim=-1).mean()
        return {
            "psnr": decibels(self.target.known),
            "face_psnr": decibels(self._face),
            "landmarks": float(apart),
        }

    def level(self, side: int) -> tuple[Tensor, Tensor]:
        """The photo reduced to `side` pixels [1, 3, side, side], and the weight of each pixel [1,
        1, side, side]; 0 where it is unknown."""
        if side not in self._levels:
            size = (side, side)
            pair = (self.target.picture, self._weights)
            wanted, weights = (F.interpolate(x, size, mode="area") for x in pair)
            self._levels[side] = wanted, weights
        return self._levels[side]

    def _at(self, image: Tensor, side: int) -> Tensor:
        wanted, weights = self.level(side)
        if image.shape[-1] != side:
            image = F.interpolate(image, (side, side), mode="area")
        error = image - wanted
        plain = (error.abs() + _SQUARES * error.square()) * weights
        rows = error.diff(dim=-1).abs() * weights[..., 1:]
        columns = error.diff(dim=-2).abs() * weights[..., 1:, :]
        edges = rows.flatten(1).mean(dim=1) + columns.flatten(1).mean(dim=1)
        return plain.flatten(1).mean(dim=1) + _EDGES * edges

    def _look(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        pictures = image.clamp(-1, 1) * 0.5 + 0.5
        seen = net_landmarks(
            torch.stack([cut(picture, self._square, SIZE, "edge") for picture in pictures]), True
        )
        corner, right, _, down = torch.from_numpy(self._square.corners).to(image)
        points = seen.points[..., :2] @ torch.stack([right - corner, down - corner]) + corner
        return points / image.shape[-1], seen.features


def mouth_opening(landmarks: Tensor) -> Tensor:
    """Distance of the inner lips in heights of the face [N], of landmarks [N, 468, 2]."""
    upper, lower = (landmarks[:, list(points)] for points in zip(*_INNER_LIPS, strict=True))
    top, chin = (landmarks[:, point] for point in _FACE_ENDS)
    return (upper - lower).norm(dim=-1).mean(dim=1) / (top - chin).norm(dim=-1)
