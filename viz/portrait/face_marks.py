"""The faces of a photo as plain values, for drawing and for messages to the worker."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class FaceMark:
    """A face as drawn over its photo; everything in the photo's pixels."""

    box: Box
    """Left, top, right and bottom."""
    eyes: tuple[Point, Point]
    """Centres of the eye at the left and the eye at the right of an upright face."""
    landmarks: tuple[Point, ...] = field(repr=False)
    remark: str = ""
    """What would spoil the likeness; empty if nothing does."""


@dataclass(frozen=True)
class PhotoFaces:
    """The result of searching a photo for faces."""

    size: tuple[int, int]
    """Width and height of the photo in the pixels that faces are marked in."""
    faces: tuple[FaceMark, ...]
    """The faces, largest first."""
    notes: tuple[str, ...] = ()
    """Notes on the photo for the user."""

    @classmethod
    def of_text(cls, text: str) -> PhotoFaces:
        """Parses a job's result."""
        return msgspec.json.decode(text, type=cls)
