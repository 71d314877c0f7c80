"""Writing files whole or not at all, and where models lie."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from training.reasons import reason
from training.replacing import replacing
from training.train.run_generators import newest_generator, saved_generators
from training.user_folders import expanded
from viz.state.errors import UserError

CHECKPOINTS = Path(str(importlib.resources.files("checkpoints")))
"""Folder of the models that come with the program."""

Stamp = tuple[int, int]
"""Time of the last change in ns, and size."""


@contextmanager
def new_file(path: Path) -> Generator[Path]:
    """A temporary file to fill beside `path`, renamed to it once complete; folders are made.

    Raises:
        UserError: when it cannot be written, with the reason; no partial file is left.
    """
    try:
        with replacing(path) as part:
            yield part
    except OSError as e:
        raise unsaved(path, e) from e


def write_beside(path: str | Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Has `write` fill a new file, which then takes its place at `path`.

    Raises:
        UserError: when it cannot be written, with the reason; no partial file is left.
    """
    with new_file(Path(path)) as part, part.open("wb") as file:
        write(file)


def unsaved(path: Path, error: OSError) -> UserError:
    """The error for the user where a file or folder cannot be written."""
    return UserError(f"{path.name} could not be saved in {path.parent}: {reason(error)}.")


def file_stamp(path: str) -> Stamp | None:
    """Time of the last change and size; None where there is no file."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def model_file(path: str) -> str:
    """The file of a model: for the folder of a training run, its newest generator."""
    found = newest_generator(expanded(path)) if path else None
    return str(found) if found else path


def compared_file(path: str) -> str:
    """The file of a model to compare with: for a folder its newest generator, or the last of the
    checkpoints in it."""
    file = model_file(path)
    last = saved_generators(expanded(file))[-1:] if path else []
    return str(last[0]) if last else file


def bundled() -> list[str]:
    """Paths of the models that come with the program, the default one first."""
    return sorted(map(str, CHECKPOINTS.glob("*.safetensors")))


def default_checkpoint() -> str:
    """Path of the model that the program starts with; empty where there is none."""
    return next(iter(bundled()), "")
