"""The second half of an inversion: fits the model's weights to the photos, starting at the person
found (pivotal tuning, Roich et al., 2021, arXiv 2106.05744)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from training.camera import orbits
from training.networks.generator import Generator, RawRender
from viz.portrait.inversion.code_search import FittedShot, planes
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.likeness import Likeness
from viz.portrait.inversion.occupancy import Occupancy
from viz.portrait.inversion.stepping import Stepping

_RATE = 7e-3
"""Learning rate of the stored weights, which have about unit variance."""
_KEPT = (".mapping.", "motion_time_fuser", "noise_strength")
"""Parts of names of weights that are not tuned: they determine identity, motion and noise
strength."""
_VIEW_SIDE, _VIEW_SAMPLES = 48, 16
"""Pixels, and samples per pass, of the pictures in which changes are penalised."""
_YAWS, _PITCHES = 45.0, 15.0
"""Largest yaw and pitch of the views to be preserved, degrees."""
_DEPTH, _COLOUR = 20.0, 0.1
"""Weights of a view's depth and colours relative to its opacity."""
_EMPTY = 20.0
"""Weight of matter in space that was empty and that none of the model's people occupy."""
_EXPRESSIONS = 1.0
"""Weight of changes to other expressions."""
_EXPRESSIONS_EVERY = 2
_SEEN = 0.05
"""Opacity above which something is visible."""
_MOVING, _MOVING_REACH = 0.2, 0.02
"""Difference of colours, which span 2, above which a pixel counts as moved by an expression, and
the margin around it, in picture sides."""
_CARRIED = 0.06
"""Distance over which the photo's colours are carried into moved parts, in picture sides."""


def tuned_names(G: Generator) -> list[str]:
    """Names of the weights that are tuned."""
    return [
        name for name, _ in G.named_parameters() if not any(part in f".{name}" for part in _KEPT)
    ]


class WeightTuning(Stepping):
    """Fits a copy of a generator to photos of one person, one in each step, while preserving other
    views, the empty space around the head, and the motions.

    Args:
        G: the generator, which is not changed.
        likenesses: to each photo.
        shots: what the search has found for each photo, of one person.
        occupancy: of the model's people.
        options: of the inversion.
    """

    def __init__(
        self,
        G: Generator,
        likenesses: Sequence[Likeness],
        shots: Sequence[FittedShot],
        occupancy: Occupancy,
        options: InversionOptions,
    ) -> None:
        self.occupancy = occupancy
        self.before, self.likenesses, self.shots, self.options = G, likenesses, shots, options
        self.G = copy.deepcopy(G)
        parameters = dict(self.G.named_parameters())
        values = {name: parameters[name] for name in tuned_names(G)}
        super().__init__(values, {"": _RATE}, options.tuning_steps)
        with torch.no_grad():
            self._planes = [planes(G, shot.ws, shot.motion) for shot in shots]
            pairs = zip(self._planes, shots, strict=True)
            self._shown = [self._pictures(G, now, shot) for now, shot in pairs]

    def losses(self, step: int) -> Iterator[Tensor]:
        draws = torch.Generator().manual_seed(self.options.seed * 10007 + step)
        jitter = torch.Generator(self.G.device).manual_seed(self.options.seed * 10007 + step)
        number = step % len(self.shots)
        shot, likeness = self.shots[number], self.likenesses[number]
        now = planes(self.G, shot.ws, shot.motion)
        raw = self.G.render(now, shot.ws, shot.c, jitter=jitter)
        image = self.G.superresolve(raw, shot.ws)
        loss = likeness.picture(raw.image).mean() + likeness.picture(image).mean()
        loss = loss + likeness.opacity(raw) + likeness.face(image)
        change = self._view(now, self._planes[number], draws)
        change = change + _EMPTY * self.occupancy.excess(now, self.G)
        yield loss + self.options.locality * change
        if self.G.config.has_motion and step % _EXPRESSIONS_EVERY == 0:
            rests = step // _EXPRESSIONS_EVERY % 2 == 0
            yield _EXPRESSIONS * self._expression(number, rests, draws)

    def differences(self) -> dict[str, Tensor]:
        """Changes of the weights, in half precision on the processor, by name."""
        before = dict(self.before.named_parameters())
        return {
            name: (value.detach() - before[name].detach()).to("cpu", torch.float16)
            for name, value in self.values.items()
        }

    def _expression(self, number: int, rests: bool, draws: torch.Generator) -> Tensor:
        """Loss of the face at rest, or of a random expression, against what the photo implies: its
        former picture, plus the photo's changes where the expression moves nothing, and with
        surrounding colours elsewhere. This keeps a smile in the photo from becoming part of the
        face at rest."""
        shot = self.shots[number]
        motion = torch.randn(shot.motion.shape, generator=draws).to(self.G.device)
        motion = motion * (not rests) * torch.rand(1, generator=draws).to(self.G.device)
        with torch.no_grad():
            before = self._pictures(self.before, planes(self.before, shot.ws, motion), shot)
        now = self._pictures(self.G, planes(self.G, shot.ws, motion), shot)
        losses = []
        for shown, old, new in zip(self._shown[number], before, now, strict=True):
            wanted, weights = self.likenesses[number].level(new.shape[-1])
            target = old + _carried(old - shown, wanted - shown, weights > 0)
            losses.append(((new - target).abs() * weights).mean())
        return torch.stack(losses).sum()

    def _pictures(self, G: Generator, planes: Tensor, shot: FittedShot) -> tuple[Tensor, Tensor]:
        """The raw and the final picture from a photo's camera."""
        raw = G.render(planes, shot.ws, shot.c)
        return raw.image, G.superresolve(raw, shot.ws)

    def _view(self, now: Tensor, before: Tensor, draws: torch.Generator) -> Tensor:
        """Loss of changes in a random view, against the planes from before the tuning: of its
        opacity, its depth and, a little, its colours. This removes matter that floats beside the
        head."""
        turn = torch.rand((1, 2), generator=draws) * 2 - 1
        angles = F.pad(turn * torch.tensor([_YAWS, _PITCHES]), (0, 1)).to(now.device)
        c = orbits(angles)
        with torch.no_grad():
            old = self._small(self.before, before, c)
        new = self._small(self.G, now, c)
        head = old.opacity * _largest_part(old.opacity)
        depth = ((new.depth - old.depth) * head).square().mean()
        colour = F.l1_loss(new.image, old.image)
        return (new.opacity - head).square().mean() + _DEPTH * depth + _COLOUR * colour

    def _small(self, G: Generator, planes: Tensor, c: Tensor) -> RawRender:
        options = G.config.rendering
        return G.render(
            planes,
            self.shots[0].ws,
            c,
            resolution=min(_VIEW_SIDE, options.raw_resolution),
            depth_samples=min(_VIEW_SAMPLES, options.depth_samples),
            importance_samples=min(_VIEW_SAMPLES, options.importance_samples),
        )


