"""identity, chamfer and warp as the published evaluation of PV3D measures them.

It renders each person at two times of a clip, from the front and from the side, and compares four
pairs of these views (six for identity), at least half of them across time. So the metrics also
measure how well shape and appearance are preserved in motion; `consistency` has stricter metrics at
one time.

Differences from the published scripts: samples lie in the middle of their intervals along rays
rather than at random, and rays end at the end of their range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import asin, degrees, pi

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial import KDTree
from torch import Tensor

from training.camera import Camera, rays
from training.data.times import CLIP_FRAMES
from training.metrics.clip_windows import Stream, draw_codes, random_numbers
from training.metrics.detectors import Detector, face_kind
from training.metrics.geometry import back_project, project
from training.metrics.metric_session import Mean, Result, Session
from training.networks.generator import Generator

PEOPLE = 1000
"""Number of people over whom the published Chamfer distance is summed."""
SIDE_PITCH = degrees(asin(2 * 0.05 / pi))
"""Elevation of the side view, degrees: the published sampler spaces elevations by their sine, and
its side view is 0.05 of its units above the horizon."""
PAIRS = ((0, 2), (3, 1), (0, 1), (3, 2))
"""Views that chamfer and warp compare, the front first; the last two are of different moments."""
IDENTITY_PAIRS = (*PAIRS, (0, 3), (2, 1))
"""Pairs that identity compares: two more of different moments, both from one side."""


@dataclass(frozen=True)
class PublishedView:
    """One view of N people, as the published evaluation stores it."""

    image: Tensor
    """uint8 [N, 3, H, W], truncated rather than rounded."""
    depth: Tensor
    """Distance along the ray [N, 1, h, w], h x w the raw resolution."""
    points: Tensor
    """Expected end points of rays, world coordinates [N, h * w, 3]; the transmitted weight counts
    at the end of the range."""
    opacity: Tensor
    """[N, h * w]."""
    cameras: Tensor
    """[N, 25]."""


class FourViews:
    """Front and side views of N people, given by their numbers, at two times each."""

    def __init__(self, session: Session, numbers: Sequence[int]) -> None:
        config, G = session.config, session.G
        self._G = G
        self._codes = draw_codes(G, config.seed, numbers)
        draws = [random_numbers(config.seed, Stream.TIMES, k) for k in numbers]
        frames = np.stack([rng.integers(CLIP_FRAMES, size=2) for rng in draws])  # [N, 2]
        self._t = torch.from_numpy(frames).float().to(G.device) / (CLIP_FRAMES - 1)
        self._psi = config.truncation_psi
        self._front, self._side = Camera.orbit(), Camera.orbit(config.yaw, SIDE_PITCH)

    @cached_property
    def views(self) -> tuple[PublishedView, PublishedView, PublishedView, PublishedView]:
        """Front at the first time, side at the second, side at the first, front at the second."""
        first, second = (self._planes(moment) for moment in range(2))
        return (
            self._view(*first, self._front),
            self._view(*second, self._side),
            self._view(*first, self._side),
            self._view(*second, self._front),
        )

    @torch.no_grad()
    def _planes(self, moment: int) -> tuple[Tensor, Tensor]:
        ws = self._G.mapping(self._codes.z, truncation_psi=self._psi)
        t = self._t[:, moment : moment + 1]
        return ws, self._G.planes(ws, self._codes.z_motion, t)

    def _view(self, ws: Tensor, planes: Tensor, camera: Camera) -> PublishedView:
        return published_view(self._G, ws, planes, camera)


@torch.no_grad()
def published_view(G: Generator, ws: Tensor, planes: Tensor, camera: Camera) -> PublishedView:
    """One camera's view of N people, at the trained resolution."""
    c = torch.from_numpy(camera.numbers()).to(planes.device).expand(len(planes), -1)
    raw = G.render(planes, ws, c)
    image = G.superresolve(raw, ws).clamp(-1, 1)
    depth, opacity = raw.depth.flatten(1), raw.opacity.flatten(1)
    origins, directions = rays(c, (raw.depth.shape[2], raw.depth.shape[3]))
    reach = opacity * depth + (1 - opacity) * G.config.rendering.ray_end
    return PublishedView(
        image=((image + 1) / 2 * 255).to(torch.uint8),
        depth=raw.depth,
        points=origins[:, None] + reach[..., None] * directions,
        opacity=opacity,
        cameras=c,
    )


