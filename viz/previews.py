"""How much a preview leaves out, so that previews keep the target rate while something moves."""

from __future__ import annotations

from dataclasses import dataclass, field

from viz.types import Preview, RenderResult

LEVELS: tuple[tuple[Preview, str], ...] = (
    (Preview(), "full quality"),
    (Preview(1.0, 0.6, True), "60 % of the samples"),
    (Preview(1.0, 0.6, False), "no super-resolution, 60 % of the samples"),
    (Preview(0.75, 0.5, False), "no super-resolution, 3/4 of the pixels' side, half the samples"),
    (Preview(0.5, 0.5, False), "no super-resolution, half the pixels' side, half the samples"),
    (Preview(0.375, 0.4, False), "no super-resolution, 3/8 of the pixels' side, 40 % samples"),
    (Preview(0.25, 0.33, False), "no super-resolution, 1/4 of the pixels' side, 1/3 samples"),
)
"""From dear to cheap, with words for the performance panel."""

_TRY_AFTER = 6
"""Previews well within the budget before a dearer level is tried."""


@dataclass
class _Costs:
    """What was learned about one kind of work."""

    level: int = 2
    milliseconds: dict[int, float] = field(default_factory=dict)
    """Smoothed time of each level tried."""
    within: int = 0
    """Previews in a row that left half the budget."""


class PreviewController:
    """Finds the dearest level that holds the target rate, for each kind of work apart: a scrub
    runs the backbone and an orbit does not, so what one can afford says little about the other."""

    def __init__(self) -> None:
        self._kinds: dict[frozenset[str], _Costs] = {}
        self._kind: frozenset[str] = frozenset()

    @property
    def _costs(self) -> _Costs:
        return self._kinds.setdefault(self._kind, _Costs())

    def choose(self, floor: float = 0.0) -> Preview:
        """The preview to ask for next; `floor` is the least `Preview.scale` allowed."""
        costs = self._costs
        cheapest = max(k for k, (preview, _) in enumerate(LEVELS) if preview.scale >= floor)
        costs.level = min(costs.level, cheapest)
        return LEVELS[costs.level][0]

    @property
    def words(self) -> str:
        """What the present level leaves out."""
        return LEVELS[self._costs.level][1]

    def measured(self, result: RenderResult, target_rate: float) -> None:
        """Learns from a preview that was rendered; `target_rate` in previews a second."""
        levels = [k for k, (preview, _) in enumerate(LEVELS) if preview == result.request.preview]
        if not levels or not result.stage_ms.keys() - {"copy"}:
            return  # a full picture, or one that was kept: it tells nothing of the cost
        self._kind = frozenset(result.stage_ms) & {"mapping", "planes", "mesh"}
        costs, level = self._costs, levels[0]
        old = costs.milliseconds.get(level, result.total_ms)
        costs.milliseconds[level] = spent = 0.6 * old + 0.4 * result.total_ms
        if level != costs.level:
            return
        budget = 1000 / max(target_rate, 0.1)
        if spent > budget:
            costs.within = 0
            costs.level = min(level + (2 if spent > 2.5 * budget else 1), len(LEVELS) - 1)
        elif spent < 0.5 * budget and level > 0:
            costs.within += 1
            known = costs.milliseconds.get(level - 1, 0.0)
            if costs.within >= (_TRY_AFTER if known < budget else 10 * _TRY_AFTER):
                costs.within = 0
                costs.milliseconds.pop(level - 1, None)
                costs.level = level - 1
        else:
            costs.within = 0
