"""A window and its renderer on a simulated clock: what the user would see, without rendering."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from viz.scheduling.loops import LoopFinder
from viz.scheduling.scheduler import RequestScheduler
from viz.state import layouts
from viz.state.animation.animator import Animator
from viz.state.interface import Interface
from viz.state.person import Latent
from viz.state.types import Preview, RenderRequest, RenderResult, SessionState

FRAME = 1 / 60
"""Seconds between two frames of the window."""


@dataclass
class Costs:
    """Milliseconds of a renderer's stages; of the rays a part that grows with pixels x samples."""

    planes: float = 22.0
    rays: float = 25.0
    ray_work: float = 30.0
    superresolution: float = 15.0
    rest: float = 3.0
    noise: float = 0.05
    """Greatest deviation of a measurement, as a share."""
    first: float = 500.0
    """What the first picture takes longer."""
    int8: float = 1.0
    """Share of the super-resolution's time in 8-bit integers."""
    weights: float = 0.0
    """What it takes longer in 8-bit integers for each new person."""
    kept_planes: int = 16
    """Moments whose planes are kept."""

    def times(self, factor: float) -> Costs:
        """The same on a machine that is slower by a factor."""
        names = ("planes", "rays", "ray_work", "superresolution", "rest")
        return replace(self, **{name: factor * getattr(self, name) for name in names})


SLOW = Costs(ray_work=85.0)
"""A full picture in 150 ms, half the side and samples in 76 ms."""
USUAL = Costs(rays=10.0, ray_work=30.0)
"""A full picture in 80 ms."""
TWO_CORES = Costs(planes=33.0, rays=4.0, ray_work=16.0, superresolution=28.0, rest=6.0)
"""As the demo model in a window on two cores: a full picture in 87 ms, three quarters of the side
and half the samples in 76 ms."""
FAST = Costs(planes=2, rays=1, ray_work=4, superresolution=2, rest=1, first=0)
"""A full picture in 10 ms."""


def ray_work(preview: Preview) -> float:
    """Samples of a preview's rays, as a share of the full picture's; a shared first pass halves
    them."""
    samples = preview.samples if preview.samples == 1 else 0.5 * preview.samples
    return preview.scale**2 * samples


class FakeWorker:
    """Answers requests as `viz.render.worker` does, in simulated time."""

    def __init__(self, costs: Costs) -> None:
        self.costs = costs
        self.now = 0.0
        self.rendered: list[RenderRequest] = []
        self.dropped: list[RenderRequest] = []
        """Full pictures that were begun and abandoned."""
        self.idle = 0.0
        """Seconds without a request."""
        self._ended = 0.0
        self._lost: list[RenderRequest] = []
        self._random = random.Random(0)
        self._slot: RenderRequest | None = None
        self._running: tuple[float, RenderResult] | None = None
        self._planes: OrderedDict[object, None] = OrderedDict()
        self._people: set[Latent] = set()
        """Those whose weights in 8-bit integers are kept."""
        self._answers: list[RenderResult] = []

    def submit(self, request: RenderRequest, waits: bool = False) -> None:
        if self._slot is not None:
            self._lost.append(self._slot)
        self._slot = request
        if not waits and self._running is not None and self._running[1].request.preview is None:
            self.dropped.append(self._running[1].request)
            self._lost.append(self._running[1].request)
            self._running, self._ended = None, self.now
        self._begin(self.now)

    def poll(self, now: float) -> list[RenderResult]:
        """What is ready by now."""
        self.now = now
        while self._running is not None and self._running[0] <= now:
            end, result = self._running
            self._running, self._ended = None, end
            self._answers.append(result)
            self.rendered.append(result.request)
            self._begin(end)
        answers, self._answers = self._answers, []
        return answers

    def take_lost(self) -> list[RenderRequest]:
        """What newer requests have replaced since the last call."""
        lost, self._lost = self._lost, []
        return lost

    @property
    def running(self) -> RenderRequest | None:
        """The request that is rendered now."""
        return None if self._running is None else self._running[1].request

    def stop(self) -> None:
        """Loses what is under way."""
        self._running = self._slot = None

    def _begin(self, at: float) -> None:
        if self._running is None and self._slot is not None:
            request, self._slot = self._slot, None
            result = self._result(request)
            self.idle += at - self._ended
            self._running = at + result.total_ms / 1000, result

    def _result(self, request: RenderRequest) -> RenderResult:
        costs, preview = self.costs, request.preview
        work = ray_work(preview) if preview else 1.0
        int8 = preview is not None and preview.int8 and costs.int8 < 1
        stages = {
            "render": self._noisy(costs.rays + costs.ray_work * work),
            "superresolution": self._noisy(
                costs.superresolution
                * (preview.final_scale**2 if preview else 1.0)
                * (costs.int8 if int8 else 1.0)
            ),
            "copy": 0.1,
        }
        latent = request.shots[0].latent
        if int8:
            stages["weights"] = 0.0 if latent in self._people else self._noisy(costs.weights)
            self._people.add(latent)
        moment = request.shots[0].latent, request.shots[0].t
        if moment not in self._planes:
            stages["planes"] = self._noisy(costs.planes)
        self._planes[moment] = None
        self._planes.move_to_end(moment)
        while len(self._planes) > costs.kept_planes:
            self._planes.popitem(last=False)
        total = sum(stages.values()) + self._noisy(costs.rest)
        if not self.rendered:
            total += costs.first
        picture = np.zeros((4, 4, 3), np.uint8)
        precision = "int8" if int8 else "float32"
        return RenderResult(
            request, (picture,), stage_ms=stages, total_ms=total, precision=precision
        )

    def _noisy(self, milliseconds: float) -> float:
        noise = self.costs.noise
        return milliseconds * (1 + self._random.uniform(-noise, noise))


