"""The project's own data set format: PNG frames and `dataset.json`, in a folder or a stored zip.

    {"format": "pv3d-clips", "version": 1, "resolution": 256, "fps": 25,
     "depth_range": [near, far],                       with depth only
     "clips": [{"name": "000000",
                "frames": ["000000/000.png", ...],     RGB, 8 bits
                "cameras": [[25 numbers], ...],        of each frame, see training.camera
                "t": [0.0, ...],                       of each frame, 0 to 1, ascending; default:
                                                       the frame's position in its window
                "identity": [...], "motion": [...],    numbers of the person and the motion
                "depth": ["000000/000_depth.png", ...],              grey, 16 bits
                "mask": ["000000/000_mask.png", ...],                coverage, grey, 8 bits
                "landmarks": [[[x, y], ... 68 of them], ...]}]}      0 to 1, y down

All entries of a clip but name, frames and cameras are optional. A depth value v means
near + v / 65535 * (far - near) world units along the pixel's ray, not along the camera's axis.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.data.picture_files import decode_gray, decode_rgb
from training.data.source import Annotations, ClipError, DatasetError, Pictures, Problem
from training.data.storage import Store, open_store, require_safe_name

INDEX_NAME = "dataset.json"
FORMAT = "pv3d-clips"
VERSION = 1

FileNames = np.ndarray
"""UTF-8 names as a numpy byte-string array: a tenth of the memory of Python strings."""


@dataclass(frozen=True)
class ClipEntry:
    """One clip of `dataset.json`, validated."""

    name: str
    frames: FileNames
    annotations: Annotations
    depth: FileNames | None
    mask: FileNames | None

    def layout(self) -> tuple[object, ...]:
        """Which optional parts there are, and their lengths; the same for all clips of a data
        set."""
        notes = self.annotations
        sizes = (None if v is None else len(v) for v in (notes.identity, notes.motion))
        return (*sizes, notes.t is not None, self.depth is not None, self.mask is not None)


class PngClips:
    """A data set of PNG frames; the module describes the format, ClipSource the methods."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store: Store = open_store(path)
        data = _read_index(self._store)
        self.resolution: int = data["resolution"]
        self.fps: float = float(data.get("fps", 25))
        self._depth_range = _depth_range(data)
        self._entries, self.problems = _entries(data["clips"])
        if not self._entries:
            reason = f": {self.problems[0].reason}" if self.problems else ""
            raise DatasetError(f"{path} has no usable clip{reason}.")
        if self._entries[0].depth is not None and self._depth_range is None:
            raise DatasetError(f"{path} has depth pictures but no depth_range in {INDEX_NAME}.")
        self.names: list[str] = [entry.name for entry in self._entries]
        self.notes: list[Problem] = []

    def annotations(self, clip: int) -> Annotations:
        return self._entries[clip].annotations

    def pictures(self, clip: int, frames: Sequence[int]) -> Pictures:
        entry = self._entries[clip]
        images = self._decode(entry.frames, frames, decode_rgb)
        mask = None if entry.mask is None else self._decode(entry.mask, frames, _decode_mask)
        return Pictures(images, self._depth(entry, frames), mask)

    def verify(self, clip: int) -> None:
        entry = self._entries[clip]
        for names in (entry.frames, entry.depth, entry.mask):
            for name in () if names is None else names:
                if not self._store.size(name.decode()):
                    raise ClipError(f"the file {name.decode()} is missing or empty")

    def _depth(self, entry: ClipEntry, frames: Sequence[int]) -> np.ndarray | None:
        if entry.depth is None or self._depth_range is None:
            return None
        near, far = self._depth_range
        stored = self._decode(entry.depth, frames, _decode_depth)
        return (near + stored.astype(np.float32) * ((far - near) / 65535)).astype(np.float32)

    def _decode(
        self, names: FileNames, frames: Sequence[int], decode: Callable[[bytes, int], np.ndarray]
    ) -> np.ndarray:
        """Stacked pictures of `frames`; errors name the file."""
        pictures = []
        for name in (names[k].decode() for k in frames):
            data = self._store.read(name)
            try:
                pictures.append(decode(data, self.resolution))
            except ClipError as error:
                raise ClipError(f"{name} {error}") from error
        return np.stack(pictures)


def _decode_depth(data: bytes, side: int) -> np.ndarray:
    values = decode_gray(data, side)
    if values.dtype != np.uint16:
        raise ClipError("is not a 16-bit picture")
    return values


def _decode_mask(data: bytes, side: int) -> np.ndarray:
    values = decode_gray(data, side)
    if values.dtype != np.uint8:
        raise ClipError("is not an 8-bit picture")
    return values


