"""A run's folder: everything needed to resume the run, and the generator for the visualizer.

    config.json              the run's settings
    generator.safetensors    the averaged generator, which the visualizer opens and watches
    best.safetensors         the averaged generator with the best score, which its notes give
    states/000012000.state   the whole training state after an update; the newest few are kept
    statistics/              statistics of the real pictures, for the score
    logs/                    TensorBoard
    profiles/                profiles of single updates, on request

States are safetensors files: tensors and plain numbers, so that opening one cannot run code.
Every file is written beside its target and renamed, so a full disk leaves the old ones intact.
A state with a value that is not finite is never written and never restored.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from training.checkpoint.contents import is_finite
from training.reasons import reason
from training.replacing import replacing
from training.train.run_generators import AVERAGED, BEST

log = logging.getLogger(__name__)

STATE_VERSION = "1"
PATIENCE = 20
"""Consecutive updates with a non-finite loss after which a run is given up. A single one does no
harm: float16 overflows now and then, and non-finite gradients are replaced."""
_SUFFIX = ".state"
_ANY_TIME = {
    *("resume", "stop_after", "profile", "data", "out", "held_out", "device", "workers"),
    *("compile", "checkpointing", "keep"),
    *("log_every", "save_every", "sample_every", "score_every"),
}
"""Settings that do not affect what a run computes."""


class RunError(Exception):
    """A problem with a run that the user can fix, as a sentence."""


@contextmanager
def stop_on_signals(ask: Callable[[], None]) -> Iterator[None]:
    """Turns SIGTERM and SIGINT into a call of `ask`; a second signal has its usual effect."""
    former: dict[int, Any] = {}

    def handle(number: int, _: object) -> None:
        ask()
        signal.signal(number, former[number])

    for number in (signal.SIGTERM, signal.SIGINT):
        former[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def optimizer_tensors(optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """An optimiser's moments by parameter name: "NAME.exp_avg" and so on."""
    names: dict[Tensor, str] = {p: name for name, p in module.named_parameters()}
    return {
        f"{names[parameter]}.{key}": torch.as_tensor(value)
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
    }


def load_optimizer(
    optimizer: torch.optim.Optimizer, module: nn.Module, tensors: dict[str, Tensor]
) -> None:
    """Restores an optimiser's moments. Parameters without saved moments start from scratch."""
    for name, parameter in module.named_parameters():
        state = {
            key.removeprefix(f"{name}."): tensor
            for key, tensor in tensors.items()
            if key.rpartition(".")[0] == name
        }
        if state:
            optimizer.state[parameter] = {
                key: tensor.clone() if key == "step" else tensor.to(parameter.device).clone()
                for key, tensor in state.items()
            }


