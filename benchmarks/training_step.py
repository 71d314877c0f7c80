"""Measures how fast PV3D trains, how much memory it takes, and the time of each phase.

    python -m benchmarks.training_step --preset tiny
    python -m benchmarks.training_step --preset voxceleb-res64 --batch 4 --micro-batch 2 --repeats 1

Trains on random pictures in memory, so that reading data is not measured. Every phase runs in every
repeat; its share of an update is its mean time divided by its interval in updates. Results go to a
table and, on request, to JSON.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch
import tyro
from torch import Tensor

from benchmarks.peak_memory import peak_memory
from training.camera import Camera
from training.data.times import draw_times
from training.distributed import world
from training.train.loop import Trainer
from training.train.run_folder import RunFolder
from training.train.step import PHASES, Clips, Draws
from training.train.train_config import PRESETS, AmpPrecision, TrainConfig


@dataclass(frozen=True)
class StepTimingOptions:
    """What is measured."""

    preset: Literal["tiny", "demo", "voxceleb-res64", "voxceleb-res128"] = "tiny"
    """Settings of the run."""
    batch: int | None = None
    """Clips per update; by default the preset's."""
    micro_batch: int | None = None
    """Clips at once; by default the preset's, or fewer for a smaller batch."""
    precision: AmpPrecision = "float32"
    """Number format of the convolutions."""
    channels_last: bool = False
    """Store pictures channels-last."""
    compile: bool = False
    """Compile the networks with torch.compile."""
    device: str = "auto"
    """Where to train; auto is the GPU, or the CPU if there is none."""
    warm_up: int = 1
    """Runs of every phase before the measurement."""
    repeats: int = 3
    """Measured runs of every phase."""
    output: Path | None = None
    """JSON file with the results."""


@dataclass(frozen=True)
class PhaseTimes:
    """What was measured."""

    images_per_second: float
    """Generated pictures, two per clip."""
    seconds_per_kimg: float
    """Seconds per thousand clips, as in the training's progress bar."""
    peak_memory_gib: float
    """Peak memory: of the GPU, or of the whole process on a CPU."""
    phase_seconds: dict[str, float]
    """One run of each phase on a batch."""
    phase_share: dict[str, float]
    """Share of an update's time, 0 to 1."""
    processor_share: float
    """CPU time divided by elapsed time and threads: well below 1 if other programs used the CPU as
    well."""
    device: str
    threads: int
    torch: str


class RandomClips:
    """Random pictures with random cameras; see `training.train.loop.ClipStream`."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self._device = device
        generator = torch.Generator().manual_seed(0)
        count, side = config.micro_batch, config.generator.image_resolution
        images = torch.rand(2 * count, 3, side, side, generator=generator) * 2 - 1
        t = draw_times(generator, count).reshape(-1, 1)
        yaws = torch.empty(2 * count).uniform_(-30, 30, generator=generator).tolist()
        self._c = torch.stack([torch.from_numpy(Camera.orbit(yaw).numbers()) for yaw in yaws])
        self._clips = Clips(images.to(device), self._c.to(device), t.to(device))

    def clips(self, update: int, micro_batch: int) -> Clips:
        return self._clips

    def cameras(self, draws: Draws, count: int) -> Tensor:
        index = torch.randint(len(self._c), (2 * count,), generator=draws.cpu)
        return self._c[index].to(self._device)


def settings(options: StepTimingOptions) -> TrainConfig:
    """The preset with the options' changes."""
    preset = PRESETS[options.preset]
    batch = options.batch or preset.batch
    return replace(
        preset,
        batch=batch,
        micro_batch=options.micro_batch or min(preset.micro_batch, batch),
        precision=options.precision,
        channels_last=options.channels_last,
        compile=options.compile,
        device=options.device,
    )


def measure(options: StepTimingOptions) -> PhaseTimes:
    """Runs the phases and times them."""
    config = settings(options)
    with world(config.device) as here, tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, RandomClips(config, here.device), here, RunFolder(folder))
        for _ in range(options.warm_up):
            trainer.state.update = 0  # an update in which every phase runs
            trainer.update()
        trainer.seconds.update(dict.fromkeys(PHASES, 0.0))
        wall, busy = time.perf_counter(), time.process_time()
        for _ in range(options.repeats):
            trainer.state.update = 0
            trainer.update()
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
        seconds = {phase: trainer.seconds[phase] / options.repeats for phase in PHASES}
        shares = {phase: seconds[phase] / trainer.step.interval(phase) for phase in PHASES}
        update = sum(shares.values())
        return PhaseTimes(
            images_per_second=2 * config.batch / update,
            seconds_per_kimg=1000 * update / config.batch,
            peak_memory_gib=peak_memory(here.device) / 2**30,
            phase_seconds=seconds,
            phase_share={phase: share / update for phase, share in shares.items()},
            processor_share=busy / wall / torch.get_num_threads(),
            device=_name(here.device),
            threads=torch.get_num_threads(),
            torch=str(torch.__version__),
        )


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU {platform.processor() or platform.machine()}"


def main(options: StepTimingOptions) -> None:
    """Measures, prints and writes."""
    result = measure(options)
    config = settings(options)
    print(
        f"{options.preset}, batch {config.batch} in parts of {config.micro_batch}, "
        f"{config.precision}{', channels-last' * config.channels_last}"
        f"{', compiled' * config.compile}, on {result.device} with {result.threads} threads"
    )
    print(f"{result.images_per_second:.3g} images a second, {result.seconds_per_kimg:.4g} s/kimg")
    print(f"peak memory {result.peak_memory_gib:.2f} GiB")
    if result.device.startswith("CPU"):
        print(f"each thread was busy for {result.processor_share:.0%} of the time")
    print("phase  seconds  share of an update")
    for phase in PHASES:
        print(f"{phase:6} {result.phase_seconds[phase]:7.3f}  {result.phase_share[phase]:6.1%}")
    if options.output is not None:
        data = {"settings": asdict(options) | asdict(config), "result": asdict(result)}
        options.output.write_text(json.dumps(data, indent=1, default=str) + "\n", "utf-8")


if __name__ == "__main__":
    main(tyro.cli(StepTimingOptions))
