"""What every kind of data set provides: clips, their annotations and pictures, and errors."""

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
    """What a data set says about the F frames of a clip, apart from the pictures."""

    cameras: np.ndarray
    """float32 [F, 25]: cam2world and intrinsics, not yet checked to be cameras."""
    t: np.ndarray | None = None
    """float32 [F], 0 to 1, not falling; None where t follows from a frame's place in its window."""
    identity: np.ndarray | None = None
    """float32 [I]: numbers of the person, on synthetic data."""
    motion: np.ndarray | None = None
    """float32 [M]: numbers of the movement, on synthetic data."""
    landmarks: np.ndarray | None = None
    """float32 [F, 68, 2]: points of the face, 0 to 1 across the picture and down it."""

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
    """A data set on disk. Safe to share with forked, spawned and threaded workers."""

    path: Path
    """Folder or zip file."""
    resolution: int
    """Side of its square pictures in pixels."""
    names: list[str]
    """One name per usable clip; a clip's number is its place here."""
    problems: list[Problem]
    """Clips that were left out when the data set was opened."""
    notes: list[Problem]
    """Clips that are used although something about them is not right, as far as they were read."""

    def annotations(self, clip: int) -> Annotations:
        """Everything but the pictures of a clip.

        Raises:
            ClipError: when they cannot be read.
        """
        ...

    def pictures(self, clip: int, frames: Sequence[int]) -> Pictures:
        """Decoded frames of a clip; `frames` are numbers that do not fall.

        Raises:
            ClipError: when one cannot be decoded.
        """
        ...

    def verify(self, clip: int) -> None:
        """Whether the clip's files are there and agree with its annotations, without decoding.

        Raises:
            ClipError: saying what is wrong.
        """
        ...
