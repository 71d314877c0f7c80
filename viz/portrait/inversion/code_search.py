"""The first half of an inversion: finds the person, and for each photo the motion and the camera,
that reproduce the photos, within what the model knows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.camera import orbits
from training.networks.generator import Generator, RawRender
from viz.portrait.inversion.code_space import CodeSpace
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.likeness import Likeness, mouth_opening
from viz.portrait.inversion.occupancy import Occupancy
from viz.portrait.inversion.photo_target import FacePhoto
from viz.portrait.inversion.stepping import Stepping

_START_PSI = 0.8
"""Truncation of the random people compared: extreme ones are unlike any photo."""
_COARSE_SIDE = 32
"""Side of the raw pictures in the first steps."""
_COARSE_SAMPLES, _SAMPLES = 12, 16
"""Samples of both passes along a ray, in the first and in the other steps."""
_COARSE_SHARE = 0.4
"""Fraction of the steps that use only small raw pictures: they find most, at a quarter of the
cost."""
_RATES = {"people": 0.08, "motion": 0.08, "view": 0.04}
_SPREAD = 0.05
"""Weight of differences between the latents of one person's layers."""
_MOTION_PRIOR = 0.01
_VIEW_SPREADS = (10.0, 10.0, 4.0, 0.08, 0.04, 0.04)
"""Standard deviations of the first estimate of the view: yaw, pitch and roll in degrees, the
logarithm of the crop's side, and the crop's centre in sides."""
_VIEW_PRIOR = 0.05
_EMPTY = 60.0
"""Weight of density where none of the compared people have any."""
_MOUTHS = 16
"""Number of people whose mouth opening at rest is measured."""
_REST_EVERY = 4
_REST = 10.0
"""Weight of a mouth that is open at rest although those of the model's people are closed."""
_REST_EYES = 1.0
"""Weight of eyes at rest that are unlike the photo's open ones."""


@dataclass(frozen=True)
class FittedShot:
    """A person, a motion and a camera."""

    ws: Tensor
    """[1, num_ws, w_dim]."""
    motion: Tensor
    """The motion code at t = 1 [1, motion_dim]."""
    c: Tensor
    """Camera [1, 25]."""


def planes(G: Generator, ws: Tensor, motion: Tensor) -> Tensor:
    """Tri-planes of a motion code at t = 1, whether or not the model has motion."""
    return G.planes(ws, motion, ws.new_ones((len(ws), 1)))


def without_graph(raw: RawRender) -> RawRender:
    """A raw picture detached from the autograd graph."""
    parts = (raw.features, raw.image, raw.depth, raw.opacity)
    return RawRender(*(part.detach() for part in parts))


def camera_of(view: Tensor) -> Tensor:
    """The camera [M, 25] of views [M, 6]: yaw, pitch and roll in degrees, the logarithm of the
    factor by which the crop should be larger, and the offset that its centre should have, in sides.
    The lens sees the present crop as the published lens would see the corrected one."""
    c = orbits(view[:, :3])
    zoom, offset = torch.exp(view[:, 3:4]), view[:, 4:]
    zeros = torch.zeros_like(zoom)
    across = torch.cat([c[:, 16:17] * zoom, zeros, 0.5 + offset[:, :1]], dim=1)
    down = torch.cat([zeros, c[:, 20:21] * zoom, 0.5 + offset[:, 1:]], dim=1)
    return torch.cat([c[:, :16], across, down, c[:, 22:]], dim=1)


