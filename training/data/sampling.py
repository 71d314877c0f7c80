"""Training pairs from a data set: sample k of a run is a function of (seed, k) alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from training.camera import mirrored
from training.data.camera_numbers import require_cameras
from training.data.clips import PngClips
from training.data.picture_files import pick, resize
from training.data.source import Annotations, ClipError, ClipSource, DatasetError, Problem
from training.data.times import CLIP_FRAMES, pair_indices
from training.data.voxceleb import VIDEO_FOLDER, VoxCelebClips

ATTEMPTS = 100
"""Clips tried for one sample before giving up on the data set."""
_ORDERS_KEPT = 16
"""Passes whose order is cached, as `cameras` may jump between several."""
_SAMPLE, _ORDER = 0, 1
"""Separate streams of random numbers under one seed."""


@dataclass
class Sample:
    """Two frames of one clip, the earlier one first."""

    images: Tensor
    """uint8 [2, 3, H, W], RGB."""
    cameras: Tensor
    """float32 [2, 25]."""
    t: Tensor
    """float32 [2, 1], 0 to 1, ascending."""
    clip: Tensor
    """int64 []: number of the clip in the data set."""
    mirrored: Tensor
    """bool []: whether pictures and cameras are mirrored; identity and motion are as stored."""
    identity: Tensor | None = None
    """float32 [I], where the data set has it."""
    motion: Tensor | None = None
    """float32 [M], where the data set has it."""
    depth: Tensor | None = None
    """float32 [2, 1, H, W] in world units, where the data set has it."""
    mask: Tensor | None = None
    """uint8 [2, 1, H, W], 255 inside, where the data set has it."""
    skipped: tuple[Problem, ...] = ()
    """Unreadable clips that this sample replaces."""


class Batch(Sample):
    """Samples with a leading dimension [N] on every tensor."""

    @classmethod
    def stack(cls, samples: Sequence[Sample]) -> Self:
        """The samples in their order."""
        parts: dict[str, Any] = {}
        for name in _TENSORS:
            values = [getattr(sample, name) for sample in samples]
            parts[name] = None if values[0] is None else torch.stack(values)
        return cls(**parts, skipped=tuple(p for sample in samples for p in sample.skipped))

    def pin_memory(self) -> Self:
        """A copy in page-locked memory, from which transfers to a GPU are asynchronous."""
        return self._mapped(lambda tensor: tensor.pin_memory())

    def to(self, device: torch.device | str) -> Self:
        """A copy on `device`; asynchronous from pinned memory."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> Self:
        values = {name: getattr(self, name) for name in _TENSORS}
        parts: dict[str, Any] = {
            name: None if v is None else change(v) for name, v in values.items()
        }
        return type(self)(**parts, skipped=self.skipped)


_TENSORS = tuple(field.name for field in fields(Sample) if field.name != "skipped")


def open_source(path: Path) -> ClipSource:
    """The data set at `path`: our format in a folder or zip, or the published VoxCeleb layout.

    Raises:
        DatasetError: when there is none or it cannot be used.
    """
    return VoxCelebClips(path) if (path / VIDEO_FOLDER).is_dir() else PngClips(path)


@dataclass(frozen=True)
class _Choice:
    """The frames of a sample, before any picture is decoded."""

    notes: Annotations
    frames: list[int]
    cameras: np.ndarray  # float32 [2, 25]
    t: np.ndarray  # float32 [2]
    mirror: bool


