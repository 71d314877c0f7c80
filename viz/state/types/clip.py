"""The clip: its frames, its time, and how it plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from viz.state.settings import Range

FRAMES = 16
"""Frames of a clip as trained; frame k is at t = k / 15."""
FRAME_RATE = 25.0
"""Frames a second of a clip."""
CLIP_SECONDS = (FRAMES - 1) / FRAME_RATE
"""Time between the first and the last frame of a clip."""

ClipTime = Annotated[float, Range(-10, 10, slider=(-0.25, 1.25))]
"""Time in a clip: 0 is the rest pose, 1 the last frame; beyond, the model extrapolates."""

LoopMode = Literal["loop", "ping-pong", "once"]
LOOP_MODES: dict[LoopMode, str] = {"loop": "Loop", "ping-pong": "Ping-pong", "once": "Once"}


@dataclass(frozen=True)
class Playback:
    """How the clip plays."""

    loop: LoopMode = "loop"
    """What follows the end of the clip."""
    speed: Annotated[float, Range(0.01, 100, "\u00d7", logarithmic=True)] = 1.0
    """How fast the clip plays; 1 is real time."""
    start: ClipTime = 0.0
    """Time in the clip at which playing begins."""
    end: ClipTime = 1.0
    """Time in the clip at which playing ends."""
