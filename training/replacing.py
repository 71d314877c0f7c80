"""Writing files without ever losing the previous version."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_MOST_LETTERS = 24
"""Most letters of the target's name in that of its temporary file: names end at 255 bytes, on some
systems at 143."""
_PART = re.compile(r"\..*\.([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{8}\.part(\..*)?")
_ABANDONED_SECONDS = 7 * 24 * 3600
_NOT_SYNCED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""Errors of file systems that do not support fsync."""
_cleaned: set[Path] = set()
"""Folders that this process has cleaned up."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file beside `path` to write to; it replaces the target once it is complete and on the disk.

    Its folder is created if there is none. If anything fails, what was at `path` stays and no part
    of the new file is left. The target of a symbolic link is replaced, not the link. An existing
    file keeps its mode.

    Raises:
        OSError: when it cannot be written.
    """
    path = Path(path)
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "what has that name is not a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    with part_beside(path) as part:
        part.touch()
        # Not every library respects the user's umask.
        mode = _permissions(path if path.exists() else part)
        yield part
        _sync(part)
        if _permissions(part) != mode:
            with contextlib.suppress(OSError):  # network shares may have modes of their own
                part.chmod(mode)
        part.replace(path)
    if os.name == "posix":
        # The new name should reach the disk, too, but the file exists either way.
        with contextlib.suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


@contextmanager
def part_beside(path: Path) -> Iterator[Path]:
    """A name beside `path` for a file or folder that is not complete yet. At the end, anything
    still under that name is removed. So are such files, also with a further extension, that killed
    processes have left in the folder.
    """
    _clean(path.parent)
    name = f".{path.name[:_MOST_LETTERS]}.{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part"
    part = path.with_name(name)
    try:
        yield part
    finally:
        _remove(part)


def remove_abandoned(folder: Path) -> None:
    """Removes temporary files, such as half a video, left in a folder by processes that no longer
    run."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = _PART.fullmatch(path.name)
            if found is not None and _is_abandoned(path, found[1], int(found[2])):
                _remove(path)


def _permissions(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _sync(part: Path) -> None:
    with part.open("rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _NOT_SYNCED:
                raise


def _machine() -> str:
    """Eight letters shared by processes whose ids can be compared: those of one running system and
    one container."""
    words = [socket.gethostname()]
    with contextlib.suppress(OSError):
        words.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii"))
        words.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.blake2b("\n".join(words).encode(), digest_size=4).hexdigest()


def _clean(folder: Path) -> None:
    """`remove_abandoned`, once for each folder."""
    folder = folder.absolute()
    if folder not in _cleaned:
        _cleaned.add(folder)
        remove_abandoned(folder)


def _is_abandoned(path: Path, machine: str, process: int) -> bool:
    if machine == _machine():
        return not psutil.pid_exists(process)
    with contextlib.suppress(OSError):
        return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
    return False


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
