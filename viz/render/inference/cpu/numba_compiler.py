"""Compiles the functions of this folder with numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numba import cfunc, config, from_dtype, njit, types
from numba.np.numpy_support import carray

from viz.render.inference.cpu import processor

_OPTIONS = {
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
    "error_model": "numpy",
    "forceinline": True,
}
"""The compiler may reorder sums, but may not assume that all numbers are finite. With everything
inlined, and neither errors nor new arrays, the code needs nothing of numba when it runs."""

# Before the first function is declared, which is when numba reads it.
config.__dict__.update(
    zip(("CPU_NAME", "CPU_FEATURES"), processor.name_and_features(), strict=True)
)

inlined = njit(**_OPTIONS)


def object_code(function: Callable[..., None], arguments: tuple[Any, ...], symbol: str) -> bytes:
    """Object code of a function for arguments of these types. It takes an array as a pointer and
    the array's shape, and a tuple as its parts.

    Args:
        function: from `inlined`.
        arguments: arrays, integers, float32 numbers, and tuples of these.
        symbol: the function's name in the object code.

    Raises:
        RuntimeError: when the code would need numba.
    """
    kinds: list[Any] = []
    known: dict[str, Any] = {"carray": carray, "function": function}
    given = ", ".join(_expression(x, kinds, known) for x in arguments)
    names = ", ".join(f"a{k}" for k in range(len(kinds)))
    exec(f"def entry({names}):\n    function({given})", known)
    compiled = cfunc(types.void(*kinds), **_OPTIONS)(known["entry"])
    module = llvm.parse_assembly(compiled.inspect_llvm())
    module.get_function(compiled.native_name).name = symbol
    machine = processor.machine()
    _leave_out_unused(module, symbol, machine)
    missing = [f.name for f in module.functions if f.is_declaration]
    if missing := [name for name in missing if not name.startswith("llvm.")]:
        raise RuntimeError(f"{symbol} needs {', '.join(missing)}")
    return machine.emit_object(module)


def _leave_out_unused(module: llvm.ModuleRef, symbol: str, machine: llvm.TargetMachine) -> None:
    """Removes functions that the one named does not call, such as numba's for freeing arrays."""
    for function in module.functions:
        if not function.is_declaration and function.name != symbol:
            function.linkage = llvm.Linkage.internal
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    options = llvm.create_pipeline_tuning_options()
    passes.run(module, llvm.create_pass_builder(machine, options))


def _expression(x: Any, kinds: list[Any], known: dict[str, Any]) -> str:
    """Source of an argument as made from numbers and pointers, whose types are added to `kinds`."""

    def new(kind: Any) -> str:
        kinds.append(kind)
        return f"a{len(kinds) - 1}"

    if isinstance(x, tuple):
        known[type(x).__name__] = type(x)
        parts = "".join(f"{_expression(part, kinds, known)}, " for part in x)
        return f"({parts})" if type(x) is tuple else f"{type(x).__name__}({parts})"
    if isinstance(x, np.ndarray):
        pointer = new(types.CPointer(from_dtype(x.dtype)))
        return f"carray({pointer}, ({''.join(f'{new(types.intp)}, ' for _ in x.shape)}))"
    return new(types.float32 if isinstance(x, np.floating) else types.intp)
