"""Requests whose shots belong to two models: each renders its own, with its own caches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from viz.render.messages import NEXT_SECOND
from viz.render.renderer import Renderer
from viz.state.comparing.sharing import CodeSizes, fitted
from viz.state.errors import UserError
from viz.state.types import RenderRequest, RenderResult, Shot

T = TypeVar("T")


def renderer_of(renderer: Renderer, shot: Shot) -> tuple[Renderer, Shot]:
    """The renderer of a shot's model, and the shot as that model can show it.

    Args:
        renderer: of the first model; its `beside` has the others.
        shot: of either model.

    Raises:
        UserError: when the shot's model is not loaded.
    """
    if not shot.model:
        return renderer, shot
    other = renderer.beside.get(shot.model)
    if other is None:
        raise UserError("The second model is no longer loaded: open it again under Compare.")
    if other is renderer:  # the same file on both sides
        return renderer, shot
    return other, fitted(shot, _sizes(renderer), _sizes(other))


def with_second(request: RenderRequest, weights: str) -> RenderRequest:
    """A request made before the second model was loaded, now with that model's fingerprint."""
    shots = (replace(s, model=weights) if s.model == NEXT_SECOND else s for s in request.shots)
    return replace(request, shots=tuple(shots))


def _sizes(renderer: Renderer) -> CodeSizes:
    config = renderer.G.config
    return CodeSizes(config.num_ws, config.w_dim, config.motion_dim)


def render(
    renderer: Renderer,
    request: RenderRequest,
    check: Callable[[], None] = lambda: None,
    *,
    idle: bool = False,
) -> RenderResult:
    """Answers a request; see `Renderer.render`. Unless the request chooses a depth range, the
    second model's depth maps have that of the first, so that equal colours mean equal distances.

    Raises:
        UserError: when the request cannot be met.
    """
    if not any(shot.model for shot in request.shots):
        return renderer.render(request, check, idle=idle)
    parts: list[RenderResult] = []
    places: dict[Renderer, list[int]] = {}
    placed = [renderer_of(renderer, shot) for shot in request.shots]
    for index, (owner, _) in enumerate(placed):
        places.setdefault(owner, []).append(index)
    maps = request.maps
    for owner, indices in places.items():
        part = replace(
            request,
            shots=tuple(placed[k][1] for k in indices),
            maps=maps,
            probe=request.probe if indices[0] == 0 else None,
        )
        result = owner.render(part, check, idle=idle)
        parts.append(result)
        if maps.depth_range is None:
            maps = replace(maps, depth_range=_depth_range(result))
    order = [k for indices in places.values() for k in indices]
    return replace(
        parts[0],
        request=request,
        pictures=_ordered(order, [r.pictures for r in parts]),
        meshes=_ordered(order, [r.meshes for r in parts]),
        problems=tuple(dict.fromkeys(problem for r in parts for problem in r.problems)),
        map_ranges=_ordered(order, [r.map_ranges for r in parts]),
        values=_ordered(order, [r.values for r in parts]) if request.values else (),
        stage_ms=_summed([r.stage_ms for r in parts]),
        total_ms=sum(r.total_ms for r in parts),
    )


def _depth_range(result: RenderResult) -> tuple[float, float] | None:
    """The range of the first depth map of a result; None if it has none."""
    shots = result.request.shots
    ranges = zip(shots, result.map_ranges, strict=True)
    return next((ends for shot, ends in ranges if shot.view == "depth"), None)


def _ordered(order: list[int], parts: list[tuple[T, ...]]) -> tuple[T, ...]:
    """The answers of all parts in the order of the request's shots."""
    answers = dict(zip(order, (answer for part in parts for answer in part), strict=True))
    return tuple(answers[k] for k in sorted(answers))


def _summed(parts: list[dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for stage, spent in part.items():
            total[stage] = total.get(stage, 0.0) + spent
    return total
