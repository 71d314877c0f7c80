"""Tensors as they lie in a file: described first, checked, and only then copied into memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
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
"""Types that weights may be stored in; they are all loaded as float32."""


class Source(Protocol):
    """A tensor in a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def num_bytes(self) -> int:
        """Bytes that its values need in the file."""
        ...

    def problem(self) -> str | None:
        """Why it cannot be loaded ("is of type int64, ..."), or None."""
        ...

    def load(self) -> Tensor:
        """A float32 copy in memory of our own; only where `problem` found nothing."""
        ...


@dataclass(eq=False)
class Storage:
    """A run of values of one type in a file."""

    dtype: str
    """A key of ITEM_SIZES."""
    count: int
    """Values that the file says there are. Nothing is allocated by it."""
    data: memoryview | None = None
    """The bytes that are there."""

    def available(self) -> int:
        """Values that really are there, of those declared."""
        there = 0 if self.data is None else self.data.nbytes // ITEM_SIZES[self.dtype]
        return min(self.count, there)


@dataclass(frozen=True, eq=False)
class StridedTensor:
    """A tensor of a pickle: a strided view of a storage. What it says of itself is not trusted."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In values, not bytes."""

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * ITEM_SIZES[self.storage.dtype]

    def problem(self) -> str | None:
        if self.storage.dtype not in FLOAT_TYPES:
            return f"is of type {self.storage.dtype}; weights are floating point numbers"
        last = self.offset + sum(
            (size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)
        )
        # A broadcast tensor (stride 0) may claim any size, so its size is held against the
        # storage too.
        needed = max(last + 1, math.prod(self.shape)) if math.prod(self.shape) else self.offset
        if needed > self.storage.available():
            return (
                f"needs {needed} stored values, but the file has {self.storage.available()}; "
                "the file is damaged or cut short"
            )
        return None

    def load(self) -> Tensor:
        result = torch.empty(self.shape, dtype=torch.float32)
        if result.numel() == 0 or self.storage.data is None:
            return result
        bfloat16 = self.storage.dtype == "bfloat16"
        dtype = np.dtype(np.uint16 if bfloat16 else self.storage.dtype).newbyteorder("<")
        values = np.frombuffer(self.storage.data, dtype, count=self.storage.available())
        view = np.lib.stride_tricks.as_strided(
            values[self.offset :],
            self.shape,
            [stride * dtype.itemsize for stride in self.strides],
            writeable=False,
        )
        if bfloat16:  # numpy has no such type: these are the upper halves of float32 values
            view = (view.astype(np.uint32) << np.uint32(16)).view(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # the finite check reports these
            np.copyto(result.numpy(), view, casting="same_kind")
        return result


@dataclass(frozen=True)
class UnreadableTensor:
    """Something else where a tensor should be."""

    kind: str
    shape: tuple[int, ...] = ()
    num_bytes: int = 0

    def problem(self) -> str:
        return f"is stored as {shown(self.kind)}, which is no plain tensor"

    def load(self) -> Tensor:
        raise NotImplementedError(self.problem())


def strided_tensor(storage: object, offset: object, shape: object, strides: object) -> object:
    """A `StridedTensor`, its numbers checked to be numbers.

    Raises:
        ValueError: if they are not.
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
