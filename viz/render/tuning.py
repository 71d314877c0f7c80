"""Weights of the generator tuned to people, from person files.

A tuned person is shown by the model's weights plus the person's differences. In a blend each
person's differences are weighted by the person's share, as the ws are; truncation, style mixing and
blends with seeds reduce them as they reduce the person's part (`viz.state.person.Latent.own_part`).
So a transition from a tuned person to anyone else ends at the model's own weights, without a jump.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from training.checkpoint import mark_of
from training.networks.generator import Generator
from viz.render import person_file
from viz.render.inference.plan import Plan
from viz.render.inference.select import open_stages
from viz.render.inference.stage_interface import Stages
from viz.render.person_file import PersonFile
from viz.state.animation.blending import people
from viz.state.errors import UserError
from viz.state.files import Stamp, file_stamp
from viz.state.person import Latent

_MAPPING = "backbone.mapping."
"""Prefix of weights that cannot be tuned: ws are computed after them."""
_COPIES = 2
"""Tuned copies of the generator that are kept: enough for a comparison of two people."""

Mix = tuple[tuple[str, Stamp | None, float], ...]
"""Tuned people: file, its stamp and the share of its differences; empty for the model's own
weights."""


class OtherModelError(UserError):
    """A person belongs to another model, whose weights have the fingerprint `weights`."""

    def __init__(self, sentence: str, weights: str) -> None:
        super().__init__(sentence)
        self.weights = weights


def mix_of(latent: Latent, num_ws: int) -> Mix:
    """The tuned people in a blend.

    Raises:
        UserError: when a person file cannot be read.
    """
    shares: dict[str, float] = {}
    for person, share in people(latent):
        own = share * person.own_part(num_ws) if person.is_portrait else 0.0
        if own and person_file.read(person.ws_file).tuned:
            shares[person.ws_file] = shares.get(person.ws_file, 0.0) + own
    return tuple((path, file_stamp(path), share) for path, share in shares.items())


def read_for(path: str, G: Generator) -> PersonFile:
    """Reads a person file and checks that it belongs to a model.

    Raises:
        UserError: when it cannot be read, is another model's, or does not fit.
    """
    person, name, config = person_file.read(path), Path(path).name, G.config
    if person.weights != mark_of(G):
        model = f" ({person.model})" if person.model else ""
        raise OtherModelError(
            f"{name} was made with another model{model}: open that one first.",
            person.weights,
        )
    own = dict(G.named_parameters())
    wrong = [
        key
        for key, change in person.tuned.items()
        if key.startswith(_MAPPING) or key not in own or own[key].shape != change.shape
    ]
    if (
        wrong
        or person.ws.shape != (config.num_ws, config.w_dim)
        or person.motion.shape not in ((0,), (config.motion_dim,))
    ):
        raise UserError(f"{name} does not fit the model that it was made with: it is damaged.")
    return person


@dataclass
class _Copy:
    """A copy of the generator that has the weights of one mix at a time."""

    G: Generator
    stages: tuple[Plan, Stages] | None = field(default=None, repr=False)


class TunedGenerators:
    """Generators with the weights of tuned people, a few at a time.

    A copy has its own memory for the weights that can be tuned and shares the rest with the model.
    A new mix overwrites the copy used least recently.

    Args:
        G: the model, whose own weights are not changed.
    """

    def __init__(self, G: Generator) -> None:
        self.G = G
        self._copies: OrderedDict[Mix, _Copy] = OrderedDict()

    def generator(self, mix: Mix, own: bool = False) -> Generator:
        """The generator with the weights of a mix.

        Args:
            mix: the people.
            own: whether it must not change; otherwise it may only be used until another mix is
                requested.

        Raises:
            UserError: when one of its files belongs to another model.
        """
        if not mix:
            return self.G
        return _own_copy(self._copy(mix).G) if own else self._copy(mix).G

    def stages(self, mix: Mix, plan: Plan) -> Stages:
        """The stages of a mix that is not empty, prepared for a plan."""
        made = self._copy(mix)
        if made.stages is None or made.stages[0] != plan:
            made.stages = None
            made.stages = plan, open_stages(made.G, plan)
        return made.stages[1]

    def _copy(self, mix: Mix) -> _Copy:
        found = self._copies.get(mix)
        if found is None:
            changes = [(read_for(path, self.G), share) for path, _, share in mix]
            if len(self._copies) < _COPIES:
                found = _Copy(_own_copy(self.G))
            else:
                found = self._copies.popitem(last=False)[1]
            self._fill(found, changes)
            self._copies[mix] = found
        self._copies.move_to_end(mix)
        return found

    def _fill(self, made: _Copy, changes: list[tuple[PersonFile, float]]) -> None:
        own = dict(self.G.named_parameters())
        for name, weight in made.G.named_parameters():
            if weight is own[name]:
                continue
            weight.copy_(own[name])
            for person, share in changes:
                change = person.tuned.get(name)
                if change is not None:
                    change = torch.from_numpy(change.astype(np.float32))
                    weight.add_(change.to(weight.device), alpha=share)
        if made.stages is not None:
            made.stages[1].take_weights()


def _own_copy(G: Generator) -> Generator:
    """A copy with its own memory for the weights that can be tuned."""
    shared = [p for name, p in G.named_parameters() if name.startswith(_MAPPING)]
    shared += list(G.buffers())
    with torch.inference_mode(False):
        return copy.deepcopy(G, {id(tensor): tensor for tensor in shared})
