"""Settings of a measurement. The command line is made from the dataclass, which is also saved with
the result."""

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
    """Measure a generator; without a data set and detectors, only its 3D consistency."""

    checkpoint: Path
    """Generator: any readable checkpoint."""
    data: Path | None = None
    """Data set: real clips, and cameras of generated ones, for swd, fvd and fid; ground truth for
    depth."""
    held_out_share: float = 0.0
    """Compare only with the people whom training with this --score.held-out-share leaves out; 0 for
    all."""
    metrics: str = "chamfer,warp,flicker"
    """Names separated by commas: swd, fvd, fid; identity, chamfer, warp as published, at two times
    in a clip; identity_face, chamfer_mean, warp_visible, flicker at one time; depth."""
    out: Path | None = None
    """Result file; by default NAME.metrics.json beside the checkpoint."""
    video_detector: Path | None = None
    """For fvd: I3D of Kinetics-400. The published evaluation takes i3d_pretrained_400.pt: see
    the README of github.com/bytedance/pv3d for how to get it. i3d_torchscript.pt works too."""
    image_detector: Path | None = None
    """For fid: TorchScript that takes uint8 pictures, such as inception-2015-12-05.pt,
    which the metrics of github.com/NVlabs/stylegan2-ada-pytorch use."""
    face_recogniser: Path | None = None
    """For identity and identity_face: ArcFace IR-SE50, model_ir_se50.pth, which the README of
    github.com/bytedance/pv3d links, or TorchScript that takes 112 px faces."""
    run_torchscript: bool = False
    """Allow detectors in TorchScript files. These are programs that run on this machine: use only
    those from sources you trust."""
    codes: Path | None = None
    """For depth: safetensors file with the matrices `identity` [numbers, z_dim] and `motion`
    [numbers, motion_dim] by which a supervised model was given the data set's numbers."""
    clips: int = 5000
    """Generated clips of 16 frames, and at most as many real ones, for fvd and fid."""
    pictures: int = 2000
    """Generated pictures, and as many real ones, for swd."""
    views: int = 1000
    """People rendered from two sides for the identity, Chamfer and warping metrics (the published
    chamfer is a sum over 1,000, to which it is scaled); clips for depth."""
    orbits: int = 100
    """People rendered from a circle of cameras for flicker."""
    batch: int = 4
    """Clips or people that each process renders at once."""
    seed: int = 0
    """Determines people, cameras and real windows, independently of the number of processes."""
    truncation_psi: float = 1.0
    """Truncation; below 1, people are closer to the average."""
    weights: Literal["ema", "raw"] = "ema"
    """Which generator, if the checkpoint has two."""
    stride: int = 1
    """Frames of the clip between neighbouring frames of a 16-frame window."""
    side: int = 256
    """Side of the views that are compared in 3D, pixels."""
    yaw: float = 30.0
    """Yaw of the view that the frontal one is compared with, degrees."""
    orbit_angle: float = 3.0
    """Radius of the circle of cameras for flicker, degrees."""
    orbit_frames: int = CLIP_FRAMES
    """Cameras on that circle."""
    tolerance: float = TOLERANCE
    """Distance behind the visible surface from which a point counts as hidden, world units."""
    face: CropBox = field(default_factory=CropBox)
    """Crop around the face, for identity_face. The default is the common crop for pictures aligned
    as in FFHQ, 188 of 256 pixels."""
    device: str = "auto"
    """Where to compute; auto is the process's GPU, or the CPU if there is none."""
    cache: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER|None")] = None
    """Where to cache statistics of real clips; by default the user's cache folder."""

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
