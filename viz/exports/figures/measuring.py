"""Measures how well the views of a state agree: flicker, warping error and distance of surfaces.

The functions are those of `training.metrics`, on pictures as the window shows them at full quality.
Seen from the front, on the published cameras' circle, they are the metrics flicker, warp_visible
and chamfer_mean of this one person at this moment.
"""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import torch

from training.metrics.geometry import View, chamfer_distance, clouds, flicker, warping_error
from training.metrics.metric_options import MetricsConfig
from training.networks.discriminators import resize
from viz.exports.figures.figure_job import MomentFigures, TurnFigures
from viz.render.renderer import Renderer
from viz.state.jobs import Steps
from viz.state.types import SessionState, Shot

YAWS = (-30.0, -15.0, 15.0, 30.0)
"""Degrees from the present view to those that it is compared with."""
_TOLERANCE = MetricsConfig.tolerance


def figures(renderer: Renderer, state: SessionState, side: int = MetricsConfig.side) -> Steps[str]:
    """Steps of measuring a state around its present view.

    Args:
        side: of the pictures that are compared, pixels.

    Returns:
        `MomentFigures` as JSON.
    """
    base = state.shot("image")
    circle, turns = circle_shots(state, base), turned_shots(state, base)
    done, count = 0, len(circle) + 1 + len(turns)

    def seen(shot: Shot) -> Steps[View]:
        nonlocal done
        yield f"View {done + 1} of {count}", done / count
        picture = renderer.image(shot, state.quality)
        yield f"View {done + 1} of {count}", (done + 0.5) / count
        done += 1
        return view_of(renderer, state, shot, picture, side)

    ring: list[View] = []
    for shot in circle:
        ring.append((yield from seen(shot)))  # noqa: PERF401 (it yields)
    flickering = _plain(flicker(ring, _TOLERANCE).item())
    front = yield from seen(base)
    found: list[TurnFigures] = []
    for yaw, shot in zip(YAWS, turns, strict=True):
        other = yield from seen(shot)
        yield "Comparing surfaces", (done - 0.1) / count
        warping = warping_error(front, other, _TOLERANCE).item()
        distance = chamfer_distance(clouds(front)[0], clouds(other)[0])
        found.append(TurnFigures(yaw, _plain(warping), _plain(distance)))
    return msgspec.json.encode(MomentFigures(side, flickering, tuple(found))).decode()


def view_of(
    renderer: Renderer, state: SessionState, shot: Shot, picture: torch.Tensor, side: int
) -> View:
    """What a shot's camera sees: its final picture [1, 3, H, W] resized to `side` pixels, and the
    depth rendered at that size."""
    raw = renderer.raw(shot, replace(state.quality, raw_resolution=side))
    camera = torch.tensor(shot.camera.numbers(), device=raw.depth.device)[None]
    image = (resize(picture.float(), side) * 0.5 + 0.5).clamp(0, 1)
    return View(image, raw.depth.float(), raw.opacity.float(), camera)


def circle_shots(state: SessionState, base: Shot) -> list[Shot]:
    """The frames of a small circle of the camera around the present view."""
    angle, count = MetricsConfig.orbit_angle, MetricsConfig.orbit_frames
    seen, turns = state.seen_from, [2 * math.pi * k / count for k in range(count)]
    return [
        replace(base, camera=seen.turned(angle * math.cos(turn), angle * math.sin(turn)).camera())
        for turn in turns
    ]


def turned_shots(state: SessionState, base: Shot) -> list[Shot]:
    """The present view turned by each of the yaws."""
    return [replace(base, camera=state.seen_from.turned(yaw).camera()) for yaw in YAWS]


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
