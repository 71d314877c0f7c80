"""Small pictures: of people and motions to choose from, of favourites and of the history.

Code that draws one asks for it in every frame in which it is visible:

    pixels = thumbnails.picture(of_person(latent))    # None until it was rendered

They are rendered in idle time, only while they are asked for, and kept as long as there is room.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from dataclasses import replace
from typing import Protocol

import numpy as np

from viz.state.files import Stamp, file_stamp
from viz.state.person import Latent, Motion
from viz.state.types import ModelInfo, Preview, RenderRequest, RenderResult, SessionState

PICTURE_BYTES = 32 * 2**20
"""Memory for pictures: 2,700 of 64 pixels."""
MOTION_TIMES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
"""Times in the clip of a motion's pictures, the most telling first, as it is furthest from the rest
pose."""
_SPARING = Preview(samples=0.5)
_AHEAD = 8
"""Most pictures requested from the worker at a time: enough that it need not wait for the
window."""
_KEYS = 4096
"""Number of requests cached, as making one takes longer than looking it up."""


class Submit(Protocol):
    """Hands requests to the worker; see `viz.render.connection.WorkerConnection.submit_idle`."""

    def __call__(self, requests: tuple[RenderRequest, ...], appends: bool = False) -> None: ...


class Thumbnails:
    """Small pictures by their requests.

    Args:
        submit: requests pictures in idle time.
        max_bytes: memory for pictures; those asked for least recently make room.
    """

    def __init__(self, submit: Submit, max_bytes: int = PICTURE_BYTES) -> None:
        self.max_bytes, self.used_bytes = max_bytes, 0
        self._submit = submit
        self._model = ""
        self._pictures: OrderedDict[_Key, np.ndarray] = OrderedDict()
        self._problems: dict[_Key, str] = {}
        self._wanted: dict[RenderRequest, int] = {}
        """Pictures asked for in this frame that are not there, with their urgency."""
        self._under_way: dict[RenderRequest, None] = {}
        """Pictures requested from the worker, in order."""

    def __len__(self) -> int:
        """Number of cached pictures."""
        return len(self._pictures)

    @property
    def waiting(self) -> bool:
        """Whether pictures were asked for in this frame that are not there yet."""
        return bool(self._wanted)

    @property
    def under_way(self) -> int:
        """How many pictures the worker has yet to render."""
        return len(self._under_way)

    def picture(
        self, request: RenderRequest, urgency: int = 0, model: str = "", *, asks: bool = True
    ) -> np.ndarray | None:
        """The picture of a request, uint8 [h, w, 3]; None while it has not been rendered.

        Args:
            request: of one shot; `of_person`, `of_motion` and `of_state` make cheap ones.
            urgency: 0 for what is visible, more for what may become so: lower numbers come first,
                and among equal ones earlier requests.
            model: fingerprint of the weights (`ModelInfo.weights`); empty for the present model.
                Nothing is rendered for others.
            asks: whether it is requested if it is not cached.
        """
        model = model or self._model
        key = model, request, _stamps(request)
        found = self._pictures.get(key)
        if found is not None:
            self._pictures.move_to_end(key)
        elif asks and model == self._model and key not in self._problems:
            self._wanted[request] = min(urgency, self._wanted.get(request, urgency))
        return found

    def problem(self, request: RenderRequest) -> str:
        """Why the present model has no picture for a request, as a sentence; empty if it may
        have."""
        return self._problems.get((self._model, request, _stamps(request)), "")

    def put(self, request: RenderRequest, pixels: np.ndarray, model: str = "") -> None:
        """Keeps a picture that comes from elsewhere, uint8 [h, w, 3]; `model` is the fingerprint of
        the weights, empty for the present model."""
        key = model or self._model, request, _stamps(request)
        self._drop(key)
        self._pictures[key] = pixels
        self.used_bytes += pixels.nbytes
        while self.used_bytes > self.max_bytes:
            self._drop(next(iter(self._pictures)))

    def _drop(self, key: _Key) -> None:
        old = self._pictures.pop(key, None)
        if old is not None:
            self.used_bytes -= old.nbytes

    def send(self) -> None:
        """Requests the pictures that this frame has asked for; called once everything is drawn."""
        wanted, self._wanted = self._wanted, {}
        ordered = sorted(wanted, key=wanted.__getitem__)
        fresh = [request for request in ordered if request not in self._under_way]
        if not fresh:
            return
        worst = max((wanted.get(r, _GONE) for r in self._under_way), default=0)
        if worst > wanted[fresh[0]]:  # the worker has less urgent requests: begin again
            first = dict.fromkeys(ordered[:_AHEAD])
            self._submit(tuple(first))
            self._under_way = first
        elif len(self._under_way) <= _AHEAD // 2:
            more = fresh[: _AHEAD - len(self._under_way)]
            self._submit(tuple(more), appends=True)
            self._under_way |= dict.fromkeys(more)

    def take(self, result: RenderResult) -> None:
        """Stores the picture of a request that was rendered in idle time."""
        self._under_way.pop(result.request, None)
        picture = result.pictures[0] if result.pictures else None
        if picture is not None:
            self.put(result.request, picture)

    def failed(self, request: RenderRequest, sentence: str) -> None:
        """Records why a request made in idle time cannot be met; it is not made again."""
        self._under_way.pop(request, None)
        self._problems[self._model, request, _stamps(request)] = sentence

    def lost(self) -> None:
        """Notes that the worker was restarted and has no requests any more; the one that it was
        rendering may be the cause."""
        if self._under_way:
            self.failed(next(iter(self._under_way)), "The renderer ended while it was rendered.")
        self._under_way.clear()

    def use(self, model: ModelInfo) -> None:
        """Switches to another model, or to the same one read again. Pictures of other models stay,
        as far as there is room."""
        self._model = model.weights
        self._problems.clear()
        self._under_way.clear()


_Key = tuple[str, RenderRequest, tuple[Stamp | None, ...]]
"""The model, what is shown, and the people's files."""
_GONE = 1 << 30
"""Urgency of pictures that are no longer wanted."""


def _stamps(request: RenderRequest) -> tuple[Stamp | None, ...]:
    return tuple(map(file_stamp, request.shots[0].latent.files))


@functools.lru_cache(_KEYS)
def of_person(latent: Latent) -> RenderRequest:
    """A person from the front, in the rest pose."""
    return of_state(SessionState(latent=latent))


@functools.lru_cache(_KEYS)
def of_motion(person: Latent, motion: Motion) -> tuple[RenderRequest, ...]:
    """A person from the front at the times of a moving picture."""
    states = (SessionState(latent=person, motion=motion, t=t) for t in MOTION_TIMES)
    return tuple(map(of_state, states))


def of_code(code: Latent | Motion, person: Latent) -> tuple[RenderRequest, ...]:
    """The requests that represent a code best: a person's picture, or those of a motion on
    `person`."""
    return (of_person(code),) if isinstance(code, Latent) else of_motion(person, code)


def of_state(state: SessionState) -> RenderRequest:
    """The content of a state as a raw picture, since details added by the super-resolution would be
    too fine to be seen; other views are kept, except meshes."""
    view = state.display.view
    if view in ("image", "mesh"):
        return RenderRequest((state.shot("raw"),), preview=_SPARING)
    maps = replace(state.display.maps, background="model")
    return RenderRequest((state.shot(view),), preview=_SPARING, maps=maps)
