"""What repeats: the pictures of the clip, an auto-orbit or a path, in playing order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from viz.state import layouts
from viz.state.animation import camera_path, clip_time
from viz.state.animation.animator import Animator
from viz.state.animation.swinging import SWING_SECONDS, with_amount
from viz.state.driving import driven
from viz.state.driving.drive import Drive
from viz.state.driving.motion_track import MotionTrack
from viz.state.interface import Interface
from viz.state.person import Latent, Motion
from viz.state.types import FRAME_RATE, FRAMES, Orbit, Probe, RenderRequest, SessionState


class Loop(Sequence[RenderRequest]):
    """Requests for the full pictures of one round, each made when first accessed.

    Args:
        count: pictures per round.
        rate: pictures per second.
        make: the request for a picture, by its index.
    """

    def __init__(self, count: int, rate: float, make: Callable[[int], RenderRequest]) -> None:
        self.rate = rate
        self._make = make
        self._made: list[RenderRequest | None] = [None] * count

    def __len__(self) -> int:
        return len(self._made)

    def __getitem__(self, index: Any) -> Any:
        found = self._made[index]
        if found is None:
            found = self._made[index] = self._make(index)
        return found

    def ahead(self, index: int) -> Iterator[RenderRequest]:
        """All pictures, in the order in which they come from `index` on."""
        count = len(self)
        return (self[(index + k) % count] for k in range(count))


@dataclass(frozen=True)
class Upcoming:
    """The state's place in a loop."""

    loop: Loop
    index: int
    """The picture shown or, if none is, the next."""
    playing: bool
    """Whether the loop is playing; if not, it is the one that would play."""


@dataclass(frozen=True)
class _Movement:
    """The auto-orbit or a swing: a round in whole steps."""

    key: object
    """Equal for two movements whose steps show the same."""
    step: int
    """The step under way."""
    steps: int
    """Steps per round."""
    seconds: float
    """Length of a round."""
    at: Callable[[int], SessionState]
    """The state at a step."""


