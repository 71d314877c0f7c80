"""Person files: people without a seed, such as the person in a photo.

A person file is a safetensors file for one model, read by NumPy alone, so nothing in it can run:

- `ws` float32 [num_ws, w_dim]
- `motion` float32 [motion_dim]: the motion code of the photo's expression at t = 1
- `camera` float64 [2]: yaw and pitch of the photo's camera, degrees
- `crop` float64 [4]: where the picture lies in the photo, see `PersonFile.crop`
- `picture` uint8 [bytes]: a small picture, PNG
- `tuned/NAME` float16: what is added to the model's weight NAME (optional)

Its metadata: format "pv3d-person", version "1", the fingerprint of the model's weights, the model's
name and the person's.
"""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from training.reasons import reason
from viz.state.errors import UserError
from viz.state.files import Stamp, file_stamp, write_beside
from viz.state.named_files import LARGEST_PERSON, problem_of

FORMAT = "pv3d-person"
VERSION = "1"
PICTURE_SIDE = 128
"""Largest side of the small picture, pixels."""
_LARGEST_HEADER = 2**20
_LARGEST_PICTURE = 2**20
"""Bytes."""
_LONGEST_NAME = 200
"""Characters."""
_TUNED = "tuned/"
_KEPT_FILES = 4
"""Files whose content stays in memory: enough for the people of one request."""


@dataclass(frozen=True)
class PersonFile:
    """Content of a person file."""

    ws: np.ndarray
    """float32 [num_ws, w_dim]."""
    motion: np.ndarray
    """Motion code of the photo's expression at t = 1, float32 [motion_dim]; empty for a model
    without motion."""
    weights: str
    """Fingerprint of the model's weights; see `training.checkpoint.weights_mark`."""
    model: str = ""
    """Name of the model's file."""
    name: str = ""
    """The person's name."""
    yaw: float = 0.0
    pitch: float = 0.0
    """The photo's camera, degrees, as in `viz.state.types.Orbit`."""
    crop: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """The square that the picture shows of the upright photo: x and y of its centre and its side in
    pixels, and degrees that it is turned clockwise. A side of 0 means no crop is known."""
    picture: bytes = field(default=b"", repr=False)
    """A small picture of the person, PNG; empty for none."""
    tuned: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray], repr=False)
    """Differences added to the model's weights for this person, float16, by the weights' names."""


def write(path: str | Path, person: PersonFile) -> None:
    """Writes a person file whole or not at all.

    Raises:
        UserError: when it cannot be written.
    """
    tensors = {
        "ws": np.ascontiguousarray(person.ws, np.float32),
        "motion": np.ascontiguousarray(person.motion, np.float32),
        "camera": np.array([person.yaw, person.pitch], np.float64),
        "crop": np.array(person.crop, np.float64),
        "picture": np.frombuffer(person.picture, np.uint8),
    }
    for name, change in person.tuned.items():
        tensors[_TUNED + name] = np.asarray(change, np.float16, order="C")
    about = {"format": FORMAT, "version": VERSION, "weights": person.weights}
    names = {"model": person.model, "name": person.name}  # of files, so they may not be UTF-8
    names = {key: text.encode(errors="backslashreplace").decode() for key, text in names.items()}
    data = save(tensors, about | names)
    write_beside(path, lambda file: file.write(data))


def head(path: str) -> PersonFile:
    """Reads a person file without its large parts, which are left empty: quick for any file.

    Raises:
        UserError: when it is not a person file, or is damaged.
    """
    return _read(path, _head_at)


def read(path: str) -> PersonFile:
    """The content of a person file, from memory if the file has not changed.

    Raises:
        UserError: when it is not a person file, or is damaged.
    """
    return _read(path, _whole_at)


def _read(path: str, read_at: Callable[[str, Stamp], PersonFile]) -> PersonFile:
    """What `read_at` reads; its errors become sentences about the file."""
    name, stamp = Path(path).name, file_stamp(path)
    problem = problem_of(path, LARGEST_PERSON)
    if problem and not problem.startswith("no such file"):
        raise UserError(f"{name} cannot be read as a person: {problem}.")
    if problem or stamp is None:
        raise UserError(f"{name} no longer exists: choose another person.")
    try:
        return read_at(path, stamp)
    except OSError as e:
        raise UserError(f"{name} could not be read: {reason(e)}.") from e
    except _OtherVersionError as e:
        raise UserError(f"{name} was written by another version of this program.") from e
    except (
        *(SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError),
    ) as e:
        raise UserError(
            f"{name} is not a person file, or is damaged: make or copy it again."
        ) from e


