"""The processor that functions are compiled for."""

from __future__ import annotations

import functools

import llvmlite.binding as llvm


@functools.cache
def name_and_features() -> tuple[str, str]:
    """LLVM's name of this processor, and its features as one string.

    LLVM's descriptions of Intel's processors prefer vectors of 256 bits, as the first ones with
    AVX-512 ran at a lower clock rate with longer ones. Its generic description has no preference;
    rays take 0.7 times as long with it.
    """
    features = llvm.get_host_cpu_features()
    name = "generic" if features.get("avx512f") else llvm.get_host_cpu_name()
    return name, features.flatten()


def description() -> tuple[str, ...]:
    """All that object code for this processor depends on: the system as well, as two systems may
    share the folder that it is kept in."""
    return llvm.get_process_triple(), *name_and_features()


def machine() -> llvm.TargetMachine:
    """What makes and links object code for this processor, with numba's own settings."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    name, features = name_and_features()
    place = "static" if target.name.startswith("x86") else "default"
    return target.create_target_machine(name, features, opt=3, reloc=place, jit=True)
