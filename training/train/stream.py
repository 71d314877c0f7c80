"""Feeds the training loop: micro-batches of a data set on the loop's device."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from training.data import Batch, Loader
from training.distributed import World
from training.train.step import Clips, Draws
from training.train.train_config import TrainConfig

_CAMERA_PASSES = 16
"""Passes over the data set from which generated clips take cameras, as each has other pairs."""


class DataStream:
    """Real clips in the order of the run, and cameras for generated ones.

    Args:
        config: of the run.
        world: this process, and the others that share the work; each reads only its micro-batches.

    Raises:
        training.data.DatasetError: when the data set cannot be used.
    """

    def __init__(self, config: TrainConfig, world: World) -> None:
        self._config, self._world = config, world
        self._parts = config.batch // config.micro_batch // world.size
        self._loader = Loader.open(
            Path(config.data),
            config.generator.image_resolution,
            config.batch // world.size,
            mirror=config.flip,
            held_out_share=config.score.held_out_share,
            workers=config.workers,
            seed=config.seed,
            rank=world.rank,
            world_size=world.size,
        )
        self._batch: Batch | None = None
        self._update = -1

    @property
    def skipped(self) -> dict[str, str]:
        """Clips that could not be read so far, with the reasons."""
        return self._loader.skipped

    @property
    def waited(self) -> float:
        """Seconds for which training waited for data."""
        return self._loader.waited

    def clips(self, update: int, micro_batch: int) -> Clips:
        """Real clips: micro-batch j of n holds every n-th sample of the update, from the j-th on,
        so that it does not depend on the number of processes."""
        if update != self._update:
            position = update * self._config.batch
            if self._loader.position != position:  # the run continues where another stopped
                self._loader.close()
                self._loader.position = position
            self._batch = next(self._loader).to(self._world.device)
            self._update = update
        batch = self._batch
        assert batch is not None
        part = slice(micro_batch // self._world.size, None, self._parts)
        images = batch.images[part].flatten(0, 1)
        return Clips(
            images.float() / 127.5 - 1,
            batch.cameras[part].flatten(0, 1),
            batch.t[part].flatten(0, 1),
        )

    def cameras(self, draws: Draws, count: int) -> Tensor:
        """Cameras of both frames of random clips [2 * count, 25]."""
        dataset = self._loader.dataset
        passes = _CAMERA_PASSES * len(dataset.source.names)
        numbers = torch.randint(passes, (count,), generator=draws.cpu)
        pairs = [dataset.cameras(number)[0] for number in numbers.tolist()]
        return torch.cat(pairs).to(draws.device)

    def close(self) -> None:
        """Ends the reading processes."""
        self._loader.close()
