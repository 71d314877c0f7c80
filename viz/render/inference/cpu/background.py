"""Threads for parts of one picture, and for the compiler."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from viz.render.inference.stage_interface import Check

T = TypeVar("T")

_PATIENCE = 0.05
"""Seconds of waiting between two checks."""

compiler = ThreadPoolExecutor(1, "compiling")
"""One thread, so that functions are compiled one after another."""

_within = threading.local()


@functools.lru_cache(maxsize=1)
def _threads(count: int) -> ThreadPoolExecutor:
    everywhere = torch.get_num_threads()
    threads = ThreadPoolExecutor(count, "parts", _alone)
    # Threads started later inherit the thread count that this sets.
    for done in [threads.submit(ready.wait) for ready in [threading.Barrier(count)] * count]:
        done.result()
    torch.set_num_threads(everywhere)
    return threads


def _alone() -> None:
    """Restricts torch's operations in a thread of the pool to that thread."""
    torch.set_num_threads(1)
    _within.pool = True


def in_parts(
    run: Callable[[int, int], None], count: int, at_once: int, check: Check = lambda: None
) -> None:
    """Runs a function on spans (start, end) of 0 to count, on as many threads as torch uses.

    Results must not depend on the number of threads, so that torch's operations within a span run
    on its own thread only. A nested call runs its spans one after another.

    Args:
        run: should spend its time in code that releases the interpreter.
        count: end of the last span.
        at_once: length of each span except the last.
        check: called between spans, on the caller's thread; its exception abandons the rest.
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
    finally:  # spans under way may still write to buffers of the next picture
        wait([future for future in running if not future.cancel()])


def program_ends(error: Exception) -> bool:
    """Whether work failed only because the program ends and begins nothing any more."""
    return isinstance(error, RuntimeError) and "cannot schedule new futures" in str(error)


def wait_for(future: Future[T], check: Check) -> T:
    """A future's result; checks while it waits."""
    while True:
        check()
        try:
            return future.result(_PATIENCE)
        except TimeoutError:
            continue
