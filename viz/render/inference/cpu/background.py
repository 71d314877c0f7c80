"""Thread pools: one to compute a picture in parallel, one to compile functions."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from training.reasons import first_line
from viz.render.inference.stage_interface import Check

log = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE = 0.05
"""Seconds between two checks while waiting for a result."""

_compiler = ThreadPoolExecutor(1, "compiling")
"""A single thread, so that functions are compiled one at a time."""

_within = threading.local()


@functools.lru_cache(maxsize=1)
def _threads(count: int) -> ThreadPoolExecutor:
    everywhere = torch.get_num_threads()
    threads = ThreadPoolExecutor(count, "parts", _alone)
    # `set_num_threads` also applies to threads that start later, whichever thread calls it. So the
    # whole pool starts before the count is restored.
    for done in [threads.submit(ready.wait) for ready in [threading.Barrier(count)] * count]:
        done.result()
    torch.set_num_threads(everywhere)
    return threads


def _alone() -> None:
    """Keeps torch's operations in a thread of the pool to that thread."""
    torch.get_num_threads()  # torch sets a thread's number to everyone's when it is first needed
    torch.set_num_threads(1)
    _within.pool = True


def in_parts(
    run: Callable[[int, int], None], count: int, at_once: int, check: Check = lambda: None
) -> None:
    """Splits the range from 0 to `count` into spans and runs a function on each, in parallel on as
    many threads as torch uses.

    Within a span torch uses one thread only, so that results do not depend on the number of
    threads. A nested call runs its spans one after another.

    Args:
        run: called with the start and end of a span; should spend its time in code that releases
            the GIL.
        count: end of the last span.
        at_once: length of each span except the last.
        check: called between spans, on the caller's thread; an exception from it abandons the
            remaining spans.
    """
    spans = [(start, min(start + at_once, count)) for start in range(0, count, at_once)]
    if getattr(_within, "pool", False):
        for span in spans:
            run(*span)
        return
    inference = torch.is_inference_mode_enabled()

    def part(start: int, end: int) -> None:
        with torch.inference_mode(inference):
            run(start, end)

    threads = _threads(torch.get_num_threads())
    running = [threads.submit(part, *span) for span in spans]
    try:
        for future in running:
            wait_for(future, check)
    finally:  # running spans could still write to buffers that the next picture uses
        wait([future for future in running if not future.cancel()])


def compiling(compile_: Callable[[], T], failing: str) -> Future[T | None]:
    """Starts compiling functions with numba, or loading what was compiled before.

    Args:
        compile_: returns the functions; should call each, as numba compiles at the first call.
        failing: what it means if this fails, as a part of a sentence for the log.

    Returns:
        the functions; None where numba does not work, which is logged.
    """

    def run() -> T | None:
        try:
            return compile_()
        except Exception as error:  # numba, its compiler or its cache can fail in many ways
            if not _program_ends(error):
                warn_once(f"{failing}: {first_line(error)}")
            return None

    return _compiler.submit(run)


@functools.cache
def warn_once(sentence: str) -> None:
    """Logs a sentence the first time, as each model that is opened needs functions."""
    log.warning(sentence)


def _program_ends(error: Exception) -> bool:
    """Whether work failed only because the program is ending and starts no new tasks."""
    return isinstance(error, RuntimeError) and "cannot schedule new futures" in str(error)


def wait_for(future: Future[T], check: Check) -> T:
    """A future's result; calls `check` while it waits."""
    while True:
        check()
        try:
            return future.result(_PATIENCE)
        except TimeoutError:
            continue
