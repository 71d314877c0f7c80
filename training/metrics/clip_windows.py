"""Generated and real clips for the metrics. Clip k depends only on the seed and k, so any number of
processes, with batches of any size, measure the same people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from training.config import GeneratorConfig
from training.data import picture_files
from training.data.camera_numbers import require_cameras
from training.data.sampling import ATTEMPTS
from training.data.source import ClipError, ClipSource, DatasetError
from training.data.times import CLIP_FRAMES
from training.networks.discriminators import resize
from training.networks.generator import Generator, to_uint8


class Stream(IntEnum):
    """Uses of random numbers; each has its own stream for a seed."""

    CODES = 1
    TIMES = 2
    CAMERAS = 3
    ORDER = 4
    WINDOWS = 5
    TRUTH = 6
    PATCHES = 7
    DIRECTIONS = 8


def random_numbers(seed: int, stream: Stream, k: int = 0) -> np.random.Generator:
    """The k-th source of random numbers of a stream."""
    return np.random.default_rng([seed, stream, k])


@dataclass(frozen=True)
class ClipCodes:
    """Codes and motions of N generated clips, on the generator's device."""

    z: Tensor
    """[N, z_dim], N(0, 1)."""
    z_motion: Tensor
    """[N, motion_dim], N(0, 1)."""


def draw_codes(G: Generator, seed: int, numbers: Sequence[int]) -> ClipCodes:
    """Codes of the clips with these numbers."""
    z, z_motion = zip(*(_draw(G.config, seed, k) for k in numbers), strict=True)
    return ClipCodes(_stacked(z, G.device), _stacked(z_motion, G.device))


def _draw(config: GeneratorConfig, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    rng = random_numbers(seed, Stream.CODES, number)
    lengths = config.z_dim, config.motion_dim
    z, z_motion = (rng.standard_normal(length, np.float32) for length in lengths)
    return z, z_motion


def _stacked(rows: Sequence[np.ndarray], device: torch.device) -> Tensor:
    return torch.from_numpy(np.stack(rows)).to(device)


class Windows:
    """16-frame windows of a data set's clips.

    Args:
        source: the data set.
        seed: chooses their order.
        stride: frames from one to the next within a window.
    """

    def __init__(self, source: ClipSource, seed: int = 0, stride: int = 1) -> None:
        self.source, self.seed, self.stride = source, seed, stride
        self._span = (CLIP_FRAMES - 1) * stride + 1
        clips = len(source.names)
        self._order = random_numbers(seed, Stream.ORDER).permutation(clips)

    def clip(self, k: int) -> int:
        """Number of the clip that window k is from: all clips in a random order, repeatedly."""
        return int(self._order[k % len(self._order)])

    def frames(self, k: int) -> list[int]:
        """Frame numbers of window k. Windows of the same clip do not overlap.

        Raises:
            ClipError: when the clip has no such window, or cannot be read.
        """
        clip = self.clip(k)
        count = self.source.annotations(clip).frame_count
        windows = count // self._span
        turn = k // len(self._order)
        if not windows:
            raise ClipError(f"has {count} frames; {self._span} are needed")
        if turn >= windows:
            raise ClipError(f"has only {windows} windows of {self._span} frames")
        order = random_numbers(self.seed, Stream.WINDOWS, clip).permutation(windows)
        first = int(order[turn]) * self._span
        return list(range(first, first + self._span, self.stride))

    def real_clip(self, k: int, side: int) -> Tensor:
        """Pictures of window k, uint8 [16, 3, side, side].

        Raises:
            ClipError: when it cannot be read.
        """
        pictures = self.source.pictures(self.clip(k), self.frames(k)).images
        scaled = np.stack([picture_files.resize(picture, side) for picture in pictures])
        return torch.from_numpy(scaled).movedim(-1, 1).contiguous()

    def cameras(self, k: int) -> np.ndarray:
        """Cameras float32 [16, 25] for generated clip k, from a random window of a random clip.

        Raises:
            DatasetError: when none of the clips tried can be read.
        """
        rng = random_numbers(self.seed, Stream.CAMERAS, k)
        reason = ""
        for _ in range(ATTEMPTS):
            clip, place = int(rng.integers(len(self._order))), rng.random()
            try:
                cameras = self.source.annotations(clip).cameras
                room = len(cameras) - self._span + 1
                if room < 1:
                    raise ClipError(f"has {len(cameras)} frames; {self._span} are needed")
                first = int(place * room)
                window = cameras[first : first + self._span : self.stride]
                require_cameras(window, first)
            except ClipError as error:
                reason = f"{self.source.names[clip]} {error}"
                continue
            return window
        raise DatasetError(f"{self.source.path} gives no cameras for clips: {reason}.")


@torch.no_grad()
def generate(
    G: Generator, codes: ClipCodes, cameras: Tensor, *, side: int, truncation_psi: float = 1.0
) -> Tensor:
    """Generated clips; frame k of T is at t = k / (T - 1).

    Args:
        G: the generator.
        codes: of N clips.
        cameras: [N, T, 25]; the first of each clip also conditions the mapping.
        side: of the pictures, pixels; resizing is antialiased.
        truncation_psi: see `Generator.mapping`.

    Returns:
        uint8 [N, T, 3, side, side], as if saved to a file and read again.
    """
    ws = G.mapping(codes.z, cameras[:, 0], truncation_psi=truncation_psi)
    frames = []
    count = cameras.shape[1]
    for k in range(count):
        t = torch.full((len(ws), 1), k / max(count - 1, 1), device=ws.device)
        raw = G.render(G.planes(ws, codes.z_motion, t), ws, cameras[:, k])
        frames.append(to_uint8(resize(G.superresolve(raw, ws), side)))
    return torch.stack(frames, dim=1)
