"""Pictures of cues rendered before they are shown: their first ones, and small ones."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import numpy as np
from PIL import Image

from viz.scheduling.loops import LoopFinder
from viz.scheduling.thumbnails import of_state
from viz.state import layouts
from viz.state.animation import clip_time, path_editing
from viz.state.animation.animator import Animator
from viz.state.interface import Interface
from viz.state.types import Cue, RenderRequest, SessionState

AHEAD_SECONDS = 1.0
"""Seconds of a cue's movement that are rendered before it is shown."""
_SIDE = 64
"""Side of a small picture, pixels."""
_KEYS = 256


def first_pictures(
    cue: Cue, state: SessionState, interface: Interface, rate: float, moves: bool
) -> tuple[RenderRequest, ...]:
    """Full pictures that are needed first when a cue is shown: its own, and those of the first
    second of what plays in it.

    Args:
        cue: what will be shown.
        state: the session; the path is taken from it.
        interface: says how the orbit and the path play, and which layer is probed.
        rate: steps per second of the orbit and the path.
        moves: whether the cue's model has motion.
    """
    shown = cue.applied_to(state.snapshot())
    first = replace(layouts.full_request(shown), probe=interface.probe)
    if cue.plays in ("nothing", "wander") or any(shot.view == "mesh" for shot in first.shots):
        return (first,)
    what = replace(
        interface,
        playing=cue.plays == "clip",
        path_playing=False,
        auto_orbit=cue.plays == "orbit",
        animate_person=False,
        path_time=0.0,
    )
    animator = Animator()
    animator.rate = rate
    if cue.plays == "clip":
        shown.t = clip_time.begin(shown.t, shown.playback, animator.clock)
    elif cue.plays == "path":
        path_editing.toggle_play(shown, what)
    else:
        animator.eight.advance(
            shown.orbit,
            0.0,
            period=what.orbit_period,
            yaw=what.orbit_yaw,
            pitch=what.orbit_pitch,
            rate=rate,
        )
    found = LoopFinder().find(shown, what, animator, moves)
    if found is None or not found.playing:
        return (first,)
    count = min(len(found.loop), max(round(found.loop.rate * AHEAD_SECONDS), 1))
    following = itertools.islice(found.loop.ahead(found.index), count)
    return tuple(dict.fromkeys((first, *following)))


@functools.lru_cache(_KEYS)
def small_picture(cue: Cue) -> RenderRequest:
    """The small picture of a cue, for `Thumbnails`."""
    display = cue.display
    view = display.grid[0] if display.layout == "grid" else display.view
    return of_state(replace(cue.applied_to(SessionState()), display=replace(display, view=view)))


def shrunk(picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 [H, W, 3], reduced to the size of those of `Thumbnails`."""
    small = Image.fromarray(picture)
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return np.asarray(small)
