"""A face found in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from viz.portrait.faces.squares import Square

RIGHT_EYE, LEFT_EYE = (33, 133), (263, 362)
"""Landmarks of the outer and the inner corner of the person's own right and left eye."""
RIGHT_LIDS = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
LEFT_LIDS = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
"""Landmarks of the eyelids' borders: the lower one from the outer to the inner corner, then the
upper one likewise."""
NO_FACE = (
    "No face was found in this picture. Take one that shows a person's face from the front or "
    "half from the side, or drag a box around the face."
)
SCALE = 1.5
"""Side of the square that the landmark network examines, in sizes of the face."""
_LEAST_SIDE = 64
"""Size in pixels below which a face has too little detail for a likeness."""
_CUT_OFF = 0.03
"""Fraction of a face's size that may lie outside the picture before it counts as cut off."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture of known size; all points in its pixels, x to the right and y down."""

    landmarks: np.ndarray
    """MediaPipe's 468 points, float32 [468, 3]; z is the depth relative to the head, in pixels,
    growing away from the camera."""
    irises: np.ndarray
    """For the person's own right and left eye: the pupil, then four points of the iris's border
    (outer or inner side, top, the other side, bottom), float32 [2, 5, 2]."""
    lids: np.ndarray
    """The borders of both eyes' lids, more precise than the landmarks: in the order of `RIGHT_LIDS`
    and `LEFT_LIDS`, float32 [2, 16, 2]."""
    logit: float
    """Confidence of the landmark network that this is a face: about 20 to 30 for a clear one."""
    picture_size: tuple[int, int]
    """Width and height of the picture in pixels."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the landmarks."""
        low, high = self.landmarks[:, :2].min(0), self.landmarks[:, :2].max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def side(self) -> float:
        """The longer side of the box."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    @property
    def square(self) -> Square:
        """The square that the landmark network examines."""
        return square_of(self.landmarks)

    def distance(self, landmarks: np.ndarray) -> float:
        """Distance of other landmarks [468, 2 or 3], from middle to middle, in sizes of the
        face."""
        apart = landmarks[:, :2].mean(0) - self.landmarks[:, :2].mean(0)
        return float(np.hypot(*apart)) / self.side

    @property
    def remark(self) -> str:
        """What would spoil the likeness, one sentence; empty if nothing does."""
        if self.side < _LEAST_SIDE:
            return (
                f"The face is only {self.side:.0f} pixels high: take a larger picture of it, "
                f"with at least {_LEAST_SIDE}."
            )
        left, top, right, bottom = self.box
        width, height = self.picture_size
        beyond = max(-left, -top, right - width, bottom - height)
        if beyond > _CUT_OFF * self.side:
            return (
                "The face is cut off at the edge of the picture: what is missing will be made up."
            )
        return ""


def square_of(landmarks: np.ndarray) -> Square:
    """The square that the landmark network examines, level with the eyes, around landmarks
    [468, 2 or 3] in pixels."""
    x, y = landmarks[LEFT_EYE[0], :2] - landmarks[RIGHT_EYE[0], :2]
    return Square.around(landmarks[:, :2], float(np.degrees(np.arctan2(y, x))), SCALE)
