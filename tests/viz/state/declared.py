"""Values of settings as they are declared: all classes of settings, and hypothesis strategies."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Annotated, Any, Literal

from hypothesis import strategies as st

from training.camera import Camera
from viz.exports.frame_options import Look, Movement
from viz.exports.mesh_options import SequenceOptions
from viz.exports.table import EXPORTERS
from viz.state.interface import Interface
from viz.state.person import Latent, LatentShare, Motion, MotionShare
from viz.state.settings import Range
from viz.state.types import (
    Display,
    Keyframe,
    Orbit,
    PathOptions,
    Playback,
    Probe,
    Quality,
    SessionState,
    Shot,
)

OWNERS: tuple[type[Any], ...] = (
    *(SessionState, Latent, LatentShare, Motion, MotionShare, Orbit, Quality, Display, Playback),
    *(Keyframe, PathOptions, Shot, Probe, Interface, Look, Movement, SequenceOptions),
    *(exporter.options for exporter in EXPORTERS.values()),
)
"""Dataclasses of settings."""


def fields(owner: type[Any]) -> dict[str, Any]:
    """Annotated types of a dataclass's fields."""
    hints = typing.get_type_hints(owner, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(owner)}


def ranges(kind: Any) -> list[tuple[type[Any], Range | None]]:
    """Each number in a type, such as `tuple[Seed, ...]`, with its range."""
    if typing.get_origin(kind) is Annotated:
        found = [extra for extra in kind.__metadata__ if isinstance(extra, Range)]
        return [(kind.__origin__, found[0])]
    if kind in (int, float):
        return [(kind, None)]
    if typing.get_origin(kind) is Literal:
        return []
    return [number for part in typing.get_args(kind) for number in ranges(part)]


def values(kind: Any, alone: bool = False) -> st.SearchStrategy[Any]:
    """Any value that a type and its ranges allow; `alone` has no others in a person's blend."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Camera:
        return values(Orbit).map(Orbit.camera)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        inner = kind in (LatentShare, MotionShare)
        parts = {
            name: st.just(()) if alone and name == "others" else values(hint, inner)
            for name, hint in fields(kind).items()
        }
        return st.builds(kind, **parts)
    if origin is Annotated:
        (numbers,) = (extra for extra in kind.__metadata__ if isinstance(extra, Range))
        if arguments[0] is int:
            return st.integers(round(numbers.lo), round(numbers.hi))
        return st.floats(numbers.lo, numbers.hi, allow_nan=False)
    if origin in (types.UnionType, typing.Union):
        return st.none() | values(arguments[0])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    return {bool: st.booleans(), str: st.text(max_size=20)}[kind]
