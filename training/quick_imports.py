"""Imports of large libraries without garbage collection."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Pauses garbage collection, which looks through all that is already imported again and again:
    importing torch takes about an eighth less time. Afterwards what was imported is not looked
    through either."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
