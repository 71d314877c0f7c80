"""Folders for the user's caches, settings and pictures."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Literal

import platformdirs

_NAME = "pv3d-visualizer"
Kind = Literal["cache", "config", "pictures"]


def user_folder(kind: Kind) -> Path:
    """The folder for caches or settings, or the user's own one for pictures; it need not exist.

    A user without a home folder gets one among the system's temporary files.
    """
    try:
        if kind == "pictures":
            return platformdirs.user_pictures_path()
        find = platformdirs.user_cache_path if kind == "cache" else platformdirs.user_config_path
        return find(_NAME, appauthor=False)
    except RuntimeError:
        return _homeless() / kind


def _homeless() -> Path:
    person = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"{_NAME}-{person}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()  # anybody can create a folder of that name there
    if stat.S_ISDIR(status.st_mode) and status.st_uid == person:
        return folder
    return Path(tempfile.mkdtemp(prefix=f"{_NAME}-"))


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with the home folder for a leading ~ or ~NAME, or unchanged if there is no such
    user: a file's name may start with ~."""
    path = Path(path)
    try:
        return path.expanduser()
    except RuntimeError:
        return path
