"""How exports get onto the disk: all of a file or nothing, and nothing by accident."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.replacing import replacing
from viz.state.errors import UserError
from viz.state.files import reason


class ExistsError(UserError):
    """What is to be written is there already, and may not be replaced."""


def check(options: Any, path: Path, overwrite: bool) -> None:
    """Refuses what cannot be before any work is done.

    Args:
        options: of the exporter; their `problems_with(path)` must be empty.
        path: what is to be written.
        overwrite: whether a file there may be replaced.

    Raises:
        UserError: with all that is wrong.
    """
    problems = options.problems_with(path)
    if problems:
        raise UserError(" ".join(problems))
    require_free([path], overwrite)
    if path.is_dir() and path.suffix:
        raise UserError(f"{path} is a folder: choose another name.")


def require_free(paths: Iterable[Path], overwrite: bool) -> None:
    """Refuses files that exist, unless they may be replaced, and names that no file can have.

    Raises:
        UserError: with the first such path.
    """
    for path in paths:
        if exists(path) and not overwrite:
            raise ExistsError(f"{path} exists: choose another name, or allow it to be replaced.")


def exists(path: Path) -> bool:
    """Whether there is such a file or folder.

    Raises:
        UserError: when the system does not say, as its folder may not be entered or its name is too
            long: nothing could be written there either.
    """
    try:
        return path.exists()
    except OSError as e:
        raise UserError(_unsaved(path, e)) from e


def _unsaved(path: Path, error: OSError) -> str:
    return f"{path.name} could not be saved in {path.parent}: {reason(error)}."


@contextmanager
def new_file(path: Path) -> Generator[Path]:
    """A file to fill beside `path`; once it is whole it takes that name.

    Raises:
        UserError: when it cannot be written, with the reason; nothing is left of it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.touch()  # a folder that cannot be written is found before the work
            yield part
    except OSError as e:
        raise UserError(_unsaved(path, e)) from e