def _read_index(store: Store) -> dict[str, Any]:
    """The contents of `dataset.json`, with its header validated.

    Raises:
        DatasetError: when it is missing or not in this format.
    """
    where = f"{store.path}/{INDEX_NAME}"
    if store.size(INDEX_NAME) is None:
        raise DatasetError(
            f"{store.path} has no {INDEX_NAME} at its top level (a zip holds the folder's "
            "contents, not the folder)."
        )
    try:
        data = json.loads(store.read(INDEX_NAME))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where} is not valid JSON ({error}).") from error
    except ClipError as error:
        raise DatasetError(f"{where} cannot be read: {error}.") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DatasetError(f'{where} does not say "format": "{FORMAT}".')
    if data.get("version") != VERSION:
        raise DatasetError(
            f"{where} is of version {data.get('version')!r}; this program reads version {VERSION}."
        )
    side = data.get("resolution")
    if type(side) is not int or not 4 <= side <= 8192:
        raise DatasetError(f"{where} has the resolution {side!r}; it must be 4 to 8192.")
    if not _is_number(data.get("fps", 25)):
        raise DatasetError(f"{where} has the fps {data['fps']!r}, which is not a number.")
    if not isinstance(data.get("clips"), list):
        raise DatasetError(f"{where} has no list of clips.")
    return data


def _depth_range(data: dict[str, Any]) -> tuple[float, float] | None:
    value = data.get("depth_range")
    if value is None:
        return None
    rising = (
        isinstance(value, list)
        and len(value) == 2
        and all(_is_number(v) for v in value)
        and value[0] < value[1]
    )
    if not rising:
        raise DatasetError(f"{INDEX_NAME} has the depth_range {value!r}; it must be [near, far].")
    return float(value[0]), float(value[1])


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _entries(clips: list[Any]) -> tuple[list[ClipEntry], list[Problem]]:
    """The valid clips, and what is wrong with the others."""
    entries: list[ClipEntry] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for k, data in enumerate(clips):
        name = data.get("name") if isinstance(data, dict) else None
        try:
            entry = _entry(name, data)
            if entry.name in seen:
                raise ClipError("another clip has the same name")
            if entries and entry.layout() != entries[0].layout():
                raise ClipError("has other optional parts (or other lengths) than the first clip")
        except ClipError as error:
            problems.append(Problem(name if isinstance(name, str) else f"clip {k}", str(error)))
            continue
        seen.add(entry.name)
        entries.append(entry)
    return entries, problems


def _entry(name: object, data: dict[str, Any]) -> ClipEntry:
    """One clip.

    Raises:
        ClipError: when it is invalid.
        DatasetError: when a file name leaves the data set.
    """
    if not isinstance(name, str) or not name:
        raise ClipError("has no name")
    frames = _file_names(data, "frames", None)
    if frames is None or not len(frames):
        raise ClipError("has no frames")
    count = len(frames)
    cameras = _numbers(data, "cameras")
    if cameras is None or cameras.shape != (count, 25):
        raise ClipError(f"needs 25 camera numbers for each of its {count} frames")
    t = _numbers(data, "t")
    if t is not None and not (
        t.shape == (count,) and np.all(np.diff(t) >= 0) and t[0] >= 0 and t[-1] <= 1
    ):
        raise ClipError(f"needs t as {count} numbers from 0 to 1 in ascending order")
    identity, motion = _numbers(data, "identity"), _numbers(data, "motion")
    for part, values in (("identity", identity), ("motion", motion)):
        if values is not None and not (values.ndim == 1 and np.isfinite(values).all()):
            raise ClipError(f"has no list of finite numbers as {part}")
    landmarks = _numbers(data, "landmarks")
    if landmarks is not None and landmarks.shape != (count, 68, 2):
        raise ClipError(f"needs 68 landmarks for each of its {count} frames")
    return ClipEntry(
        name,
        frames,
        Annotations(cameras, t, identity, motion, landmarks),
        depth=_file_names(data, "depth", count),
        mask=_file_names(data, "mask", count),
    )


def _file_names(data: dict[str, Any], key: str, count: int | None) -> FileNames | None:
    names = data.get(key)
    if names is None:
        return None
    if not isinstance(names, list) or (count is not None and len(names) != count):
        raise ClipError(f"needs a list of {count or 'file names'} for its {key}")
    return np.array([require_safe_name(name).encode() for name in names], dtype=np.bytes_)


def _numbers(data: dict[str, Any], key: str) -> np.ndarray | None:
    """The numbers under `key` as float32; None if there are none."""
    if data.get(key) is None:
        return None
    try:
        return np.asarray(data[key], np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise ClipError(f"has {key} that are not a table of numbers") from error