def _largest_part(opacity: Tensor) -> Tensor:
    """1 in and around the largest connected part of a picture [1, 1, s, s], else 0."""
    seen = (opacity[0, 0] > _SEEN).cpu().numpy()
    parts = np.zeros(seen.shape, np.int32)
    ndimage.label(seen, output=parts)
    sizes = np.bincount(parts.reshape(-1))[1:]
    if len(sizes) < 2:
        return torch.ones_like(opacity)
    largest = ndimage.binary_dilation(parts == 1 + sizes.argmax(), iterations=2)
    return torch.from_numpy(largest).to(opacity)[None, None]


def _carried(moved: Tensor, change: Tensor, known: Tensor) -> Tensor:
    """Transfers a change of a picture to another expression of the same face.

    Args:
        moved: how the expression changes the picture [1, 3, s, s].
        change: the change to transfer; where the expression moves something, a blur of the
            surrounding change is used [1, 3, s, s].
        known: where the change is known [1, 1, s, s].
    """
    side = moved.shape[-1]
    reach = 2 * max(round(_MOVING_REACH * side), 1) + 1
    moves = F.max_pool2d(moved.abs().mean(dim=1, keepdim=True), reach, 1, reach // 2)
    stays = (1 - F.avg_pool2d(moves, reach, 1, reach // 2) / _MOVING).clamp(0, 1) * known
    sigma = max(_CARRIED * side, 1.0)
    offsets = torch.arange(-round(2 * sigma), round(2 * sigma) + 1, device=moved.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    both = torch.cat([change * stays, stays], dim=1).transpose(0, 1)
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        weights = kernel.reshape(shape)
        both = F.conv2d(both, weights, padding=[n // 2 for n in weights.shape[2:]])
    around = (both[:3] / both[3:].clamp_min(1e-3)).transpose(0, 1)
    return torch.lerp(around, change, stays)
