"""Lack of memory, and what the C library does with memory that tensors have freed."""

from __future__ import annotations

import contextlib
import ctypes

import torch

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Options of `mallopt`, which only glibc has."""


def is_lacking(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # That of a processor has no type of its own.
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def keep_freed() -> None:
    """Keeps up to 256 MB of it for the next tensors. By default large activations go back to the
    system, and mapping and clearing them anew takes an eighth of each picture's time."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, 2**25)  # the most that it takes
        library.mallopt(_TRIM_THRESHOLD, 2**28)


def give_back() -> None:
    """Returns all of it to the system: 700 MB after making a person."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
