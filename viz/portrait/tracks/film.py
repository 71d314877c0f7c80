"""Frames of a video, or of a folder of pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from training.data.source import ClipError, DatasetError
from training.data.video import Video, open_video
from viz.portrait.faces.photo import read_photo
from viz.portrait.faces.warping import to_pixels
from viz.state.errors import UserError

_MOST_SIDE = 1920
"""Longer side in pixels; larger frames are reduced."""


@dataclass(frozen=True)
class Film:
    """A sequence of frames to read in order."""

    name: str
    """Name of the file or folder, for the user."""
    count: int
    """Number of frames."""
    fps: float
    """Frames per second; 0 if unknown."""
    frames: Callable[[], Iterator[Tensor]]
    """Reads the frames: float32 [3, H, W] in 0..1, upright and of one size, from the first to the
    last.

    Raises `UserError` when one cannot be read."""


@contextmanager
def open_film(path: Path, first: int = 0, count: int | None = None) -> Iterator[Film]:
    """The frames of a video that FFmpeg can read, or the pictures of a folder ordered by name.

    Args:
        first: number of the first frame to take, from 0.
        count: number of frames; None for all that follow.

    Raises:
        UserError: when it cannot be read or has no such frames.
    """
    try:
        if path.is_dir():
            yield _of_folder(path, first, count)
            return
        with open_video(path) as video:
            numbers = _chosen(path.name, video.frame_count, first, count)
            yield Film(path.name, len(numbers), video.fps, lambda: _frames(path, video, numbers))
    except (ClipError, DatasetError) as error:
        raise _sentence(path, error) from error


def _frames(path: Path, video: Video, numbers: range) -> Iterator[Tensor]:
    try:
        for picture in video.frames(numbers, turned=True):
            yield _reduced(to_pixels(picture), video.pixel_aspect)
    except ClipError as error:
        raise _sentence(path, error) from error


def _reduced(pixels: Tensor, pixel_aspect: float = 1.0) -> Tensor:
    """A frame [3, H, W] with square pixels and at most `_MOST_SIDE` of them on a side."""
    height, width = pixels.shape[1], round(pixels.shape[2] * pixel_aspect)
    factor = min(1.0, _MOST_SIDE / max(height, width))
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    if size == tuple(pixels.shape[1:]):
        return pixels
    return F.interpolate(pixels[None], size, mode="bilinear", antialias=True)[0]


def _of_folder(folder: Path, first: int, count: int | None) -> Film:
    known = Image.registered_extensions()
    paths = [
        p for p in folder.iterdir() if p.suffix.lower() in known and not p.name.startswith(".")
    ]
    if not paths:
        raise UserError(
            f"The folder {folder.name} contains no pictures: choose a folder of frames."
        )
    paths.sort(key=lambda p: _natural(p.name))
    chosen = [paths[k] for k in _chosen(folder.name, len(paths), first, count)]

    def frames() -> Iterator[Tensor]:
        size = None
        for path in chosen:
            pixels = _reduced(read_photo(path).pixels)
            if size is not None and pixels.shape != size:
                raise UserError(f"{path.name} has another size than the frames before it.")
            size = pixels.shape
            yield pixels

    return Film(folder.name, len(chosen), 0.0, frames)


def _natural(name: str) -> list[tuple[int, str]]:
    """A sort key that puts frame10 after frame9."""
    parts = re.split(r"(\d+)", name.lower())
    return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]


def _chosen(name: str, there: int, first: int, count: int | None) -> range:
    if first >= there:
        raise UserError(f"{name} has only {there} frames: choose an earlier first frame.")
    return range(first, there if count is None else min(there, first + count))


def _sentence(path: Path, error: Exception) -> UserError:
    if isinstance(error, DatasetError) and not isinstance(error, ClipError):
        return UserError(str(error))
    if not path.exists():
        return UserError(f"There is no file {path}.")
    if path.is_file() and path.stat().st_size == 0:
        return UserError(f"{path.name} is empty: it has no frames to read.")
    return UserError(f"{path.name} {error}: choose another video.")
