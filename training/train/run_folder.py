"""A run's folder: everything that a run needs to go on, and the generator for the visualizer.

    config.json              the run's settings
    generator.safetensors    the averaged generator, which the visualizer opens and watches
    best.safetensors         the one with the best score so far; the score is in its notes
    states/000012000.state   all of the training at an update: the newest few are kept
    statistics/              of the real pictures, for the score
    logs/                    TensorBoard

States are safetensors files: tensors and plain numbers, so that opening one cannot run code.
Every file is written beside its place and renamed; a full disk leaves the old ones as they are.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from training.replacing import replacing

log = logging.getLogger(__name__)

STATE_VERSION = "1"
_SUFFIX = ".state"
_ANY_TIME = {
    *("resume", "stop_after", "data", "out", "held_out", "device", "workers", "compile", "keep"),
    *("log_every", "save_every", "sample_every", "score_every"),
}
"""Settings that may change in the course of a run."""


class RunError(Exception):
    """Something about a run's folder that the user can mend, as a sentence."""


@contextmanager
def stop_on_signals(ask: Callable[[], None]) -> Iterator[None]:
    """Turns SIGTERM and SIGINT into a call of `ask`; a second one acts as it did before."""
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
    """Gives an optimiser back its moments. Parameters that had none yet start anew."""
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
    """All that changes in the course of a run."""

    modules: dict[str, nn.Module]
    optimizers: dict[str, tuple[torch.optim.Optimizer, nn.Module]]
    update: int = 0
    """Updates done. It is also the place in the data and seeds every draw."""
    best_score: float | None = None
    """Of the generators so far; lower is better."""
    score_of: str = ""
    """What that score measures."""

    def tensors(self) -> dict[str, Tensor]:
        """Everything as named tensors."""
        found = {
            f"{part}/{name}": tensor
            for part, module in self.modules.items()
            for name, tensor in module.state_dict().items()
        }
        for part, (optimizer, module) in self.optimizers.items():
            moments = optimizer_tensors(optimizer, module)
            found |= {f"{part}/{name}": tensor for name, tensor in moments.items()}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in found.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Takes everything back.

        Raises:
            RunError: when the tensors are those of other networks.
        """
        for part, module in self.modules.items():
            try:
                module.load_state_dict(_part(tensors, part))
            except RuntimeError as e:
                raise RunError(f"The state's {part} does not fit this configuration: {e}") from e
        for part, (optimizer, module) in self.optimizers.items():
            load_optimizer(optimizer, module, _part(tensors, part))


def resumed(state: Path | None, folder: RunFolder) -> str:
    """What a run that was to go on does, as a sentence."""
    if state is None:
        return f"{folder.path} holds no state to go on from: the run begins anew."
    return f"The run goes on from {state.name}."


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings of nested groups by dotted name."""
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
    """The folder of one run.

    Args:
        path: made where it is not there yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def generator(self) -> Path:
        return self.path / "generator.safetensors"

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def begin(self, config: Any, resume: bool) -> None:
        """Makes the folder and notes the settings. Other settings than those of a run that goes on
        are told.

        Raises:
            RunError: when there is a run already and it shall not be resumed.
        """
        if self.states() and not resume:
            raise RunError(
                f"{self.path} holds a run already: add --resume to go on, or choose another --out."
            )
        try:
            settings = dataclasses.asdict(config)
            changes = self._changes(settings) if self.states() else []
            if changes:
                log.warning("The run goes on with other settings: %s.", ", ".join(changes))
            text = json.dumps(settings, indent=2)
            (self.path / "states").mkdir(parents=True, exist_ok=True)
            with replacing(self.path / "config.json") as part:
                part.write_text(text)
        except OSError as e:
            raise RunError(f"{self.path} cannot be written: {e.strerror}.") from e

    def _changes(self, settings: dict[str, Any]) -> list[str]:
        """What of the settings that decide a run's course is not as it was, in words."""
        try:
            before = _flat(json.loads((self.path / "config.json").read_text()))
        except (OSError, ValueError):
            return []
        now = _flat(json.loads(json.dumps(settings)))
        return [
            f"{name} was {before[name]} and is {now[name]}"
            for name in sorted(before.keys() & now.keys())
            if before[name] != now[name] and name.rpartition(".")[2] not in _ANY_TIME
        ]

    def states(self) -> list[Path]:
        """Saved states, oldest first."""
        return sorted((self.path / "states").glob(f"[0-9]*{_SUFFIX}"))

    def save(self, state: TrainingState, keep: int) -> Path:
        """Writes a state and drops all but the newest `keep`.

        Raises:
            OSError: when it cannot be written; the older states stay.
        """
        path = self.path / "states" / f"{state.update:09d}{_SUFFIX}"
        metadata = {"version": STATE_VERSION, "update": str(state.update)}
        if state.best_score is not None:
            metadata |= {"best_score": repr(state.best_score), "score_of": state.score_of}
        tensors = state.tensors()
        try:
            with replacing(path) as part:
                save_file(tensors, part, metadata)
        except SafetensorError as e:  # how safetensors tells of a full disk
            raise OSError(str(e)) from e
        for old in self.states()[:-keep]:
            old.unlink(missing_ok=True)
        return path

    def restore(self, state: TrainingState) -> Path | None:
        """Fills a state from the newest file that is whole; None where there is none.

        Raises:
            RunError: when the file belongs to another configuration.
        """
        for path in reversed(self.states()):
            try:
                with safe_open(path, framework="pt") as file:
                    metadata = file.metadata() or {}
                    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            except (SafetensorError, OSError):
                log.warning("%s cannot be read: an older state is taken.", path.name)
                continue
            if metadata.get("version") != STATE_VERSION:
                raise RunError(f"{path.name} was written by another version of this program.")
            state.load(tensors)
            state.update = int(metadata["update"])
            best = metadata.get("best_score")
            state.best_score = None if best is None else float(best)
            state.score_of = metadata.get("score_of", "")
            return path
        return None
