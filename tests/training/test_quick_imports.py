"""Imports without garbage collection."""

import gc

import pytest

from training.quick_imports import quick_imports


def test_garbage_is_collected_again_whatever_happens_in_between():
    assert gc.isenabled()
    before = gc.get_freeze_count()
    with quick_imports(), quick_imports():
        assert not gc.isenabled()
    assert gc.isenabled() and gc.get_freeze_count() > before
    with pytest.raises(ImportError), quick_imports():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()
