"""Trains PV3D.

Examples:
    python -m training.train tiny --data clips.zip --out runs/first
    torchrun --nproc-per-node 8 -m training.train voxceleb-res64 --data voxceleb --out runs/big
    python -m training.train --out runs/first --resume

The first word names a preset, whose settings the options change: `tiny --help` lists them. With
--resume no preset is needed: the run in the folder --out goes on with its own settings, except for
those given again.
"""

from __future__ import annotations

import time
from functools import partial

import torch
import tyro

from training.distributed import World
from training.metrics import MetricsError
from training.metrics.detectors import DetectorError
from training.train.kept_settings import require_same_networks, to_resume
from training.train.logs import Logs
from training.train.loop import Trainer, networks_of
from training.train.run_command import exit_status, follow
from training.train.run_folder import RunError, RunFolder
from training.train.score import Score
from training.train.step import PHASES
from training.train.stream import DataStream
from training.train.train_config import DESCRIPTIONS, PRESETS, TrainConfig


def main(arguments: list[str] | None = None) -> int:
    """Trains as the command line says; the exit status is 1 if the user must fix something."""
    return exit_status(arguments, parse, train, (DetectorError, MetricsError))


def parse(arguments: list[str]) -> TrainConfig:
    """The settings that a command line asks for. A resumed run keeps its own, except for those
    given again; its preset need not be named.

    Raises:
        RunError: when no preset is named, or the settings of the run to resume cannot be used.
    """
    named = bool(DESCRIPTIONS.keys() & set(arguments))
    kept = to_resume(arguments, TrainConfig(), named)
    if kept is None and not named and arguments and not {"-h", "--help"} & set(arguments):
        raise RunError(f"No preset is named: begin with one of {', '.join(DESCRIPTIONS)}.")
    presets = {name: (text, kept or PRESETS[name]) for name, text in DESCRIPTIONS.items()}
    if kept is not None and not named:
        arguments = [next(iter(presets)), *arguments]
    return tyro.extras.overridable_config_cli(
        presets,
        args=arguments,
        prog="python -m training.train",
        description=__doc__,
        config=(tyro.conf.DisallowNone,),
    )


def train(config: TrainConfig, here: World) -> None:
    """Trains for one session of a run.

    Raises:
        RunError: when the run's folder cannot be used, training diverges, or the last state
            cannot be written.
        training.data.DatasetError: when the data cannot be used.
        training.checkpoint.CheckpointError: when the weights to start from cannot be used.
        training.metrics.MetricsError, training.metrics.detectors.DetectorError: when the score
            cannot be measured.
    """
    if not config.data:
        raise RunError(
            "--data is missing: name a data set to train on, a folder or zip of clips or the "
            "published VoxCeleb folder."
        )
    micro_batches = config.batch // config.micro_batch
    if micro_batches % here.size:
        raise RunError(
            f"{here.size} processes cannot share the {micro_batches} micro-batches of an update "
            f"evenly: choose a number that divides {micro_batches}, another batch (it is "
            f"{config.batch}) or another micro_batch (it is {config.micro_batch})."
        )
    folder = RunFolder(config.out)
    if config.resume:
        require_same_networks(folder, config, networks_of)
    if here.first:
        folder.begin(config, config.resume)
    here.barrier()
    data = DataStream(config, here)
    try:
        judge = partial(Score, config, here, folder.path)
        _follow(Trainer(config, data, here, folder, judge), data)
    finally:
        data.close()


def _follow(trainer: Trainer, data: DataStream) -> None:
    """Runs the trainer; the first process shows and logs its progress."""
    config, state = trainer.config, trainer.state
    trainer.restore()
    begun, first = time.perf_counter(), state.update

    def describe(values: dict[str, float]) -> tuple[str, dict[str, float]]:
        rate = 1000 * (time.perf_counter() - begun) / ((state.update - first) * config.batch)
        words = _summary(values, state.update * config.batch / 1000, rate)
        return words, _facts(trainer, data, rate)

    def after_update(logs: Logs, values: dict[str, float]) -> None:
        scores = {name: values[name] for name in values if name.startswith("score/")}
        logs.numbers(state.update, scores)
        if config.sample_every and state.update % config.sample_every == 0:
            logs.samples(state.update, trainer.networks.G_ema)

    follow(trainer, config.log_every, after_update, describe)


def _summary(values: dict[str, float], kimg: float, rate: float) -> str:
    """Progress, speed, memory and the main losses as a short text."""
    names = ("G/image", "G/video", "D/image", "D/video")
    shown = " ".join(f"{name} {values[name]:.2f}" for name in names if name in values)
    return f"{kimg:.1f} kimg, {rate:.1f} s/kimg, {_memory() / 1e9:.1f} GB, {shown}"


def _facts(trainer: Trainer, data: DataStream, rate: float) -> dict[str, float]:
    """Speed, memory, and each phase's share of the time, by name."""
    total = sum(trainer.seconds.values()) or 1.0
    shares = {f"time/{phase}": trainer.seconds[phase] / total for phase in PHASES}
    return shares | {
        "speed/seconds per kimg": rate,
        "speed/seconds waited for data": data.waited,
        "data/clips skipped": float(len(data.skipped)),
        "memory/GB": _memory() / 1e9,
    }


def _memory() -> int:
    """Bytes in use: of the GPU at their peak, or of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    import psutil

    return psutil.Process().memory_info().rss
