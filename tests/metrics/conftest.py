"""A generator, data sets and detectors small enough to measure in a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.metrics.noise_clips import SIDE, noise_picture
from training.camera import Camera, rays
from training.config import GeneratorConfig, RenderingConfig
from training.data.picture_files import encode_png
from training.metrics.geometry import View
from training.networks.generator import Generator

NEAR, FAR = 2.0, 3.0


class ClipMeans(nn.Module):
    """Stands for I3D: means of the colours of the first and the last frame."""

    def forward(
        self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False
    ) -> Tensor:
        assert return_features and not rescale and not resize
        return torch.cat([x[:, :, 0].mean((2, 3)), x[:, :, -1].mean((2, 3))], 1)


class PictureMeans(nn.Module):
    """Stands for Inception: means of the colours and one corner."""

    def forward(self, images: Tensor) -> Tensor:
        assert images.dtype == torch.uint8
        x = images.float() / 255
        return torch.cat([x.mean((2, 3)), x[:, :1, 0, 0]], 1)


class FacePixels(nn.Module):
    """Stands for ArcFace: the colours of a few places of the crop."""

    def forward(self, faces: Tensor) -> Tensor:
        assert faces.shape[1:] == (3, 112, 112)
        return faces[:, :, ::16, ::16].flatten(1)


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """TorchScript files of the three stand-ins: video, image and face."""
    folder = tmp_path_factory.mktemp("scripts")
    networks = {"video": ClipMeans(), "image": PictureMeans(), "face": FacePixels()}
    paths = {name: folder / f"{name}.pt" for name in networks}
    for name, network in networks.items():
        torch.jit.script(network).save(str(paths[name]))
    return paths


@pytest.fixture(scope="session")
def tiny_generator() -> Generator:
    """16 px pictures of a haze that fills the view; leave it as it is."""
    torch.manual_seed(0)
    config = GeneratorConfig(
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
        rendering=RenderingConfig(SIDE, 8, 8),
    )
    G = Generator(config).eval().requires_grad_(False)
    bias = G.decoder.state_dict()["net.2.bias"]
    bias[0] = 1.6  # a haze that hides about two thirds of what is behind it, around the origin
    return G


@pytest.fixture(scope="session")
def write_clips(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a folder data set of noise; clip k looks from yaw k. Optionally with depth (a wall at
    distance 2.5), a mask (the left half), and the numbers [k, 1] and [1]."""

    def write(lengths: list[int], *, depth: bool = False) -> Path:
        root = tmp_path_factory.mktemp("clips")
        wall = np.full((SIDE, SIDE), round(65535 * (2.5 - NEAR) / (FAR - NEAR)), np.uint16)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[:, : SIDE // 2] = 255
        (root / "depth.png").write_bytes(encode_png(wall))
        (root / "mask.png").write_bytes(encode_png(mask))
        clips = []
        for clip, length in enumerate(lengths):
            names = [f"{clip}-{k}.png" for k in range(length)]
            for k, name in enumerate(names):
                (root / name).write_bytes(encode_png(noise_picture(clip, k)))
            cameras = [Camera.orbit(clip, 0.1 * k).numbers().tolist() for k in range(length)]
            entry = {"name": f"clip {clip}", "frames": names, "cameras": cameras}
            if depth:
                entry |= {"depth": ["depth.png"] * length, "mask": ["mask.png"] * length}
                entry |= {"identity": [float(clip), 1.0], "motion": [1.0]}
            clips.append(entry)
        index = {"format": "pv3d-clips", "version": 1, "resolution": SIDE, "fps": 25}
        index |= {"depth_range": [NEAR, FAR], "clips": clips}
        (root / "dataset.json").write_text(json.dumps(index), "utf-8")
        return root

    return write


@pytest.fixture(scope="session")
def ball_view() -> Callable[..., View]:
    """What a camera sees of an opaque ball at the origin, computed exactly; its colours are a
    smooth function of the place on it. A wall of one colour may stand at z = `wall` behind it."""

    def see(camera: Camera, side: int = 96, radius: float = 0.2, wall: float | None = None) -> View:
        c = torch.from_numpy(camera.numbers())[None].double()
        origins, directions = rays(c, side)
        along = (origins[:, None] * directions).sum(-1)
        root = along.square() - origins.square().sum(-1, keepdim=True) + radius**2
        hit = root > 0
        depth = torch.where(hit, -along - root.clamp_min(0).sqrt(), 3.3)
        opacity = hit.double()
        points = origins[:, None] + depth[..., None] * directions
        colour = torch.where(hit[..., None], 0.5 + 0.4 * torch.sin(12 * points), 0.0)
        if wall is not None:
            behind = (wall - origins[:, None, 2]) / directions[..., 2]
            depth = torch.where(hit, depth, behind)
            opacity = torch.ones_like(opacity)
        return View(
            colour.transpose(1, 2).reshape(1, 3, side, side).float(),
            depth.reshape(1, 1, side, side).float(),
            opacity.reshape(1, 1, side, side).float(),
            c.float(),
        )

    return see
