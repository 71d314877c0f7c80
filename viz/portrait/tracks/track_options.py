"""How a video becomes a motion track. No torch here, so that --help is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from viz.state.settings import Range


@dataclass(frozen=True)
class TrackOptions:
    """Settings of a motion track."""

    face: Annotated[int, Range(1, 64)] = 1
    """Which face to follow where there are several: 1 is the largest of the first frame."""
    first: Annotated[int, Range(0, 10_000_000)] = 0
    """Number of the first frame to take."""
    frames: Annotated[int, Range(0, 10_000_000)] = 0
    """How many frames to take; 0 for all."""
    fps: Annotated[float, Range(0.0, 240.0)] = 0.0
    """Frame rate of a folder of pictures, or of a video that does not state it; 0 for the video's,
    or 25."""
    camera_smoothing: Annotated[float, Range(0.0, 30.0)] = 2.0
    """Frames over which head turns and the crop are smoothed (standard deviation)."""
    motion_smoothing: Annotated[float, Range(0.0, 30.0)] = 0.7
    """The same for the expression; much more would remove blinks."""
