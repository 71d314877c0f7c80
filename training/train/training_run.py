"""What all training runs have in common: resuming, saving at intervals and stopping."""

from __future__ import annotations

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch

from training import checkpoint
from training.distributed import World
from training.reasons import reason
from training.train.run_folder import (
    Health,
    RunError,
    RunFolder,
    TrainingState,
    stop_on_signals,
)
from training.train.train_config import RunSettings

log = logging.getLogger(__name__)


class TrainingRun(ABC):
    """One run. Subclasses do the updates and write the generator.

    Args:
        settings: of the run.
        world: this process, and the others that share the work.
        folder: of the run.
        state: everything that the updates change.
    """

    def __init__(
        self, settings: RunSettings, world: World, folder: RunFolder, state: TrainingState
    ) -> None:
        self._settings, self.world = settings, world
        self.folder, self.state = folder, state
        self.health = Health(state, folder)
        self._stopping, self._restored = False, False
        self._unsaved: str | None = None
        """Why the newest state could not be written; only in the first process."""

    @property
    @abstractmethod
    def total(self) -> int:
        """Updates in all."""

    @abstractmethod
    def update(self) -> dict[str, float]:
        """One update; its losses by name."""

    @abstractmethod
    def write_generator(self) -> None:
        """Writes the generator that belongs to the state.

        Raises:
            OSError, training.checkpoint.CheckpointError: when it cannot be written.
        """

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Convolutions in the run's number format."""
        name, device = self._settings.precision, self.world.device.type
        if name == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device, getattr(torch, name))

    def prepare(self) -> bool:
        """Prepares the first update; False if it was stopped before it was done."""
        return True

    @property
    def stopping(self) -> bool:
        """Whether this process was asked to end the run."""
        return self._stopping

    def restore(self) -> None:
        """Restores the newest state of the run to resume; only the first call has an effect.

        Raises:
            RunError: when the saved state does not fit, or not every process finds it.
        """
        if self._restored or not self._settings.resume:
            return
        self._restored = True
        found = self.folder.restore(self.state)
        if self.world.first:
            log.info(
                f"The run continues from {found.name}."
                if found
                else f"{self.folder.path} has no saved state: the run starts from the beginning."
            )
        if not self.world.agree(self.state.update):
            raise RunError(
                f"Not all processes find the same states in {self.folder.path}: "
                "it must be on a disk that they share."
            )

    def run(self) -> Iterator[dict[str, float]]:
        """Trains, and yields the losses of each update.

        SIGTERM and SIGINT end the run after the current update, with its state saved.

        Raises:
            RunError: when the run to resume cannot be used, the training diverges, or its last
                state cannot be written.
        """
        self.restore()
        settings, state, last = self._settings, self.state, self.total
        if settings.stop_after is not None:
            last = min(last, state.update + settings.stop_after)
        stopping, due, first = False, False, state.update
        with stop_on_signals(self.stop):
            prepared = self.prepare()
            # A signal may reach only some of the processes, but all of them must save.
            while state.update < last and not (stopping := self.world.any(self._stopping)):
                values = self.advance(state.update + 1 - first)
                due |= state.update % settings.save_every == 0 or state.update == last
                if due and not self.health.failing:
                    self.save()
                    due = False
                yield values
            if prepared and (stopping or due):
                self.health.require()
                self.save()
        if self.world.any(self._unsaved is not None):
            why = self._unsaved or "the first process says why"
            raise RunError(f"The last state of the run is not saved: {why}.")

    def advance(self, number: int) -> dict[str, float]:
        """Does an update, the `number`th of this session; gives its losses by name, and what was
        measured after it.

        Raises:
            RunError: when the training diverges.
        """
        values = self.update()
        self.health.note(values.values())
        return values

    def stop(self) -> None:
        """Asks the run to end after the current update."""
        self._stopping = True

    def save(self) -> None:
        """Writes the state and the generator. A full disk is reported, but ends the run only if
        the last state cannot be written.

        Raises:
            RunError: when the state is not finite.
        """
        if self.world.first:
            self._unsaved = None
            try:
                self.folder.save(self.state, self._settings.keep)
                self.write_generator()
            except (OSError, checkpoint.CheckpointError) as e:
                self._unsaved = reason(e) if isinstance(e, OSError) else str(e).rstrip(".")
                log.warning(
                    "The state at update %d is not saved: %s", self.state.update, self._unsaved
                )
        else:  # a diverged run must end in every process
            self.folder.require_finite(self.state)
        self.world.barrier()