def measure_published(session: Session, names: list[str]) -> dict[str, Result]:
    """Whichever of identity, chamfer and warp are named, from the same views.

    Raises:
        MetricsError, DetectorError: when the face recogniser is missing or cannot be used.
    """
    config = session.config
    measures: dict[str, Callable[[FourViews], Tensor]] = {
        "chamfer": lambda four: PEOPLE * len(PAIRS) * _mean_of_pairs(four, median_chamfer),
        "warp": lambda four: _mean_of_pairs(four, lambda a, b: splat_error(a, b, config.side)),
    }
    if "identity" in names:
        recogniser = session.detector(config.face_recogniser, face_kind(None))
        measures["identity"] = lambda four: _identity(four, recogniser)
    means = {name: Mean() for name in names}
    for numbers in session.batches(config.views, "views"):
        four = FourViews(session, numbers)
        for name, mean in means.items():
            mean.add(measures[name](four))
    return {name: mean.result(session.world, yaw=config.yaw) for name, mean in means.items()}


def _mean_of_pairs(
    four: FourViews, measure: Callable[[PublishedView, PublishedView], Tensor]
) -> Tensor:
    """[N]: mean over the pairs that have a value; NaN where none has."""
    return torch.stack([measure(four.views[k], four.views[j]) for k, j in PAIRS]).nanmean(dim=0)


def _identity(four: FourViews, recogniser: Detector) -> Tensor:
    """[N]: mean cosine of the recogniser's features over the pairs."""
    features = [recogniser(view.image) for view in four.views]
    pairs = [F.cosine_similarity(features[k], features[j]) for k, j in IDENTITY_PAIRS]
    return torch.stack(pairs).mean(dim=0)


def median_chamfer(first: PublishedView, second: PublishedView) -> Tensor:
    """Chamfer distance of surfaces: the median squared distance of a point of one view to the
    nearest point of the other, plus that in the other direction.

    Points count where their pixel is more than half opaque; nearest ones are sought among all.

    Returns:
        [N], squared world units; NaN where a view shows no surface.
    """
    return torch.tensor(
        [
            _median_squared(a, b, seen_a) + _median_squared(b, a, seen_b)
            for a, b, seen_a, seen_b in zip(
                first.points.double().cpu(),
                second.points.double().cpu(),
                first.opacity.cpu() > 0.5,
                second.opacity.cpu() > 0.5,
                strict=True,
            )
        ],
        dtype=torch.float64,
    )


def _median_squared(points: Tensor, others: Tensor, counts: Tensor) -> float:
    """Median over `points` [P, 3] where `counts` [P]; of two in the middle, the lower one."""
    if not counts.any():
        return float("nan")
    distances, _ = KDTree(others.numpy()).query(points[counts].numpy())
    return torch.from_numpy(distances).square().median().item()


def splat_error(front: PublishedView, other: PublishedView, side: int) -> Tensor:
    """Mean absolute difference of a front view and another one, whose pixels are carried forward
    to it by their depth.

    Nothing is tested for being hidden: of several pixels that arrive at one place the last counts,
    row by row. Pixels that leave the picture are set down at its edge, and it is the places where
    they start that do not count, as in the published script.

    Returns:
        [N], 0 to 255, of pictures of `side` pixels; NaN where nothing arrives.
    """
    size = (side, side)
    images = [
        F.interpolate(view.image.float(), size, mode="bilinear", align_corners=False).round()
        for view in (front, other)
    ]
    depth = F.interpolate(other.depth, size, mode="bilinear", align_corners=False)
    places, _ = project(back_project(depth, other.cameras), front.cameras)  # [N, side^2, 2]
    outside = ((places < 0) | (places > 1)).any(dim=-1).cpu().numpy()
    pixels = (places * side).to(torch.int64).clamp(0, side - 1).cpu().numpy()
    target, source = (image.flatten(2).movedim(1, 2).cpu().numpy() for image in images)
    errors = []
    for k in range(len(target)):
        index = pixels[k, :, 1] * side + pixels[k, :, 0]
        carried = np.zeros_like(target[k])
        carried[index] = source[k]  # of equal indices the last one stays
        counts = np.zeros(side * side, bool)
        counts[index] = True
        counts &= ~outside[k]
        difference = np.abs(carried[counts] - target[k][counts])
        errors.append(float(difference.mean()) if counts.any() else float("nan"))
    return torch.tensor(errors)
