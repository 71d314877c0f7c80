"""Splits a data set into training data and people held out for scores."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from training.data.source import Annotations, ClipSource, DatasetError, Pictures, Problem


class Subset:
    """Some clips of a data set, by their numbers in it; see ClipSource for the methods."""

    def __init__(self, source: ClipSource, clips: Sequence[int]) -> None:
        self._source, self._clips = source, list(clips)
        self.path, self.resolution = source.path, source.resolution
        self.names: list[str] = [source.names[clip] for clip in self._clips]
        self.problems: list[Problem] = source.problems
        self.notes: list[Problem] = source.notes

    def annotations(self, clip: int) -> Annotations:
        return self._source.annotations(self._clips[clip])

    def pictures(self, clip: int, frames: Sequence[int]) -> Pictures:
        return self._source.pictures(self._clips[clip], frames)

    def verify(self, clip: int) -> None:
        self._source.verify(self._clips[clip])


def is_held_out(name: str, share: float) -> bool:
    """Whether the clip with a name is held out, if a fraction `share` of people is, 0 to 1.

    Clips whose names agree up to the first underscore, such as those of a VoxCeleb speaker, are
    held out together. The choice depends only on the name, so adding clips does not change it.
    """
    person = name.partition("_")[0]
    return zlib.crc32(person.encode()) < share * 2**32


def part(source: ClipSource, share: float, *, held_out: bool) -> ClipSource:
    """The part of a data set that is held out, or the rest; all of it for a share of 0.

    Raises:
        DatasetError: when there is no clip in it.
    """
    if share == 0:
        return source
    clips = [k for k, name in enumerate(source.names) if is_held_out(name, share) == held_out]
    if not clips:
        what = "held out" if held_out else "left to train on"
        raise DatasetError(
            f"No clip of {source.path} is {what} at a held-out share of {share:g}: choose another."
        )
    return Subset(source, clips)
