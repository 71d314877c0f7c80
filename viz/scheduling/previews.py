"""How much a preview leaves out, so that previews keep the target rate while something moves.

Of all combinations of raw resolution and samples that are fast enough, the most detailed is taken,
but none that saves hardly any time. The minimum quality comes before the rate: where it cannot be
rendered at the target rate, the rate drops.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace

from viz.scheduling.stage_costs import PictureCosts
from viz.state.types import ModelInfo, Preview, Quality, RenderRequest, RenderResult, Shot, View

_SCALES = (1.0, 0.875, 0.75, 0.625, 0.5)
_SAMPLES = (1.0, 0.65, 0.5)
_FINAL_SCALES = (1.0, 0.5)
_LEAST_FINAL = 256
"""Smallest side of the picture that a preview's super-resolution makes, pixels."""
FINEST = Preview(coarse_mesh=True)
"""The most detailed preview: pictures are complete, meshes have a coarser grid."""
_LOST_BY_SAMPLES = 0.2
"""Loss of detail at half the samples, as log2 of the equivalent factor on the pixels' side."""
_LOST_BY_INT8 = 0.02
"""The same for a super-resolution in 8-bit integers: hardly visible."""
_ROOM = 0.85
"""Fraction of the budget that a more expensive preview must fit for a switch to it: hysteresis."""
_PAYS = 0.15
"""Fraction of the time that a less detailed preview must save for each halving of the pixels' side,
or the loss is not worth it."""
_FLUENT_MS = 72.0
"""Milliseconds that a preview may take to look like motion: a dozen a second, with what passes
between two."""
_PAYS_IF_SLOW = 0.07
"""The fraction of the time to be saved in place of one that takes longer."""


@dataclass(frozen=True)
class Sides:
    """Sides of a model's pictures as trained, pixels, and how they are made."""

    raw: int = 64
    final: int = 256
    int8: bool = False
    """Whether the super-resolution is faster in 8-bit integers."""

    @classmethod
    def of(cls, model: ModelInfo) -> Sides:
        return cls(model.raw_resolution, model.image_resolution, model.int8_previews)


def shown(preview: Preview | None) -> float:
    """Detail of a preview, as log2 of the equivalent factor on the pixels' side; 0 is full
    detail."""
    if preview is None:
        return 0.0
    pixels = math.log2(preview.scale) + math.log2(preview.final_scale)
    lost = _LOST_BY_SAMPLES * (1 / preview.samples - 1) + _LOST_BY_INT8 * preview.int8
    return pixels - lost


def leaves_nothing_out(request: RenderRequest) -> bool:
    """Whether a request's picture is the full one."""
    preview = request.preview
    if preview is None:
        return True
    meshes = any(shot.view == "mesh" for shot in request.shots)
    whole = min(preview.scale, preview.samples, preview.final_scale) >= 1
    return whole and not preview.int8 and not (meshes and preview.coarse_mesh)


def levels(quality: Quality, sides: Sides, floor: float = 0.0) -> list[Preview]:
    """All previews that may be shown, from the most to the least detailed.

    The raw picture has at least half the trained side, and the super-resolution always runs. If the
    final picture is large, it may be made at half the side and enlarged, so that a preview has the
    full picture's size. Samples are left out before pixels, as the rays' shared first pass makes up
    for most of them.

    Args:
        quality: quality of the full picture.
        sides: sides of the model's pictures.
        floor: least factor on the quality's raw resolution and on the final side.
    """
    raw = quality.raw_resolution or sides.raw
    least = min(max(floor, sides.raw / 2 / raw, _SCALES[-1]), 1.0)
    ends = _FINAL_SCALES if quality.superresolution and sides.final > sides.raw else (1.0,)
    auto = quality.superresolution and quality.precision == "auto"
    formats = (False, True) if sides.int8 and auto else (False,)
    found = [
        Preview(scale, samples, end, int8, coarse_mesh=True)
        for scale, samples, end, int8 in itertools.product(_SCALES, _SAMPLES, ends, formats)
        if (scale == 1 or (least <= scale and samples < 1))
        and (end == 1 or end >= max(floor, _LEAST_FINAL / sides.final))
    ]
    return sorted(found, key=shown, reverse=True)


def words(preview: Preview, views: Collection[View] = ("image",)) -> str:
    """What a preview leaves out of some views, for the interface."""
    parts = []
    if any(view != "mesh" for view in views):
        if preview.scale < 1:
            parts.append(f"{100 * preview.scale:.0f}% of the pixels' side")
        if preview.samples < 1:
            parts.append(f"{100 * preview.samples:.0f}% of the samples")
        if preview.final_scale < 1 and "image" in views:
            parts.append(f"{100 * preview.final_scale:.0f}% of the final side")
        if preview.int8 and "image" in views:
            parts.append("8-bit super-resolution")
    if preview.coarse_mesh and "mesh" in views:
        parts.append("a coarser mesh")
    return ", ".join(parts) or "full quality"


