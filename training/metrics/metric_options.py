"""Settings of a measurement. The dataclass makes the command line, and goes into the result."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from training.config import raise_if, too_small
from training.data.times import CLIP_FRAMES
from training.metrics.detectors import CropBox
from training.metrics.geometry import TOLERANCE


@dataclass(frozen=True)
class MetricsConfig:
    """Measure a generator. Without a data set and detectors, only its 3D consistency."""

    checkpoint: Path
    """Generator: any readable checkpoint."""
    data: Path | None = None
    """Data set: real clips and the cameras of generated ones for swd, fvd and fid, true depth for
    depth."""
    held_out_share: float = 0.0
    """Compare only with the people that a training with this --score.held-out-share left out; 0 for
    all."""
    metrics: str = "chamfer,warp,flicker"
    """Names separated by commas. swd, fvd, fid; identity, chamfer, warp as published, at two
    moments of a clip; identity_face, chamfer_mean, warp_visible, flicker of one moment; depth."""
    out: Path | None = None
    """Result file; beside the checkpoint as NAME.metrics.json if not given."""
    video_detector: Path | None = None
    """For fvd: I3D of Kinetics-400. The published evaluation takes i3d_pretrained_400.pt, which
    the README of github.com/bytedance/pv3d says how to get; i3d_torchscript.pt works too."""
    image_detector: Path | None = None
    """For fid: TorchScript that takes uint8 pictures, as inception-2015-12-05.pt does, which
    github.com/NVlabs/stylegan2-ada-pytorch names in its metrics."""
    face_recogniser: Path | None = None
    """For identity and identity_face: ArcFace IR-SE50, model_ir_se50.pth, which the README of
    github.com/bytedance/pv3d links, or TorchScript that takes 112 px faces."""
    run_torchscript: bool = False
    """Allow detectors in TorchScript files. Such a file is a program that runs on this machine; use
    only those whose makers you trust."""
    codes: Path | None = None
    """For depth: safetensors file with the matrices `identity` [numbers, z_dim] and `motion`
    [numbers, motion_dim] by which a supervised model was given the data set's numbers."""
    clips: int = 5000
    """Generated clips of 16 frames, and at most as many real ones, for fvd and fid."""
    pictures: int = 2000
    """Generated pictures, and as many real ones, for swd."""
    views: int = 1000
    """People seen from two sides for the metrics of identity, surfaces and warping (the published
    chamfer is summed over 1,000, and scaled to them); clips for depth."""
    orbits: int = 100
    """People filmed by a circle of cameras for flicker."""
    batch: int = 4
    """Clips or people at once in each process."""
    seed: int = 0
    """Chooses people, cameras and real windows; one seed gives the same ones in any number of
    processes."""
    truncation_psi: float = 1.0
    """Truncation; below 1, people are nearer to the average one."""
    weights: Literal["ema", "raw"] = "ema"
    """Which generator of a checkpoint that has two."""
    stride: int = 1
    """Frames of a data set's clip from one frame to the next of a 16-frame window."""
    side: int = 256
    """Side in pixels of the views that are compared in 3D."""
    yaw: float = 30.0
    """Degrees from the frontal view to the one it is compared with."""
    orbit_angle: float = 3.0
    """Radius in degrees of the circle that the camera takes for flicker."""
    orbit_frames: int = CLIP_FRAMES
    """Frames of that circle."""
    tolerance: float = TOLERANCE
    """How far behind the visible surface a point counts as hidden, world units."""
    face: CropBox = field(default_factory=CropBox)
    """Where the face is in the picture, for identity_face. The default is the crop in common use
    for pictures aligned as FFHQ's, 188 of 256 pixels."""
    device: str = "auto"
    """auto is the process's GPU, or the CPU without one."""
    cache: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER|None")] = None
    """Where statistics of real clips are kept; the user's cache folder if not given."""

    def __post_init__(self) -> None:
        found = too_small(self, clips=2, pictures=1, views=1, orbits=1, batch=1, stride=1, side=8)
        found += too_small(self, orbit_frames=2, seed=0)
        if not 0 <= self.held_out_share < 1:
            found.append(f"held_out_share is {self.held_out_share}; it must be 0 to below 1")
        if not (math.isfinite(self.tolerance) and self.tolerance > 0):
            found.append(f"tolerance is {self.tolerance}; it must be positive and finite")
        found += [
            f"{name} is {getattr(self, name)}; it must be finite"
            for name in ("yaw", "orbit_angle")
            if not math.isfinite(getattr(self, name))
        ]
        raise_if(found)

    @property
    def names(self) -> list[str]:
        """The metrics to measure, each once."""
        return list(dict.fromkeys(name.strip() for name in self.metrics.split(",") if name.strip()))

    @property
    def out_path(self) -> Path:
        """Where the result goes."""
        return self.out or self.checkpoint.with_name(f"{self.checkpoint.name}.metrics.json")
