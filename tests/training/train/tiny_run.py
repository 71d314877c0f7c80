"""A run small enough for tests: its settings, its data, and what they compare."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.camera import Camera
from training.config import DiscriminatorConfig, GeneratorConfig, RenderingConfig
from training.distributed import World
from training.train.loop import Trainer
from training.train.run_folder import RunFolder
from training.train.step import Clips, Draws
from training.train.train_config import LossConfig, TrainConfig

CONFIG = TrainConfig(
    updates=6,
    batch=4,
    micro_batch=2,
    save_every=2,
    loss=LossConfig(density_interval=2, r1_interval=3, blur_sigma=1.0, density_points=50),
    generator=GeneratorConfig(
        z_dim=8,
        w_dim=8,
        plane_resolution=8,
        plane_channels=4,
        channel_base=64,
        channel_max=8,
        motion_dim=8,
        decoder_hidden=8,
        feature_channels=4,
        superresolution="none",
        rendering=RenderingConfig(16, 6, 6),
    ),
    discriminator=DiscriminatorConfig(16, 64, 8, mapping_layers=2, group_size=2),
)


class Stripes:
    """Clips of stripes that move to the right, seen from a few cameras."""

    def __init__(self) -> None:
        yaws = torch.linspace(-30, 30, 8).tolist()
        self._cameras = torch.stack([torch.from_numpy(Camera.orbit(y).numbers()) for y in yaws])

    def clips(self, update: int, micro_batch: int) -> Clips:
        generator = torch.Generator().manual_seed(1000 * update + micro_batch)
        count = CONFIG.micro_batch
        t = torch.rand(count, 2, 1, generator=generator).sort(dim=1).values.reshape(-1, 1)
        phase = torch.rand(count, generator=generator).repeat_interleave(2)[:, None]
        x = torch.linspace(0, 6, 16)
        rows = torch.sin(x - 3 * t + 6 * phase)  # [2n, 16]
        images = rows[:, None, None, :].expand(-1, 3, 16, -1).contiguous()
        index = torch.randint(0, 8, (2 * count,), generator=generator)
        return Clips(images, self._cameras[index], t)

    def cameras(self, draws: Draws, count: int) -> torch.Tensor:
        index = torch.randint(0, 8, (2 * count,), generator=draws.cpu)
        return self._cameras[index]


def trainer(folder: Path, judge=None, **changes) -> Trainer:
    """A run of CONFIG with changes, on stripes."""
    config = replace(CONFIG, out=str(folder), **changes)
    run = RunFolder(folder)
    run.begin(config, config.resume)
    return Trainer(config, Stripes(), World(), run, judge)


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: x.clone() for name, x in module.state_dict().items()}


def assert_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def write_clips(folder: Path, count: int, side: int) -> Path:
    """A data set of `count` clips of noise."""
    rng = np.random.default_rng(0)
    clips = []
    for k in range(count):
        frames = [f"{k}/{n}.png" for n in range(16)]
        (folder / str(k)).mkdir(parents=True)
        for frame in frames:
            Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(folder / frame)
        cameras = [Camera.orbit(10 * k).numbers().tolist()] * 16
        clips.append({"name": str(k), "frames": frames, "cameras": cameras})
    index = {"format": "pv3d-clips", "version": 1, "resolution": side, "fps": 25, "clips": clips}
    (folder / "dataset.json").write_text(json.dumps(index))
    return folder
