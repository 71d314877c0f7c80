"""Functions that are compiled once and kept."""

from __future__ import annotations

import os
import sys
import time

import llvmlite.binding as llvm
import numpy as np
import pytest

from viz import doctor
from viz.render.inference.cpu import compiled_functions


def test_a_function_is_compiled_once_and_kept(tmp_path, monkeypatch):
    def activated() -> list[int]:
        compiled_functions.compiled_function.cache_clear()  # as in the next process
        numbers = np.array([28, 127, 128, 129, 255], np.uint8)
        compiled_functions.compiled_function("numba_int8:activate")(numbers, (0, 4))
        return numbers.tolist()

    places = [tmp_path / "not a file", tmp_path / "object code"]
    monkeypatch.setattr(compiled_functions, "places", lambda name: places)
    places[0].mkdir()
    slope = [108, 128, 128, 129, 255]
    assert activated() == slope
    monkeypatch.setitem(sys.modules, "viz.render.inference.cpu.numba_compiler", None)
    assert activated() == slope, "without the compiler"
    places[1].write_bytes(places[1].read_bytes()[:-1] + b"!")
    with pytest.raises(ImportError):  # it is compiled anew, and no damaged code runs
        activated()
    monkeypatch.undo()
    compiled_functions.compiled_function.cache_clear()


def test_functions_take_arrays_whose_rows_lie_one_after_the_other():
    numbers = np.zeros((4, 4), np.uint8)[:, ::2]
    with pytest.raises(ValueError, match="C order"):
        compiled_functions.compiled_function("numba_int8:activate")(numbers, (0, 4))


def test_code_that_is_no_longer_used_is_removed(tmp_path, monkeypatch):
    def run() -> None:
        compiled_functions.compiled_function.cache_clear()
        compiled_functions.compiled_function("numba_int8:activate")(np.zeros(4, np.uint8), (0, 4))

    def age(name: str, days: int) -> None:
        then = time.time() - days * 24 * 3600
        os.utime(tmp_path / name, (then, then))

    monkeypatch.setattr(compiled_functions, "places", lambda name: [tmp_path / f"{name}.object"])
    run()
    (used,) = (path.name for path in tmp_path.iterdir())
    for name in ("earlier.object", "recent.object", "earlier.pyc"):
        (tmp_path / name).write_bytes(b"")
        age(name, 1 if name.startswith("recent") else 400)
    age(used, 400)
    run()  # it is used again
    assert llvm.get_process_triple() in compiled_functions.processor.description()
    monkeypatch.setattr(compiled_functions.processor, "description", lambda: ("another system",))
    compiled_functions.versions.cache_clear()
    run()  # for another system it is compiled anew, which cleans up
    left = {path.name for path in tmp_path.iterdir()}
    assert left > {used, "recent.object", "earlier.pyc"}
    assert len(left) == 4
    monkeypatch.undo()
    compiled_functions.versions.cache_clear()
    compiled_functions.compiled_function.cache_clear()


def test_the_doctor_says_whether_functions_can_be_compiled(monkeypatch):
    assert doctor.compiler().ok
    monkeypatch.setitem(sys.modules, "viz.render.inference.cpu.numba_compiler", None)
    found = doctor.compiler()
    assert (found.ok, found.needed) == (False, False)
    assert "pip install --force-reinstall numba llvmlite" in found.mend
