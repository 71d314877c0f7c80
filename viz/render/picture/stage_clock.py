"""How long the stages of a picture take."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import torch


class StageClock:
    """Milliseconds by stage; on CUDA measured by events, so that measuring does not stall the
    GPU."""

    def __init__(self, device: torch.device) -> None:
        self._cuda, self._mps = device.type == "cuda", device.type == "mps"
        self._spans: list[tuple[str, str | None, Any, Any]] = []
        self._open: list[str] = []

    def _now(self) -> Any:
        if self._mps:
            torch.mps.synchronize()
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        outer = self._open[-1] if self._open else None
        self._open.append(name)
        start = self._now()
        try:
            yield
        finally:
            self._spans.append((name, outer, start, self._now()))
            self._open.pop()

    def milliseconds(self) -> dict[str, float]:
        """Totals by stage, each without its nested stages; waits for the last one to end."""
        if self._cuda and self._spans:
            self._spans[-1][3].synchronize()
        totals: dict[str, float] = {}
        for name, outer, start, end in self._spans:
            spent = start.elapsed_time(end) if self._cuda else (end - start) * 1000
            totals[name] = totals.get(name, 0.0) + spent
            if outer is not None:
                totals[outer] = totals.get(outer, 0.0) - spent
        return totals
