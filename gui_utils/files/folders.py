"""The contents of folders, and paths as users type them.

For a name that is too long, a user that does not exist or a folder without permission, `pathlib`
raises errors, whereas the functions of `os.path` answer that there is no such file, as a dialog
needs.
"""
# ruff: noqa: PTH100, PTH111, PTH112, PTH113

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Whether there is an accessible folder at this path; never raises."""
    return os.path.isdir(path)


def is_file(path: Path) -> bool:
    """Whether there is an accessible file at this path; never raises."""
    return os.path.isfile(path)


def absolute(typed: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """A typed path as an absolute one without "." and ".."; never raises. Relative paths are in
    `folder`, or for None in the working folder; "~" is the home folder, which also stands in for a
    working folder that no longer exists."""
    path = os.path.expanduser(typed)
    try:
        return Path(os.path.abspath(os.path.join(folder or "", path)))  # noqa: PTH118
    except OSError:
        return Path(os.path.expanduser("~"))


@dataclass(frozen=True)
class Entry:
    """A file or folder in a list."""

    name: str
    is_folder: bool
    size: int = 0
    modified: float = 0.0
    is_here: bool = False
    """Whether it stands for the listed folder itself."""


def list_folder(folder: Path, patterns: Sequence[str]) -> list[Entry]:
    """Folders, then files that match a pattern (all if there are none), without hidden ones.

    Raises:
        OSError: when the folder cannot be read.
    """
    entries = []
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        try:
            is_folder = path.is_dir()
            status = path.stat()
        except OSError:
            # A dangling link, or a file that has just been deleted.
            continue
        matches = any(fnmatch(path.name.lower(), pattern.lower()) for pattern in patterns)
        if is_folder or matches or not patterns:
            entries.append(Entry(path.name, is_folder, status.st_size, status.st_mtime))
    return sorted(entries, key=lambda entry: (not entry.is_folder, entry.name.lower()))


def size_text(size: int) -> str:
    """A number of bytes as short text: 12.3 MB."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def date_text(seconds: float) -> str:
    """A file's time as a date; empty for a time outside the calendar, as on damaged disks."""
    try:
        return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d")
    except (OverflowError, OSError, ValueError):
        return ""
