"""Small pictures of the people and motions that a model recommends, rendered in idle time and
kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from viz.state.person import Latent, Motion
from viz.state.types import ModelInfo, Preview, RenderRequest, RenderResult, SessionState

Kind = Literal["people", "motions"]

_SPARING = Preview(samples=0.5)
_LAST = 1.0
"""Time in the clip at which a motion is shown: it has gone furthest from the rest pose."""


class Thumbnails:
    """Requests for the visible cells' pictures, and the pictures rendered so far."""

    def __init__(self) -> None:
        self.pictures: dict[tuple[Kind, int], np.ndarray] = {}
        """uint8 [h, w, 3] by kind and seed, as they come."""
        self._requests: dict[RenderRequest, tuple[Kind, int]] = {}
        self._shown: set[Kind] = set()

    def forget(self, model: ModelInfo) -> None:
        """Starts afresh, with another model."""
        self.pictures.clear()
        self._requests = {_of_person(seed): ("people", seed) for seed in model.people}
        person = Latent.at(model.people[0]) if model.people else Latent()
        if model.moves:
            for seed in model.motions:
                self._requests[_of_motion(person, seed)] = "motions", seed

    def show(self, kind: Kind) -> None:
        """Records that the cells of a kind are drawn in this frame; only visible ones are
        rendered."""
        self._shown.add(kind)

    def missing(self) -> Iterator[RenderRequest]:
        """Requests for the cells drawn since the last call that have no picture yet."""
        shown, self._shown = self._shown, set()
        for request, (kind, seed) in self._requests.items():
            if kind in shown and (kind, seed) not in self.pictures:
                yield request

    def take(self, result: RenderResult) -> bool:
        """Keeps a result's picture if it is a thumbnail; returns whether it is."""
        place = self._requests.get(result.request)
        if place is None or result.pictures[0] is None:
            return False
        self.pictures[place] = result.pictures[0]
        return True


def _of_person(seed: int) -> RenderRequest:
    return _request(SessionState(latent=Latent.at(seed)))


def _of_motion(person: Latent, seed: int) -> RenderRequest:
    return _request(SessionState(latent=person, motion=Motion.at(seed), t=_LAST))


def _request(state: SessionState) -> RenderRequest:
    """The raw picture from the front, as the super-resolution would be too fine to be seen."""
    return RenderRequest((state.shot("raw"),), preview=_SPARING)
