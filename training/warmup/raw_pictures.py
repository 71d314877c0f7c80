"""Caches a frozen generator's input to its super-resolution on disk, clip by clip.

A clip's file holds the raw features of its first and last frame, and of the last one from a
slightly rotated camera, with the displacement of each pixel between these two views; and the true
pictures of the two frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.camera import Camera
from training.checkpoint import weights_mark
from training.data import DatasetError
from training.data.picture_files import resize
from training.data.source import ClipError, ClipSource
from training.metrics.geometry import View, back_project, project, warp
from training.networks.generator import Generator
from training.replacing import replacing
from training.train.step import Draws
from training.warmup.known_codes import Codes

_AT_ONCE = 4
"""Clips that are rendered together."""
_VIEWS = 3


@dataclass(frozen=True)
class RawClips:
    """n clips."""

    features: Tensor
    """Features [n, 3, C, h, w]: of the first frame, of the last, and of the last from the turned
    camera."""
    places: Tensor
    """For each pixel of the last frame [n, 3, h, w]: its displacement (right, down) in the rotated
    camera, as fractions of the picture, and whether it is visible there, 0 or 1."""
    images: Tensor
    """True pictures of the first and the last frame, uint8 [n, 2, 3, H, W]."""
    w: Tensor
    """[n, w_dim]."""


class RawPictures:
    """The files of one generator and data set.

    Args:
        G: the generator; its super-resolution is not used.
        codes: the bases of its codes.
        source: the data set.
        count: maximum number of clips to use.
        turn: angle of the rotated camera, degrees.
        folder: where to put the files, in a subfolder for each generator and angle.

    Raises:
        DatasetError: when the data set does not describe its people by numbers.
    """

    def __init__(
        self, G: Generator, codes: Codes, source: ClipSource, count: int, turn: float, folder: Path
    ) -> None:
        self.G, self.codes, self.source, self.turn = G, codes, source, turn
        self.names = source.names[:count]
        own = {k: x for k, x in G.state_dict().items() if not k.startswith("superresolution.")}
        self.folder = folder / f"{weights_mark(own)}-{turn:g}"
        self.side = G.config.image_resolution
        if not self.names or source.resolution < self.side:
            raise DatasetError(f"{source.path} holds no clips of {self.side} px or more.")

    def make(self) -> Iterator[int]:
        """Makes missing files; yields the number of files after every few.

        Raises:
            DatasetError: when a clip cannot be used.
            OSError: when a file cannot be written.
        """
        missing = [k for k, name in enumerate(self.names) if not self._path(name).is_file()]
        done = len(self.names) - len(missing)
        yield done
        for start in range(0, len(missing), _AT_ONCE):
            clips = missing[start : start + _AT_ONCE]
            try:
                self._make(clips)
            except ClipError as error:
                raise DatasetError(f"{self.source.path}: {error}.") from error
            done += len(clips)
            yield done

    def read(self, clips: Sequence[int]) -> RawClips:
        """Clips by number, on the generator's device.

        Raises:
            DatasetError: when a file is damaged.
        """
        found = []
        for clip in clips:
            path = self._path(self.names[clip])
            try:
                found.append(load_file(path))
            except (OSError, SafetensorError) as error:
                raise DatasetError(f"{path} cannot be read: delete it to make it anew.") from error

        def stacked(name: str) -> Tensor:
            return torch.stack([tensors[name] for tensors in found]).to(self.G.device)

        return RawClips(
            stacked("features").float(), stacked("places").float(), stacked("images"), stacked("w")
        )

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

    @torch.no_grad()
    def _make(self, clips: Sequence[int]) -> None:
        G, count = self.G, len(clips)
        notes = [self.source.annotations(clip) for clip in clips]
        identity, motion, t, cameras, images = [], [], [], [], []
        for clip, note in zip(clips, notes, strict=True):
            if note.identity is None or note.motion is None or note.t is None:
                raise DatasetError(
                    f"{self.source.path} has no identity, motion and times: make a data set with "
                    "`python -m training.synthetic`."
                )
            frames = [0, note.frame_count - 1]
            identity.append(note.identity)
            motion.append(note.motion)
            t.append(note.t[frames])
            first, last = note.cameras[frames]
            cameras.append(np.stack([first, last, turned(last, self.turn, clip)]))
            pictures = self.source.pictures(clip, frames).images
            images.append(np.stack([resize(picture, self.side) for picture in pictures]))

        def tensor(numbers: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.stack(numbers)).to(G.device)

        draws = [Draws((clip,), G.device) for clip in clips]
        noise = torch.cat([draw.normal(1, G.config.z_dim) for draw in draws])
        z = self.codes.z(tensor(identity), noise)
        noise = torch.cat([draw.normal(1, G.config.motion_dim) for draw in draws])
        z_motion = self.codes.z_motion(tensor(motion), noise).repeat_interleave(2, dim=0)
        ws = G.mapping(z)
        twice = ws.repeat_interleave(2, dim=0)
        planes = G.planes(twice, z_motion, tensor(t).flatten()[:, None])
        c = tensor(cameras)  # [n, 3, 25]
        first = G.render(planes[0::2], ws, c[:, 0])
        later = G.render(planes[1::2], ws, c[:, 1:].flatten(0, 1))
        later_features = later.features.unflatten(0, (count, 2))
        features = torch.cat([first.features[:, None], later_features], dim=1).half().cpu()
        views = [
            View(later.image[k::2], later.depth[k::2], later.opacity[k::2], c[:, 1 + k])
            for k in (0, 1)
        ]
        places = _places(*views).half().cpu()
        seen = torch.from_numpy(np.stack(images)).permute(0, 1, 4, 2, 3).contiguous()
        for k, clip in enumerate(clips):
            with replacing(self._path(self.names[clip])) as part:
                tensors = {"features": features[k], "places": places[k], "images": seen[k]}
                save_file(tensors | {"w": ws[k, -1].cpu()}, part)


def turned(numbers: np.ndarray, degrees: float, seed: int) -> np.ndarray:
    """A camera [25] rotated around the world's origin by an angle, in a direction that depends on
    the seed; float32 [25]."""
    camera = Camera.from_numbers(numbers)
    towards = math.tau * np.random.default_rng(seed).random()
    right, down = camera.rotation[:, 0], camera.rotation[:, 1]
    axis = math.cos(towards) * right + math.sin(towards) * down
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])  # Rodrigues' formula
    angle = math.radians(degrees)
    turn = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    found = np.array(numbers, np.float32)
    pose = found[:16].reshape(4, 4)
    pose[:3, :3], pose[:3, 3] = turn @ camera.rotation, turn @ camera.position
    return found


def _places(target: View, source: View) -> Tensor:
    """The displacement of a view's pixels in another one: see `RawClips.places`."""
    height, width = target.depth.shape[2:]
    places, _ = project(back_project(target.depth, target.cameras), source.cameras)
    rows = (torch.arange(height, device=places.device) + 0.5) / height
    columns = (torch.arange(width, device=places.device) + 0.5) / width
    down, right = torch.meshgrid(rows, columns, indexing="ij")
    own = torch.stack([right, down])  # [2, h, w]
    offset = places.transpose(1, 2).unflatten(2, (height, width)) - own
    _, visible = warp(target, source)
    return torch.cat([torch.where(visible, offset, 0), visible.to(offset)], dim=1)
