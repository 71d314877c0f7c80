"""Clips of balls whose colour, place and depth are known, and small warm-ups on them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.camera import Camera, rays
from training.config import GeneratorConfig, RenderingConfig
from training.distributed import World
from training.train.run_folder import RunFolder
from training.warmup.warmup_command import Warmup, WarmupConfig
from training.warmup.warmup_losses import WarmupLossConfig

SIDE = 32
NEAR, FAR = 1.8, 3.6


def ball(camera: Camera, color: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RGB, depth and mask of a ball that rises with t, seen on white."""
    c = torch.from_numpy(camera.numbers())[None]
    origin, directions = (x[0].double().numpy() for x in rays(c, SIDE))
    offset = origin - np.array([0, 0.1 * t, 0])
    along = directions @ offset
    inside = along**2 - (offset @ offset - 0.2**2)
    hit = inside > 0
    depth = np.where(hit, -along - np.sqrt(np.maximum(inside, 0)), FAR)
    rgb = np.where(hit[:, None], color, 1.0)
    return rgb.reshape(SIDE, SIDE, 3), depth.reshape(SIDE, SIDE), hit.reshape(SIDE, SIDE)


def write_balls(
    folder: Path, count: int, seed: int, identity_dim: int = 3, motion_dim: int = 2
) -> Path:
    rng = np.random.default_rng(seed)
    clips = []
    for k in range(count):
        identity = rng.standard_normal(identity_dim)
        camera = Camera.orbit(rng.uniform(-20, 20))
        color = 0.5 + 0.4 * np.tanh(identity[:3])
        names: dict[str, list[str]] = {"frames": [], "depth": [], "mask": []}
        (folder / str(k)).mkdir(parents=True)
        for n in range(4):
            rgb, depth, mask = ball(camera, color, n / 3)
            stored = {
                "frames": (rgb * 255).round().astype(np.uint8),
                "depth": ((depth - NEAR) / (FAR - NEAR) * 65535).round().astype(np.uint16),
                "mask": mask.astype(np.uint8) * 255,
            }
            for part, pixels in stored.items():
                names[part].append(f"{k}/{n}_{part}.png")
                Image.fromarray(pixels).save(folder / names[part][-1])
        clips.append(
            {
                "name": str(k),
                **names,
                "cameras": [camera.numbers().tolist()] * 4,
                "t": [n / 3 for n in range(4)],
                "identity": identity.tolist(),
                "motion": [1.0, *[0.0] * (motion_dim - 1)],
                "landmarks": np.linspace(0.4, 0.6, 4 * 68 * 2).reshape(4, 68, 2).tolist(),
            }
        )
    index = {"format": "pv3d-clips", "version": 1, "resolution": SIDE, "fps": 25}
    index |= {"depth_range": [NEAR, FAR], "clips": clips}
    (folder / "dataset.json").write_text(json.dumps(index))
    return folder


def write_wide(folder: Path) -> Path:
    """The balls as 128 px pictures, which the 2X module makes."""
    write_balls(folder, 2, seed=1)
    for path in folder.rglob("*.png"):
        with Image.open(path) as picture:
            large = picture.resize((128, 128), Image.Resampling.NEAREST)
        large.save(path)
    index = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(index | {"resolution": 128}))
    return folder


def settings(data: Path, out: Path, **changes) -> WarmupConfig:
    generator = GeneratorConfig(
        z_dim=16,
        w_dim=16,
        plane_resolution=16,
        plane_channels=8,
        channel_base=256,
        channel_max=32,
        motion_dim=16,
        decoder_hidden=32,
        feature_channels=8,
        superresolution="none",
        rendering=RenderingConfig(SIDE, 16, 16, white_background=True),
    )
    config = WarmupConfig(
        data=str(data),
        out=str(out),
        updates=60,
        superresolution_updates=0,
        workers=0,
        teach=0,
        lr=0.005,
        ema=0.95,
        save_every=20,
        loss=WarmupLossConfig(rays=128, change_squared=3.0),
        generator=generator,
    )
    return replace(config, **changes)


def in_two_stages(wide: Path, out: Path, **changes) -> WarmupConfig:
    """Raw pictures of 16 px that the super-resolution's 2X module makes 128 px."""
    config = settings(wide, out, updates=2, superresolution_updates=2)
    generator = replace(
        config.generator,
        superresolution="2X",
        superresolution_channels=(8, 8),
        rendering=RenderingConfig(16, 8, 8, white_background=True),
    )
    loss = WarmupLossConfig(rays=128, part=12)
    return replace(config, generator=generator, loss=loss, **changes)


def start(config: WarmupConfig) -> Warmup:
    folder = RunFolder(config.out)
    folder.begin(config, config.resume)
    return Warmup(config, World(), folder)
