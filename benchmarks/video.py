"""Time and memory of a long video export.

    python benchmarks/video.py --frames 1000 --suffix .mp4

Exports an orbit with the clip playing, as the application does, and prints frames a second and the
memory of the process along the way: it must not grow with the number of frames. With --probe it
also prints what ffprobe reports about the file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from training.config import GeneratorConfig, RenderingConfig
from training.networks.generator import Generator
from viz.exports.frame_options import Background, Codec, Look, Movement, VideoOptions
from viz.exports.table import EXPORTERS
from viz.headless.export_runs import load
from viz.render import models
from viz.render.renderer import Renderer
from viz.state.types import SessionState


@dataclass(frozen=True)
class VideoTimingOptions:
    """What is measured."""

    frames: int = 1000
    suffix: str = ".mp4"
    """Format of the file: .mp4, .mov, .gif or .webp."""
    codec: Codec = "auto"
    background: Background = "shown"
    checkpoint: str = ""
    """Model to render with; empty makes a very small one with random weights, 512 px."""
    device: str = "auto"
    keep: Path | None = None
    """Where the file goes; None for nowhere."""
    probe: bool = False
    """Whether to print what ffprobe reports about the file."""


def main(options: VideoTimingOptions) -> None:
    """Measures and prints."""
    device = models.pick_device(options.device)
    G = load(options.checkpoint, device).G if options.checkpoint else _small_model().to(device)
    renderer, process = Renderer(G), psutil.Process()
    video = VideoOptions(
        Movement("orbit", frames=options.frames, clip_plays=True),
        Look(background=options.background),
        options.codec,
    )
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = options.keep or Path(folder) / f"video{options.suffix}"
        steps = EXPORTERS["video"].run(renderer, SessionState(), video, path, overwrite=True)
        start, told, highest = time.perf_counter(), 0.0, 0
        print(f"{process.memory_info().rss / 2**20:7.0f} MB before")
        for detail, fraction in steps:
            highest = max(highest, process.memory_info().rss)
            if fraction is not None and fraction >= told:
                print(f"{process.memory_info().rss / 2**20:7.0f} MB  {detail}", flush=True)
                told = fraction + 0.099
        seconds = time.perf_counter() - start
        print(f"{highest / 2**20:7.0f} MB at most, {path.stat().st_size / 2**20:.1f} MB of file")
        print(f"{options.frames / seconds:.1f} frames a second, {seconds:.0f} s in all")
        if options.probe:
            print(_probed(path))


def _small_model() -> Generator:
    """A model with all parts of the full one, and a hundredth of its work."""
    torch.manual_seed(0)
    config = GeneratorConfig(
        z_dim=64,
        w_dim=64,
        plane_resolution=64,
        plane_channels=8,
        channel_base=1024,
        channel_max=32,
        motion_dim=64,
        decoder_hidden=16,
        feature_channels=8,
        superresolution="8XDC",
        superresolution_channels=(8, 4),
        rendering=RenderingConfig(raw_resolution=32, depth_samples=12, importance_samples=12),
    )
    return Generator(config).eval().requires_grad_(False)


def _probed(path: Path) -> str:
    entries = "codec_name,codec_tag_string,pix_fmt,width,height,nb_frames,duration,color_range"
    command = ["ffprobe", "-v", "error", "-show_entries"]
    entries = f"stream={entries},color_space,color_transfer,color_primaries,r_frame_rate"
    done = subprocess.run(
        [*command, entries, "-of", "default=nw=1", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    main(tyro.cli(VideoTimingOptions, description=__doc__))
