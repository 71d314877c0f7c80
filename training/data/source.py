"""The interface of data sets: clips, their annotations and pictures, and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np


class DatasetError(Exception):
    """A data set cannot be used; the message is one sentence for the user."""


class ClipError(DatasetError):
    """One clip or frame cannot be used; training goes on with the next clip."""


class Problem(NamedTuple):
    """A clip that is left out, and why."""

    clip: str
    reason: str


@dataclass(frozen=True)
class Annotations:
    """Everything about a clip of F frames except its pictures."""

    cameras: np.ndarray
    """float32 [F, 25]: cam2world and intrinsics, not yet checked to be cameras."""
    t: np.ndarray | None = None
    """float32 [F], 0 to 1, ascending; None if t follows from a frame's position in its window."""
    identity: np.ndarray | None = None
    """float32 [I]: numbers that describe the person, in synthetic data."""
    motion: np.ndarray | None = None
    """float32 [M]: numbers that describe the motion, in synthetic data."""
    landmarks: np.ndarray | None = None
    """float32 [F, 68, 2]: (x, y) of facial landmarks, 0 to 1 from the picture's left and top."""

    @property
    def frame_count(self) -> int:
        return len(self.cameras)


@dataclass(frozen=True)
class Pictures:
    """n decoded frames of a clip, at the data set's resolution."""

    images: np.ndarray
    """uint8 [n, H, W, 3], RGB."""
    depth: np.ndarray | None = None
    """float32 [n, H, W], world units."""
    mask: np.ndarray | None = None
    """uint8 [n, H, W], 255 inside."""


class ClipSource(Protocol):
    """A data set on disk, which forked, spawned and threaded workers can share."""

    path: Path
    """Folder or zip file."""
    resolution: int
    """Side of its square pictures in pixels."""
    names: list[str]
    """Name of each usable clip; a clip's number is its index here."""
    problems: list[Problem]
    """Clips that were left out when the data set was opened."""
    notes: list[Problem]
    """Clips that are used despite a flaw, as far as they have been read."""

    def annotations(self, clip: int) -> Annotations:
        """Everything but the pictures of a clip.

        Raises:
            ClipError: when they cannot be read.
        """
        ...

    def pictures(self, clip: int, frames: Sequence[int]) -> Pictures:
        """Decoded frames of a clip, given their numbers in ascending order.

        Raises:
            ClipError: when one cannot be decoded.
        """
        ...

    def verify(self, clip: int) -> None:
        """Checks that the clip's files exist and match its annotations, without decoding.

        Raises:
            ClipError: saying what is wrong.
        """
        ...