class PreviewController:
    """Finds the most detailed preview that holds the target rate.

    Args:
        sides: of the model's pictures.
    """

    def __init__(self, sides: Sides | None = None) -> None:
        self.sides = sides or Sides()
        self._kinds: dict[Hashable, PictureCosts] = {}
        self._previous: RenderRequest | None = None
        self._chosen: Preview | None = None
        self._found: tuple[Hashable, Preview] | None = None
        """The request that was chosen for, and the choice, since the last measurement."""

    def choose(self, full: RenderRequest, target_rate: float, floor: float = 0.0) -> Preview:
        """The preview to request; the cheapest one while nothing has been measured.

        Args:
            full: request for the full picture.
            target_rate: previews per second to hold.
            floor: least `Preview.scale` allowed.
        """
        if all(shot.view == "mesh" for shot in full.shots):
            return FINEST  # its time depends neither on pixels nor on samples
        key = _kind(full), _changed(self._previous, full), target_rate, floor
        if self._found is not None and self._found[0] == key:
            return self._found[1]
        choices = levels(full.quality, self.sides, floor)
        expected = [self.milliseconds(full, preview) for preview in choices]
        times = [spent for spent in expected if spent is not None]
        if len(times) < len(choices):
            self._chosen = choices[-1]
            return self._chosen
        budget = 1000 / max(target_rate, 0.1)
        self._chosen = self._pick(choices, times, budget)
        # A single slow measurement of cheap previews must not rule them out for good. What they
        # save is learned from one that still looks good.
        slow = times[choices.index(self._chosen)] > budget
        tried = [level for level in choices if level.scale == 1][-1]
        if slow and not self._kinds[_kind(full)].is_sure(tried):
            self._chosen = tried
        self._found = key, self._chosen
        return self._chosen

    def _pick(self, choices: list[Preview], times: list[float], budget: float) -> Preview:
        """The first of the choices, best-looking first, that fits the budget, or else the quickest;
        but the one before it if that would save too little."""

        def room(preview: Preview) -> float:
            dearer = self._chosen is not None and shown(preview) > shown(self._chosen)
            return _ROOM if dearer else 1.0

        pairs = list(zip(choices, times, strict=True))
        quickest = min(pairs, key=lambda pair: pair[1])
        fitting = (pair for pair in pairs if pair[1] <= budget * room(pair[0]))
        found, spent = next(fitting, quickest)
        for better, longer in pairs[: choices.index(found)]:
            pays = _PAYS if longer <= _FLUENT_MS else _PAYS_IF_SLOW
            if longer < spent * math.exp(pays * (shown(better) - shown(found))):
                return better
        return found

    def milliseconds(self, full: RenderRequest, preview: Preview | None) -> float | None:
        """Expected time of a picture; None if none of its kind was rendered yet."""
        costs = self._kinds.get(_kind(full))
        if costs is None or not costs.is_known:
            return None
        return costs.milliseconds(preview, {"superresolution", *_changed(self._previous, full)})

    def measured(self, result: RenderResult) -> None:
        """Learns from a picture that was rendered."""
        changed = _changed(self._previous, result.request)
        self._previous, self._found = result.request, None
        # otherwise it was cached, or a mesh, or made in another way: there is nothing to learn
        if "render" in result.stage_ms and not result.makeshift:
            costs = self._kinds.setdefault(_kind(result.request), PictureCosts())
            preview = result.request.preview
            if preview is not None and preview.int8 and result.precision != "int8":
                preview = replace(preview, int8=False)  # it was not ready
            stages, total = dict(result.stage_ms), result.total_ms
            if "weights" not in changed or preview is None or not preview.int8:
                total -= stages.pop("weights", 0.0)  # no other person has needed any
            costs.add(preview, stages, total)


def _kind(request: RenderRequest) -> Hashable:
    """Key that pictures share if the times of one apply to the other."""
    views = tuple(shot.view for shot in request.shots)
    return request.quality, views, request.probe is not None


def _changed(previous: RenderRequest | None, request: RenderRequest) -> tuple[str, ...]:
    """The stages before the rays that must run again for a request after the previous one."""
    if previous is None:
        return "mapping", "weights", "planes"
    known = {_person(shot) for shot in previous.shots}
    moved = {_moment(shot) for shot in previous.shots}
    people = any(_person(shot) not in known for shot in request.shots)
    moments = any(_moment(shot) not in moved for shot in request.shots)
    return (("mapping", "weights") if people else ()) + (("planes",) if moments else ())


def _person(shot: Shot) -> Hashable:
    return shot.model, shot.latent, shot.conditioning


def _moment(shot: Shot) -> Hashable:
    return _person(shot), shot.motion, shot.t
