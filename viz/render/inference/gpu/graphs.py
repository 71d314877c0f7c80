"""CUDA graphs: work on a GPU recorded once and replayed, so that no launch waits for Python."""

from __future__ import annotations

import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.reasons import first_line

log = logging.getLogger(__name__)

Function = Callable[..., tuple[Tensor, ...]]
"""Called with its setting (hashable) and tensors; gives new tensors, keeps none, and never waits
for the device."""

_MOST = 8
"""Recordings of one function that are kept: previews of several sizes, and the full picture."""


class GraphPool:
    """What the recordings of a device share: a side stream and a pool of memory.

    Memory that a recording only needs while it runs serves the others, too. So a recording's
    results are valid until the next one runs, in any order.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.records = device.type == "cuda"
        """Whether functions are recorded here; otherwise they are called."""
        self._stream: Any = None
        self._pool: Any = None
        self._latest: Any = None  # keeps the pool alive: without recordings none can be added

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The context in which functions run and are recorded."""
        kind = self.device.type
        on_device = torch.cuda.device(self.device) if kind == "cuda" else contextlib.nullcontext()
        plain = torch.autocast(kind, enabled=False, cache_enabled=False)
        with torch.inference_mode(), on_device, plain:
            yield

    def warm_up(self, run: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """Runs on the side stream, whose handles and workspaces a recording takes over, and gives
        copies of the results to the current one."""
        if self._stream is None:
            self._stream = torch.cuda.Stream(self.device)
            self._pool = torch.cuda.graph_pool_handle()
        current = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            results = run()
        current.wait_stream(self._stream)
        return tuple(result.clone() for result in results)

    def record(self, run: Callable[[], tuple[Tensor, ...]]) -> tuple[Any, tuple[Tensor, ...]]:
        """The graph that replays `run`, and the tensors that hold its results. `run` must have been
        warmed up."""
        graph = torch.cuda.CUDAGraph()
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.graph(
            graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
        ):
            results = run()
        self._latest = graph
        return graph, results

    def settle(self) -> None:
        """Waits for the work submitted so far, before recordings that may still run are dropped."""
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()

    def renew(self) -> None:
        """Replaces the pool, as a failed recording may leave it unusable."""
        self._pool, self._latest = torch.cuda.graph_pool_handle(), None


@dataclass(frozen=True)
class _Recording:
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    graph: Any


class CapturedGraph:
    """A function that is recorded the second time it is called with tensors of the same shapes and
    formats and the same setting; from then on the recording runs. The first time warms up.

    Args:
        function: what is run.
        place: where.
        most: recordings that are kept; the least recently used are dropped.
    """

    def __init__(self, function: Function, place: GraphPool, most: int = _MOST) -> None:
        self.function, self.place, self.most = function, place, most
        self._failed = False
        self._known: OrderedDict[Hashable, _Recording | None] = OrderedDict()

    @property
    def recorded(self) -> int:
        """Number of recordings kept."""
        return sum(recording is not None for recording in self._known.values())

    def __call__(self, setting: Hashable, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The function's results for a setting and tensors; they are the caller's own."""
        with self.place.entered():
            if not self.place.records or self._failed:
                return self.function(setting, *inputs)
            key = (setting, *((tuple(x.shape), x.dtype) for x in inputs))
            try:
                return self._recorded(key, setting, inputs)
            except Exception as error:  # drivers and libraries have many reasons not to record
                # If the function itself is at fault, or memory is short, the error occurs again.
                results = self.function(setting, *inputs)
                reason = first_line(error)
                log.warning("A stage runs without a CUDA graph, more slowly: %s", reason)
                self._failed = True
                self._drop_all()
                return results

    def _recorded(
        self, key: Hashable, setting: Hashable, inputs: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """The results of a recording, or of the warm-up and recording that precede it."""
        if key not in self._known:
            results = self.place.warm_up(lambda: self.function(setting, *inputs))
            self._keep(key, None)
            return results
        recording = self._known[key]
        if recording is None:
            fixed = tuple(x.clone() for x in inputs)
            graph, outputs = self.place.record(lambda: self.function(setting, *fixed))
            recording = _Recording(fixed, outputs, graph)
        self._keep(key, recording)
        for held, x in zip(recording.inputs, inputs, strict=True):
            held.copy_(x)
        recording.graph.replay()
        return tuple(x.clone() for x in recording.outputs)

    def _keep(self, key: Hashable, recording: _Recording | None) -> None:
        self._known[key] = recording
        self._known.move_to_end(key)
        if len(self._known) > self.most:
            self.place.settle()
            while len(self._known) > self.most:
                self._known.popitem(last=False)

    def _drop_all(self) -> None:
        with contextlib.suppress(RuntimeError):  # the device may still report the failure
            self.place.settle()
        self._known.clear()
        self.place.renew()
