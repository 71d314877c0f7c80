"""A photo being turned into a person: the window's state of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from viz.portrait.face_marks import Box, FaceMark, PhotoFaces, Point
from viz.portrait.inversion.inversion_options import InversionOptions

LEAST_BOX = 16.0
"""Smallest side of a hand-drawn face box, pixels of the photo."""


@dataclass
class Portrait:
    """The photo beside the picture, its faces, and the person made from one of them."""

    path: str = ""
    """Path of the photo; empty for none."""
    pixels: np.ndarray | None = field(default=None, repr=False)
    """The photo as shown, uint8 [h, w, 3]; None until it is read."""
    found: PhotoFaces | None = None
    """The faces found; None before the search."""
    chosen: int = 0
    """Which face."""
    corrected: bool = False
    """Whether the face was marked by hand and its landmarks are yet to be found."""
    options: InversionOptions = field(default_factory=InversionOptions)
    name: str = ""
    """Name for the person; empty for the photo's name."""
    looking: bool = False
    """Whether faces are being searched for."""
    job: int = 0
    """Number of the job that searches for faces or makes the person."""
    making: str = ""
    """The person file being made; empty while none is."""
    live: np.ndarray | None = field(default=None, repr=False)
    """The person as found so far, uint8 [H, W, 3]."""
    made: str = ""
    """The person file that was made from this photo."""
    crop: tuple[float, float, float, float] | None = None
    """Where that person's picture lies in the photo, as `PersonFile.crop`."""
    beside: bool = True
    """Whether the photo is shown beside the picture."""
    whole: bool = True
    """Whether the whole photo is shown, rather than the part that the picture shows."""

    @property
    def shown(self) -> bool:
        """Whether the photo is to be shown beside the picture now."""
        return bool(self.path) and self.beside

    @property
    def faces(self) -> tuple[FaceMark, ...]:
        return self.found.faces if self.found else ()

    @property
    def face(self) -> FaceMark | None:
        """The chosen face."""
        return self.faces[self.chosen] if self.chosen < len(self.faces) else None

    def mark(self, face: FaceMark, *, by_hand: bool = True) -> None:
        """Replaces the chosen face by another mark, or adds the first."""
        if self.found is None:
            return
        faces = [*self.faces]
        faces[self.chosen : self.chosen + 1] = [face]
        self.found = replace(self.found, faces=tuple(faces))
        self.corrected = by_hand


def with_box(face: FaceMark, box: Box) -> FaceMark:
    """A face after its box was dragged; its points move along."""
    left, top, right, bottom = box
    box = (left, top, max(right, left + LEAST_BOX), max(bottom, top + LEAST_BOX))
    old = face.box
    factors = [(box[k + 2] - box[k]) / max(old[k + 2] - old[k], 1e-6) for k in (0, 1)]

    def moved(point: Point) -> Point:
        x, y = ((point[k] - old[k]) * factors[k] + box[k] for k in (0, 1))
        return x, y

    a, b = face.eyes
    return replace(
        face, box=box, eyes=(moved(a), moved(b)), landmarks=tuple(map(moved, face.landmarks))
    )


def with_eye(face: FaceMark, which: int, place: Point) -> FaceMark:
    """A face after one of its eyes was dragged; its points rotate and scale with the line of the
    eyes."""
    eyes = (place, face.eyes[1]) if which == 0 else (face.eyes[0], place)
    (a, b), (to_a, to_b) = (tuple(complex(*eye) for eye in pair) for pair in (face.eyes, eyes))
    if abs(to_b - to_a) < 2 or abs(b - a) < 1e-6:
        return face
    factor = (to_b - to_a) / (b - a)

    def moved(point: Point) -> Point:
        place = (complex(*point) - a) * factor + to_a
        return place.real, place.imag

    return replace(face, eyes=eyes, landmarks=tuple(map(moved, face.landmarks)))


def around(middle: Point, side: float) -> FaceMark:
    """A mark for a face that was not found: a box with the eyes where they usually are."""
    x, y = middle
    half = side / 2
    eyes = ((x - 0.2 * side, y - 0.12 * side), (x + 0.2 * side, y - 0.12 * side))
    turns = [2 * math.pi * k / 48 for k in range(48)]
    oval = tuple((x + 0.9 * half * math.cos(t), y + half * math.sin(t)) for t in turns)
    return FaceMark((x - half, y - half, x + half, y + half), eyes, oval)
