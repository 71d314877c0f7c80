"""What a user can choose about an exported show. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from viz.exports.options import Occasion, Options
from viz.state.interface import Interface, OrbitPeriod, OrbitPitch, OrbitYaw, WanderSpeed
from viz.state.settings import Range


@dataclass(frozen=True)
class ShowOptions(Options):
    """How the cues of a session become a web page (.html) or one video (.mp4)."""

    suffixes: ClassVar[tuple[str, ...]] = (".html", ".mp4")
    height: Annotated[int, Range(64, 4096, "px", slider=(256, 2160), step=2)] = 720
    """Height of the video. The page has pictures and videos as they are rendered."""
    seconds: Annotated[float, Range(0.2, 600, "s", slider=(1, 30), step=0.1, logarithmic=True)] = (
        4.0
    )
    """Shortest time that the video shows a cue, and time after which a moving cue repeats; an orbit
    and a path take as long as in the show."""
    orbit_period: OrbitPeriod = Interface.orbit_period
    """Duration of one round of the auto-orbit, in cues that have it."""
    orbit_yaw: OrbitYaw = Interface.orbit_yaw
    """Swing of the auto-orbit to each side."""
    orbit_pitch: OrbitPitch = Interface.orbit_pitch
    """Swing of the auto-orbit up and down."""
    wander_speed: WanderSpeed = Interface.animate_speed
    """How fast the person changes, in cues that wander."""


def problems(options: ShowOptions, occasion: Occasion) -> list[str]:
    """Sentences on why a session's show cannot be exported."""
    del options
    if not occasion.state.cues:
        return ["There are no cues yet: add what is shown as a cue under Show first."]
    return []
