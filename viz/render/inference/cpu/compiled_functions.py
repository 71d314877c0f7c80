"""Functions that numba compiles, kept on disk as object code and called without numba.

Importing numba takes 0.7 s and 120 MB; what links the code and calls it takes a fifth of that.
numba is imported only if a function was not compiled on this machine before.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib
import importlib.metadata
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from training.reasons import reason
from training.replacing import replacing
from training.user_folders import user_folder
from viz.render.inference.cpu import processor

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_DIGEST = hashlib.sha256().digest_size
_DAY = 24 * 3600
_UNUSED_DAYS = 60
"""Object code that was not used for so long is removed: of an earlier version, as a rule."""


@functools.cache
def compiled_function(place: str, *sizes: int) -> Callable[..., None]:
    """A compiled function, which releases the GIL while it runs and returns nothing. It takes
    arrays in C order, integers, float32 numbers and tuples of these.

    Args:
        place: the function's file in this folder and its name, as "file:name"; it is
            `numba_compiler.inlined`.
        sizes: with any, what has that name makes the function for these constants.
    """
    return _Compiled(place, sizes)


class _Compiled:
    """See `compiled_function`."""

    def __init__(self, place: str, sizes: tuple[int, ...]) -> None:
        self._place, self._sizes = place, sizes
        self._entries: dict[tuple[str, ...], Callable[..., None]] = {}
        self._engines: list[llvm.ExecutionEngine] = []

    def __call__(self, *arguments: Any) -> None:
        numbers, kinds = _flat(arguments)
        entry = self._entries.get(kinds)
        if entry is None:
            entry = self._entries[kinds] = self._made(arguments, kinds)
        entry(*numbers)

    def _made(self, arguments: tuple[Any, ...], kinds: tuple[str, ...]) -> Callable[..., None]:
        """The function for arguments of these kinds: from disk, or else compiled."""
        description = repr((versions(), self._place, self._sizes, kinds))
        name = hashlib.sha256(description.encode()).hexdigest()[:24]
        symbol = self._place.replace(":", "_")
        if (code := _read(name)) is None:
            file, function = self._place.split(":")
            module = importlib.import_module(f"{__package__}.{file}")
            compiler = importlib.import_module(f"{__package__}.numba_compiler")
            found = getattr(module, function)
            found = found(*self._sizes) if self._sizes else found
            code = compiler.object_code(found, arguments, symbol)
            _keep(name, code)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), processor.machine())
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        types = (ctypes.c_float if kind == "float" else ctypes.c_ssize_t for kind in kinds)
        self._engines.append(engine)  # which own the code
        return ctypes.CFUNCTYPE(None, *types)(engine.get_function_address(symbol))


def _flat(arguments: tuple[Any, ...]) -> tuple[list[Any], tuple[str, ...]]:
    """The numbers and pointers that a compiled function takes for its arguments: an array becomes a
    pointer and its shape. Also their kinds, which tell functions for different types apart."""
    numbers: list[Any] = []
    kinds: list[str] = []

    def add(x: Any) -> None:
        if isinstance(x, tuple):
            for part in x:
                add(part)
        elif isinstance(x, np.ndarray):
            if not x.flags.c_contiguous:  # it would be read as other numbers, or beyond its end
                raise ValueError("Compiled functions take arrays in C order only.")
            numbers.extend((x.ctypes.data, *x.shape))
            kinds.extend((x.dtype.char, *("size" for _ in x.shape)))
        else:
            numbers.append(x)
            kinds.append("float" if isinstance(x, np.floating) else "int")

    add(arguments)
    return numbers, tuple(kinds)


@functools.cache
def versions() -> tuple[str, ...]:
    """What all object code depends on."""
    sources = hashlib.sha256()
    for path in sorted(_HERE.glob("*.py")):
        sources.update(path.read_bytes())
    libraries = (importlib.metadata.version(name) for name in ("numba", "llvmlite"))
    return sources.hexdigest(), *libraries, *processor.description()


def places(name: str) -> Iterator[Path]:
    """Where object code may lie: with Python's own compiled files, or in the user's cache where
    others installed the program."""
    for folder in (_HERE / "__pycache__", user_folder("cache") / "compiled"):
        yield folder / f"{name}.object"


def _read(name: str) -> bytes | None:
    """Object code that was kept; None if there is none, or it is damaged."""
    for path in places(name):
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            code = data[_DIGEST:]
            if hashlib.sha256(code).digest() == data[:_DIGEST]:
                if _days_unused(path) > 1:
                    with contextlib.suppress(OSError):
                        path.touch()
                return code
    return None


def _keep(name: str, code: bytes) -> None:
    """Saves object code in the first place where that is possible, and removes what has long not
    been used there."""
    problem = ""
    for path in places(name):
        try:
            with replacing(path) as part:
                part.write_bytes(hashlib.sha256(code).digest() + code)
            _remove_unused(path.parent)
            return
        except OSError as error:
            problem = reason(error)
    log.info("Compiled functions cannot be saved: %s", problem)


def _days_unused(path: Path) -> float:
    return (time.time() - path.stat().st_mtime) / _DAY


def _remove_unused(folder: Path) -> None:
    for path in folder.glob("*.object"):
        with contextlib.suppress(OSError):  # another process may have removed it
            if _days_unused(path) > _UNUSED_DAYS:
                path.unlink()
