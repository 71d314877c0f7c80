"""How a session says what drives the person: values only, without any files."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from viz.state.errors import UserError
from viz.state.settings import Fraction, Range

FrameNumber = Annotated[int, Range(0, 10_000_000)]
"""Number of a track's frame, from 0."""
Turn = Annotated[float, Range(-3600, 3600, "°")]


def code_text(code: np.ndarray) -> str:
    """A motion code [motion_dim] as text: little-endian float32 numbers in base64."""
    return base64.b64encode(np.asarray(code, "<f4").tobytes()).decode()


@dataclass(frozen=True)
class Driven:
    """What a driver adds to a picture."""

    code: str
    """The driver's motion code times t, see `code_text`."""
    share: Fraction = 1.0
    """How much of it is in the blend with the clip's own motion: 1 is all."""

    def numbers(self, dim: int) -> np.ndarray:
        """The code, float32 [dim].

        Raises:
            UserError: when it is damaged or belongs to another model.
        """
        try:
            found = np.frombuffer(base64.b64decode(self.code, validate=True), "<f4")
        except ValueError as error:
            raise UserError("The driver's motion code is damaged: open the track again.") from error
        if found.shape != (dim,) or not np.isfinite(found).all():
            raise UserError(
                f"The motion track has codes of {found.size} numbers; this model takes {dim}: "
                "make the track with this model."
            )
        return found.astype(np.float32)


@dataclass(frozen=True)
class Drive:
    """Who drives the person, how, and what they do at the moment shown.

    `code`, `yaw` and `pitch` are all that a picture needs; `driven.at` sets them for a frame of a
    track, or a live driver does. So a session shows its moment even where the track is missing.
    """

    code: str = ""
    """Motion code times t of the moment shown, see `code_text`; empty for none."""
    yaw: Turn = 0.0
    """Degrees by which the driver's head turns the camera."""
    pitch: Turn = 0.0
    """Degrees by which it turns the camera up or down."""
    active: bool = True
    """Whether the driver moves the person; off, the clip does."""
    track: str = ""
    """Path of the motion track; empty for a live driver."""
    frame: FrameNumber = 0
    """Frame of the track that is shown."""
    first: FrameNumber = 0
    """First frame that plays."""
    last: FrameNumber | None = None
    """Last frame that plays; None for the track's last one."""
    strength: Annotated[float, Range(-10, 10, "\u00d7", slider=(0, 2))] = 1.0
    """Strength of the expressions, measured from the driver's neutral face: 0 keeps it neutral, 1
    is as in the video."""
    eyes: Annotated[float, Range(0, 10, "\u00d7", slider=(0, 2))] = 1.0
    """Strength of blinks, on top of the strength above: 1 closes the eyes where the driver does."""
    mouth: Annotated[float, Range(0, 10, "\u00d7", slider=(0, 2))] = 1.0
    """Strength of the mouth's movements, on top of the strength above."""
    smoothing: Annotated[float, Range(0, 30, "frames", slider=(0, 5), step=0.1)] = 0.0
    """Frames over which the expressions are smoothed (standard deviation); much smoothing removes
    blinks."""
    blend: Fraction = 0.0
    """How much of the clip's own motion is in the blend: 0 is the driver, 1 the clip."""
    turning: Annotated[float, Range(-10, 10, "\u00d7", slider=(0, 1.5))] = 1.0
    """How far the camera follows the driver's head: 1 is as in the video; 0 leaves the camera to
    you and to the path."""

    @property
    def driven(self) -> Driven | None:
        """What it adds to a picture; None where it does not drive."""
        return Driven(self.code, 1 - self.blend) if self.active and self.code else None
