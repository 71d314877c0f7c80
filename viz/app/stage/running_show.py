"""A running show: the audience's state of it, and its clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Blank = Literal["", "black", "white"]


@dataclass
class TalkClock:
    """The time of a talk, in total and by cue; it can be paused."""

    begun: float
    """Clock time of the start, shifted by all pauses; seconds."""
    paused: float | None = None
    """Clock time at which the present pause began."""
    by_cue: dict[int, float] = field(default_factory=dict[int, float])
    """Seconds that each cue has been shown, by index."""
    _last: float | None = None

    def elapsed(self, now: float) -> float:
        """Seconds of the talk so far."""
        return (now if self.paused is None else self.paused) - self.begun

    def used(self, index: int) -> float:
        """Seconds that a cue has been shown."""
        return self.by_cue.get(index, 0.0)

    def tick(self, index: int, now: float) -> None:
        """Adds the time since the last call to the present cue."""
        if self._last is not None and self.paused is None:
            self.by_cue[index] = self.used(index) + now - self._last
        self._last = now

    def toggle(self, now: float) -> None:
        """Pauses, or goes on."""
        if self.paused is None:
            self.paused = now
        else:
            self.begun += now - self.paused
            self.paused = None

    def restart(self, now: float) -> None:
        """Restarts at 0."""
        self.begun, self.paused = now, None
        self.by_cue.clear()


@dataclass
class Show:
    """A running show."""

    clock: TalkClock
    rehearsal: bool = False
    """Whether the times of the cues are stored at the end."""
    kiosk: bool = False
    """Whether the cues advance by themselves, endlessly, until a visitor takes over."""
    touched: float | None = None
    """Clock time of the visitor's last touch; None while the cues advance."""
    arrived: float | None = None
    """Clock time at which the cue was reached; None while it is on its way."""
    index: int = 0
    """Index of the cue that is shown, or on its way."""
    blank: Blank = ""
    """What covers the audience's picture."""
    frozen: bool = False
    """Whether the audience's picture stays while the speaker prepares another one."""
    loading: str = ""
    """Path of the model that the cue waits for; empty if none."""
    awaited: float = math.inf
    """Clock time until which the cue's first full picture is waited for; infinite if none is."""
    seen: bool = False
    """Whether the audience has seen any picture yet."""
    fade: float | None = None
    """Seconds over which that picture will fade in, 0 for a cut; None once it has arrived."""
    gliding: bool = False
    """Whether the view is gliding to the cue."""
    failed: bool = False
    """Whether the cue cannot be shown, so that the audience keeps the last picture."""
    message: str = ""
    """The last notice, for the speaker."""
    escaped: float = -math.inf
    """Clock time of the last Escape."""
    typed: str = ""
    """Digits typed for the number of a cue to go to."""
    typed_at: float = 0.0
    """Clock time of the last of them."""

    def renumber(self, number: Callable[[int], int]) -> None:
        """Follows cues that were moved in the list; `number` maps their old indices to new ones."""
        self.index = number(self.index)
        times = self.clock.by_cue
        self.clock.by_cue = {number(k): seconds for k, seconds in times.items()}

    @property
    def holds(self) -> bool:
        """Whether the audience keeps the last cue's picture until the next one's is ready."""
        return self.frozen or self.failed or self.on_its_way

    @property
    def on_its_way(self) -> bool:
        """Whether the cue's model or its first full picture is being waited for."""
        return bool(self.loading) or self.awaited < math.inf

    @property
    def stands(self) -> bool:
        """Whether the cue has been reached, or cannot be."""
        return not (self.on_its_way or self.gliding)

    @property
    def word(self) -> str:
        """What the audience sees, in a word."""
        if self.blank:
            return self.blank.upper()
        if self.frozen:
            return "FROZEN"
        if self.failed:
            return "HELD"
        if not self.seen:
            return "STARTING"
        if self.on_its_way:
            return "LOADING"
        return "REHEARSAL" if self.rehearsal else "LIVE"


def clock_text(seconds: float) -> str:
    """Seconds as "12:05", or "1:02:05" from an hour on; negative ones with a minus."""
    whole = abs(int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    text = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    sign = "\u2212" if seconds <= -1 else ""
    return f"{sign}{text}:{whole % 60:02d}"
