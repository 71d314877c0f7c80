"""Finds the faces of a photo for the window."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import torch
from torch.nn.functional import interpolate

from viz.portrait.face_marks import Box, FaceMark, PhotoFaces, Point
from viz.portrait.faces.face import LEFT_EYE, NO_FACE, RIGHT_EYE, Face
from viz.portrait.faces.finding import face_by_hand, find_faces
from viz.portrait.faces.photo import read_photo
from viz.state.jobs import Report, ReportingSteps

SHOWN_SIDE = 1600
"""Longest side of a photo as shown, pixels."""


def find(path: Path, box: Box | None, eyes: tuple[Point, Point] | None) -> ReportingSteps[str]:
    """Steps of finding a photo's faces, or the one that was marked by hand.

    Returns:
        JSON of `PhotoFaces`; without faces where there are none, with a sentence among its notes.

    Raises:
        UserError: when the photo cannot be read.
    """
    yield "Reading", None
    photo = read_photo(path)
    yield Report("Looking", None, shown(photo.pixels))
    by_hand = box is not None
    faces = [face_by_hand(photo.pixels, box, eyes)] if by_hand else find_faces(photo.pixels)
    notes = (*photo.notes, *(() if faces else (NO_FACE,)))
    size = (photo.pixels.shape[-1], photo.pixels.shape[-2])
    found = PhotoFaces(size, tuple(mark_of(face, box, eyes) for face in faces), notes)
    return msgspec.json.encode(found).decode()


def mark_of(
    face: Face, box: Box | None = None, eyes: tuple[Point, Point] | None = None
) -> FaceMark:
    """A face as drawn; marks made by hand stay in place."""
    points = face.landmarks[:, :2].astype(float)
    right, left = (points[list(eye)].mean(axis=0).tolist() for eye in (RIGHT_EYE, LEFT_EYE))
    found = ((right[0], right[1]), (left[0], left[1]))
    marks = tuple((x, y) for x, y in points.tolist())
    return FaceMark(box or face.box, eyes or found, marks, face.remark)


def shown(pixels: torch.Tensor) -> np.ndarray:
    """A photo float32 [3, H, W] in 0..1 as shown, uint8 [h, w, 3]."""
    factor = SHOWN_SIDE / max(pixels.shape[-2:])
    if factor < 1:
        pixels = interpolate(pixels[None], scale_factor=factor, mode="bilinear", antialias=True)[0]
    return (pixels * 255).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
