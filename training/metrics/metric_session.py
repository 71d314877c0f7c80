"""What the metrics of one measurement share, and how values are combined into results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from training.data.held_out_clips import part
from training.data.sampling import open_source
from training.data.source import ClipSource
from training.distributed import World
from training.metrics.clip_windows import Windows
from training.metrics.detectors import Detector, Kind, load_detector
from training.metrics.metric_options import MetricsConfig
from training.networks.generator import Generator
from training.terminal import report_seconds


class MetricsError(Exception):
    """A metric cannot be measured; the message is one sentence for the user."""


@dataclass(frozen=True)
class Result:
    """One metric's value."""

    value: float | None
    """The value in the metric's unit; None if no sample had one."""
    samples: int
    """Number of generated samples behind it."""
    standard_error: float | None = None
    """Standard error of the value, if it is a mean over samples."""
    facts: dict[str, float] = field(default_factory=dict)
    """Further numbers by name."""


@dataclass(frozen=True)
class Session:
    """One measurement in one process."""

    G: Generator
    config: MetricsConfig
    world: World
    quiet: bool = False
    """Whether to hide progress bars."""

    @cached_property
    def source(self) -> ClipSource:
        """The data set.

        Raises:
            MetricsError: when there is none.
            DatasetError: when it cannot be used.
        """
        if self.config.data is None:
            raise MetricsError("The data set is missing.")
        return part(open_source(self.config.data), self.config.held_out_share, held_out=True)

    @cached_property
    def windows(self) -> Windows:
        """The data set's 16-frame windows."""
        return Windows(self.source, self.config.seed, self.config.stride)

    def detector(self, path: Path | None, kind: Kind) -> Detector:
        """The detector in a file.

        Raises:
            MetricsError: when there is none.
            DetectorError: when its file cannot be used.
        """
        if path is None:
            raise MetricsError(f"The {kind.name} is missing.")
        trusted = self.config.run_torchscript
        return load_detector(path, kind, self.world.device, run_torchscript=trusted)

    def batches(self, count: int, task: str) -> Iterator[list[int]]:
        """This process's share of the numbers below `count`, in batches, with a progress bar."""
        numbers = self.world.share(count)
        with self.progress(len(numbers), task) as bar:
            for start in range(0, len(numbers), self.config.batch):
                batch = list(numbers[start : start + self.config.batch])
                yield batch
                bar.update(len(batch))

    def progress(self, count: int, task: str) -> tqdm:
        """A progress bar in the first process, updated rarely if the output goes to a file."""
        hidden = self.quiet or not self.world.first
        return tqdm(total=count, desc=task, mininterval=report_seconds(), disable=hidden)


class Mean:
    """Running mean; NaNs are counted but left out."""

    def __init__(self) -> None:
        self._sums = torch.zeros(4, dtype=torch.float64)
        """Count, sum, sum of squares, and number of NaNs."""

    def add(self, values: Tensor) -> None:
        """Adds values [N]."""
        values = values.detach().cpu().double()
        known = values[~values.isnan()]
        left_out = len(values) - len(known)
        self._sums += torch.tensor(
            [len(known), known.sum(), known.square().sum(), left_out], dtype=torch.float64
        )

    def result(self, world: World, **facts: float) -> Result:
        """The result over all processes, with these facts. Every process must call it and gets the
        same result."""
        sums = self._sums.to(world.device)
        world.sum_([sums])
        count, total, squares, left_out = sums.tolist()
        if left_out:
            facts["left_out"] = left_out
        if not count:
            return Result(None, 0, facts=facts)
        mean = total / count
        error = None
        if count > 1:
            error = (max(squares / count - mean**2, 0.0) / (count - 1)) ** 0.5
        return Result(mean, int(count), error, facts)