@dataclass
class TrainingState:
    """Everything that changes during training."""

    modules: dict[str, nn.Module]
    optimizers: dict[str, tuple[torch.optim.Optimizer, nn.Module]]
    update: int = 0
    """Updates done. This is also the position in the data set, and it seeds every random draw."""
    best_score: float | None = None
    """Best score of the generators so far; lower is better."""
    score_of: str = ""
    """What that score measures."""

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Everything by name, on its device."""
        for part, module in self.modules.items():
            for name, tensor in module.state_dict().items():
                yield f"{part}/{name}", tensor
        for part, (optimizer, module) in self.optimizers.items():
            for name, tensor in optimizer_tensors(optimizer, module).items():
                yield f"{part}/{name}", tensor

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, on the CPU."""
        return {name: x.detach().cpu().contiguous() for name, x in self.named_tensors()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restores everything.

        Raises:
            RunError: when the tensors belong to different networks.
        """
        for part, module in self.modules.items():
            try:
                module.load_state_dict(_part(tensors, part))
            except RuntimeError as e:
                raise RunError(
                    f"The saved {part} has different sizes from the network that these settings"
                    " make."
                ) from e
        for part, (optimizer, module) in self.optimizers.items():
            load_optimizer(optimizer, module, _part(tensors, part))


class Health:
    """Detects that a run has diverged, so that it ends before its good states are lost."""

    def __init__(self, state: TrainingState, folder: RunFolder) -> None:
        self._state, self._folder = state, folder
        self.failing = 0
        """Consecutive updates, up to the latest, whose losses were not all finite."""

    def note(self, losses: Iterable[float]) -> None:
        """Records the losses of an update; every process must be given the same ones.

        Raises:
            RunError: when a weight is no longer finite, or the losses have not been for
                `PATIENCE` updates.
        """
        if all(map(math.isfinite, losses)):
            self.failing = 0
            return
        self.failing += 1
        if self.failing == 1:
            log.warning("The losses of update %d are not finite.", self._state.update)
        self._folder.require_finite(self._state)
        if self.failing >= PATIENCE:
            self.require()

    def require(self) -> None:
        """Checks that the losses of the last update were finite.

        Raises:
            RunError: when they were not.
        """
        if self.failing:
            raise self._folder.diverged(self._state.update, "the losses are")


def first_not_finite(tensors: Iterable[tuple[str, Tensor]]) -> str | None:
    """Name of the first tensor with a value that is NaN or infinite; None if all are finite."""
    return next((name for name, tensor in tensors if not is_finite(tensor)), None)


def changed_settings(
    before: dict[str, Any], now: dict[str, Any], counts: Callable[[str], bool]
) -> list[str]:
    """Differences between two tables of settings, as "NAME was A and is B".

    Args:
        before, now: nested tables, as JSON gives them.
        counts: whether to compare the setting with a dotted name.
    """
    old, new = _flat(before), _flat(now)
    return [
        f"{name} was {old[name]} and is {new[name]}"
        for name in sorted(old.keys() & new.keys())
        if old[name] != new[name] and counts(name)
    ]


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted name."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}/"
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


class RunFolder:
    """The folder of one run; `begin` creates it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def generator(self) -> Path:
        return self.path / AVERAGED

    @property
    def best(self) -> Path:
        return self.path / BEST

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def profile(self, update: int) -> Path:
        """Path for the profile of an update; its folder is created."""
        folder = self.path / "profiles"
        folder.mkdir(exist_ok=True)
        return folder / f"{update:09d}.json.gz"

    def begin(self, config: Any, resume: bool) -> None:
        """Creates the folder and writes the settings to it. Warns of settings that differ from
        those that the run was started with.

        Raises:
            RunError: when the folder already holds a run and `resume` is not set.
        """
        if self.states() and not resume:
            raise RunError(
                f"{self.path} already holds a run: add --resume to continue it, or choose another "
                "--out."
            )
        path = self.path / "config.json"
        text = json.dumps(dataclasses.asdict(config), indent=2)
        try:
            before = json.loads(path.read_text()) if self.states() and path.is_file() else {}
            changes = changed_settings(
                before, json.loads(text), lambda name: name.rpartition(".")[2] not in _ANY_TIME
            )
            if changes:
                log.warning("The run continues with changed settings: %s.", ", ".join(changes))
            (self.path / "states").mkdir(parents=True, exist_ok=True)
            with replacing(path) as part:
                part.write_text(text)
        except OSError as e:
            raise RunError(f"{self.path} cannot be written: {reason(e)}.") from e
        except ValueError as e:
            raise RunError(f"{path} cannot be used: {e}.") from e

    def states(self) -> list[Path]:
        """Saved states, oldest first."""
        return sorted((self.path / "states").glob(f"[0-9]*{_SUFFIX}"))

    def diverged(self, update: int, what: str) -> RunError:
        """The error for a run that has diverged.

        Args:
            update: the update after which it was noticed.
            what: subject and verb of the sentence, such as "the losses are".
        """
        states = self.states()
        way_back = (
            f"{states[-1].name} is the newest state: continue from it with --resume and a lower "
            "learning rate."
            if states
            else "No state was saved before it: start again with a lower learning rate."
        )
        return RunError(
            f"The training has diverged: {what} not finite after update {update}, which is not "
            f"saved. {way_back}"
        )

    def require_finite(self, state: TrainingState) -> None:
        """Checks that all values of a state are finite.

        Raises:
            RunError: when they are not.
        """
        if broken := first_not_finite(state.named_tensors()):
            raise self.diverged(state.update, f"{broken} is")

    def save(self, state: TrainingState, keep: int) -> Path:
        """Writes a state, and removes all but the newest `keep` of those up to it.

        Raises:
            OSError: when it cannot be written; the older states stay.
            RunError: when a value is not finite; the older states stay.
        """
        path = self.path / "states" / f"{state.update:09d}{_SUFFIX}"
        metadata = {"version": STATE_VERSION, "update": str(state.update)}
        if state.best_score is not None:
            metadata |= {"best_score": repr(state.best_score), "score_of": state.score_of}
        self.require_finite(state)
        tensors = state.tensors()
        try:
            with replacing(path) as part:
                save_file(tensors, part, metadata)
        except SafetensorError as e:  # how safetensors reports a full disk
            raise OSError(str(e)) from e
        states = self.states()
        # Later states were unusable: the run was resumed from an earlier one.
        kept = [other for other in states if other.name <= path.name][-keep:]
        for old in set(states) - set(kept):
            old.unlink(missing_ok=True)
        return path

    def restore(self, state: TrainingState) -> Path | None:
        """Restores a state from the newest usable file; None if there are no files.

        Raises:
            RunError: when no file is usable, or one belongs to a different configuration.
        """
        states = self.states()
        for path in reversed(states):
            try:
                with safe_open(path, framework="pt") as file:
                    metadata = file.metadata() or {}
                    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            except (SafetensorError, OSError):
                log.warning("%s cannot be read: an older state is used.", path.name)
                continue
            if broken := first_not_finite(tensors.items()):
                log.warning("%s is not finite in %s: an older state is used.", broken, path.name)
                continue
            if metadata.get("version") != STATE_VERSION:
                raise RunError(f"{path.name} was written by another version of this program.")
            state.load(tensors)
            state.update = int(metadata["update"])
            best = metadata.get("best_score")
            state.best_score = None if best is None else float(best)
            state.score_of = metadata.get("score_of", "")
            return path
        if states:
            raise RunError(
                f"No state in {self.path / 'states'} can be used: remove that folder to start "
                "over, or choose another --out."
            )
        return None