@dataclass
class Shown:
    """A picture that the window began to show."""

    at: float
    result: RenderResult
    wanted: RenderRequest


@dataclass
class SimulatedWindow:
    """The window's loop around a scheduler."""

    costs: Costs
    state: SessionState = field(default_factory=SessionState)
    interface: Interface = field(default_factory=Interface)
    dragging: bool = False
    job: bool = False

    def __post_init__(self) -> None:
        self.now = 0.0
        self.worker = FakeWorker(self.costs)
        self.scheduler = RequestScheduler(self.worker.submit)
        self.finder, self.animator = LoopFinder(), Animator()
        self.shown: list[Shown] = []
        self.wanted: list[RenderRequest] = []

    def run(self, seconds: float, each: Callable[[float], None] = lambda _: None) -> list[Shown]:
        """Some time goes by; `each` edits the state before each frame. What was newly shown."""
        begun, first = self.now, len(self.shown)
        for _ in range(round(seconds / FRAME)):
            self.now += FRAME
            each(self.now - begun)
            self._frame()
        return self.shown[first:]

    @property
    def moving(self) -> bool:
        interface = self.interface
        by_itself = interface.playing or interface.path_playing or interface.auto_orbit
        return by_itself or self.animator.gliding or self.dragging

    @property
    def full(self) -> RenderRequest:
        return layouts.full_request(self.state)

    def is_full(self, requests: list[RenderRequest]) -> bool:
        """Whether all of these are kept at full quality."""
        return all(self.scheduler.pictures.has_full(request) for request in requests)

    def clip(self) -> list[RenderRequest]:
        """Full pictures of the clip's frames."""
        return [r for r in self.finder.clip(self.state, self.interface) if r is not None]

    def _frame(self) -> None:
        for request in self.worker.take_lost():
            self.scheduler.dropped(request)
        for result in self.worker.poll(self.now):
            shown = self.scheduler.answered(result)
            if shown is not None:
                self.shown.append(Shown(self.now, shown, self.full))
        self.animator.rate = self.scheduler.step_rate
        self.animator.advance(self.state, self.interface, FRAME, self.now, dragging=self.dragging)
        upcoming = self.finder.find(self.state, self.interface, self.animator)
        self.wanted.append(self.full)
        kept = self.scheduler.ask(
            self.full, self.moving, self.interface, self.now, upcoming, may_fill=not self.job
        )
        if kept is not None:
            self.shown.append(Shown(self.now, kept, self.full))
