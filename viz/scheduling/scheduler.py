"""Which pictures are requested from the renderer, and which cached ones are shown instead.

While something changes there are previews, then the full picture. What repeats is cached: its first
round shows previews, and the renderer's idle time goes to full pictures of what comes next.

The window's loop uses it like this:

    scheduler = RequestScheduler(worker.submit)         # with LoopFinder() and Animator() beside it
    # each frame, once the panels are drawn
    animator.rate = scheduler.step_rate
    full = replace(layouts.full_request(state), probe=interface.probe)
    upcoming = finder.find(state, interface, animator, model.moves)
    kept = scheduler.ask(full, moving, interface, now, upcoming, may_fill=job is None)
    if kept is not None: ...                            # show this result: nothing is rendered
    wait for an event, for scheduler.wake_after(now) seconds at most
    # events of the worker
    shown = scheduler.answered(result)                  # a result to show, or None
    scheduler.failed(request)                           # Failed, or a request that was lost
    scheduler.dropped(request)                          # Dropped
    scheduler.forget(model)                             # Loaded
    # the timeline's bar
    ready = scheduler.ready(finder.clip(state, interface))
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from viz.scheduling.loops import Loop, Upcoming
from viz.scheduling.picture_cache import PictureCache
from viz.scheduling.previews import FINEST, PreviewController, Sides, leaves_nothing_out, words
from viz.state.interface import Interface
from viz.state.types import FRAME_RATE, ModelInfo, Preview, RenderRequest, RenderResult

REST_SECONDS = 0.2
"""Time without a change after which the full picture is due."""
FILL_SECONDS = 0.5
"""Time without a change after which the clip's pictures are rendered ahead."""
MOST_FILL_SECONDS = 6.0
"""A clip that would take longer than this, in seconds, is not rendered ahead at rest."""
_QUICK_MS = 150.0
"""A full picture that takes no longer needs no preview before it, unless something moves."""
_MOST_UNDER_WAY = 2
"""Pictures of a loop that are requested at the same time: one that is rendered, one that waits."""
_SMOOTH_RATE = 60.0
"""Steps per second of automatic motion where full pictures are rendered quickly."""
_SMOOTH_MS = (10.0, 14.0)
"""Milliseconds: full pictures below the first count as quick, until they exceed the second."""
_LEAST_RATE = 6.0
"""Pictures per second below which a loop does not look like motion: reaching this rate comes before
full pictures."""


@dataclass(frozen=True)
class _Purpose:
    """What a request that is under way is for."""

    since: float
    """Clock time, seconds."""
    shows: bool
    """Whether its picture is to be shown, rather than kept for later."""
    repeats: bool
    """Whether its picture will be needed again."""


