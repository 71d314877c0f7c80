"""How much a preview leaves out, so that previews keep the target rate while something moves.

Each stage's time is learned from what was rendered: the rays' as a fixed part and one that grows
with pixels times samples, the others as they are. From all mixtures of raw resolution, samples and
super-resolution that the times allow, the one that shows most is taken.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, field

from viz.state.types import Preview, RenderRequest, RenderResult, Shot, View

_SCALES = (1.0, 0.875, 0.75, 0.625, 0.5, 0.4375, 0.375, 0.3125, 0.25)
_SAMPLES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.33)
_UNKNOWN = Preview(0.5, 0.5, False, coarse_mesh=True)
"""What is shown before anything is known."""
FINEST = Preview(coarse_mesh=True)
"""The mixture that leaves least out: pictures nothing, meshes a finer grid."""
_SHOWN_BY_SUPERRESOLUTION = 1.0
"""The super-resolution shows as much as twice the pixels along each side."""
_LOST_BY_SAMPLES = 0.35
"""What half the samples lose, in powers of two of pixels along each side; a third lose twice it."""
_ROOM = 0.85
"""Share of the budget that a change to a dearer preview must keep to, against going to and fro."""
_MEMORY = 0.6
"""Weight of the past in a stage's time."""
_CHEAPEST_SUPERRESOLUTION = 0.5
"""Least scale that the super-resolution is fed with: from less it paints what is not there."""


def _shown(preview: Preview) -> float:
    """How much a preview shows, in powers of two of pixels along each side."""
    more = _SHOWN_BY_SUPERRESOLUTION if preview.superresolution else 0.0
    return math.log2(preview.scale) - _LOST_BY_SAMPLES * (1 / preview.samples - 1) + more


def _work(preview: Preview | None) -> float:
    """Pixels times samples, as a share of the full picture's."""
    return 1.0 if preview is None else preview.scale**2 * preview.samples


def mixtures(floor: float, superresolution: bool) -> Iterator[Preview]:
    """All previews at scales of at least `floor`, from the one that shows most to the least."""
    found = [
        Preview(scale, samples, enlarged, coarse_mesh=True)
        for scale, samples in itertools.product(_SCALES, _SAMPLES)
        if scale >= min(floor, 1.0)
        for enlarged in ((True, False) if superresolution else (True,))
        if not (superresolution and enlarged and scale < _CHEAPEST_SUPERRESOLUTION)
    ]
    return iter(sorted(found, key=_shown, reverse=True))


def words(
    preview: Preview, superresolution: bool = True, views: Collection[View] = ("image",)
) -> str:
    """What a preview leaves out of some views, for the interface."""
    parts = []
    if any(view != "mesh" for view in views):
        if superresolution and not preview.superresolution:
            parts.append("no super-resolution")
        if preview.scale < 1:
            parts.append(f"{100 * preview.scale:.0f} % of the pixels' side")
        if preview.samples < 1:
            parts.append(f"{100 * preview.samples:.0f} % of the samples")
    if preview.coarse_mesh and "mesh" in views:
        parts.append("a coarser mesh")
    return ", ".join(parts) or "full quality"


@dataclass
class Line:
    """A time that grows evenly with work, learned from pairs of both."""

    seen: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=12))
    """Work and milliseconds, newest last."""

    def add(self, work: float, milliseconds: float) -> None:
        self.seen.append((work, milliseconds))

    def at(self, work: float) -> float:
        """Milliseconds for some work; the newest measurements count most."""
        weights = [_MEMORY ** (len(self.seen) - 1 - k) for k in range(len(self.seen))]
        total = sum(weights)
        pairs = list(zip(weights, self.seen, strict=True))
        x = sum(w * seen[0] for w, seen in pairs) / total
        y = sum(w * seen[1] for w, seen in pairs) / total
        spread = sum(w * (seen[0] - x) ** 2 for w, seen in pairs) / total
        along = sum(w * (seen[0] - x) * (seen[1] - y) for w, seen in pairs) / total
        # Measurements at one place say nothing of the slope; then all of the time counts as work.
        prior = 0.02 * x * x
        slope = (along + prior * y / x) / (spread + prior)
        slope = min(max(slope, 0.0), y / x)
        return y + slope * (work - x)


