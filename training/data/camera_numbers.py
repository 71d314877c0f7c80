"""Checks that the 25 numbers of a data set's cameras are valid."""

from __future__ import annotations

import numpy as np

from training.camera import Camera
from training.data.source import ClipError


def require_cameras(cameras: np.ndarray, first_frame: int = 0) -> None:
    """Checks that every row of float [n, 25] is a valid camera.

    Raises:
        ClipError: naming the first frame whose camera is not.
    """
    for k, numbers in enumerate(cameras):
        try:
            Camera.from_numbers(numbers)
        except ValueError as error:
            raise ClipError(f"frame {first_frame + k}: {_lowered(str(error))}") from error


def _lowered(sentence: str) -> str:
    """A sentence to follow a colon, without its capital and full stop."""
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")
