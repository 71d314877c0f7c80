"""What the training commands have in common: the command line, a progress bar and logs."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, TypeVar

import tyro
from tqdm import tqdm

from training import checkpoint
from training.data.source import DatasetError
from training.distributed import DeviceError, World, world
from training.train.kept_settings import to_resume
from training.train.logs import Logs
from training.train.run_folder import RunError
from training.train.train_config import RunSettings
from training.train.training_run import TrainingRun

Settings = TypeVar("Settings", bound=RunSettings)


class Means:
    """Means by name of the numbers added since the means were last taken."""

    def __init__(self) -> None:
        self._numbers: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._numbers[name].append(value)

    def take(self) -> dict[str, float]:
        means = {name: sum(found) / len(found) for name, found in self._numbers.items()}
        self._numbers.clear()
        return means


def _losses_text(values: dict[str, float]) -> tuple[str, dict[str, float]]:
    return " ".join(f"{name} {value:.4f}" for name, value in values.items()), {}


def follow(
    run: TrainingRun,
    log_every: int,
    after_update: Callable[[Logs, dict[str, float]], None] = lambda logs, values: None,
    describe: Callable[[dict[str, float]], tuple[str, dict[str, float]]] = _losses_text,
) -> None:
    """Trains; the first process shows a progress bar and logs the means of the losses.

    Args:
        run: what is trained.
        log_every: updates from one log entry to the next.
        after_update: called with the values of each update, to log more.
        describe: turns the means of the losses into the text beside the bar and further numbers to
            log.

    Raises:
        RunError: see `TrainingRun.run`.
    """
    run.restore()
    logs, means, state = Logs(run.folder.logs), Means(), run.state
    hidden = not run.world.first
    bar = tqdm(total=run.total, initial=state.update, disable=hidden, unit="update", smoothing=0.05)
    try:
        for values in run.run():
            if hidden:
                continue
            bar.update(state.update - bar.n)
            means.add({k: v for k, v in values.items() if not k.startswith("score/")})
            if state.update % log_every == 0:
                shown = means.take()
                words, further = describe(shown)
                bar.set_postfix_str(words)
                logs.numbers(state.update, shown | further)
            after_update(logs, values)
    finally:
        bar.close()
        logs.close()


def command(
    defaults: Settings,
    arguments: list[str] | None,
    train: Callable[[Settings, World], None],
    prog: str,
    description: str | None,
) -> int:
    """Trains as the command line says, in one process.

    Args:
        defaults: the default settings, with arbitrary values for those that the user must give.
        arguments: the command line; None takes this program's.
        train: trains for one session of a run.
        prog: the command as the user types it.
        description: its help text.

    Returns:
        the exit status: 1 if there is something that the user must fix.
    """

    def parse(given: list[str]) -> Settings:
        named = {word.partition("=")[0].replace("-", "_") for word in given}
        required = {
            f"__{f.name}"
            for f in dataclasses.fields(defaults)
            if f.default is f.default_factory is MISSING
        }
        kept = to_resume(given, defaults, required <= named)
        default: Any = tyro.MISSING_NONPROP if kept is None else kept
        return tyro.cli(
            type(defaults), args=given, default=default, prog=prog, description=description
        )

    return exit_status(arguments, parse, train, (ValueError,))


def exit_status(
    arguments: list[str] | None,
    parse: Callable[[list[str]], Settings],
    train: Callable[[Settings, World], None],
    further: tuple[type[Exception], ...] = (),
) -> int:
    """Trains, and prints what the user must fix.

    Args:
        arguments: the command line; None takes this program's.
        parse: the settings that a command line asks for.
        train: trains for one session of a run.
        further: errors, besides the usual ones, whose messages are for the user.

    Returns:
        the exit status: 1 if something was printed.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        settings = parse(sys.argv[1:] if arguments is None else arguments)
        with world(settings.device) as here:
            train(settings, here)
    except (checkpoint.CheckpointError, DatasetError, DeviceError, RunError, *further) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
