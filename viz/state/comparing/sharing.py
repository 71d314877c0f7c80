"""What two models can share of a session, and what they cannot."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, replace

from viz.state.animation.blending import people
from viz.state.person import Latent, Motion, Shift
from viz.state.types import ModelInfo, SessionState, Shot

_NUMBER_BYTES = 4


@dataclass(frozen=True)
class CodeSizes:
    """Sizes of a model's codes."""

    num_ws: int
    w_dim: int
    motion_dim: int
    """0 for a still model."""


def sizes_of(model: ModelInfo) -> CodeSizes:
    """The sizes of a model's codes."""
    return CodeSizes(model.num_ws, model.w_dim, model.motion_dim)


def fitted(shot: Shot, own: CodeSizes, second: CodeSizes) -> Shot:
    """A shot made for one model, changed so that a second one can show it.

    Seeds, blends, truncation, time and camera serve for all models. Left out are people's files of
    other sizes and all person files (.person), which belong to one model's weights (their place on
    the pad remains), directions of other lengths, and a driver's motion of another length.
    """
    same_ws = (own.num_ws, own.w_dim) == (second.num_ws, second.w_dim)
    driven = shot.driven
    if driven is not None and _length(driven.code) != second.motion_dim:
        driven = None
    latent = _fitted_person(shot.latent, same_ws, second.w_dim)
    motion = _fitted_motion(shot.motion, second.motion_dim)
    return replace(shot, latent=latent, motion=motion, driven=driven)


def _fitted_person(latent: Latent, same_ws: bool, w_dim: int) -> Latent:
    keeps_file = same_ws and not latent.is_portrait
    return replace(
        latent,
        ws_file=latent.ws_file if keeps_file else "",
        expression=latent.expression if keeps_file else 0.0,
        shifts=_fitting(latent.shifts, w_dim),
        others=tuple(
            replace(other, latent=_fitted_person(other.latent, same_ws, w_dim))
            for other in latent.others
        ),
    )


def _fitted_motion(motion: Motion, motion_dim: int) -> Motion:
    others = tuple(
        replace(other, motion=_fitted_motion(other.motion, motion_dim)) for other in motion.others
    )
    return replace(motion, shifts=_fitting(motion.shifts, motion_dim), others=others)


def _fitting(shifts: tuple[Shift, ...], dim: int) -> tuple[Shift, ...]:
    return tuple(shift for shift in shifts if _length(shift.vector) == dim)


def _length(code: str) -> int:
    """How many float32 numbers a text in base64 holds; -1 for a damaged one."""
    try:
        return len(base64.b64decode(code, validate=True)) // _NUMBER_BYTES
    except (binascii.Error, ValueError):
        return -1


def not_shared(state: SessionState, first: ModelInfo, second: ModelInfo) -> str:
    """What the second model cannot take over from a session, and what it shows instead, as one
    sentence; empty where it takes everything."""
    clauses = list(_clauses(state, first, second))
    return f"Not shared: {'; '.join(clauses)}." if clauses else ""


def _clauses(state: SessionState, first: ModelInfo, second: ModelInfo) -> Iterator[str]:
    shot = state.shot()
    sizes = sizes_of(second)
    kept = shot if first.weights == second.weights else fitted(shot, sizes_of(first), sizes)
    if second.z_dim != first.z_dim:
        yield f"z ({second.z_dim} numbers instead of {first.z_dim}: the same seeds are drawn)"
    before, after = ([who for who, _ in people(s.latent)] for s in (shot, kept))
    if [who.ws_file for who in before] != [who.ws_file for who in after]:
        what = "the person of a photo, who belongs to one model"
        if not any(who.is_portrait for who in before):
            what = (
                f"saved ws ({second.num_ws} \u00d7 {second.w_dim} instead of {first.num_ws} \u00d7 "
                f"{first.w_dim})"
            )
        yield f"{what}: seed {shot.latent.seed} is shown instead"
    if len(kept.latent.shifts) < len(shot.latent.shifts):
        yield f"directions of w ({second.w_dim} numbers instead of {first.w_dim})"
    if first.moves and not second.moves:
        yield "time and motion, as the second model makes still pictures"
    elif second.moves:
        if first.moves and second.motion_dim != first.motion_dim:
            yield (
                f"motion codes ({second.motion_dim} numbers instead of {first.motion_dim}: the same"
                " seeds are drawn)"
            )
        if shot.driven is not None and kept.driven is None:
            yield "the driver's motion: the clip's is shown instead"
        if len(kept.motion.shifts) < len(shot.motion.shifts):
            yield "directions of the motion code"
    if first.conditioned != second.conditioned:
        which = "second" if first.conditioned else "first"
        yield f"the conditioning camera, which the {which} model does not use"
    if first.image_resolution != second.image_resolution:
        side = min(first.image_resolution, second.image_resolution)
        yield (
            f"the resolution ({second.image_resolution} px instead of {first.image_resolution} px: "
            f"pictures are compared at {side} px)"
        )
