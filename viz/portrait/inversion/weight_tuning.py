"""The second half of an inversion: the model's weights are fitted to the photo around the person
that was found (pivotal tuning, Roich et al., 2021, arXiv 2106.05744)."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from training.camera import orbits
from training.networks.generator import Generator, RawRender
from viz.portrait.inversion.code_search import Shot, planes
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.likeness import Likeness
from viz.portrait.inversion.room import Room
from viz.portrait.inversion.stepping import Stepping

_RATE = 3e-3
"""Learning rate of the stored weights, which have about unit variance."""
_KEPT = (".mapping.", "motion_time_fuser", "noise_strength")
"""Parts of names of weights that stay: who is who, what moves, and how much noise there is."""
_VIEW_SIDE, _VIEW_SAMPLES = 48, 16
"""Pixels and samples a pass of the pictures in which changes are looked for."""
_YAWS, _PITCHES = 45.0, 15.0
"""Ends of the views that shall stay as they were, in degrees to both sides."""
_DEPTH, _COLOUR = 20.0, 0.03
"""Weights of a view's depth and colours beside its opacity."""
_MOVING = 0.2
"""Difference of colours, which span 2, between the photo's expression and the face at rest, from
which a pixel counts as moved."""
_EMPTY = 20.0
"""Weight of matter in space that was empty, and that all of the model's people leave empty."""
_MOTION = 0.2
_REST = 8.0
"""Weights of what random motions do, and of the parts of the face that move at rest."""


def tuned_names(G: Generator) -> list[str]:
    """Names of the weights that are fitted."""
    return [
        name for name, _ in G.named_parameters() if not any(part in f".{name}" for part in _KEPT)
    ]


class WeightTuning(Stepping):
    """Fits a copy of a generator to a photo; other views, the empty space around the head and the
    motions shall stay what they were."""

    def __init__(
        self,
        G: Generator,
        likeness: Likeness,
        shot: Shot,
        room: Room,
        options: InversionOptions,
    ) -> None:
        self.room = room
        self.before, self.likeness, self.shot, self.options = G, likeness, shot, options
        self.G = copy.deepcopy(G)
        parameters = dict(self.G.named_parameters())
        values = {name: parameters[name] for name in tuned_names(G)}
        super().__init__(values, {"": _RATE}, options.tuning_steps)
        with torch.no_grad():
            self._planes = planes(G, shot.ws, shot.motion)
            self._rest = Shot(shot.ws, torch.zeros_like(shot.motion), shot.c)
            rest = self._small(G, planes(G, shot.ws, self._rest.motion), shot.c)
            shown = self._small(G, self._planes, shot.c)
            self._rest_image = rest.image
            moved = (rest.image - shown.image).abs().mean(dim=1, keepdim=True)
            self._moving = (F.avg_pool2d(moved, 3, 1, 1) / _MOVING).clamp(0, 1)

    def losses(self, step: int) -> Iterator[Tensor]:
        draws = torch.Generator().manual_seed(self.options.seed * 10007 + step)
        jitter = torch.Generator(self.G.device).manual_seed(self.options.seed * 10007 + step)
        shot, likeness = self.shot, self.likeness
        now = planes(self.G, shot.ws, shot.motion)
        raw = self.G.render(now, shot.ws, shot.c, jitter=jitter)
        image = self.G.superresolve(raw, shot.ws)
        loss = likeness.picture(raw.image).mean() + likeness.picture(image).mean()
        loss = loss + likeness.opacity(raw) + likeness.face(image)
        change = self._view(now, draws) + _EMPTY * self.room.excess(now, self.G)
        moves = self.G.config.has_motion
        if moves and step % 2 == 0:
            change = change + _MOTION * self._movement(now, draws)
        yield loss + self.options.locality * change
        if moves and step % 2:
            yield self.options.locality * _REST * self._rest_change()

    def differences(self) -> dict[str, Tensor]:
        """What the weights have changed by, in half precision on the processor, by their names."""
        before = dict(self.before.named_parameters())
        return {
            name: (value.detach() - before[name].detach()).to("cpu", torch.float16)
            for name, value in self.values.items()
        }

    def _rest_change(self) -> Tensor:
        """Change of the face at rest where the photo's expression moves it: a smile shall not be
        fitted into it."""
        rest = self._rest
        raw = self._small(self.G, planes(self.G, rest.ws, rest.motion), rest.c)
        return ((raw.image - self._rest_image).abs() * self._moving).mean()

    def _view(self, now: Tensor, draws: torch.Generator) -> Tensor:
        """Change of a random view: its opacity, its depth, and a little its colours."""
        turn = torch.rand((1, 2), generator=draws) * 2 - 1
        angles = F.pad(turn * torch.tensor([_YAWS, _PITCHES]), (0, 1)).to(now.device)
        c = orbits(angles)
        with torch.no_grad():
            old = self._small(self.before, self._planes, c)
        new = self._small(self.G, now, c)
        depth = ((new.depth - old.depth) * old.opacity).square().mean()
        colour = F.l1_loss(new.image, old.image)
        return (new.opacity - old.opacity).square().mean() + _DEPTH * depth + _COLOUR * colour

    def _small(self, G: Generator, planes: Tensor, c: Tensor) -> RawRender:
        options = G.config.rendering
        return G.render(
            planes,
            self.shot.ws,
            c,
            resolution=min(_VIEW_SIDE, options.raw_resolution),
            depth_samples=min(_VIEW_SAMPLES, options.depth_samples),
            importance_samples=min(_VIEW_SAMPLES, options.importance_samples),
        )

    def _movement(self, now: Tensor, draws: torch.Generator) -> Tensor:
        """Change of what a random motion does to the tri-planes, in shares of it."""
        motion = torch.randn(self.shot.motion.shape, generator=draws).to(now.device)
        motion = motion * torch.rand(1, generator=draws).to(now.device)
        with torch.no_grad():
            wanted = planes(self.before, self.shot.ws, motion) - self._planes
        moved = planes(self.G, self.shot.ws, motion) - now
        return (moved - wanted).abs().mean() / wanted.abs().mean().clamp_min(1e-6)
