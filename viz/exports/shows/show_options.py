"""What a user can choose about an exported show. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from viz.exports.frame_options import Movement
from viz.exports.options import Estimate, Occasion, Options
from viz.exports.schedule import take
from viz.state.settings import Range
from viz.state.types import FRAME_RATE, Cue, SessionState

SUFFIXES = (".html", ".mp4")
_MOVING = {"clip": "clip", "orbit": "orbit", "path": "path"}


@dataclass(frozen=True)
class ShowOptions(Options):
    """How the cues of a session become a web page (.html) or one video (.mp4)."""

    height: Annotated[int, Range(64, 4096, "px", slider=(256, 2160), step=2)] = 720
    """Height of the video. The page has pictures and videos as they are rendered."""
    seconds: Annotated[float, Range(0.2, 600, "s", slider=(1, 30), step=0.1, logarithmic=True)] = (
        4.0
    )
    """How long a cue is shown in the video, and how long the video of a moving cue is before it
    repeats."""

    def misfits(self, path: Path) -> list[str]:
        if path.suffix.lower() not in SUFFIXES:
            return [f"{path.name} must end in .html for a web page or .mp4 for a video."]
        return []


def movement(cue: Cue, seconds: float) -> Movement:
    """What moves while a cue stands."""
    moving = _MOVING.get(cue.plays)
    if moving is None:
        return Movement(moving="still", frames=1)
    length = None if moving == "path" else seconds
    return Movement(
        moving=moving,  # pyright: ignore[reportArgumentType]
        seconds=length,
        frame_rate=FRAME_RATE,
    )


def problems(options: ShowOptions, occasion: Occasion) -> list[str]:
    """Sentences on why a session's show cannot be exported."""
    del options
    if not occasion.state.cues:
        return ["There are no cues yet: add what is shown as a cue under Show first."]
    return []


def estimate(options: ShowOptions, occasion: Occasion) -> Estimate:
    """What comes out, and how long it takes."""
    state = occasion.state
    frames = sum(_frames(options, state, cue, occasion.suffix) for cue in state.cues)
    cues = len(state.cues)
    facts = (f"{cues} cue{'s' * (cues != 1)}", f"{frames} frames")
    seconds = frames * occasion.picture_ms / 1000 if occasion.picture_ms else None
    return Estimate(facts, seconds)


def _frames(options: ShowOptions, state: SessionState, cue: Cue, suffix: str) -> int:
    """Pictures that are rendered for a cue."""
    shown = replace(cue.applied_to(state), keyframes=state.keyframes)
    count = take(shown, movement(cue, options.seconds)).count
    glides = suffix == ".mp4" and cue.transition == "glide"
    return count + (round(cue.seconds * FRAME_RATE) if glides else 0)
