"""One face from picture to picture, as fast as a camera gives them.

The detector runs while no face is known; otherwise the landmark network runs where the face was
(Kartynnik et al., 2019, arXiv 1907.06724), and the iris network on the two eyes in turns.
"""

from __future__ import annotations

import numpy as np
import torch

from viz.portrait.faces.detector import FULL_RANGE, SHORT_RANGE, candidates
from viz.portrait.faces.face import SCALE, Face
from viz.portrait.faces.finding import followed, refined
from viz.portrait.faces.squares import Square
from viz.portrait.faces.warping import to_pixels


class FaceTracker:
    """Follows the largest face."""

    def __init__(self) -> None:
        self._face: Face | None = None
        self._eye = 0

    def look(self, pixels: np.ndarray) -> Face | None:
        """The face in the next picture, uint8 [H, W, 3]; None where there is none."""
        picture = to_pixels(pixels)
        self._eye = 1 - self._eye
        face = None if self._face is None else followed(picture, self._face, self._eye)
        self._face = face or _found(picture)
        return self._face


def _found(picture: torch.Tensor) -> Face | None:
    """The largest face of a picture [3, H, W] in 0..1."""
    height, width = picture.shape[-2:]
    whole = Square((width / 2, height / 2), float(max(height, width)))
    for detector in (SHORT_RANGE, FULL_RANGE):  # the second detector for distant faces
        found = candidates(picture, whole, detector)
        for candidate in sorted(found, key=lambda c: -c.square.side):
            face = refined(picture, candidate.square.scaled(SCALE), rounds=2)
            if face is not None:
                return face
    return None
