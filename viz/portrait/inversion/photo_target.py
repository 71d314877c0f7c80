"""What an inversion is to reproduce: photos of a face, and their crops, prepared once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.camera.cropping import crop
from viz.portrait.faces.face import LEFT_LIDS, RIGHT_LIDS
from viz.portrait.faces.matting import matte

_FACE_WEIGHT = 4.0
"""Weight of a pixel of the face relative to one outside it."""
_LEAST_OPEN = 0.2
"""Height of an eye, in its widths, below which it counts as closed."""
_EYE = (0.75, 0.5)
"""Half width and half height of the region of an eye, in its widths."""


@dataclass(frozen=True, eq=False)
class FacePhoto:
    """A photo of the person, or a frame of a video."""

    pixels: Tensor
    """[3, H, W] in 0..1."""
    landmarks: np.ndarray
    """The face's landmarks in the photo's pixels [468, 2 or 3]."""
    fit: CameraFit
    """The face's camera and crop, as `fit_camera` finds them."""
    motion: np.ndarray | None = None
    """The motion code at t = 1 at which a search begins [motion_dim]; None for the face at rest."""


@dataclass(frozen=True)
class PhotoTarget:
    """A photo as the generator should reproduce it. S is the side of its final pictures."""

    picture: Tensor
    """[1, 3, S, S] in -1..1; on white for a model with white backgrounds."""
    matte: Tensor | None
    """How much of each pixel is the person [1, 1, S, S]; None for a model that draws its
    backgrounds."""
    known: Tensor
    """1 where the crop lies within the photo, else 0 [1, 1, S, S]."""
    landmarks: Tensor
    """[468, 2] in 0..1 of the crop."""

    @classmethod
    def of(cls, photo: FacePhoto, size: int, on_white: bool) -> PhotoTarget:
        """Cuts a photo's crop and segments the person in it.

        Args:
            photo: with pixels on the device of the result.
            size: S.
            on_white: whether the model's backgrounds are white, so that the photo's must be
                removed.
        """
        cut = crop(photo.pixels, photo.fit, size)
        picture, person = cut.picture, None
        if on_white:
            person = matte(picture)
            picture = picture * person + 1 - person
            person = person[None, None]
        landmarks = photo.landmarks[:, :2].astype(np.float64)
        points = torch.from_numpy(photo.fit.square.from_picture(landmarks))
        known = (cut.inside > 0.99).to(picture)
        return cls(picture[None] * 2 - 1, person, known[None, None], points.to(picture))

    def face(self) -> Tensor:
        """1 within the outline of the landmarks, else 0 [1, 1, S, S]."""
        side = self.picture.shape[-1]
        centres = (torch.arange(side, device=self.landmarks.device) + 0.5) / side
        v, u = torch.meshgrid(centres, centres, indexing="ij")
        points = self.landmarks
        inside = torch.ones_like(u, dtype=torch.bool)
        # A convex outline is an intersection of half planes; 64 of them are round enough.
        for angle in torch.linspace(0, 2 * torch.pi, 65, device=u.device)[:-1]:
            cos, sin = torch.cos(angle), torch.sin(angle)
            inside &= u * cos + v * sin <= (points @ torch.stack([cos, sin])).max()
        return inside.to(self.picture)[None, None]

    def open_eyes(self) -> Tensor:
        """1 in and around each eye that is open in the photo, falling softly to 0 [1, 1, S, S]."""
        side = self.picture.shape[-1]
        centres = (torch.arange(side, device=self.landmarks.device) + 0.5) / side
        v, u = torch.meshgrid(centres, centres, indexing="ij")
        eyes = torch.zeros_like(u)
        for lids in (RIGHT_LIDS, LEFT_LIDS):
            points = self.landmarks[list(lids)]
            low, high = points.amin(dim=0), points.amax(dim=0)
            (x, y), (width, height) = (low + high) / 2, high - low
            if height > _LEAST_OPEN * width:
                away = torch.hypot((u - x) / (_EYE[0] * width), (v - y) / (_EYE[1] * width))
                eyes = torch.maximum(eyes, (3 - 3 * away).clamp(0, 1))
        return eyes[None, None].to(self.picture) * self.known

    def weights(self) -> Tensor:
        """Weight of each pixel [1, 1, S, S], with soft edges."""
        weights = 1 + (_FACE_WEIGHT - 1) * self.face()
        return F.avg_pool2d(weights, 9, 1, 4, count_include_pad=False) * self.known