@dataclass
class _Costs:
    """What was learned about one kind of picture."""

    rays: Line = field(default_factory=Line)
    stages: dict[str, float] = field(default_factory=dict)
    """Smoothed milliseconds of the other stages; "rest" is what no stage counts."""
    enlarges: bool = True
    """Whether the super-resolution runs where it may."""

    def add(self, stage: str, milliseconds: float) -> None:
        old = self.stages.get(stage, milliseconds)
        self.stages[stage] = _MEMORY * old + (1 - _MEMORY) * milliseconds


_ALWAYS = ("copy", "rest", "mesh", "probe")
_SHORT = {"mapping": 1.0}
"""Milliseconds that are assumed for a stage before it was measured."""


class PreviewController:
    """Finds the preview that shows most at the target rate."""

    def __init__(self) -> None:
        self._kinds: dict[Hashable, _Costs] = {}
        self._previous: RenderRequest | None = None
        self._chosen = _UNKNOWN
        self._enlarges = True
        self._views: tuple[View, ...] = ()

    def choose(self, full: RenderRequest, target_rate: float, floor: float = 0.0) -> Preview:
        """The preview to ask for.

        Args:
            full: the full picture that it stands for.
            target_rate: previews a second to hold.
            floor: least `Preview.scale` allowed.
        """
        self._enlarges = self._may_enlarge(full)
        self._views = tuple(shot.view for shot in full.shots)
        budget = 1000 / max(target_rate, 0.1)
        choices = list(mixtures(floor, self._enlarges))
        for preview in choices:
            spent = self.milliseconds(full, preview)
            if spent is None:
                self._chosen = next(
                    (p for p in choices if p.scale <= _UNKNOWN.scale and _work(p) <= 0.125),
                    choices[-1],
                )
                return self._chosen
            dearer = _shown(preview) > _shown(self._chosen)
            if spent <= budget * (_ROOM if dearer else 1.0):
                break
        else:
            preview = choices[-1]
        self._chosen = preview
        return preview

    def milliseconds(self, full: RenderRequest, preview: Preview | None) -> float | None:
        """Time that a picture should take; None where nothing like it was rendered yet."""
        costs = self._kinds.get(_kind(full))
        if costs is None or not costs.rays.seen:
            return None
        stages = costs.stages
        spent = costs.rays.at(_work(preview)) + sum(stages.get(name, 0.0) for name in _ALWAYS)
        for name in _changed(self._previous, full):
            spent += stages.get(name, _SHORT.get(name, 0.0))
        if self._may_enlarge(full) and (preview is None or preview.superresolution):
            spent += stages.get("superresolution", 0.0)
        return spent

    def _may_enlarge(self, full: RenderRequest) -> bool:
        costs = self._kinds.get(_kind(full))
        return full.quality.superresolution and (costs is None or costs.enlarges)

    @property
    def words(self) -> str:
        """What the preview chosen last leaves out."""
        return words(self._chosen, self._enlarges, self._views)

    def measured(self, result: RenderResult) -> None:
        """Learns from a picture that was rendered."""
        request, previous = result.request, self._previous
        self._previous = request
        stages = result.stage_ms
        if "render" not in stages:
            return  # it was kept, or a mesh: it tells nothing of the cost
        costs = self._kinds.setdefault(_kind(request), _Costs())
        costs.rays.add(_work(request.preview), stages["render"])
        for name in _changed(previous, request):
            costs.add(name, stages.get(name, 0.0))  # planes that were kept cost nothing
        if request.preview is None or request.preview.superresolution:
            costs.enlarges = "superresolution" in stages
        if "superresolution" in stages:
            costs.add("superresolution", stages["superresolution"])
        for name in ("copy", "mesh", "probe"):
            costs.add(name, stages.get(name, 0.0))
        costs.add("rest", max(result.total_ms - sum(stages.values()), 0.0))


def _kind(request: RenderRequest) -> Hashable:
    """What pictures must share for the times of one to hold for the other."""
    views = tuple(shot.view for shot in request.shots)
    return request.quality, views, request.probe is not None


def _changed(previous: RenderRequest | None, request: RenderRequest) -> tuple[str, ...]:
    """The stages before the rays that a request needs anew after another one."""
    if previous is None:
        return "mapping", "planes"
    known = {_person(shot) for shot in previous.shots}
    moved = {_moment(shot) for shot in previous.shots}
    people = any(_person(shot) not in known for shot in request.shots)
    moments = any(_moment(shot) not in moved for shot in request.shots)
    return (("mapping",) if people else ()) + (("planes",) if moments else ())


def _person(shot: Shot) -> Hashable:
    return shot.latent, shot.conditioning


def _moment(shot: Shot) -> Hashable:
    return _person(shot), shot.motion, shot.t
