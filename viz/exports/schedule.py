"""The moments that an export shows: one state of the session per frame. No torch here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from viz.exports.frame_options import MOST_FRAMES, Movement
from viz.state.animation import camera_path
from viz.state.driving import driven
from viz.state.driving.drive import Drive
from viz.state.errors import UserError, require_none
from viz.state.settings import setting
from viz.state.types import CLIP_SECONDS, Orbit, SessionState

ORBIT_SECONDS = 4.0
"""Length of an orbit if none is chosen."""


@dataclass(frozen=True)
class Take:
    """The frames of an export."""

    count: int
    frame_rate: float
    """Frames a second."""
    at: Callable[[int], SessionState]
    """State of a frame, 0 to count - 1, in any order."""

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return self.count / self.frame_rate


def take(state: SessionState, movement: Movement) -> Take:
    """The frames of a movement of a session.

    What repeats by itself (an orbit, a ping-pong, a closed path) leaves out the final moment, which
    equals the first, so that the frames loop without a stop.

    Raises:
        UserError: when the options or the session do not allow it, with the reasons.
    """
    require_none(movement.problems())
    state = state.snapshot()
    movement = replace(movement, frame_rate=frame_rate(state, movement))
    made = _MAKERS[movement.moving](state, movement, _wanted(movement))
    if made.count > MOST_FRAMES:
        raise UserError(f"That would be {made.count:,} frames; {MOST_FRAMES:,} are possible.")
    return made


def frame_rate(state: SessionState, movement: Movement) -> float:
    """Frames a second of a movement: as chosen, or as the motion track or the clip has them."""
    used = driven.in_use(state)
    if movement.frame_rate is None and used is not None and movement.moving != "orbit":
        return setting(Movement, "frame_rate").range.clamp(used[1].fps * state.playback.speed)
    return movement.rate


def _wanted(movement: Movement) -> int | None:
    """The chosen number of frames."""
    if movement.seconds is not None:
        return max(round(movement.seconds * movement.rate), 1)
    return movement.frames


def _clip(state: SessionState, movement: Movement, wanted: int | None) -> Take:
    if state.drive is not None and state.drive.active and state.drive.track:
        return _track(state, state.drive, movement, wanted)
    rounds = clip_rounds(state, movement)
    count = wanted or _round_frames(state, movement) * rounds
    time = _clip_time(state, movement, count, movement.rounds if wanted else rounds)
    return Take(count, movement.rate, lambda k: replace(state, t=time(k)))


def _track(state: SessionState, drive: Drive, movement: Movement, wanted: int | None) -> Take:
    """The motion track that drives, frame by frame where the rate is the track's own."""
    track = driven.load(drive.track)
    playback = replace(state.playback, loop=movement.loop or state.playback.loop)
    order = driven.frames(drive, track, playback)
    step = track.fps * playback.speed / movement.rate
    count = wanted or max(round(len(order) * (movement.rounds or 1) / step), 1)

    def at(k: int) -> SessionState:
        place = math.floor(k * step + 1e-6)
        place = min(place, len(order) - 1) if playback.loop == "once" else place % len(order)
        return replace(state, drive=driven.at(drive, order[place]))

    return Take(count, movement.rate, at)


def clip_rounds(state: SessionState, movement: Movement) -> int:
    """How often the clip repeats if no length is chosen."""
    loop = movement.loop or state.playback.loop
    if movement.rounds or loop == "once" or driven.plays(state):
        return movement.rounds or 1
    wanted = movement.at_least * movement.rate
    return max(math.ceil(wanted / _round_frames(state, movement) - 1e-6), 1)


def _orbit(state: SessionState, movement: Movement, wanted: int | None) -> Take:
    rounds = movement.rounds or 1
    count = wanted or max(round(ORBIT_SECONDS * rounds * movement.rate), 1)
    time = _clip_time(state, movement, count, None) if movement.clip_plays else None

    def at(k: int) -> SessionState:
        turned = _turned(state.orbit, movement, k * rounds % count / count)
        if time is not None and driven.plays(state):
            return driven.after(replace(state, orbit=turned), k / movement.rate)
        return replace(state, orbit=turned, t=state.t if time is None else time(k))

    return Take(count, movement.rate, at)


def _turned(orbit: Orbit, movement: Movement, part: float) -> Orbit:
    """The camera after a fraction of a round, 0..1."""
    if movement.orbit_shape == "round":
        yaw = orbit.yaw + 360 * part
        return replace(orbit, yaw=yaw if yaw <= 180 else yaw - 360)
    angle = 2 * math.pi * part
    yaw = orbit.yaw + movement.orbit_yaw * math.sin(angle)
    if movement.orbit_shape == "swing":
        return replace(orbit, yaw=yaw)
    pitch = orbit.pitch + movement.orbit_pitch * math.cos(angle)
    return replace(orbit, yaw=yaw, pitch=setting(Orbit, "pitch").range.clamp(pitch))


def _path(state: SessionState, movement: Movement, wanted: int | None) -> Take:
    if not state.keyframes:
        raise UserError(
            "The session has no keyframes to follow: add some on the timeline, or choose another "
            "movement."
        )
    rate = movement.rate
    if wanted is None:
        times = camera_path.frame_times(state, rate)
        return Take(len(times), rate, lambda k: camera_path.state_at(state, times[k]))
    total = camera_path.duration(state)
    steps = wanted if state.path.closed else max(wanted - 1, 1)
    return Take(wanted, rate, lambda k: camera_path.state_at(state, total * (k / steps)))


_MAKERS: dict[str, Callable[[SessionState, Movement, int | None], Take]] = {
    "still": lambda state, movement, wanted: Take(wanted or 1, movement.rate, lambda _: state),
    "clip": _clip,
    "orbit": _orbit,
    "path": _path,
}


def _range(state: SessionState) -> tuple[float, float]:
    start, end = sorted((state.playback.start, state.playback.end))
    return start, end - start


def _round_frames(state: SessionState, movement: Movement) -> int:
    """Number of frames of one round of the clip at the session's speed, including both ends; for a
    ping-pong, there and back with each end once."""
    _, span = _range(state)
    steps = round(span * CLIP_SECONDS / state.playback.speed * movement.rate)
    loop = movement.loop or state.playback.loop
    return max(2 * steps, 1) if loop == "ping-pong" else steps + 1


def _clip_time(
    state: SessionState, movement: Movement, count: int, rounds: int | None
) -> Callable[[int], float]:
    """Time in the clip at each of `count` frames that play it in whole rounds.

    Frame k of 16 is at exactly k / 15, as in training and on the timeline, so that cached planes
    are reused.
    """
    start, span = _range(state)
    one_round = _round_frames(state, movement)
    loop = movement.loop or state.playback.loop
    if loop == "once":
        steps = (count if movement.rounds else one_round) - 1
        return lambda k: start + span * min(k / max(steps, 1), 1.0)
    turns = min(rounds or max(round(count / one_round), 1), count)

    def place(k: int) -> float:
        # Rounds of whole frames, of at most two lengths: each shows the first and the last moment,
        # and mostly reuses planes cached in the round before.
        turn = ((k + 1) * turns - 1) // count
        first, end = turn * count // turns, (turn + 1) * count // turns
        step, steps = k - first, end - first
        if loop == "ping-pong":
            return min(2 * step, 2 * (steps - step)) / steps
        return step / max(steps - 1, 1)

    return lambda k: start + span * place(k)
