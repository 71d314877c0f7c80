"""How numba compiles the functions of this folder."""

from __future__ import annotations

import os
from collections.abc import Callable

import llvmlite.binding as llvm
from numba import config, njit

OPTIONS = {"fastmath": {"contract", "reassoc", "nsz", "arcp"}, "error_model": "numpy"}
"""The compiler may reorder sums, but may not assume that all numbers are finite."""


def _use_whole_vectors() -> None:
    """Lets the compiler use 512-bit vectors where the processor has them.

    LLVM's descriptions of Intel's processors prefer 256 bits, as the first ones with AVX-512 ran at
    a lower clock rate with longer vectors. Its generic description has no preference; rays take 0.7
    times as long with it. NUMBA_CPU_NAME and NUMBA_CPU_FEATURES take precedence over this.
    """
    features = llvm.get_host_cpu_features()
    chosen = "NUMBA_CPU_NAME" in os.environ or "NUMBA_CPU_FEATURES" in os.environ
    if features.get("avx512f") and not chosen:
        config.__dict__.update(CPU_NAME="generic", CPU_FEATURES=features.flatten())


_use_whole_vectors()  # before the first function is declared, which is when numba reads it

inlined = njit(forceinline=True, **OPTIONS)


def compiled(function: Callable) -> Callable:
    """A function that releases the GIL while it runs; compiled when first called, and cached on
    disk if numba finds a writable folder."""
    try:
        return njit(nogil=True, cache=True, **OPTIONS)(function)
    except RuntimeError:  # no such folder
        return njit(nogil=True, **OPTIONS)(function)
