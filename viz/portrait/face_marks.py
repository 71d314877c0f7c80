"""The faces of a photo as plain values: what is drawn over it, and what goes to the worker."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class FaceMark:
    """A face as drawn over its photo; all in the photo's pixels."""

    box: Box
    """Left, top, right and bottom."""
    eyes: tuple[Point, Point]
    """Centres of the eye at the left and the eye at the right of an upright face."""
    landmarks: tuple[Point, ...] = field(repr=False)
    remark: str = ""
    """What stands in the way of a good likeness; empty where nothing does."""


@dataclass(frozen=True)
class PhotoFaces:
    """What came of looking for faces."""

    size: tuple[int, int]
    """Width and height of the photo in the pixels that faces are marked in."""
    faces: tuple[FaceMark, ...]
    """The largest first."""
    notes: tuple[str, ...] = ()
    """What the user should know of the photo."""

    @classmethod
    def of_text(cls, text: str) -> PhotoFaces:
        """From a job's outcome."""
        return msgspec.json.decode(text, type=cls)
