"""Tensors in files: described and checked before they are read into memory.

Files are read rather than memory-mapped: overwriting a mapped file kills the process by a signal,
whereas a read ends early, which is an ordinary error.
"""

from __future__ import annotations

import io
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import torch
from torch import Tensor

from training.checkpoint.checkpoint_errors import shown

ITEM_SIZES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
}
"""Bytes of one value, by torch's names of types."""

FLOAT_TYPES = ("float64", "float32", "float16", "bfloat16")
"""Types in which weights may be stored; all are loaded as float32."""


_SMALL = 2**16


class NotAFileError(OSError):
    """A device, a pipe or the like, which may never end."""


class OpenFile(io.BufferedReader):
    """A file open for reading. Reading more than it holds allocates no more memory than it holds,
    so sizes that it declares need not be trusted."""

    def __init__(self, path: Path) -> None:
        try:
            mode = path.stat().st_mode
        except ValueError as error:
            raise OSError("its path holds characters that no path can have") from error
        if stat.S_ISDIR(mode):
            raise IsADirectoryError
        if not stat.S_ISREG(mode):  # checked before opening, as opening a pipe may block
            raise NotAFileError("it is not a file")
        super().__init__(io.FileIO(path))

    @property
    def num_bytes(self) -> int:
        """Its present size."""
        return os.fstat(self.fileno()).st_size

    @property
    def stamp(self) -> tuple[int, int, int]:
        """A stamp that changes when the file is written."""
        now = os.fstat(self.fileno())
        return now.st_size, now.st_mtime_ns, now.st_ctime_ns

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _SMALL:
            size = min(size, max(self.num_bytes - self.tell(), 0))
        return super().read(size)


@dataclass(frozen=True, eq=False)
class FilePart:
    """A range of bytes in an open file."""

    file: BinaryIO
    start: int
    num_bytes: int

    def read_into(self, values: Tensor, offset: int) -> None:
        """Fills a contiguous tensor with the bytes from `offset` on, little-endian.

        Raises:
            OSError: if the file has become shorter.
        """
        self.file.seek(self.start + offset)
        target = values.view(-1).view(torch.uint8).numpy()
        if self.file.readinto(target.data) < len(target):  # pyright: ignore[reportAttributeAccessIssue]
            raise OSError("it ends earlier than before")


class TensorSource(Protocol):
    """A tensor in a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def num_bytes(self) -> int:
        """Bytes that its values take in the file."""
        ...

    def problem(self) -> str | None:
        """Why it cannot be loaded ("is of type int64, ..."), or None."""
        ...

    def load(self) -> Tensor:
        """A float32 copy in memory; only if `problem` returned None."""
        ...


@dataclass(eq=False)
class Storage:
    """A sequence of values of one type in a file."""

    dtype: str
    """A key of ITEM_SIZES."""
    count: int
    """Number of values that the file declares; nothing is allocated from it."""
    data: FilePart | None = None
    """The bytes present."""

    def available(self) -> int:
        """Number of declared values that are present."""
        there = 0 if self.data is None else self.data.num_bytes // ITEM_SIZES[self.dtype]
        return min(self.count, there)


@dataclass(frozen=True, eq=False)
class StridedTensor:
    """A tensor in a pickle: a strided view of a storage, whose declarations are not trusted."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """Strides in values, not bytes."""

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * ITEM_SIZES[self.storage.dtype]

    def problem(self) -> str | None:
        if self.storage.dtype not in FLOAT_TYPES:
            return f"is of type {self.storage.dtype}; weights are floating point numbers"
        # A broadcast tensor (stride 0) may claim any size, so its size is compared with the storage
        # as well.
        count = math.prod(self.shape)
        needed = max(self.offset + self._span, count) if count else self.offset
        if needed > self.storage.available():
            return (
                f"needs {needed} stored values, but the file has {self.storage.available()}; "
                "the file is damaged or cut short"
            )
        return None

    @property
    def _span(self) -> int:
        """Number of stored values from its first to its last."""
        return 1 + sum(
            (size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)
        )

    @property
    def _is_contiguous(self) -> bool:
        return all(
            size == 1 or stride == math.prod(self.shape[axis + 1 :])
            for axis, (size, stride) in enumerate(zip(self.shape, self.strides, strict=True))
        )

    def load(self) -> Tensor:
        result = torch.empty(self.shape, dtype=torch.float32)
        if result.numel() == 0 or self.storage.data is None:
            return result
        kind = self.storage.dtype
        values = result
        if kind != "float32" or not self._is_contiguous:
            values = torch.empty(self._span, dtype=getattr(torch, kind))
        self.storage.data.read_into(values, self.offset * ITEM_SIZES[kind])
        if values is not result:
            result.copy_(values.as_strided(self.shape, self.strides))
        return result


@dataclass(frozen=True)
class UnreadableTensor:
    """An object that is not a plain tensor, in place of one."""

    kind: str
    shape: tuple[int, ...] = ()
    num_bytes: int = 0

    def problem(self) -> str:
        return f"is stored as {shown(self.kind)}, which is not a plain tensor"

    def load(self) -> Tensor:
        raise NotImplementedError(self.problem())


def strided_tensor(
    storage: object, offset: object, shape: object, strides: object
) -> StridedTensor:
    """A `StridedTensor` from values in a pickle.

    Raises:
        ValueError: if they are of wrong types.
    """
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    lists_ok = all(
        isinstance(numbers, tuple | list) and all(map(_is_size, numbers))
        for numbers in (shape, strides)
    )
    if not lists_ok or not _is_size(offset):
        raise ValueError("a tensor whose shape is not made of numbers")
    assert isinstance(shape, tuple | list) and isinstance(strides, tuple | list)
    assert isinstance(offset, int)
    if len(shape) != len(strides) or len(shape) > 8:
        raise ValueError("a tensor whose shape and strides do not go together")
    return StridedTensor(storage, offset, tuple(shape), tuple(strides))


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**62
