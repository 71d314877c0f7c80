"""What a user can choose about an exported show. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from viz.exports.options import Occasion, Options
from viz.state.settings import Range

SUFFIXES = (".html", ".mp4")


@dataclass(frozen=True)
class ShowOptions(Options):
    """How the cues of a session become a web page (.html) or one video (.mp4)."""

    height: Annotated[int, Range(64, 4096, "px", slider=(256, 2160), step=2)] = 720
    """Height of the video. The page has pictures and videos as they are rendered."""
    seconds: Annotated[float, Range(0.2, 600, "s", slider=(1, 30), step=0.1, logarithmic=True)] = (
        4.0
    )
    """How long a cue is shown in the video at least, and how long a moving cue lasts before it
    repeats; an orbit and a path take the time that they have in the show."""
    orbit_period: Annotated[float, Range(2, 60, "s", step=0.1, logarithmic=True)] = 8.0
    """Duration of one round of the auto-orbit, in cues that have it."""
    orbit_yaw: Annotated[float, Range(0, 90, "°", step=1)] = 25.0
    """Swing of the auto-orbit to each side."""
    orbit_pitch: Annotated[float, Range(0, 45, "°", step=1)] = 8.0
    """Swing of the auto-orbit up and down."""
    wander_speed: Annotated[float, Range(0.05, 5, "seeds/s", logarithmic=True)] = 0.5
    """How fast the person changes, in cues that wander."""

    def misfits(self, path: Path) -> list[str]:
        if path.suffix.lower() not in SUFFIXES:
            return [f"{path.name} must end in .html for a web page or .mp4 for a video."]
        return []


def problems(options: ShowOptions, occasion: Occasion) -> list[str]:
    """Sentences on why a session's show cannot be exported."""
    del options
    if not occasion.state.cues:
        return ["There are no cues yet: add what is shown as a cue under Show first."]
    return []
