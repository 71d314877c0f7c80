"""Bytes by name from a folder or an uncompressed zip, from any process or thread."""

from __future__ import annotations

import os
import threading
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

import numpy as np

from training.data.source import ClipError, DatasetError
from training.reasons import reason

_LOCAL_HEADER = 30
"""Bytes before the name in a zip's local file header (APPNOTE.TXT, 4.3.7)."""


def require_safe_name(name: object) -> str:
    """The name, if it is a relative path within the data set.

    Raises:
        DatasetError: for any other name, as in a broken or hostile data set.
    """
    if not isinstance(name, str) or not name or "\\" in name or "\0" in name or ":" in name:
        raise DatasetError(f"The data set names a file {name!r}, which is not a relative path.")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise DatasetError(f"The data set names the file {name!r}, which lies outside of it.")
    return name


def stored(name: str) -> zipfile.ZipInfo:
    """An uncompressed member of a zip without a date of its own, so that equal data give equal
    files."""
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o644 << 16
    return info


class Store(Protocol):
    """Read access to the files of a data set."""

    path: Path

    def read(self, name: str) -> bytes:
        """The whole file.

        Raises:
            ClipError: when it is missing or cannot be read.
        """
        ...

    def size(self, name: str) -> int | None:
        """Its length in bytes; None where there is no such file."""
        ...


class FolderStore:
    """Files of a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            raise ClipError(f"the file {name} is missing") from None
        except OSError as error:
            raise ClipError(f"the file {name} cannot be read ({reason(error)})") from error

    def size(self, name: str) -> int | None:
        file = self.path / name
        return file.stat().st_size if file.is_file() else None


class ZipStore:
    """Members of a zip that are stored without compression.

    The directory is read once and kept as three arrays, which are cheap to share with workers. Only
    the file is opened separately in each process, as forked ones would share its position.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[int, IO[bytes], threading.Lock] | None = None
        try:
            with zipfile.ZipFile(path) as archive:
                members = [m for m in archive.infolist() if not m.is_dir()]
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {reason(error)}.") from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DatasetError(
                f"{path} is not a complete zip file ({error}); copy or convert it again."
            ) from error
        packed = next((m for m in members if m.compress_type != zipfile.ZIP_STORED), None)
        if packed is not None:
            raise DatasetError(
                f"{path} is compressed ({packed.filename}), which makes training slow; "
                "store it instead: run `zip -0 -r NAME.zip .` inside the unpacked folder."
            )
        members.sort(key=lambda m: m.filename.encode())
        self._names = np.array([m.filename.encode() for m in members], dtype=np.bytes_)
        self._offsets = np.array([m.header_offset for m in members], dtype=np.int64)
        self._sizes = np.array([m.file_size for m in members], dtype=np.int64)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    def read(self, name: str) -> bytes:
        index = self._find(name)
        if index is None:
            raise ClipError(f"the file {name} is missing")
        offset, size = int(self._offsets[index]), int(self._sizes[index])
        try:
            handle, lock = self._handle()
            with lock:
                handle.seek(offset)
                header = handle.read(_LOCAL_HEADER)
                skip = int.from_bytes(header[26:28], "little")
                skip += int.from_bytes(header[28:30], "little")
                handle.seek(offset + _LOCAL_HEADER + skip)
                data = handle.read(size)
        except OSError as error:
            raise ClipError(f"the file {name} cannot be read ({reason(error)})") from error
        if not header.startswith(b"PK\x03\x04") or len(data) != size:
            raise ClipError(f"the file {name} is damaged in the zip")
        return data

    def size(self, name: str) -> int | None:
        index = self._find(name)
        return None if index is None else int(self._sizes[index])

    def _find(self, name: str) -> int | None:
        wanted = name.encode()
        index = int(np.searchsorted(self._names, wanted))
        return index if index < len(self._names) and self._names[index] == wanted else None

    def _handle(self) -> tuple[IO[bytes], threading.Lock]:
        """This process's file and lock; the lock is new, too, so that no fork inherits a held
        one."""
        if self._opened is None or self._opened[0] != os.getpid():
            handle = self.path.open("rb")
            self._opened = (os.getpid(), handle, threading.Lock())
        return self._opened[1], self._opened[2]


def open_store(path: Path) -> Store:
    """The store that reads `path`.

    Raises:
        DatasetError: when it does not exist, or is not a complete uncompressed zip.
    """
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {reason(error)}.") from error
    if is_folder:
        return FolderStore(path)
    if is_file:
        return ZipStore(path)
    raise DatasetError(f"There is no data set at {path}.")