class CodeSearch(Stepping):
    """Fits codes and views to photos of one person by gradient descent, a photo in each step,
    starting at the random person most similar to the first one. There is one likeness per
    photo."""

    def __init__(
        self,
        G: Generator,
        photos: Sequence[FacePhoto],
        likenesses: Sequence[Likeness],
        options: InversionOptions,
    ) -> None:
        self.G, self.likenesses, self.options = G, likenesses, options
        self.space = CodeSpace.of(G, options.seed)
        device, config = G.device, G.config
        views = [[photo.fit.yaw, photo.fit.pitch, 0, 0, 0, 0] for photo in photos]
        self.start_view = torch.tensor(views, dtype=torch.float32, device=device)
        self.spreads = torch.tensor(_VIEW_SPREADS, device=device)
        self.people = torch.zeros((config.num_ws, len(self.space.directions)), device=device)
        self.motion = torch.zeros((len(photos), len(self.space.motions)), device=device)
        for row, photo in zip(self.motion, photos, strict=True):
            if photo.motion is not None:
                row.copy_(self.space.motions @ torch.from_numpy(photo.motion).to(row))
        self.view = torch.zeros((len(photos), 6), device=device)
        """Offsets from the first estimates, in their standard deviations."""
        self.rest_opening = torch.zeros((), device=device)
        """Mouth opening of the model's people at rest."""
        self.seen: tuple[RawRender, Tensor] | None = None
        """The newest raw picture, and the ws that its super-resolution takes."""
        self.occupancy = Occupancy.empty(G, options.seed)
        values = {"people": self.people, "motion": self.motion, "view": self.view}
        others = {"rest_opening": self.rest_opening, "room": self.occupancy.most}
        super().__init__(values, _RATES, options.code_steps, others)

    @property
    def coarse_steps(self) -> int:
        """Number of steps that use only small raw pictures."""
        return round(_COARSE_SHARE * self.steps)

    def shot(self, number: int = 0) -> FittedShot:
        """The present result for one of the photos."""
        one = slice(number, number + 1)
        view = self.start_view[one] + self.view[one] * self.spreads
        ws = self.space.ws(self.people)[None]
        return FittedShot(ws, self.space.motion(self.motion[one]), camera_of(view))

    @torch.no_grad()
    def choose_start(self) -> Iterator[float]:
        """Compares random people with the first photo and starts at the most similar one. Yields
        the fraction done."""
        config, count = self.G.config, self.options.candidates
        draws = torch.Generator().manual_seed(self.options.seed + 1)
        z = torch.randn((count, config.z_dim), generator=draws).to(self.G.device)
        w = self.space.mean + _START_PSI * (self.G.mapping(z)[:, 0] - self.space.mean)
        still = self.space.motion(torch.zeros_like(self.motion[:1]))
        c, likeness = camera_of(self.start_view[:1]), self.likenesses[0]
        best, openings = math.inf, []
        for k in range(count):
            ws = w[k, None, None].expand(1, config.num_ws, -1)
            now = planes(self.G, ws, still)
            self.occupancy.add(now)
            raw = self._render(now, FittedShot(ws, still, c), True)
            loss = float(likeness.picture(raw.image))
            if loss < best:
                best, self.seen = loss, (raw, ws)
                self.people.copy_(self.space.coordinates(w[k]).expand_as(self.people))
            if k < _MOUTHS:
                points = likeness.points(self.G.superresolve(raw, ws))
                openings.append(mouth_opening(points))
            yield (k + 1) / count
        self.rest_opening.copy_(torch.cat(openings).median())

    def losses(self, step: int) -> Iterator[Tensor]:
        coarse, number = step < self.coarse_steps, step % len(self.likenesses)
        yield self._unlike(step, coarse, number) + self._priors(number)
        if self.G.config.has_motion and not coarse and step % _REST_EVERY == 0:
            yield self._rest(self.shot())

    def _unlike(self, step: int, coarse: bool, number: int) -> Tensor:
        """Loss of the present result against a photo."""
        shot, likeness = self.shot(number), self.likenesses[number]
        now = planes(self.G, shot.ws, shot.motion)
        jitter = torch.Generator(self.G.device).manual_seed(self.options.seed * 10007 + step)
        raw = self._render(now, shot, coarse, jitter)
        loss = likeness.picture(raw.image).mean() + likeness.opacity(raw)
        loss = loss + _EMPTY * self.occupancy.excess(now)
        if not coarse:
            image = self.G.superresolve(raw, shot.ws)
            loss = loss + likeness.picture(image).mean() + likeness.face(image)
        self.seen = without_graph(raw), shot.ws.detach()
        return loss

    def _priors(self, number: int) -> Tensor:
        people, motion = self.people, self.motion[number]
        apart = (people - people.mean(dim=0)).square().mean()
        return (
            self.options.prior * people.square().mean()
            + _SPREAD * apart
            + _MOTION_PRIOR * motion.square().sum() / max(len(motion), 1)
            + _VIEW_PRIOR * self.view[number].square().mean()
        )

    def _rest(self, shot: FittedShot) -> Tensor:
        """A smile in the photo belongs to its motion, not to the person at rest; open eyes to
        both."""
        still = FittedShot(shot.ws, torch.zeros_like(shot.motion), shot.c.detach())
        raw = self._render(planes(self.G, still.ws, still.motion), still, True)
        image = self.G.superresolve(raw, still.ws)
        opening = mouth_opening(self.likenesses[0].points(image))
        eyes = self.likenesses[0].eyes(image).mean()
        return _REST * (opening - self.rest_opening).relu().mean() + _REST_EYES * eyes

    def _render(
        self, now: Tensor, shot: FittedShot, coarse: bool, jitter: torch.Generator | None = None
    ) -> RawRender:
        options = self.G.config.rendering
        samples = _COARSE_SAMPLES if coarse else _SAMPLES
        return self.G.render(
            now,
            shot.ws,
            shot.c,
            resolution=min(_COARSE_SIDE, options.raw_resolution) if coarse else None,
            depth_samples=min(samples, options.depth_samples),
            importance_samples=min(samples, options.importance_samples),
            jitter=jitter,
        )