class LoopFinder:
    """Finds what repeats, and keeps its requests from one frame of the window to the next."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, Any]] = {}

    def find(
        self, state: SessionState, interface: Interface, animator: Animator, moves: bool = True
    ) -> Upcoming | None:
        """The loop that is playing, or the clip's at rest; None where nothing repeats.

        Args:
            state: what is shown now.
            interface: says what moves, and which layer is probed.
            animator: moves the state.
            moves: whether the model has motion; all frames of a still model are equal.
        """
        swings = interface.swing is not None
        interests = (interface.playing, interface.path_playing, interface.auto_orbit, swings)
        used = driven.in_use(state) if moves else None
        if moves and animator.plays_together(state, interface) and not animator.gliding:
            movement = _movement(replace(state, t=0.0), interface, animator)
            if movement is None or used is not None:
                return None
            return self._with_clip(movement, state, animator, interface.probe)
        # Two other movements at once take very long to repeat together.
        if sum(interests) > 1 or interface.animate_person or animator.gliding:
            return None
        if interface.path_playing:
            return self._path(state, interface, animator.rate)
        if swings or interface.auto_orbit:
            movement = _movement(state, interface, animator)
            return None if movement is None else self._alone(movement, interface.probe)
        if used is not None:
            return self._track(state, *used, interface, animator)
        if not moves or interface.play_between:
            return None
        return self._clip(state, interface, animator)

    def clip(self, state: SessionState, interface: Interface) -> tuple[RenderRequest | None, ...]:
        """The full picture of each frame of the clip, for the timeline; None for those that do not
        play."""
        first, last = clip_time.frame_range(state.playback)
        frames = self._frames(state, interface.probe)
        return tuple(frames(k) if first <= k <= last else None for k in range(FRAMES))

    def _frames(self, state: SessionState, probe: Probe | None) -> Callable[[int], RenderRequest]:
        base = replace(state, t=0.0)

        def start() -> Callable[[int], RenderRequest]:
            made: dict[int, RenderRequest] = {}

            def frame(number: int) -> RenderRequest:
                if number not in made:
                    at = replace(base, t=clip_time.time_of(number))
                    made[number] = _request(at, probe)
                return made[number]

            return frame

        return self._kept("frames", (base, probe), start)

    def _clip(self, state: SessionState, interface: Interface, animator: Animator) -> Upcoming:
        frame = self._frames(state, interface.probe)
        order = clip_time.round_frames(state.playback)
        rate = FRAME_RATE * state.playback.speed
        loop = self._kept(
            "clip", (frame, order, rate), lambda: Loop(len(order), rate, lambda k: frame(order[k]))
        )
        index = _place(order, round(clip_time.frame_of(state.t)), animator.clock.direction)
        return Upcoming(loop, index, interface.playing)

    def _track(
        self,
        state: SessionState,
        drive: Drive,
        track: MotionTrack,
        interface: Interface,
        animator: Animator,
    ) -> Upcoming:
        """The frames of the motion track that drives the person."""
        order = driven.frames(drive, track, state.playback)
        rate = track.fps * state.playback.speed
        base = driven.after(state, 0.0)

        def make(index: int) -> RenderRequest:
            moved = driven.at(drive, order[index])
            return _request(replace(base, drive=moved), interface.probe)

        key = (base, track, order, rate, interface.probe)
        loop = self._kept("track", key, lambda: Loop(len(order), rate, make))
        index = _place(order, drive.frame, animator.clock.direction)
        return Upcoming(loop, index, interface.playing)

    def _alone(self, movement: _Movement, probe: Probe | None) -> Upcoming:
        """One round of a movement."""

        def make(step: int) -> RenderRequest:
            return _request(movement.at(step), probe)

        steps, rate = movement.steps, movement.steps / movement.seconds
        loop = self._kept("alone", (movement.key, steps, probe), lambda: Loop(steps, rate, make))
        return Upcoming(loop, movement.step, True)

    def _with_clip(
        self, movement: _Movement, state: SessionState, animator: Animator, probe: Probe | None
    ) -> Upcoming:
        """The clip and a movement, which take their steps at the same times, until both are where
        they began."""
        order, steps = clip_time.round_frames(state.playback), movement.steps
        frames = len(order)
        frame = _place(order, round(clip_time.frame_of(state.t)), animator.clock.direction)
        apart = (movement.step - frame) % math.gcd(steps, frames)  # the same in every round

        def make(index: int) -> RenderRequest:
            at = movement.at((index + apart) % steps)
            return _request(replace(at, t=clip_time.time_of(order[index % frames])), probe)

        key, count = (movement.key, order, steps, apart, probe), math.lcm(steps, frames)
        loop = self._kept("with clip", key, lambda: Loop(count, animator.rate, make))
        places = range(frame, count, frames)
        index = next(k for k in places if (k + apart - movement.step) % steps == 0)
        return Upcoming(loop, index, True)

    def _path(self, state: SessionState, interface: Interface, rate: float) -> Upcoming:
        base = replace(state, latent=Latent(), motion=Motion(), t=0.0, orbit=Orbit())
        base = driven.after(base, 0.0)
        probe = interface.probe

        def make(index: int) -> RenderRequest:
            seconds = camera_path.frame_time(base, index, rate)
            return _request(camera_path.state_at(base, seconds), probe)

        count = camera_path.frame_count(base, rate)
        loop = self._kept("path", (base, rate, probe), lambda: Loop(count, rate, make))
        index = camera_path.frame_before(base, interface.path_time, rate)
        return Upcoming(loop, index, True)

    def _kept(self, kind: str, key: object, make: Callable[[], Any]) -> Any:
        """The value made earlier for an equal key, or a new one."""
        if kind not in self._known or self._known[kind][0] != key:
            self._known[kind] = key, make()
        return self._known[kind][1]


def _movement(state: SessionState, interface: Interface, animator: Animator) -> _Movement | None:
    """The swing or else the auto-orbit; None before it begins."""
    swing, swinging, eight = interface.swing, animator.swinging, animator.eight
    if swing is not None:
        base = with_amount(state, swing, 1.0)

        def swung(step: int) -> SessionState:
            return with_amount(base, swing, swinging.amount(step))

        return _Movement((base, swing), swinging.step, swinging.steps, SWING_SECONDS, swung)
    if eight.center is None:
        return None
    around, reach = replace(state, orbit=eight.center), (interface.orbit_yaw, interface.orbit_pitch)

    def turned(step: int) -> SessionState:
        return replace(around, orbit=eight.camera_at(step, *reach) or around.orbit)

    return _Movement((around, reach), eight.step, eight.steps, interface.orbit_period, turned)


def _place(order: list[int], frame: int, direction: int) -> int:
    """Index of a frame in playing order; on the way back of a ping-pong, of its second
    occurrence."""
    index = order.index(min(max(frame, min(order)), max(order)))
    return (len(order) - index) % len(order) if direction < 0 and index > 0 else index


def _request(state: SessionState, probe: Probe | None) -> RenderRequest:
    return replace(layouts.full_request(state), probe=probe)
