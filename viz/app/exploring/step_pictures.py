"""Small pictures of steps along a direction."""

from __future__ import annotations

import functools
from dataclasses import replace

from viz.scheduling.thumbnails import of_state
from viz.state.person import Latent, Motion, Shift, with_shift
from viz.state.types import Orbit, RenderRequest, SessionState

PICTURED = (-2.0, 0.0, 2.0)
"""Amounts of the steps."""
_NEAR = replace(Orbit(), fov=0.5 * Orbit().fov)
"""Camera for faces: in a picture of the whole head the eyes would be too small."""


@functools.lru_cache(256)
def step_pictures(
    latent: Latent, motion: Motion, shift: Shift, moves: bool
) -> tuple[RenderRequest, ...]:
    """Requests for pictures of a person with steps along a direction of w, in the rest pose; or
    along a direction of the motion code if it `moves`, at the end of the clip."""
    states = []
    for amount in PICTURED:
        step = replace(shift, amount=amount)
        if moves:
            moved = replace(motion, shifts=with_shift(motion.shifts, step))
            states.append(SessionState(latent=latent, motion=moved, t=1.0, orbit=_NEAR))
        else:
            states.append(
                SessionState(latent=replace(latent, shifts=with_shift(latent.shifts, step)))
            )
    return tuple(map(of_state, states))
