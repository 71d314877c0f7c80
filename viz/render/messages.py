"""The messages between the window's process and the worker's. No torch here.

A message is a frozen dataclass, encoded by `msgspec` as the name of its class and its fields. Large
arrays go through `ArrayRing`, in memory that both processes share; if it is full or unavailable,
they are part of the message.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, ClassVar, cast, get_args

import msgspec
import numpy as np

from viz.state.files import Stamp
from viz.state.jobs import Job
from viz.state.types import ModelInfo, RenderRequest, RenderResult

# From the window to the worker --------------------------------------------------------------------


@dataclass(frozen=True)
class Render:
    """Requests a picture in place of any that is waiting."""

    request: RenderRequest
    waits: bool = False
    """Whether the picture under way is finished first, even if it is a full one."""


@dataclass(frozen=True)
class RenderIdle:
    """Requests pictures to be rendered ahead, one after the other, in idle time. While the worker
    has other work, they take only a small part of its time."""

    requests: tuple[RenderRequest, ...]
    appends: bool = False
    """Whether they follow those requested before, instead of replacing them."""


@dataclass(frozen=True)
class Start:
    """Queues a job; jobs run one after the other."""

    number: int
    """Identifies the job."""
    kind: str
    """Name of the job's class."""
    job: bytes
    """Its fields, as `pack` makes them."""


@dataclass(frozen=True)
class Cancel:
    """Removes a queued job, or stops the one under way at its next step."""

    number: int


@dataclass(frozen=True)
class Quit:
    """Ends the worker after its current step."""


# From the worker to the window --------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The worker has started."""

    device: str
    """The device that models are on: "cpu", "cuda:0" or "mps"."""
    notes: tuple[str, ...] = ()
    """Sentences for the user, such as that the requested device is not available."""


@dataclass(frozen=True)
class Rendered:
    """A picture is ready."""

    result: RenderResult
    """The result, without meshes that were sent before."""
    cache_bytes: int
    """Memory of the cached results of stages."""
    stage_runs: dict[str, int] = field(default_factory=dict)
    """How often each stage was computed since the model was loaded."""
    process_bytes: int = 0
    """Memory of the worker's process."""
    device_bytes: int = 0
    """Memory that torch holds on the GPU; 0 without one."""
    idle: bool = False
    """Whether it was requested by `RenderIdle`."""
    same_meshes: tuple[int | None, ...] = ()
    """For each mesh, its index among the previous picture's meshes if it is one of them: meshes are
    large, and do not change while only the camera moves."""


@dataclass(frozen=True)
class Prepared:
    """A picture of a model that is not shown yet is ready."""

    result: RenderResult
    path: str
    """File of the model."""
    weights: str
    """Fingerprint of the model's weights."""


@dataclass(frozen=True)
class Dropped:
    """A picture was abandoned, or not begun, for a newer request."""

    request: RenderRequest


@dataclass(frozen=True)
class Loaded:
    """A model is ready."""

    info: ModelInfo
    stamp: Stamp | None = None
    """Time and size of its file before it was read."""
    again: bool = False
    """Whether it was loaded again because the worker was restarted."""


@dataclass(frozen=True)
class LoadedSecond:
    """The model that is compared with the one shown is ready."""

    info: ModelInfo
    stamp: Stamp | None = None
    """Time and size of its file before it was read."""


@dataclass(frozen=True)
class Progress:
    """A job is under way."""

    number: int
    fraction: float | None
    """0..1, or None while the length is unknown."""
    detail: str = ""
    picture: np.ndarray | None = None
    """A picture of the work so far, uint8 [H, W, 3]; None if there is no new one."""
    seconds_left: float | None = None
    """The job's own estimate; None without one."""


@dataclass(frozen=True)
class Finished:
    """A job succeeded."""

    number: int
    value: str
    """Its result, such as the path that was written."""


@dataclass(frozen=True)
class Failed:
    """Something went wrong; the worker goes on."""

    sentence: str
    """For the user."""
    details: str = ""
    """Traceback; empty if the sentence says it all."""
    request: RenderRequest | None = None
    """The request that failed, if it was one."""
    idle: bool = False
    """Whether that was requested by `RenderIdle`."""
    number: int | None = None
    """The job that failed, if it was one."""
    out_of_memory: bool = False


@dataclass(frozen=True)
class Cancelled:
    """A job was stopped by the user."""

    number: int
    name: str
    advice: str = ""
    """How to resume it, a sentence; empty if it would start over. Added on the window's side."""


@dataclass(frozen=True)
class Restarted:
    """The worker ended unexpectedly and was restarted; made on the window's side."""

    sentence: str
    """For the user."""


Event = (
    Ready
    | Rendered
    | Prepared
    | Dropped
    | Loaded
    | LoadedSecond
    | Progress
    | Finished
    | Failed
    | Cancelled
    | Restarted
)
Command = Render | RenderIdle | Start | Cancel | Quit

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (*get_args(Command), *get_args(Event))
}


@dataclass(frozen=True)
class LoadModel(Job):
    """The job of loading a model in place of the current one, which stays until it is ready."""

    loses: ClassVar[bool] = False
    path: str
    """Empty for the untrained model."""
    keep: bool = False
    """Whether the current model stays in memory, so that returning to it takes no time."""

    @property
    def name(self) -> str:
        return f"Loading {Path(self.path).name or 'the untrained model'}"


NEXT_SECOND = "next"
"""Stands for the fingerprint of a second model that is not loaded yet."""


@dataclass(frozen=True)
class LoadAhead(Job):
    """The job of loading the model that will be needed next, and of rendering pictures with it,
    while the current one is shown."""

    title: ClassVar[str] = "Loading {path.name} ahead of time"
    loses: ClassVar[bool] = False
    background: ClassVar[bool] = True
    path: str
    requests: tuple[RenderRequest, ...] = ()
    """Full pictures, the most urgent first; each is reported as `Prepared`. Shots of the second
    model have `NEXT_SECOND` in place of its fingerprint."""
    second: str = ""
    """Path of the model that will be compared with it; empty for none."""


@dataclass(frozen=True)
class LoadSecond(Job):
    """The job of loading the model that is compared with the one shown, or of closing it."""

    loses: ClassVar[bool] = False
    background: ClassVar[bool] = True
    path: str
    """Empty to close the one that is loaded."""

    @property
    def name(self) -> str:
        name = Path(self.path).name
        return f"Loading {name} to compare" if name else "Closing the second model"


# Encoding -----------------------------------------------------------------------------------------


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


def decode(
    data: bytes, ring: ArrayRing | None = None, kinds: Mapping[str, type[Any]] = _KINDS
) -> Any:
    """Decodes a message.

    Args:
        data: what `encode` made of it.
        ring: where its arrays may lie.
        kinds: the messages that are expected, by the names of their classes.

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
