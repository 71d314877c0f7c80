"""`SessionState` as JSON, and the camera on the clipboard."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, cast

import numpy as np

from training.camera import Camera
from viz.state import settings
from viz.state.errors import UserError
from viz.state.files import write_beside
from viz.state.types import Orbit, SessionState

FORMAT = "pv3d-session"
VERSION = 1


@dataclasses.dataclass(frozen=True)
class _SessionFile:
    """The outermost object of a session's JSON."""

    format: str = ""
    version: Any = None
    state: Any = None


def to_json(state: SessionState) -> str:
    """The session as JSON text; `from_json` gives the state back."""
    data = {"format": FORMAT, "version": VERSION, "state": dataclasses.asdict(state)}
    return json.dumps(data, indent=2)


def from_json(text: str, source: str = "The session") -> SessionState:
    """State from JSON text. Settings that are absent take their defaults.

    Args:
        text: may begin with a byte-order mark, as some editors write it.
        source: what it was read from, as the subject of error messages.

    Raises:
        UserError: when the text is not a session, is from a newer version, or has invalid settings,
            which the message names with their allowed values.
    """
    try:
        file = settings.read(_SessionFile, _parse(text, source))
    except ValueError:
        file = _SessionFile()
    if file.format != FORMAT:
        raise UserError(f"{source} is not a session of this program.")
    if file.version != VERSION:
        raise UserError(
            f"{source} was written by another version of this program "
            f"(version {file.version}; this one reads {VERSION})."
        )
    try:
        return settings.read(SessionState, file.state)
    except ValueError as e:
        raise UserError(f"{source} cannot be used: {e}") from e


def _parse(text: str, source: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except RecursionError as e:
        raise UserError(f"{source} cannot be used: it is nested too deeply.") from e
    except ValueError as e:
        raise UserError(f"{source} is not valid JSON ({e}).") from e


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
        UserError: when the text holds no camera, or one that the sliders of `Orbit` do not reach.
    """
    try:
        data: Any = json.loads(text)
        if type(data) is dict:
            table = cast(dict[str, Any], data)
            data = np.concatenate([np.ravel(table[key]) for key in ("cam2world", "intrinsics")])
        camera = Camera.from_numbers(data)
    except (ValueError, TypeError, KeyError, RecursionError) as e:
        raise UserError(
            "The clipboard contains no camera: copy one in this program first, or the 25 numbers "
            "of a data set's camera."
        ) from e
    problems = settings.problems(Orbit.from_camera(camera))
    if problems:
        raise UserError(f"The camera on the clipboard cannot be used: {' '.join(problems)}")
    return camera
