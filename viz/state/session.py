"""SessionState as JSON, alone in a file or inside a picture."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from pathlib import Path
from typing import Any, Literal

import numpy as np

from training.camera import Camera
from viz.state.errors import UserError
from viz.state.files import write_beside
from viz.state.types import (
    Display,
    Keyframe,
    Latent,
    LatentShare,
    Motion,
    MotionShare,
    Orbit,
    PathOptions,
    Playback,
    Quality,
    SessionState,
)

FORMAT = "pv3d-session"
VERSION = 1
_SEEDS = (0, 2**32 - 1)
LIMITS: dict[tuple[type, str], tuple[float, float]] = {
    (SessionState, "t"): (-10, 10),
    (Latent, "psi"): (-10, 10),
    (Latent, "cutoff"): (0, 1000),
    (Latent, "mix_seed"): _SEEDS,
    (Latent, "mix_layers"): (0, 1000),
    (Latent, "blend_seed"): _SEEDS,
    (Latent, "blend"): (0, 1),
    (Motion, "strength"): (-10, 10),
    (Motion, "blend_seed"): _SEEDS,
    (Motion, "blend"): (0, 1),
    (Orbit, "pitch"): (-89, 89),
    (Orbit, "radius"): (0.1, 100),
    (Orbit, "fov"): (0.1, 170),
    (Quality, "raw_resolution"): (4, 1024),
    (Quality, "depth_samples"): (2, 1024),
    (Quality, "importance_samples"): (0, 1024),
    (Quality, "mesh_resolution"): (8, 1024),
    (Quality, "mesh_level"): (1e-6, 1e6),
    (Display, "columns"): (1, 16),
    (Display, "yaw_span"): (0, 360),
    (Display, "split"): (0, 1),
    (Playback, "speed"): (0.01, 100),
    (Playback, "start"): (-10, 10),
    (Playback, "end"): (-10, 10),
    (LatentShare, "share"): (0, 1),
    (MotionShare, "share"): (0, 1),
    (Keyframe, "time"): (0, 36000),
    (Keyframe, "t"): (-10, 10),
    (Keyframe, "turns"): (-100, 100),
    (PathOptions, "closing"): (0, 36000),
}
"""Least and greatest value of a setting, so that no file can bring the program to a halt."""


def to_json(state: SessionState) -> str:
    """The session as JSON text; `from_json` gives the state back."""
    data = {"format": FORMAT, "version": VERSION, "state": dataclasses.asdict(state)}
    return json.dumps(data, indent=2)


def from_json(text: str, source: str = "The session") -> SessionState:
    """State from JSON text. Settings that are absent take their defaults.

    Raises:
        UserError: when the text is no session, or from a newer version, naming all that is wrong.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise UserError(f"{source} is not valid JSON ({e}).") from e
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UserError(f"{source} is no session of this program.")
    if data.get("version") != VERSION:
        raise UserError(
            f"{source} was written by another version of this program "
            f"(version {data.get('version')}; this one reads {VERSION})."
        )
    problems: list[str] = []
    try:
        state = _read(SessionState, data.get("state"), "", problems)
    except RecursionError as e:
        raise UserError(f"{source} cannot be used: it is nested too deeply.") from e
    if problems:
        listed = "; ".join(problems[:8])
        raise UserError(f"{source} cannot be used: {listed}.")
    return state


def read_value(kind: type[Any], data: Any) -> Any:
    """Plain JSON data as a dataclass; None where they do not fit it."""
    problems: list[str] = []
    try:
        found = _read(kind, data, "", problems)
    except RecursionError:
        return None
    return None if problems else found


def _read(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    """`value`, plain JSON data, as the type `kind`; adds a sentence for what does not fit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, value, where, problems)
    if origin in (types.UnionType, typing.Union):  # X | None
        if value is None:
            return None
        return _read(arguments[0], value, where, problems)
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list):
        many = arguments[-1] is Ellipsis
        if many or len(value) == len(arguments):
            kinds = [arguments[0]] * len(value) if many else arguments
            pairs = zip(kinds, value, strict=True)
            return tuple(_read(k, v, where, problems) for k, v in pairs)
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) < 1e10:  # seeds go to 2**32
            return float(value)
    elif kind in (int, bool, str) and type(value) is kind:
        return value
    problems.append(f"{where} is {json.dumps(value)[:40]}")
    return None


def _read_dataclass(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    if not isinstance(value, dict):
        problems.append(f"{where or 'the state'} is not a table of names and values")
        return None
    hints = typing.get_type_hints(kind)
    known: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name in value:
            place = f"{where}.{field.name}" if where else field.name
            found = _read(hints[field.name], value[field.name], place, problems)
            known[field.name] = found
            lo, hi = LIMITS.get((kind, field.name), (-math.inf, math.inf))
            numbers = found if isinstance(found, tuple) else (found,)
            if any(isinstance(n, (int, float)) and not lo <= n <= hi for n in numbers):
                problems.append(f"{place} is {value[field.name]}, not within {lo:g} to {hi:g}")
    try:
        return kind(**known)
    except (TypeError, ValueError) as e:  # a camera checks itself
        problems.append(f"{where}: {e}")
        return None


def save_session(path: str | Path, state: SessionState) -> None:
    """Writes a session file.

    Raises:
        UserError: when it cannot be written.
    """
    write_beside(path, lambda file: file.write(to_json(state).encode()))


def camera_to_json(camera: Camera) -> str:
    """A camera as JSON: the 4x4 cam2world and 3x3 intrinsics that any tool can read."""
    lens = [list(camera.intrinsics[k : k + 3]) for k in (0, 3, 6)]
    return json.dumps({"cam2world": camera.matrix.tolist(), "intrinsics": lens})


def camera_from_json(text: str) -> Camera:
    """A camera from `camera_to_json`'s text, or from a list of the data sets' 25 numbers.

    Raises:
        UserError: when the text holds no camera.
    """
    try:
        data = json.loads(text)
        if isinstance(data, dict):
            data = np.concatenate([np.ravel(data["cam2world"]), np.ravel(data["intrinsics"])])
        return Camera.from_numbers(data)
    except (ValueError, TypeError, KeyError, RecursionError) as e:
        raise UserError(
            "The clipboard holds no camera: copy one here first, or the 25 numbers of a data set."
        ) from e