@functools.lru_cache(maxsize=_KEPT_FILES)
def _whole_at(path: str, stamp: Stamp) -> PersonFile:
    del stamp  # part of the cache key: it changes when the file does
    return _parsed(Path(path).read_bytes())


@functools.lru_cache(maxsize=64)
def _head_at(path: str, stamp: Stamp) -> PersonFile:
    del stamp
    return _parsed(_without_large_parts(Path(path)))


def _without_large_parts(path: Path) -> bytes:
    """The bytes of the file without tuned weights and with empty codes.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: when something in it is wrong.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > _LARGEST_HEADER:
            raise ValueError("no header")
        table = json.loads(file.read(size))
        about = table["__metadata__"]
        tensors: dict[str, np.ndarray] = {
            "ws": np.zeros((0, 0), np.float32),
            "motion": np.zeros(0, np.float32),
        }
        for name, dtype in (("camera", "<f8"), ("crop", "<f8"), ("picture", "u1")):
            begin, end = table[name]["data_offsets"]
            if not 0 <= begin <= end <= begin + _LARGEST_PICTURE:
                raise ValueError("no small part")
            file.seek(8 + size + begin)
            tensors[name] = np.frombuffer(file.read(end - begin), dtype)
    return save(tensors, about)


class _OtherVersionError(ValueError):
    """The file is of another version."""


def _parsed(data: bytes) -> PersonFile:
    """Parses the bytes of a file.

    Raises:
        ValueError, KeyError, RecursionError, SafetensorError: when they are not a valid file.
    """
    size = int.from_bytes(data[:8], "little")
    if not 0 < size <= min(_LARGEST_HEADER, len(data) - 8):
        raise ValueError("no header")
    about = json.loads(data[8 : 8 + size]).get("__metadata__")
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError("no person")
    if about.get("version") != VERSION:
        raise _OtherVersionError
    tensors = load(data)
    camera, crop = _numbers(tensors["camera"], 2), _numbers(tensors["crop"], 4)
    if abs(camera[0]) > 180 or abs(camera[1]) > 89:
        raise ValueError("no such camera")
    ws, motion = tensors["ws"], tensors["motion"]
    if ws.ndim != 2 or motion.ndim != 1:
        raise ValueError("codes of a wrong shape")
    return PersonFile(
        _sound(ws, np.float32),
        _sound(motion, np.float32),
        weights=_text(about, "weights"),
        model=_text(about, "model"),
        name=_text(about, "name"),
        yaw=camera[0],
        pitch=camera[1],
        crop=(crop[0], crop[1], crop[2], crop[3]),
        picture=_png(tensors["picture"]),
        tuned={
            key.removeprefix(_TUNED): _sound(change, np.float16)
            for key, change in tensors.items()
            if key.startswith(_TUNED)
        },
    )


def _sound(array: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
    if array.dtype != dtype or not np.isfinite(array).all():
        raise ValueError("not finite, or of another type")
    array.flags.writeable = False
    return array


def _numbers(array: np.ndarray, count: int) -> list[float]:
    if array.shape != (count,):
        raise ValueError("another number of values")
    return _sound(array, np.float64).tolist()


def _text(about: Mapping[str, object], key: str) -> str:
    text = about.get(key, "")
    if not isinstance(text, str) or not text.isprintable():
        raise ValueError("no text")
    return text[:_LONGEST_NAME]


def _png(array: np.ndarray) -> bytes:
    data = array.tobytes()
    if array.dtype != np.uint8 or len(data) > _LARGEST_PICTURE:
        raise ValueError("no small picture")
    return data


def png(pixels: np.ndarray) -> bytes:
    """A picture uint8 [H, W, 3] as PNG bytes for a person file, at most `PICTURE_SIDE` on each
    side."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def pixels(person: PersonFile) -> np.ndarray | None:
    """The small picture, uint8 [H, W, 3]; None if there is none or it cannot be read."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(person.picture), formats=("PNG",)) as picture:
            if max(picture.size) > 4 * PICTURE_SIDE:
                return None
            return np.array(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
