"""Messages between processes as bytes. No torch here.

A message is a frozen dataclass, encoded by `msgspec` as the name of its class and its fields. Large
arrays go through `ArrayRing`, in memory that both processes share; if it is full or unavailable,
they are part of the message.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.shared_memory import SharedMemory
from typing import Any, cast

import msgspec
import numpy as np


class ArrayRing:
    """Shared memory through which arrays go from one writer to one reader, in order.

    The reader copies each array out and records its position at the start of the memory, which
    tells the writer what space it may reuse.

    Args:
        memory: shared by both, of more than `HEAD` bytes.
    """

    HEAD = 64
    """Bytes before the arrays; the first eight hold the reader's position."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory
        self._size = memory.size - self.HEAD
        self._written = 0

    @property
    def _read(self) -> int:
        return struct.unpack_from("<Q", _buffer(self._memory))[0]

    def put(self, array: np.ndarray) -> tuple[int, int] | None:
        """Writes an array.

        Returns:
            its start and end in bytes since the first array of all; None if there is no room for it
            now.
        """
        needed = -(-array.nbytes // self.HEAD) * self.HEAD
        begin = self._written
        if begin % self._size + needed > self._size:  # an array must be contiguous
            begin += self._size - begin % self._size
        if needed > self._size or begin + needed - self._read > self._size:
            return None
        self._view(begin, array.dtype, array.shape)[...] = array
        self._written = begin + needed
        return begin, self._written

    def take(self, begin: int, end: int, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        """Copies an array out, and frees its space and that of all earlier arrays."""
        array = self._view(begin, dtype, shape).copy()
        struct.pack_into("<Q", _buffer(self._memory), 0, end)
        return array

    def _view(self, begin: int, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        offset = self.HEAD + begin % self._size
        return np.ndarray(shape, dtype, _buffer(self._memory), offset)


def _buffer(memory: SharedMemory) -> memoryview:
    buffer = memory.buf
    if buffer is None:
        raise ValueError("The memory was closed.")
    return buffer


_SMALL = 4096
"""Arrays up to this many bytes are part of their message."""


def encode(message: Any, ring: ArrayRing | None = None) -> bytes:
    """A message as bytes; its arrays go through the ring if there is room."""

    def plain(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            raise TypeError(f"{type(value).__name__} cannot be sent")
        array = np.ascontiguousarray(value)
        head = (array.dtype.str, array.shape)
        place = ring.put(array) if ring is not None and array.nbytes > _SMALL else None
        return (*head, array.tobytes()) if place is None else (*head, *place)

    return msgspec.msgpack.encode((type(message).__name__, pack(message, plain)))


def decode(data: bytes, kinds: Mapping[str, type[Any]], ring: ArrayRing | None = None) -> Any:
    """Decodes a message.

    Args:
        data: what `encode` made of it.
        kinds: the messages that are expected, by the names of their classes.
        ring: where its arrays may lie.

    Raises:
        ValueError: when the bytes are not a message.
    """

    def array(kind: type, value: Any) -> Any:
        if kind is not np.ndarray:
            raise TypeError(f"{kind.__name__} cannot be received")
        dtype, shape = np.dtype(value[0]), tuple(value[1])
        if len(value) == 3:
            return np.frombuffer(value[2], dtype).reshape(shape)
        if ring is None:
            raise ValueError("an array lies in memory that is not shared")
        return ring.take(value[2], value[3], dtype, shape)

    name, body = msgspec.msgpack.decode(data, type=tuple[str, bytes])
    if name not in kinds:
        raise ValueError(f"{name} is not a message")
    return unpack(body, kinds[name], array)


def pack(value: Any, enc_hook: Callable[[Any], Any] | None = None) -> bytes:
    """A value as bytes, even if its strings are not valid Unicode.

    In Python the name of a file that is not UTF-8 contains lone surrogates, which MessagePack
    cannot encode. They are sent as private-use characters, and the first byte says so.
    """
    try:
        return _USUAL + msgspec.msgpack.encode(value, enc_hook=enc_hook)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, builtin_types=(bytes,), enc_hook=enc_hook)
        return _ESCAPED + msgspec.msgpack.encode(_each_text(plain, _SURROGATES, _PRIVATE))


def unpack(data: bytes, kind: type, dec_hook: Callable[[type, Any], Any] | None = None) -> Any:
    """The value that `pack` was given.

    Raises:
        ValueError: when it is not of that type.
    """
    mark, body = data[:1], memoryview(data)[1:]
    if mark != _ESCAPED:
        return msgspec.msgpack.decode(body, type=kind, dec_hook=dec_hook)
    plain = _each_text(msgspec.msgpack.decode(body), _PRIVATES, -_PRIVATE)
    return msgspec.convert(plain, kind, builtin_types=(bytes,), dec_hook=dec_hook)


_USUAL, _ESCAPED = b"\0", b"\1"
_SURROGATES, _PRIVATES = re.compile("[\ud800-\udfff]"), re.compile("[\U0010f800-\U0010ffff]")
_PRIVATE = 0x10F800 - 0xD800
"""Distance from a lone surrogate to its private-use character."""


def _each_text(value: Any, characters: re.Pattern[str], shift: int) -> Any:
    """Plain data in which the matching characters of all strings are shifted."""
    if isinstance(value, str):
        return characters.sub(lambda found: chr(ord(found[0]) + shift), value)
    if isinstance(value, dict):
        pairs = cast(dict[Any, Any], value).items()
        return {
            _each_text(k, characters, shift): _each_text(v, characters, shift) for k, v in pairs
        }
    if isinstance(value, list | tuple):
        return [_each_text(item, characters, shift) for item in cast(Sequence[Any], value)]
    return value
