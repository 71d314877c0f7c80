"""Logs numbers and pictures of a run for TensorBoard."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import (
    Summary,  # pyright: ignore[reportAttributeAccessIssue]  (generated code)
)
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from training.camera import Camera
from training.networks.generator import Generator, to_uint8
from training.reasons import reason

log = logging.getLogger(__name__)

_PEOPLE = 4
_TIMES = 4
_YAWS = (-30.0, 0.0, 30.0)
_CLIP_FRAMES = 16


class Logs:
    """TensorBoard entries of one run, written by the first process only. Entries that cannot be
    written, as on a full disk, are dropped with one warning; the run goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None
        self._warned = False

    def _write(self, write: Callable[..., object], *entry: Any) -> None:
        try:
            if self._writer is None:
                self._writer = SummaryWriter(str(self._folder))
            write(self._writer, *entry)
        except OSError as e:
            self._writer = None  # a writer keeps its error and raises it again each time
            if not self._warned:
                log.warning("Some entries for TensorBoard are lost: %s", reason(e))
            self._warned = True

    def numbers(self, update: int, values: dict[str, float]) -> None:
        """Scalars by name."""
        for name, value in values.items():
            self._write(SummaryWriter.add_scalar, name, value, update)

    def samples(self, update: int, G: Generator) -> None:
        """A sheet of people over time, one of people from several sides, and a short clip."""
        device = G.device
        generator = torch.Generator().manual_seed(0)
        z = torch.randn(_PEOPLE, G.config.z_dim, generator=generator).to(device)
        z_motion = torch.randn(_PEOPLE, max(G.config.motion_dim, 1), generator=generator).to(device)
        with torch.no_grad():
            times = [_pictures(G, z, z_motion, k / (_TIMES - 1), 0.0) for k in range(_TIMES)]
            sides = [_pictures(G, z, z_motion, 0.5, yaw) for yaw in _YAWS]
            clip = [
                _pictures(G, z[:1], z_motion[:1], k / (_CLIP_FRAMES - 1), 0.0)
                for k in range(_CLIP_FRAMES)
            ]
        self._write(SummaryWriter.add_image, "people by time", _sheet(times), update)
        self._write(SummaryWriter.add_image, "people by yaw", _sheet(sides), update)
        self._add_clip("clip", torch.cat(clip), update)

    def _add_clip(self, name: str, frames: Tensor, update: int) -> None:
        """Adds frames uint8 [T, 3, H, W] as a GIF, which TensorBoard shows as an image."""
        first, *rest = (Image.fromarray(f.permute(1, 2, 0).numpy()) for f in frames)
        file = io.BytesIO()
        first.save(file, "GIF", save_all=True, append_images=rest, duration=40, loop=0)
        height, width = frames.shape[2:]
        image = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=file.getvalue()
        )
        summary = Summary(value=[Summary.Value(tag=name, image=image)])
        self._write(lambda writer: writer._get_file_writer().add_summary(summary, update))

    def close(self) -> None:
        if self._writer is not None:
            self._write(SummaryWriter.close)


def _pictures(G: Generator, z: Tensor, z_motion: Tensor, t: float, yaw: float) -> Tensor:
    """Pictures uint8 [N, 3, H, W] of N people at one time and yaw, rendered one by one so that a
    sheet needs no more memory than training does."""
    c = torch.from_numpy(Camera.orbit(yaw).numbers())[None].to(G.device)
    time = torch.full((1, 1), t, device=G.device)
    found = []
    for k in range(z.shape[0]):
        motion = z_motion[k : k + 1] if G.config.has_motion else None
        image = G(z[k : k + 1], motion, time, c).image
        found.append(to_uint8(image).cpu())
    return torch.cat(found)


def _sheet(columns: list[Tensor]) -> Tensor:
    """Joins columns of pictures [N, 3, H, W] into one picture [3, N * H, columns * W]."""
    rows = torch.cat(columns, dim=3)
    return torch.cat(list(rows), dim=1)
