"""Directions of codes with names that say what they do, as a checkpoint carries them.

They are JSON in the metadata, under `KEY`: a list of objects with the fields of `NamedDirection`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np

KEY = "directions"
MOST = 64
"""Most directions that are read."""
LONGEST_NAME, LONGEST_ABOUT = 24, 160
"""Characters."""
_MOST_TEXT = 4_000_000
_LARGEST = 1e4
"""Largest absolute value in a vector: those of codes are about 1."""


@dataclass(frozen=True)
class NamedDirection:
    """A direction that its makers have named."""

    name: str
    """What a step along it does, such as "Smile"."""
    code: Literal["person", "motion"]
    """The code it belongs to: w or the motion code."""
    vector: str
    """What a step of 1 adds: little-endian float32 numbers in base64. Steps of -2 and 2 reach the
    ends of what was trained."""
    base: str = ""
    """For motions: a code from which steps are measured, encoded likewise. The code's components
    along the base and the vector are removed first, so that every motion ends up alike. Empty:
    steps are added to the code as it is."""
    about: str = ""
    """A sentence on its two ends."""


def encoded(vector: np.ndarray) -> str:
    """Numbers [dim] as text."""
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()


def decoded(text: str) -> np.ndarray:
    """Numbers float32 [dim] of a text that `encoded` made.

    Raises:
        ValueError: when it is none, or holds numbers that no code has.
    """
    found = np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)
    if not (np.abs(found) <= _LARGEST).all():
        raise ValueError("It holds numbers that no code has.")
    return found


def stepped(
    code: np.ndarray, vector: np.ndarray, amount: float, base: np.ndarray | None = None
) -> np.ndarray:
    """A code [dim] after a step of that amount along a vector [dim].

    With a base [dim] it is the base and the step, and what the code has across both.
    """
    step = np.float32(amount) * vector
    if base is None:
        return code + step
    # Rows of the right singular vectors that belong to singular values above 0 span both.
    _, strengths, rows = np.linalg.svd(np.stack([vector, base]), full_matrices=False)
    spanned = rows[strengths > 1e-6 * strengths[0]]
    return (code - code @ spanned.T @ spanned + base + step).astype(np.float32)


def to_text(directions: Sequence[NamedDirection]) -> str:
    """Directions as metadata holds them."""
    return json.dumps([asdict(direction) for direction in directions])


def read(
    metadata: Mapping[str, str], w_dim: int, motion_dim: int
) -> tuple[tuple[NamedDirection, ...], list[str]]:
    """The directions in a checkpoint's metadata that fit codes of these lengths (`motion_dim` is 0
    for still models), and sentences on those that cannot be used."""
    text = metadata.get(KEY, "")
    if not text:
        return (), []
    unusable = "The named directions in this file are ignored: "
    if len(text) > _MOST_TEXT:
        return (), [f"{unusable}they take more than {_MOST_TEXT // 10**6} MB."]
    try:
        entries: Any = json.loads(text)
    except (ValueError, RecursionError):
        return (), [f"{unusable}they are damaged."]
    if not isinstance(entries, list):
        return (), [f"{unusable}they are no list."]
    listed = cast(list[Any], entries)
    found: dict[tuple[str, str], NamedDirection] = {}
    problems: list[str] = []
    for number, entry in enumerate(listed[:MOST], start=1):
        try:
            direction = checked(entry, {"person": w_dim, "motion": motion_dim})
        except ValueError as error:
            problems.append(f"Named direction {number} in this file is ignored: {error}")
        else:
            found.setdefault((direction.code, direction.name), direction)
    if len(listed) > MOST:
        problems.append(f"Of the {len(listed)} named directions in this file {MOST} are read.")
    return tuple(found.values()), problems[:1] if len(problems) < 2 else _summed(problems)


def _summed(problems: list[str]) -> list[str]:
    return [problems[0], f"So are {len(problems) - 1} more, for reasons of their own."]


def checked(entry: Any, dims: Mapping[str, int]) -> NamedDirection:
    """The direction of a JSON value.

    Raises:
        ValueError: saying why there is none.
    """
    if not isinstance(entry, dict):
        raise ValueError("it is no object.")
    table = cast(dict[str, Any], entry)
    texts = {name: table.get(name, "") for name in ("name", "code", "vector", "base", "about")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("its fields must be texts.")
    name, about = (" ".join(texts[key].split()) for key in ("name", "about"))
    if not name or not name.isprintable() or not about.isprintable():
        raise ValueError("it has no readable name.")
    if texts["code"] not in dims:
        raise ValueError('its code must be "person" or "motion".')
    dim = dims[texts["code"]]
    _check_vector(texts["vector"], dim)
    if not decoded(texts["vector"]).any():
        raise ValueError("its vector is 0.")
    if texts["base"]:
        if texts["code"] != "motion":
            raise ValueError("only motions have a base.")
        _check_vector(texts["base"], dim)
    return NamedDirection(
        name[:LONGEST_NAME],
        texts["code"],
        texts["vector"],
        texts["base"],
        about[:LONGEST_ABOUT],
    )


def _check_vector(text: str, dim: int) -> None:
    try:
        vector = decoded(text)
    except ValueError as error:
        raise ValueError("its numbers are damaged.") from error
    if len(vector) != dim:
        raise ValueError(f"it has {len(vector)} numbers where this model's code has {dim}.")