class RequestScheduler:
    """Turns what the state shows into requests, or into cached pictures.

    Args:
        submit: takes a request, and whether it waits for the one under way instead of replacing it.
            Each is followed by a call of `answered`, `failed` or `dropped`.
    """

    def __init__(self, submit: Callable[[RenderRequest, bool], None]) -> None:
        self._submit = submit
        self.pictures = PictureCache()
        self._controllers: dict[str, PreviewController] = {}
        """What was learned about each model, by the fingerprint of its weights."""
        self.forget()

    def forget(self, model: ModelInfo | None = None) -> None:
        """Starts afresh, with another model; what is known of one that was shown before is used."""
        sides = Sides.of(model) if model else Sides()
        weights = model.weights if model else ""
        self._previews = PreviewController(sides)
        if weights:
            self._previews = self._controllers.setdefault(weights, self._previews)
        else:
            self.pictures.clear()
        self.pictures.model = weights
        self._failed: set[RenderRequest] = set()
        self._smooth = False
        self._reset()

    def ask_again(self) -> None:
        """Requests the picture again although it was answered: something outside the state changed,
        or the requests under way were lost."""
        self._reset()

    def _reset(self) -> None:
        self.waiting_since: float | None = None
        """Clock time at which the awaited picture was requested; None if none is."""
        self._asked: RenderRequest | None = None
        self._wanted: RenderRequest | None = None
        self._changed = 0.0
        self._under_way: dict[RenderRequest, _Purpose] = {}
        """What was requested and neither answered nor dropped, the oldest first."""
        self._displayed: RenderResult | None = None
        self._displayed_since = -math.inf
        self._complete: tuple[Loop, int] | None = None
        self._whole: tuple[Sequence[RenderRequest], int] | None = None
        """Pictures that were all kept, and the cache's version then."""

    @property
    def is_due(self) -> bool:
        """Whether a full picture is still to be requested once the state rests."""
        return self._asked is not None and self._asked.preview is not None

    @property
    def preview_words(self) -> str:
        """What the last picture requested leaves out; empty for a full one."""
        if self._asked is None or self._asked.preview is None:
            return ""
        return words(self._asked.preview, [shot.view for shot in self._asked.shots])

    @property
    def step_rate(self) -> float:
        """Steps per second for `Animator.rate`: the clip's frame rate, so that few pictures need to
        be cached, or more where rendering is too quick to need a cache."""
        spent = self.full_ms(self._wanted)
        if spent is not None:
            self._smooth = spent < _SMOOTH_MS[1 if self._smooth else 0]
        return _SMOOTH_RATE if self._smooth else FRAME_RATE

    def wake_after(self, now: float) -> float:
        """Seconds until `ask` has something to do even if no event arrives; infinite if nothing is
        due."""
        if self.waiting_since is not None:
            return math.inf
        dues = [self._changed + FILL_SECONDS]
        if self.is_due:
            dues.append(max(self._changed + REST_SECONDS, now + 0.01))
        return min((due - now for due in dues if due > now), default=math.inf)

    def ready(self, clip: Sequence[RenderRequest | None]) -> tuple[bool, ...]:
        """Which frames of a clip are cached at full quality.

        Args:
            clip: full pictures of the frames; None for those that do not play.

        Returns:
            One per frame; empty if all or none of the frames that play are cached, or if rendering
            is so quick that none needs to be.
        """
        played = [request for request in clip if request is not None]
        if not played or self._is_quick(played[0], FRAME_RATE):
            return ()
        found = tuple(r is not None and self.pictures.has_full(r) for r in clip)
        return found if 0 < sum(found) < len(played) else ()

    def ask(
        self,
        full: RenderRequest,
        moving: bool,
        interface: Interface,
        now: float,
        upcoming: Upcoming | None = None,
        *,
        may_fill: bool = True,
        whole: bool = False,
    ) -> RenderResult | None:
        """Requests `full`, or a preview of it, unless it was requested already or is cached.

        Args:
            full: what the state shows, at full quality.
            moving: whether something is dragged or moves by itself.
            interface: says whether, and how far, previews may leave things out.
            now: clock time, seconds.
            upcoming: what repeats around this state; None where nothing does.
            may_fill: whether the renderer's idle time may be used; False while a job runs.
            whole: requests the full picture at once, as a preview would not be shown.

        Returns:
            A cached picture to show now; None to keep showing the current one.
        """
        if full != self._wanted:
            self._wanted, self._changed = full, now
        if upcoming is not None and not self._fits(upcoming.loop, full):
            upcoming = None
        playing = upcoming is not None and upcoming.playing
        kept = self.pictures.get(full)
        is_full = kept is not None and kept.request.preview is None
        # While the user drags, a cached preview may be worse than a new one.
        usable = kept is not None and (is_full or playing or not moving)
        if kept is not None and usable:
            if is_full or self._asked is None or _full(self._asked) != full:
                self._asked, self.waiting_since = kept.request, None
        elif playing and upcoming is not None:
            self._ask_playing(full, interface, now, upcoming)
        if not (is_full or playing):
            self._ask(full, moving, interface, now, whole)
        if upcoming is not None and may_fill and self._has_room:
            self._fill(upcoming, is_full and not moving, interface, now)
        if kept is None or not usable:
            return None
        known, self._displayed, self._displayed_since = self._displayed, kept, now
        return None if kept is known else kept

    def _ask(
        self, full: RenderRequest, moving: bool, interface: Interface, now: float, whole: bool
    ) -> None:
        """Requests a picture that does not repeat."""
        if whole:
            if self._asked == full:
                return
            request = full
        elif self._asked is None or _full(self._asked) != full:
            expected = self.full_ms(full)
            quick = expected is not None and expected < _QUICK_MS
            # With changes in quick succession, as from the wheel, each would drop the picture
            # before.
            steady = not moving and self.waiting_since is None
            request = full if quick and steady else self._preview(full, interface)
        elif self.is_due and not moving and now - self._changed >= REST_SECONDS:
            request = full
        else:
            return
        self._submit_shown(request, now)

    def _ask_playing(
        self, full: RenderRequest, interface: Interface, now: float, upcoming: Upcoming
    ) -> None:
        """Requests a picture of a loop that is not cached, unless its neighbours suffice."""
        if self._asked is not None and _full(self._asked) == full:
            return
        if not self._is_quick(full, upcoming.loop.rate) and self._gap(upcoming, interface) is None:
            return  # the picture before it suffices
        for request in self._under_way:
            if _full(request) == full:  # it is already being rendered ahead
                self._show_coming(request, now, repeats=True)
                return
        self._submit_shown(self._preview(full, interface, upcoming.loop), now, repeats=True)

    def _submit_shown(self, request: RenderRequest, now: float, repeats: bool = False) -> None:
        if request in self._under_way:  # so far for later
            self._show_coming(request, now, repeats)
        else:
            self._asked, self.waiting_since = request, now
            self._send(request, _Purpose(now, True, repeats))

    def _show_coming(self, request: RenderRequest, now: float, repeats: bool) -> None:
        """Shows a picture that is under way once it comes."""
        self._asked, self.waiting_since = request, now
        known = self._under_way[request]
        self._under_way[request] = replace(known, since=now, shows=True, repeats=repeats)

    def _send(self, request: RenderRequest, purpose: _Purpose, *, waits: bool = False) -> None:
        self._under_way[request] = purpose
        self._submit(request, waits)

    @property
    def _has_room(self) -> bool:
        """Whether a picture of a loop may be requested now. One waits while another one of the loop
        is rendered, so that the renderer need not wait for the window."""
        under_way = self._under_way.values()
        return len(under_way) < _MOST_UNDER_WAY and all(p.repeats for p in under_way)

    def _preview(
        self, full: RenderRequest, interface: Interface, loop: Loop | None = None
    ) -> RenderRequest:
        # With previews switched off it leaves nothing out, but is still sent as a preview: each
        # newer request drops an unfinished full picture, so that a long drag would show none.
        chosen = Preview()
        if interface.previews:
            rate, floor = interface.target_rate, interface.preview_floor
            if loop:
                rate = min(rate, loop.rate)
            whole = self.full_ms(full)
            quick = loop and whole is not None and whole <= 1000 / rate
            chosen = FINEST if quick else self._previews.choose(full, rate, floor)
        return replace(full, preview=chosen)

    def spare(
        self, requests: Iterable[RenderRequest], now: float, upcoming: Upcoming | None = None
    ) -> None:
        """Requests the first of some pictures for use elsewhere, or for later, once the renderer
        has been idle for a moment; those that failed or are kept in full are skipped.

        Args:
            requests: the most urgent first.
            now: clock time, seconds.
            upcoming: what plays; the renderer is idle once all its pictures are kept.
        """
        if self._under_way or self._asked is None:
            return
        if upcoming is not None and upcoming.playing:
            if self._complete != (upcoming.loop, self.pictures.version):
                return
        elif self.is_due or self.waiting_since is not None or now - self._changed < FILL_SECONDS:
            return
        request = next((r for r in requests if not self._has(r)), None)
        if request is not None:
            self._send(request, _Purpose(now, shows=False, repeats=False))

    def _has(self, request: RenderRequest) -> bool:
        """Whether a picture is kept in full, or cannot be rendered."""
        kept = request.preview is None and self.pictures.has_full(request)
        return kept or _full(request) in self._failed

    def has_failed(self, request: RenderRequest) -> bool:
        """Whether a full picture could not be rendered."""
        return request in self._failed

    def try_again(self) -> None:
        """Lets pictures that could not be rendered be requested again."""
        if self._failed:
            self._failed.clear()
            self._reset()

    def lacks(self, requests: Sequence[RenderRequest]) -> bool:
        """Whether any of some full pictures can be rendered and is not kept."""
        known = requests, self.pictures.version
        if known == self._whole:  # called in each frame, and looking all of them up takes long
            return False
        if all(map(self._has, requests)):
            self._whole = known
            return False
        return True

    def _fill(self, upcoming: Upcoming, rests: bool, interface: Interface, now: float) -> None:
        """Uses idle time for a picture of the loop that is not cached yet."""
        loop = upcoming.loop
        ahead = loop[(upcoming.index + 1) % len(loop)]
        spent = self.full_ms(ahead)
        if spent is None or self._is_quick(ahead, loop.rate):
            return
        if self._complete is not None and self._complete == (loop, self.pictures.version):
            return
        gap = self._gap(upcoming, interface) if upcoming.playing else None
        if gap is not None:
            request = self._preview(gap, interface, loop)
        elif upcoming.playing:
            # Pictures that would be too late in this round are left for the next one.
            late = math.ceil((1 + len(self._under_way)) * spent / 1000 * loop.rate)
            request = next(self._missing(loop, upcoming.index + late), None)
        elif rests and now - self._changed >= FILL_SECONDS:
            missing = list(self._missing(loop, upcoming.index))
            if len(missing) * spent / 1000 > MOST_FILL_SECONDS:
                return
            request = next(iter(missing), None)
        else:
            return
        if request is not None:
            self._send(request, _Purpose(now, shows=False, repeats=True), waits=True)
        elif not self._under_way:
            self._complete = loop, self.pictures.version

    def _missing(self, loop: Loop, index: int) -> Iterator[RenderRequest]:
        """Requests of a loop whose full pictures have yet to be requested."""
        under_way = self._under_way
        return (r for r in loop.ahead(index) if not self._has(r) and r not in under_way)

    def _gap(self, upcoming: Upcoming, interface: Interface) -> RenderRequest | None:
        """The next picture that a loop lacks to be shown from the cache at the target rate, or at
        the rate that the renderer can manage with previews; None if it lacks none."""
        loop = upcoming.loop
        here = loop[upcoming.index]
        spent = self._previews.milliseconds(here, self._preview(here, interface, loop).preview)
        apart = max(math.floor(loop.rate / interface.target_rate), 1)
        if spent is not None:
            able = min(spent / 1000, 1 / _LEAST_RATE)
            apart = max(apart, math.ceil(loop.rate * able))
        missing, coming = 0, {_full(request) for request in self._under_way}
        for request in loop.ahead(upcoming.index):
            missing = 0 if self.pictures.has(request) or request in coming else missing + 1
            if missing >= apart:
                return request
        return None

    def _fits(self, loop: Loop, full: RenderRequest) -> bool:
        """Whether all pictures of a loop fit into the cache. Meshes never do: each takes much
        memory."""
        if any(shot.view == "mesh" for shot in full.shots):
            return False
        side = self._previews.sides.final
        raw = full.quality.raw_resolution or 0
        return len(loop) * len(full.shots) * 3 * max(side, raw) ** 2 <= self.pictures.max_bytes

    def full_ms(self, full: RenderRequest | None) -> float | None:
        """Expected milliseconds of a full picture; None if none of its kind was rendered yet."""
        return None if full is None else self._previews.milliseconds(full, None)

    def _is_quick(self, full: RenderRequest, rate: float) -> bool:
        """Whether full pictures can easily be rendered live at `rate` per second."""
        spent = self.full_ms(full)
        return spent is not None and spent <= 500 / rate

    def answered(self, result: RenderResult) -> RenderResult | None:
        """Learns from a picture, and caches it if it will be needed again.

        Returns:
            The result to show now: this one, or a cached one of the same state at full quality.
            None if it was rendered for later, or something newer is shown.
        """
        request = result.request
        before = list(itertools.takewhile(lambda other: other != request, self._under_way))
        purpose = self._under_way.pop(request, None)
        if purpose is not None:
            for older in before:  # they have been replaced
                del self._under_way[older]
        if request == self._asked:
            self.waiting_since = None
        self._previews.measured(result)
        full = _full(request)
        repeats = purpose is not None and purpose.repeats
        if request.preview is None or repeats or self.pictures.has(full):
            self.pictures.put(result)
        if purpose is None or not purpose.shows or purpose.since < self._displayed_since:
            return None
        kept = self.pictures.get(full)
        best = kept if kept is not None and leaves_nothing_out(request) else result
        self._displayed, self._displayed_since = best, purpose.since
        return best

    def failed(self, request: RenderRequest | None = None) -> None:
        """Notes that a requested picture will not come; None means all that are under way."""
        if request is None or request == self._asked:
            self.waiting_since = None
        if request is None:
            self._under_way.clear()
        else:
            self._under_way.pop(request, None)
            self._failed.add(_full(request))  # so that it is not tried over and over

    def dropped(self, request: RenderRequest) -> None:
        """Notes that a requested picture will not come, as a newer request took its place."""
        purpose = self._under_way.pop(request, None)
        if purpose is not None and purpose.shows and request == self._asked:
            self._asked, self.waiting_since = None, None


def _full(request: RenderRequest) -> RenderRequest:
    return request if request.preview is None else replace(request, preview=None)
