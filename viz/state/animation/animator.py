"""Changes of the state that run by themselves: glides, playback, wandering, auto-orbit."""

from __future__ import annotations

from dataclasses import fields, replace

from viz.state.animation import blending, clip_time, path_editing
from viz.state.animation.swinging import Swinging, amount_of, with_amount
from viz.state.driving import driven
from viz.state.interface import Interface
from viz.state.types import FRAME_RATE, Keyframe, Orbit, SessionState

GLIDE_SECONDS = 0.7
"""Length of a glide that a key or a button starts."""


class Animator:
    """Moves the state along from frame to frame.

    What repeats (the clip, the auto-orbit, a path) advances in fixed steps timed by the wall clock:
    the speed is right on any machine, and the states of each round equal (==) those of the round
    before, so that cached pictures can be shown again.
    """

    def __init__(self) -> None:
        self.rate = FRAME_RATE
        """Steps per second of glides, the auto-orbit and paths; may be changed at any time."""
        self.clock = clip_time.Clock()
        """Clock of the clip, or of the motion track that plays in its place."""
        self._path_time = clip_time.SteppedTime()
        self._glide: blending.Glide | None = None
        self._camera_only = False
        self.eight = blending.FigureOfEight()
        """The auto-orbit."""
        self.swinging = Swinging()
        """The slider that swings by itself."""
        self._beat = 0.0
        """Fraction of a step by which the clip and the auto-orbit together lag behind the clock."""
        self._left: Keyframe | None = None
        """The state at the end of the last frame, to notice changes by the user; None where a
        change since then is not the user's."""

    @property
    def gliding(self) -> bool:
        """Whether a smooth change to another state is under way."""
        return self._glide is not None

    def glide_to(
        self, state: SessionState, end: SessionState, now: float, seconds: float = GLIDE_SECONDS
    ) -> None:
        """Begins a smooth change to `end` at the clock time `now`; fields that cannot be blended
        change at once."""
        self._glide = blending.Glide(state.snapshot(), end, now, seconds)
        self._camera_only, self._left = False, None
        for field in fields(state):
            if field.name not in path_editing.VIEW:
                setattr(state, field.name, getattr(end, field.name))

    def glide_camera(self, state: SessionState, end: Orbit, now: float) -> None:
        """Begins a smooth change of the camera; other changes do not interrupt it."""
        self.glide_to(state, replace(state, orbit=end), now)
        self._camera_only = True

    def stop_glide(self) -> None:
        """Leaves the state where the glide has brought it."""
        self._glide = None

    def advance(
        self,
        state: SessionState,
        interface: Interface,
        seconds: float,
        now: float,
        *,
        dragging: bool = False,
        scrubbing: bool = False,
    ) -> SessionState:
        """The state `seconds` later, at the clock time `now`. The state is edited in place, and
        playback that ends is switched off.

        If the user changes what is gliding or following the path, the glide ends and the path
        pauses.
        """
        self._let_go(state, interface)
        together = self.plays_together(state, interface)
        if together:
            seconds = self._whole_steps(seconds)
        if self._glide is not None:
            self._glided(state, now)
        if interface.playing and not scrubbing:
            self._played(state, interface, seconds)
        if interface.animate_person or interface.auto_orbit:
            path_editing.pause(interface)  # they change the same fields
        if interface.path_playing and not scrubbing:
            path_editing.advance(state, interface, seconds, self._path_time, self.rate)
        if interface.animate_person:
            state.latent = blending.wander(state.latent, seconds, interface.animate_speed, now)
        if interface.swing is None:
            self.swinging = Swinging()
        else:
            whole = len(clip_time.round_frames(state.playback)) if together else 1
            if not self.swinging.advance(state, interface.swing, seconds, self.rate, whole):
                interface.swing = None
        if not interface.auto_orbit or self._glide is not None:
            self.eight = blending.FigureOfEight()
        elif not dragging:
            period = interface.orbit_period
            state.orbit = self.eight.advance(
                state.orbit,
                seconds,
                period=max(round(period * self.rate), 1) / self.rate if together else period,
                yaw=interface.orbit_yaw,
                pitch=interface.orbit_pitch,
                rate=self.rate,
            )
        # While scrubbing, the playhead changes the state; that includes the frame in which it is
        # released.
        self._left = None if scrubbing else path_editing.key_of(state, 0.0)
        return state

    def plays_together(self, state: SessionState, interface: Interface) -> bool:
        """Whether the clip and the auto-orbit, or the clip and a swing, run in the same steps, so
        that they repeat together."""
        both = interface.playing and interface.auto_orbit != (interface.swing is not None)
        alone = not (interface.play_between or interface.animate_person)
        return both and alone and FRAME_RATE * state.playback.speed == self.rate

    def _whole_steps(self, seconds: float) -> float:
        """Time that has come due in whole steps: both movements then take theirs at once."""
        self._beat += seconds * self.rate
        whole = blending.step_of(self._beat, 1)
        self._beat -= whole
        return whole / self.rate

    def _played(self, state: SessionState, interface: Interface, seconds: float) -> None:
        if used := driven.in_use(state):
            state.drive, interface.playing = driven.play(*used, seconds, state.playback, self.clock)
        else:
            state.t, interface.playing = clip_time.play(
                state.t, seconds, state.playback, self.clock, interface.play_between
            )

    def _let_go(self, state: SessionState, interface: Interface) -> None:
        """Stops the glide and the path if the user has changed what they move since the last
        frame."""
        if self._left is None:
            return
        here = path_editing.key_of(state, 0.0)
        if here != self._left:
            path_editing.pause(interface)
            if here.orbit != self._left.orbit or not self._camera_only:
                self._glide = None

    def _glided(self, state: SessionState, now: float) -> None:
        assert self._glide is not None
        moved, over = self._glide.at(now, self.rate)
        if over:
            self._glide = None
        for name in ("orbit",) if self._camera_only else path_editing.VIEW:
            setattr(state, name, getattr(moved, name))


def keep_moving_parts(
    state: SessionState, present: SessionState, interface: Interface
) -> SessionState:
    """`state` with the parts that move by themselves taken from `present`, as for undo: such
    changes are not the user's."""
    if interface.swing is not None:
        state = with_amount(state, interface.swing, amount_of(present, interface.swing))
    latent, here = state.latent, present.latent
    drive = state.drive
    if interface.playing or interface.path_playing:
        drive = driven.with_moment(drive, present.drive)
    if interface.path_playing:
        return replace(
            state,
            latent=here,
            motion=present.motion,
            t=present.t,
            orbit=present.orbit,
            drive=drive,
        )
    return replace(
        state,
        drive=drive,
        t=present.t if interface.playing else state.t,
        orbit=present.orbit if interface.auto_orbit else state.orbit,
        latent=replace(latent, x=here.x, y=here.y) if interface.animate_person else latent,
    )
