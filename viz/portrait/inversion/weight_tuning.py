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
from viz.portrait.inversion.code_search import FittedShot, planes, without_graph
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.likeness import Likeness
from viz.portrait.inversion.occupancy import Occupancy
from viz.portrait.inversion.stepping import Stepping

_RATE = 7e-3
"""Learning rate of the stored weights, which have about unit variance."""
_KEPT = (".mapping.", "motion_time_fuser", "noise_strength")
"""Parts of names of weights that are not tuned: they determine identity, motion and noise
strength."""
_SAMPLES = 16
"""Samples of both passes along a ray, where changes are penalised."""
_VIEW_SIDE = 48
"""Side of the views in which changes are penalised, pixels."""
_YAWS, _PITCHES = 45.0, 15.0
"""Largest yaw and pitch of the views to be preserved, degrees."""
_DEPTH, _COLOUR = 20.0, 0.1
"""Weights of a view's depth and colours relative to its opacity."""
_EMPTY = 60.0
"""Weight of density where there was none, and where none of the model's people have any."""
_EXPRESSIONS = 1.0
"""Weight of changes to other expressions."""
_REST_EVERY, _OTHERS_EVERY = 2, 4
"""Steps between those that preserve the face at rest, and those that preserve a random
expression."""
_SEEN = 0.05
"""Opacity above which something is visible."""
_MOVING, _MOVING_REACH = 0.2, 0.02
"""Difference of colours, which span 2, above which a pixel counts as moved by an expression, and
the margin around it, in picture sides."""
_CARRIED = 0.06
"""Distance over which the photo's colours are carried into moved parts, in picture sides."""
_MOVED = 2.0
"""Additional weight of parts that an expression moves: the photo's own, such as teeth, spread to
other expressions there."""


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
        likenesses: one per photo.
        shots: the search's result for each photo, all of one person.
        occupancy: that of the model's people.
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
        self.seen: tuple[RawRender, Tensor] | None = None
        """The newest raw picture, and the ws that its super-resolution takes."""
        still = torch.zeros_like(shots[0].motion)
        numbers = range(len(shots)) if G.config.has_motion else ()
        # Another photo may look elsewhere: the eyes at rest are those of the first.
        self._at_rest = [self._expected(still, number, number == 0) for number in numbers]

    def losses(self, step: int) -> Iterator[Tensor]:
        draws = torch.Generator().manual_seed(self.options.seed * 10007 + step)
        jitter = torch.Generator(self.G.device).manual_seed(self.options.seed * 10007 + step)
        number = step % len(self.shots)
        shot, likeness = self.shots[number], self.likenesses[number]
        now = planes(self.G, shot.ws, shot.motion)
        raw = self.G.render(now, shot.ws, shot.c, jitter=jitter)
        self.seen = without_graph(raw), shot.ws
        image = self.G.superresolve(raw, shot.ws)
        loss = likeness.picture(raw.image).mean() + likeness.picture(image).mean()
        loss = loss + likeness.opacity(raw) + likeness.face(image)
        change = self._view(now, self._planes[number], draws)
        change = change + _EMPTY * self.occupancy.excess(now, self.G)
        yield loss + self.options.locality * change
        number = step // _OTHERS_EVERY % len(self.shots)
        if self._at_rest and step % _REST_EVERY == 0:
            yield self._unlike(torch.zeros_like(shot.motion), number, self._at_rest[number])
        elif self._at_rest and step % _OTHERS_EVERY == 1:
            motion = torch.randn(shot.motion.shape, generator=draws)
            motion = (motion * torch.rand(1, generator=draws)).to(self.G.device)
            yield self._unlike(motion, number, self._expected(motion, number))

    def differences(self) -> dict[str, Tensor]:
        """Changes of the weights, in half precision on the processor, by name."""
        before = dict(self.before.named_parameters())
        return {
            name: (value.detach() - before[name].detach()).to("cpu", torch.float16)
            for name, value in self.values.items()
        }

    @torch.no_grad()
    def _expected(
        self, motion: Tensor, number: int, eyes: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """What a photo implies for another expression, as pictures and the weights of their pixels:
        the expression as it was, with the photo's changes where it moves nothing, and with those of
        their surroundings elsewhere. This keeps a smile in the photo from becoming part of the face
        at rest. The photo's open eyes become part of it, if wanted: those found by the search are
        often of another shape, so that expressions would move them too."""
        shot = self.shots[number]
        before = self._pictures(self.before, planes(self.before, shot.ws, motion), shot)
        expected = []
        for shown, old in zip(self._shown[number], before, strict=True):
            likeness, side = self.likenesses[number], old.shape[-1]
            wanted, weights = likeness.level(side)
            stays = _staying(old - shown) * (weights > 0)
            picture = old + _carried(wanted - shown, stays)
            if eyes:
                where = likeness.open_eyes(side)
                picture = torch.lerp(picture, wanted, where)
                stays = stays * (1 - where)
            expected.append((picture, weights * (1 + _MOVED * (1 - stays))))
        return expected

    def _unlike(self, motion: Tensor, number: int, expected: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Loss of an expression against what is expected."""
        shot = self.shots[number]
        shown = self._pictures(self.G, planes(self.G, shot.ws, motion), shot)
        losses = [
            ((new - picture).abs() * weights).mean()
            for new, (picture, weights) in zip(shown, expected, strict=True)
        ]
        return _EXPRESSIONS * torch.stack(losses).sum()

    def _pictures(self, G: Generator, planes: Tensor, shot: FittedShot) -> tuple[Tensor, Tensor]:
        """The raw and the final picture from a photo's camera."""
        raw = self._render(G, planes, shot.c, None)
        return raw.image, G.superresolve(raw, shot.ws)

    def _view(self, now: Tensor, before: Tensor, draws: torch.Generator) -> Tensor:
        """Loss of changes in a random view, against the planes from before the tuning: of its
        opacity, its depth and, a little, its colours. This removes density that floats beside the
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
        return self._render(G, planes, c, min(_VIEW_SIDE, G.config.rendering.raw_resolution))

    def _render(self, G: Generator, planes: Tensor, c: Tensor, side: int | None) -> RawRender:
        options = G.config.rendering
        return G.render(
            planes,
            self.shots[0].ws,
            c,
            resolution=side,
            depth_samples=min(_SAMPLES, options.depth_samples),
            importance_samples=min(_SAMPLES, options.importance_samples),
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


def _staying(moved: Tensor) -> Tensor:
    """Where an expression that changes a picture by `moved` [1, 3, s, s] moves nothing, 0 to 1 [1,
    1, s, s]."""
    reach = 2 * max(round(_MOVING_REACH * moved.shape[-1]), 1) + 1
    moves = F.max_pool2d(moved.abs().mean(dim=1, keepdim=True), reach, 1, reach // 2)
    return (1 - F.avg_pool2d(moves, reach, 1, reach // 2) / _MOVING).clamp(0, 1)


def _carried(change: Tensor, stays: Tensor) -> Tensor:
    """Transfers a change of a picture to another expression of the same face.

    Args:
        change: the change to transfer [1, 3, s, s].
        stays: where it applies [1, 1, s, s]; elsewhere a blur of the surrounding change is used.
    """
    sigma = max(_CARRIED * change.shape[-1], 1.0)
    offsets = torch.arange(-round(2 * sigma), round(2 * sigma) + 1, device=change.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    both = torch.cat([change * stays, stays], dim=1).transpose(0, 1)
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        weights = kernel.reshape(shape)
        both = F.conv2d(both, weights, padding=[n // 2 for n in weights.shape[2:]])
    around = (both[:3] / both[3:].clamp_min(1e-3)).transpose(0, 1)
    return torch.lerp(around, change, stays)
