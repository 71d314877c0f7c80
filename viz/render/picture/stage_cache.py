"""Cache of the results of the renderer's stages, by their inputs."""

from __future__ import annotations

import contextlib
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from torch import Tensor


class StageCache:
    """Results by (stage, key); the least recently used are dropped when they take too much memory.

    Memory that tensors share is counted once, and a view counts as the whole storage it keeps
    alive.

    Args:
        max_bytes: limit for all results.
        stage_bytes: limits for the results of single stages. Results used by the latest request are
            kept beyond them, or a layout of many pictures would render each of them again.
    """

    def __init__(self, max_bytes: int, stage_bytes: Mapping[str, int] | None = None) -> None:
        self.max_bytes = max_bytes
        self._stage_bytes = dict(stage_bytes or {})
        self._entries: OrderedDict[tuple[str, Hashable], _Entry] = OrderedDict()
        self._shares: Counter[_Storage] = Counter()
        """Number of entries that use each storage."""
        self._used: Counter[str] = Counter()
        """Bytes by stage; a storage counts for the first stage that used it."""
        self._owners: dict[_Storage, str] = {}
        self._request = self._nested = 0

    @property
    def used_bytes(self) -> int:
        """Memory of all cached results, in bytes."""
        return self._used.total()

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Entries used in this context count as used by one request; contexts may nest."""
        if not self._nested:
            self._request += 1
        self._nested += 1
        try:
            yield
        finally:
            self._nested -= 1

    def get(self, key: tuple[str, Hashable]) -> Any | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        entry.request = self._request
        return entry.value

    def put(self, key: tuple[str, Hashable], value: Any) -> None:
        """Keeps a value; the newest is kept even if it exceeds the limit by itself."""
        self.drop([key])
        storages = frozenset(_storages(value))
        self._entries[key] = _Entry(value, storages, self._request)
        for storage in storages:
            if not self._shares[storage]:
                self._owners[storage] = key[0]
                self._used[key[0]] += storage.size
            self._shares[storage] += 1
        while self.used_bytes > self.max_bytes and len(self._entries) > 1:
            self.drop([next(iter(self._entries))])
        self._shrink(key[0])

    def _shrink(self, stage: str) -> None:
        """Drops a stage's least recently used results until it is within its limit."""
        limit = self._stage_bytes.get(stage)
        if limit is None:
            return
        for key in [key for key in self._entries if key[0] == stage]:
            if self._used[stage] <= limit:
                break
            if self._entries[key].request != self._request:
                self.drop([key])

    def keys(self) -> set[tuple[str, Hashable]]:
        """The (stage, key) of each cached result."""
        return set(self._entries)

    def drop(self, keys: Iterable[tuple[str, Hashable]]) -> None:
        """Drops these entries, if they are still cached."""
        for key in keys:
            entry = self._entries.pop(key, None)
            for storage in entry.storages if entry else ():
                self._shares[storage] -= 1
                if not self._shares[storage]:
                    del self._shares[storage]
                    self._used[self._owners.pop(storage)] -= storage.size

    def clear(self) -> None:
        self.drop(list(self._entries))


@dataclass(frozen=True)
class _Storage:
    """A block of memory, which several tensors or arrays may share."""

    place: Hashable
    size: int


@dataclass
class _Entry:
    value: Any
    storages: frozenset[_Storage]
    request: int
    """The latest request that used it."""


def _storages(value: Any) -> Iterator[_Storage]:
    """Storages of a stage's result: those of the tensors and arrays in its dataclasses."""
    if isinstance(value, Tensor):
        storage = value.untyped_storage()
        yield _Storage((str(value.device), storage.data_ptr()), storage.nbytes())
    elif isinstance(value, np.ndarray):
        while isinstance(value.base, np.ndarray):
            value = value.base
        yield _Storage(("array", value.ctypes.data), value.nbytes)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _storages(part)
    elif is_dataclass(value):
        for entry in fields(value):
            yield from _storages(getattr(value, entry.name))
