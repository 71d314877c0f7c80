"""People and motions between others: around one of them, or on the way to another."""

from __future__ import annotations

import functools
from dataclasses import replace

from viz.state.animation.blending import blend_latents, blend_motions
from viz.state.kept.favourites import Code
from viz.state.person import Latent, Motion

_LEAST_SHARE = 0.01
"""Smaller shares in a blend are dropped, or blends of blends would have more and more parts."""


def at_seed(seed: int, like: Code) -> Code:
    """The person or the motion of a seed, whichever `like` is; its truncation or strength and its
    shifts are kept."""
    return Latent.at(seed, like) if isinstance(like, Latent) else Motion.at(seed, like)


def blended(code: Code, other: Code, weight: float) -> Code:
    """Between two people or two motions, linearly in w or in the motion code.

    Raises:
        TypeError: for a person and a motion.
    """
    if isinstance(code, Latent) and isinstance(other, Latent):
        latent = blend_latents(code, other, weight)
        return replace(latent, others=tuple(o for o in latent.others if o.share >= _LEAST_SHARE))
    if isinstance(code, Motion) and isinstance(other, Motion):
        motion = blend_motions(code, other, weight)
        return replace(motion, others=tuple(o for o in motion.others if o.share >= _LEAST_SHARE))
    raise TypeError("A person and a motion cannot be blended.")


@functools.lru_cache(4096)
def around(code: Code, number: int, radius: float) -> Code:
    """One of the neighbours of a code: some way towards a random other one. `number` counts them
    from 0; at a `radius` of 0 it is the code itself, at 1 the other one."""
    return blended(code, at_seed(number, code), radius)


def towards(code: Code, other: Code) -> Code:
    """A code halfway to another one. Where the other one is a plain seed, the code's own blend is
    used, so that its amount can be changed afterwards."""
    plain = other == at_seed(other.seed, code)
    free = not code.blend or code.blend_seed == other.seed
    if not plain or not free or code.others:
        return blended(code, other, 0.5)
    return replace(code, blend_seed=other.seed, blend=(1 + code.blend) / 2)
