"""Which pictures the renderer is asked for: previews while something changes, then the full one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from viz.scheduling.previews import FINEST, PreviewController
from viz.state.interface import Interface
from viz.state.types import Preview, RenderRequest, RenderResult

REST_SECONDS = 0.2
"""Time without a change after which the full picture is due."""
_QUICK_MS = 150.0
"""A full picture that takes no longer needs no preview before it, unless something moves."""
_SLOW_MS = 400.0
"""A full picture that takes longer is preceded by a better preview once the state rests."""
_REFINED_RATE = 5.0
"""Rate that this better preview holds, in pictures a second."""


class RequestScheduler:
    """Turns what the state shows into requests.

    Args:
        submit: takes a request; the newest wins.
    """

    def __init__(self, submit: Callable[[RenderRequest], None]) -> None:
        self._submit = submit
        self.forget()

    def forget(self) -> None:
        """Begins anew: another model, which costs something else."""
        self.asked: RenderRequest | None = None
        self.waiting_since: float | None = None
        self._changed = 0.0
        self._full_ms: float | None = None
        self._refined = False
        self._previews = PreviewController()

    @property
    def is_due(self) -> bool:
        """Whether a full picture is still to be asked for once the state rests."""
        return self.asked is not None and self.asked.preview is not None

    @property
    def preview_words(self) -> str:
        """What the last picture asked for leaves out; empty for a full one."""
        return self._previews.words if self.is_due else ""

    def ask(self, full: RenderRequest, moving: bool, interface: Interface, now: float) -> None:
        """Asks for `full`, or for a preview of it, unless that was done already.

        Args:
            full: what the state shows, at full quality.
            moving: whether something is dragged or moves by itself.
            interface: whether and how far previews leave something out.
            now: clock time, seconds.
        """
        asked = self.asked
        if asked is None or replace(asked, preview=None) != full:
            self._changed, self._refined = now, False
            quick = self._full_ms is not None and self._full_ms < _QUICK_MS
            request = full if quick and not moving else self._preview(full, interface)
        elif self.is_due and not moving and now - self._changed >= REST_SECONDS:
            request = self._refinement(full, interface)
            if request is None:
                return
        else:
            return
        self.asked, self.waiting_since = request, now
        self._submit(request)

    def _preview(self, full: RenderRequest, interface: Interface) -> RenderRequest:
        # Where previews are switched off it leaves nothing out, but is one all the same: a full
        # picture gives way to each newer one, so that a long drag would show none.
        floor = interface.preview_floor
        chosen = Preview()
        if interface.previews:
            chosen = self._previews.choose(full, interface.target_rate, floor)
        return replace(full, preview=chosen)

    def _refinement(self, full: RenderRequest, interface: Interface) -> RenderRequest | None:
        """The next picture of a state that rests: the full one, or a better preview before one
        that takes long; None while that preview is under way."""
        if not (interface.previews and self.asked and self.asked.preview):
            return full
        if self._refined:
            return full if self.waiting_since is None else None
        self._refined = True
        expected = self._previews.milliseconds(full, None)
        if expected is None or expected < _SLOW_MS:
            return full
        better = self._previews.choose(full, _REFINED_RATE, interface.preview_floor)
        if better in (self.asked.preview, FINEST):
            return full
        return replace(full, preview=better)

    def answered(self, result: RenderResult, interface: Interface) -> bool:
        """Learns from a picture; whether it is to be shown."""
        if result.request == self.asked:
            self.waiting_since = None
        self._previews.measured(result)
        if result.request.preview is None and result.stage_ms.keys() - {"copy"}:
            self._full_ms = result.total_ms
        return True

    def failed(self, request: RenderRequest) -> None:
        """Notes that a picture does not come."""
        if request == self.asked:
            self.waiting_since = None

    def dropped(self, request: RenderRequest) -> None:
        """Notes that a full picture was given up for a newer request."""

    def ask_again(self) -> None:
        """Forgets what was asked for, so that it is asked for once more."""
        self.asked = None
