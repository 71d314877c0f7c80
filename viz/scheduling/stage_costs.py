"""How long a renderer's stages take, learned from rendered pictures.

Each stage's time has a fixed part and one that grows with its work. Both are learned from few and
noisy measurements, some of which are meaningless: a model's first picture waits for its weights to
be laid out, and any picture may be held up by another program.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from viz.state.types import Preview

_MEASURED = 5
"""Latest measurements used per amount of work; their lower median is robust against pauses."""
_SURE = 3
"""Measurements after which their median can be trusted."""
_WORKS = 4
"""How many amounts of work, the latest ones, have their measurements remembered."""
_AGING = 0.5
"""Weight of an amount of work's time relative to that of the one measured after it."""
_UNTRIED = 0.5
"""Assumed time of a stage's cheaper way, as a share of the usual one's at the same work, until both
are measured."""
_PRIOR = 0.02
"""Weight of the assumed slope of a stage, as a squared fraction of its mean work."""


@dataclass
class StageCost:
    """Time of a stage as a fixed part and a part proportional to its work."""

    fixed: float = 1.0
    """Assumed share of the fixed part while only one amount of work was measured, 0..1."""
    _seen: OrderedDict[float, deque[float]] = field(default_factory=OrderedDict)
    """Milliseconds by amount of work; the one measured last comes last."""
    _line: tuple[float, float, float] | None = None
    """Mean work, mean milliseconds and slope of the line through what was measured."""

    def add(self, work: float, milliseconds: float) -> None:
        """Learns from a measurement; `work` is positive, 1 for the full picture."""
        self._line = None
        self._seen.setdefault(work, deque(maxlen=_MEASURED)).append(milliseconds)
        self._seen.move_to_end(work)
        while len(self._seen) > _WORKS:
            self._seen.popitem(last=False)

    @property
    def is_known(self) -> bool:
        """Whether anything was measured."""
        return bool(self._seen)

    @property
    def is_sure(self) -> bool:
        """Whether some amount of work was measured so often that one pause does not count."""
        return any(len(times) >= _SURE for times in self._seen.values())

    def at(self, work: float) -> float:
        """Expected milliseconds for an amount of work; 0 while nothing was measured."""
        if not self._seen:
            return 0.0
        self._line = self._line or self._fit()
        x, y, slope = self._line
        return y + slope * (work - x)

    def _fit(self) -> tuple[float, float, float]:
        points = list(self._points())
        total = sum(weight for weight, _, _ in points)
        x = sum(weight * w for weight, w, _ in points) / total
        y = sum(weight * ms for weight, _, ms in points) / total
        spread = sum(weight * (w - x) ** 2 for weight, w, _ in points) / total
        along = sum(weight * (w - x) * (ms - y) for weight, w, ms in points) / total
        assumed = (1 - self.fixed) * y / x
        prior = _PRIOR * x * x
        slope = (along + prior * assumed) / (spread + prior)
        # More work never takes less time, and no work never takes negative time.
        return x, y, min(max(slope, 0.0), y / x)

    def _points(self) -> Iterator[tuple[float, float, float]]:
        """Weight, work and median milliseconds of each amount of work."""
        weight = 1.0
        for work, times in reversed(self._seen.items()):
            yield weight, work, sorted(times)[(len(times) - 1) // 2]
            weight *= _AGING


@dataclass
class PictureCosts:
    """What was learned about one kind of picture."""

    stages: dict[str, StageCost] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether a picture was rendered, so that times can be predicted."""
        return "render" in self.stages or _CHEAPER["render"] in self.stages

    def is_sure(self, preview: Preview) -> bool:
        """Whether the rays of such previews were measured often enough to be trusted."""
        return self._stage("render", preview).is_sure

    def add(self, preview: Preview | None, stage_ms: dict[str, float], total_ms: float) -> None:
        """Learns from a picture, made as `preview` says; a stage that did not run is left as it
        was."""
        for name, spent in stage_ms.items():
            self._stage(name, preview).add(_work(name, preview), spent)
        rest = max(total_ms - sum(stage_ms.values()), 0.0)
        self._stage("rest", preview).add(_work("rest", preview), rest)

    def milliseconds(self, preview: Preview | None, stages: set[str]) -> float:
        """Expected time of a picture that runs these stages."""
        names = stages | {"render", "copy", "rest", "mesh", "probe"}
        return sum(self._expected(name, preview) for name in names)

    def _expected(self, name: str, preview: Preview | None) -> float:
        if name == "weights" and not (preview is not None and preview.int8):
            return 0.0
        kind, work = _kind(name, preview), _work(name, preview)
        if kind in self.stages:
            return self.stages[kind].at(work)
        other, factor = (_CHEAPER.get(name), 1 / _UNTRIED) if kind == name else (name, _UNTRIED)
        return factor * self.stages[other].at(work) if other in self.stages else 0.0

    def _stage(self, name: str, preview: Preview | None) -> StageCost:
        kind = _kind(name, preview)
        return self.stages.setdefault(kind, StageCost(_FIXED.get(kind, 1.0)))


_CHEAPER = {"render": "render with a shared pass", "superresolution": "superresolution in int8"}
"""Keys of the times of stages that work differently in some previews."""
_FIXED = {
    "render": 0.3,
    _CHEAPER["render"]: 0.6,
    "superresolution": 0.2,
    _CHEAPER["superresolution"]: 0.2,
}
"""Assumed shares of the fixed part; 1 for the other stages."""


def _kind(stage: str, preview: Preview | None) -> str:
    """Key of a stage's times."""
    if preview is None or stage not in _CHEAPER:
        return stage
    cheaper = preview.int8 if stage == "superresolution" else preview.samples < 1
    return _CHEAPER[stage] if cheaper else stage


def _work(stage: str, preview: Preview | None) -> float:
    """A stage's samples or pixels, as a share of the full picture's."""
    if preview is None:
        return 1.0
    shares = {
        "render": preview.scale**2 * preview.samples,
        "superresolution": preview.final_scale**2,
        "copy": preview.scale**2,
    }
    # Times that include pauses or the window's own work must not seem to depend on pixels.
    return shares.get(stage, 1.0)
