"""What moves while a cue is shown. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from viz.exports import schedule
from viz.exports.frame_options import Movement
from viz.exports.options import Estimate, Occasion
from viz.exports.schedule import Take
from viz.exports.shows.show_options import ShowOptions
from viz.state.animation import blending
from viz.state.animation.blending import FigureOfEight
from viz.state.driving import driven
from viz.state.types import FRAME_RATE, Cue, SessionState


@dataclass(frozen=True)
class CueTake:
    """The frames of a cue, 25 a second."""

    take: Take
    repeats: bool = True
    """Whether it starts again after its last frame; otherwise that one stays."""

    def at(self, frame: int) -> SessionState:
        """State of a frame, however long the cue is shown."""
        count = self.take.count
        return self.take.at(frame % count if self.repeats else min(frame, count - 1))


def cue_take(cue: Cue, shown: SessionState, options: ShowOptions, *, loops: bool) -> CueTake:
    """The frames of a cue.

    Args:
        shown: the session as the cue shows it.
        loops: whether the frames will be shown over and over, so that what never repeats in a show
            has to come back to where it began.

    Raises:
        UserError: when the session does not allow it, with the reasons.
    """
    if cue.plays == "clip":
        return _clip(shown, options)
    if cue.plays == "path":
        movement = Movement(moving="path", frame_rate=FRAME_RATE)
        return CueTake(schedule.take(shown, movement))
    if cue.plays == "orbit":
        return CueTake(_orbit(shown, options))
    if cue.plays == "wander":
        return CueTake(_wander(shown, options, loops), repeats=loops)
    return CueTake(Take(1, FRAME_RATE, lambda _: shown))


def _clip(shown: SessionState, options: ShowOptions) -> CueTake:
    """The clip or the motion track, from the cue's own time and in whole rounds."""
    movement = Movement(moving="clip", at_least=options.seconds, frame_rate=FRAME_RATE)
    take = schedule.take(shown, movement)
    once = shown.playback.loop == "once"
    if driven.plays(shown):
        return CueTake(take, repeats=not once)
    start = min(range(take.count), key=lambda k: abs(take.at(k).t - shown.t))
    if once and start == take.count - 1:  # from its end the clip starts again
        start = 0

    def at(k: int) -> SessionState:
        return take.at((start + k) % take.count)

    count = take.count - start if once else take.count
    return CueTake(replace(take, count=count, at=at), repeats=not once)


def _orbit(shown: SessionState, options: ShowOptions) -> Take:
    """One round of the auto-orbit."""
    count = max(round(options.orbit_period * FRAME_RATE), 1)
    eight = FigureOfEight(steps=count, center=shown.orbit)
    swing = options.orbit_yaw, options.orbit_pitch

    def at(k: int) -> SessionState:
        return replace(shown, orbit=eight.camera_at(k, *swing) or shown.orbit)

    return Take(count, FRAME_RATE, at)


def _wander(shown: SessionState, options: ShowOptions, loops: bool) -> Take:
    """A walk over the pad; one that loops returns the way it came."""
    wanted = max(round(options.seconds * FRAME_RATE), 1)
    steps = wanted // 2 + 1 if loops else wanted
    way = [shown.latent]
    for k in range(1, steps):
        step = 1 / FRAME_RATE
        way.append(blending.wander(way[-1], step, options.wander_speed, k * step))
    if loops:
        way += way[-2:0:-1]
    return Take(len(way), FRAME_RATE, lambda k: replace(shown, latent=way[k]))


def estimate(options: ShowOptions, occasion: Occasion) -> Estimate:
    """Number of cues and frames, and how long rendering them takes."""
    state = occasion.state
    frames = sum(_frames(options, state, cue, occasion.suffix) for cue in state.cues)
    cues = len(state.cues)
    facts = (f"{cues} cue{'s' * (cues != 1)}", f"{frames} frames")
    seconds = frames * occasion.picture_ms / 1000 if occasion.picture_ms else None
    return Estimate(facts, seconds)


def _frames(options: ShowOptions, state: SessionState, cue: Cue, suffix: str) -> int:
    """Pictures that are rendered for a cue."""
    shown = replace(cue.applied_to(state), keyframes=state.keyframes)
    count = cue_take(cue, shown, options, loops=suffix == ".html").take.count
    glides = suffix == ".mp4" and cue.transition == "glide"
    return count + (round(cue.seconds * FRAME_RATE) if glides else 0)
