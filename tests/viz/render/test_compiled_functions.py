"""Functions that are compiled once and kept."""

from __future__ import annotations

import sys

import numpy as np
import pytest

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
    with pytest.raises(AssertionError):
        compiled_functions.compiled_function("numba_int8:activate")(numbers, (0, 4))
