"""Batches for one training process, prefetched by workers; the only state is one number."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from training.data.held_out_clips import part
from training.data.sampling import Batch, ClipDataset, open_source
from training.data.source import DatasetError
from training.data.workers import settle_worker

logger = logging.getLogger(__name__)

_PREFETCH = 4
"""Batches that each worker prefetches."""


class Loader:
    """Endless batches for one of `world_size` processes, independent of the number of workers.

    Batch b of rank r holds the samples k = b * N + i * world_size + r for i in 0 .. N/world_size,
    where N is the number of samples in a step of all processes. Together, the processes see the
    same samples as a single one with batches of N, and groups of every n-th sample (as in minibatch
    standard deviation) are the same.

    Args:
        dataset: the samples.
        batch_size: samples of one batch of this process.
        rank: number of this process.
        world_size: number of processes.
        position: samples that all processes together have consumed; continues from there.
        workers: decoding processes; 0 decodes here.
        start_method: "auto" or a start method of multiprocessing.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        batch_size: int,
        *,
        rank: int = 0,
        world_size: int = 1,
        position: int = 0,
        workers: int = 0,
        start_method: str = "auto",
    ) -> None:
        self.dataset = dataset
        self.position = position
        """Number of samples that all processes together have consumed: the only state needed to
        resume."""
        self.skipped: dict[str, str] = {p.clip: p.reason for p in dataset.source.problems}
        """Clips left out so far, with reasons."""
        self.waited = 0.0
        """Seconds that training has waited for batches; near 0 if decoding keeps up."""
        self._step = batch_size * world_size
        self._batches = _Batches(position, batch_size, rank, world_size)
        several = workers > 0
        self._loader = DataLoader(
            _Fetch(dataset),
            batch_sampler=self._batches,
            collate_fn=_unchanged,
            num_workers=workers,
            prefetch_factor=_PREFETCH if several else None,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_start_worker if several else None,
            multiprocessing_context=None if start_method == "auto" or not several else start_method,
        )
        self._iterator: Iterator[Batch | DatasetError] | None = None
        if several:
            atexit.register(_close_at_exit, weakref.ref(self))
        if self.skipped:
            first, reason = next(iter(self.skipped.items()))
            logger.warning("%d clips are left out, %s: %s", len(self.skipped), first, reason)

    @classmethod
    def open(
        cls,
        path: Path,
        resolution: int,
        batch_size: int,
        *,
        mirror: bool = True,
        held_out_share: float = 0.0,
        seed: int = 0,
        **options: Any,
    ) -> Self:
        """Loader for the data set at a path.

        Args:
            path: a folder or uncompressed zip with dataset.json, or the published VoxCeleb folder.
            resolution, mirror, seed: see `ClipDataset`. The stored identity numbers do not describe
                mirrored people.
            held_out_share: fraction of people to leave out, see `held_out_clips`.
            batch_size, options: see `Loader`.

        Raises:
            DatasetError: when the data set cannot be used.
        """
        source = part(open_source(path), held_out_share, held_out=False)
        dataset = ClipDataset(source, resolution, seed=seed, mirror=mirror)
        return cls(dataset, batch_size, **options)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        """The next batch.

        Raises:
            DatasetError: when too many clips in a row cannot be read.
        """
        if self._iterator is None:
            self._batches.position = self.position
            self._iterator = iter(self._loader)
        start = time.perf_counter()
        batch = next(self._iterator)
        self.waited += time.perf_counter() - start
        if isinstance(batch, DatasetError):
            raise batch
        self.position += self._step
        for problem in batch.skipped:
            if problem.clip not in self.skipped:
                self.skipped[problem.clip] = problem.reason
                logger.warning("The clip %s is skipped: %s", problem.clip, problem.reason)
        return batch

    def close(self) -> None:
        """Ends the workers; the next batch restarts them at `position`."""
        self._iterator = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Batches(Sampler[list[int]]):
    """Sample numbers of this process's batches, without end."""

    def __init__(self, position: int, batch_size: int, rank: int, world_size: int) -> None:
        self.position = position
        self._batch_size, self._rank, self._world_size = batch_size, rank, world_size

    def __iter__(self) -> Iterator[list[int]]:
        position = self.position
        while True:
            end = position + self._batch_size * self._world_size
            yield list(range(position + self._rank, end, self._world_size))
            position = end


class _Fetch(Dataset[Batch]):
    """Whole batches, as DataLoader's workers request them.

    An error about the data set is returned as a value: if raised, its message would contain a
    worker's traceback.
    """

    def __init__(self, dataset: ClipDataset) -> None:
        self._dataset = dataset

    def __getitems__(self, numbers: Sequence[int]) -> Batch | DatasetError:
        try:
            return Batch.stack([self._dataset[k] for k in numbers])
        except DatasetError as error:
            return DatasetError(str(error))


def _unchanged(batch: Any) -> Any:
    return batch


def _start_worker(_: int) -> None:
    """Ignores a first SIGTERM, which schedulers send to all processes: workers must run until the
    trainer has saved its state. They end with it, or at a second SIGTERM."""
    settle_worker()
    # A spawned worker shuts down a whole interpreter, during which the thread that hands over
    # batches may abort inside torch. Nothing is left to do, so it exits at once.
    atexit.register(os._exit, 0)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))


def _close_at_exit(loader: weakref.ref[Loader]) -> None:
    """Ends the workers normally before multiprocessing waits for them to end."""
    if alive := loader():
        alive.close()
