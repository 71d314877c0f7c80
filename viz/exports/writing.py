"""Checks before an export is written: nothing is overwritten by accident."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from viz.state.errors import UserError, require_none
from viz.state.files import unsaved


class ExistsError(UserError):
    """The target exists, and may not be replaced."""

    option = "--overwrite"


def check(options: Any, path: Path, overwrite: bool) -> None:
    """Refuses impossible exports before any work is done.

    Args:
        options: the exporter's options; their `problems_with(path)` must be empty.
        path: path to write to.
        overwrite: whether an existing file may be replaced.

    Raises:
        UserError: with everything that is wrong.
    """
    require_none(options.problems_with(path))
    require_free([path], overwrite)
    if path.is_dir() and path.suffix:
        raise UserError(f"{path} is a folder: choose another name.")


def require_free(paths: Iterable[Path], overwrite: bool) -> None:
    """Refuses existing files, unless they may be replaced, and impossible file names.

    Raises:
        UserError: with the first such path.
    """
    for path in paths:
        if exists(path) and not overwrite:
            raise ExistsError(f"{path} exists: choose another name, or allow it to be replaced.")


def exists(path: Path) -> bool:
    """Whether there is such a file or folder.

    Raises:
        UserError: when the system cannot tell, because the folder is not accessible or the name is
            too long: nothing could be written there either.
    """
    try:
        return path.exists()
    except OSError as e:
        raise unsaved(path, e) from e