class ClipDataset(torch.utils.data.Dataset[Sample]):
    """Endless pairs of frames: `dataset[k]` for any k from 0.

    Each pass over the data set, of len(source.names) samples, takes every clip once in a new order.
    A clip that cannot be read is replaced by the next one in that order.

    Args:
        source: the data set on disk.
        resolution: side of the samples' pictures in pixels, at most the data set's.
        seed: 0 or more; determines the sequence.
        mirror: whether half of the samples are mirrored, cameras included.
        stride: frames of the clip between neighbouring frames of a 16-frame window.

    Raises:
        DatasetError: when the data set's pictures are too small.
    """

    def __init__(
        self,
        source: ClipSource,
        resolution: int,
        *,
        seed: int = 0,
        mirror: bool = True,
        stride: int = 1,
    ) -> None:
        if not 0 < resolution <= source.resolution:
            raise DatasetError(
                f"{source.path} has pictures of {source.resolution} px; "
                f"{resolution} px cannot be made from them."
            )
        if stride < 1:
            raise DatasetError(f"The stride is {stride}; it must be at least 1.")
        self.source, self.resolution = source, resolution
        self.seed, self.mirror, self.stride = seed, mirror, stride
        self._orders: dict[int, np.ndarray] = {}

    def __getitem__(self, k: int) -> Sample:
        """Sample k.

        Raises:
            DatasetError: when none of the clips tried for it can be read.
        """
        skipped: list[Problem] = []
        for clip, choice in self._choices(k, skipped):
            try:
                return self._decode(clip, choice, tuple(skipped))
            except ClipError as error:
                skipped.append(Problem(self.source.names[clip], str(error)))
        raise self._given_up(skipped)

    def cameras(self, k: int) -> tuple[Tensor, Tensor]:
        """Cameras [2, 25] and times [2, 1] of sample k, without decoding its pictures."""
        skipped: list[Problem] = []
        for _, choice in self._choices(k, skipped):
            return torch.from_numpy(choice.cameras), torch.from_numpy(choice.t)[:, None]
        raise self._given_up(skipped)

    def _choices(self, k: int, skipped: list[Problem]) -> Iterator[tuple[int, _Choice]]:
        """Candidate clips for sample k, in order; adds unusable ones to `skipped`."""
        count = len(self.source.names)
        epoch, place = divmod(k, count)
        order = self._epoch_order(epoch)
        rng = np.random.default_rng([self.seed, _SAMPLE, k])
        for attempt in range(min(count, ATTEMPTS)):
            clip = int(order[(place + attempt) % count])
            try:
                choice = self._choose(self.source.annotations(clip), rng)
            except ClipError as error:
                skipped.append(Problem(self.source.names[clip], str(error)))
                continue
            yield clip, choice

    def _epoch_order(self, epoch: int) -> np.ndarray:
        """Clip numbers int64 [clips] in the order of one pass over the data set."""
        order = self._orders.get(epoch)
        if order is None:
            rng = np.random.default_rng([self.seed, _ORDER, epoch])
            order = rng.permutation(len(self.source.names))
            if len(self._orders) >= _ORDERS_KEPT:
                self._orders.clear()
            self._orders[epoch] = order
        return order

    def _choose(self, notes: Annotations, rng: np.random.Generator) -> _Choice:
        """Chooses frames of one clip, always with the same number of random draws."""
        uniforms = torch.from_numpy(rng.random(2))
        place, chance = rng.random(2)
        if notes.t is not None:
            frames = pair_indices(uniforms, notes.frame_count).numpy()
            t = notes.t[frames]
        else:
            span = (CLIP_FRAMES - 1) * self.stride + 1
            if notes.frame_count < span:
                raise ClipError(f"has {notes.frame_count} frames; {span} are needed")
            index = pair_indices(uniforms).numpy()
            frames = int(place * (notes.frame_count - span + 1)) + index * self.stride
            t = (index / (CLIP_FRAMES - 1)).astype(np.float32)
        cameras = notes.cameras[frames]
        for frame, camera in zip(frames.tolist(), cameras, strict=True):
            require_cameras(camera[None], frame)
        mirror = self.mirror and bool(chance < 0.5)
        if mirror:
            cameras = mirrored(cameras)
        return _Choice(notes, frames.tolist(), cameras, t, mirror)

    def _decode(self, clip: int, choice: _Choice, skipped: tuple[Problem, ...]) -> Sample:
        pictures = self.source.pictures(clip, choice.frames)
        images = self._pictures(pictures.images, choice.mirror)
        notes, depth, mask = choice.notes, pictures.depth, pictures.mask
        if depth is not None:
            depth = pick(depth, self.resolution)
            depth = depth[:, :, ::-1] if choice.mirror else depth
            depth = torch.from_numpy(depth.copy())[:, None]
        return Sample(
            images=images.movedim(-1, 1).contiguous(),
            cameras=torch.from_numpy(choice.cameras),
            t=torch.from_numpy(choice.t)[:, None],
            clip=torch.tensor(clip),
            mirrored=torch.tensor(choice.mirror),
            identity=None if notes.identity is None else torch.from_numpy(notes.identity.copy()),
            motion=None if notes.motion is None else torch.from_numpy(notes.motion.copy()),
            depth=depth,
            mask=None if mask is None else self._pictures(mask, choice.mirror)[:, None],
            skipped=skipped,
        )

    def _pictures(self, pictures: np.ndarray, mirror: bool) -> Tensor:
        """uint8 [2, H, W, ...] at the training resolution, mirrored left to right if asked."""
        scaled = np.stack([resize(picture, self.resolution) for picture in pictures])
        return torch.from_numpy(scaled[:, :, ::-1].copy() if mirror else scaled)

    def _given_up(self, skipped: list[Problem]) -> DatasetError:
        first = skipped[0]
        return DatasetError(
            f"{self.source.path}: none of {len(skipped)} clips in a row can be read; "
            f"the first is {first.clip}: {first.reason}."
        )
