"""Thumbnails on disk, so that a gallery seen before appears at once."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from viz.render.message_encoding import pack
from viz.state.types import RenderRequest

log = logging.getLogger(__name__)

MAX_BYTES = 64 * 2**20
"""Space on disk: about 8,000 pictures of 64 x 64 pixels."""
_SPARED = 0.9
"""Fraction of that space still in use after the oldest pictures have been removed."""
_VERSION = b"1"
_PATIENCE = 0.2
"""Longest wait for another window's write, seconds."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS pictures (key BLOB PRIMARY KEY, height INTEGER, width INTEGER,"
    " pixels BLOB)"
)


class ThumbnailStore:
    """Pictures by their model and request. If the disk fails there are none, but no error either.

    May be used from several threads; several processes may share a file.

    Args:
        path: of the SQLite file; it may not exist. A damaged one is replaced.
        max_bytes: beyond it, the oldest pictures are removed.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        self._bytes = 0
        with self._lock:
            self._open()

    def get(self, model: str, request: RenderRequest) -> np.ndarray | None:
        """The picture of a request of one shot, uint8 [h, w, 3]; None if it is not kept. `model` is
        the fingerprint of the model's weights."""
        key = _key(model, request)
        with self._lock:
            if key is None or self._file is None:
                return None
            query = "SELECT height, width, pixels FROM pictures WHERE key = ?"
            try:
                row = self._file.execute(query, (key,)).fetchone()
                if row is None:
                    return None
                pixels = np.frombuffer(zlib.decompress(row[2]), np.uint8)
                return pixels.reshape(row[0], row[1], 3)
            except (sqlite3.Error, ValueError, TypeError, zlib.error) as error:
                self._give_up(error)
                return None

    def put(self, model: str, request: RenderRequest, pixels: np.ndarray) -> None:
        """Keeps a picture, uint8 [h, w, 3], unless it depends on a file, which may change."""
        key = _key(model, request)
        with self._lock:
            if key is None or self._file is None:
                return
            packed = zlib.compress(pixels.tobytes(), 1)
            insert = "INSERT OR IGNORE INTO pictures VALUES (?, ?, ?, ?)"
            try:
                with self._file:
                    self._file.execute(insert, (key, *pixels.shape[:2], packed))
                    self._bytes += len(packed)
                    if self._bytes > self._max_bytes:
                        self._make_room(self._file)
            except sqlite3.OperationalError as error:  # the disk is full, or another one writes
                log.info("A small picture was not kept on disk: %s", error)
            except sqlite3.Error as error:
                self._give_up(error)

    def close(self) -> None:
        """Closes the file; from then on `get` finds nothing."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _open(self) -> None:
        for attempt in range(2):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                file = sqlite3.connect(self._path, timeout=_PATIENCE, check_same_thread=False)
                # A process that is killed loses nothing that was written.
                file.execute("PRAGMA journal_mode=WAL")
                file.execute("PRAGMA synchronous=NORMAL")
                file.execute(_TABLE)
                self._bytes = _size(file)
                self._file = file
                return
            except sqlite3.OperationalError as error:
                log.info("Small pictures are not kept on disk: %s", error)
                return
            except (sqlite3.DatabaseError, OSError) as error:
                log.info("The small pictures on disk are damaged and replaced: %s", error)
                if attempt == 0:
                    self._remove()

    def _give_up(self, error: Exception) -> None:
        """Goes on without pictures, and removes the damaged file for the next start."""
        log.info("The small pictures on disk are damaged and removed: %s", error)
        if self._file is not None:
            with suppress(sqlite3.Error):
                self._file.close()
            self._file = None
        self._remove()

    def _remove(self) -> None:
        for ending in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def _make_room(self, file: sqlite3.Connection) -> None:
        """Removes the oldest pictures."""
        left = _size(file) - _SPARED * self._max_bytes
        rows = file.execute("SELECT rowid, length(pixels) FROM pictures ORDER BY rowid")
        oldest: list[tuple[int]] = []
        for row, size in rows:
            if left <= 0:
                break
            oldest.append((row,))
            left -= size
        file.executemany("DELETE FROM pictures WHERE rowid = ?", oldest)
        self._bytes = _size(file)


def _size(file: sqlite3.Connection) -> int:
    """Bytes of all pictures."""
    return file.execute("SELECT total(length(pixels)) FROM pictures").fetchone()[0]


def _key(model: str, request: RenderRequest) -> bytes | None:
    """The key of a request; None if its picture depends on a file."""
    latent = request.shots[0].latent
    people = (latent, *(other.latent for other in latent.others))
    if not model or any(who.ws_file for who in people):
        return None
    return hashlib.sha256(_VERSION + model.encode() + pack(request)).digest()
