"""What was looked at: people and motions whose full picture was shown for a moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from viz.state.person import Latent, Motion
from viz.state.types import ClipTime, Orbit, SessionState

MOST_SEEN = 200
SECONDS = 1.0
"""How long a full picture must be shown to count as looked at."""


@dataclass(frozen=True)
class Seen:
    """A person with a motion, and from where they were looked at last."""

    latent: Latent
    motion: Motion
    t: ClipTime = 0.0
    orbit: Orbit = field(default_factory=Orbit)
    checkpoint: str = ""
    """Path of the model."""
    weights: str = ""
    """Fingerprint of its weights."""

    @classmethod
    def of(cls, state: SessionState, weights: str) -> Seen:
        return cls(state.latent, state.motion, state.t, state.orbit, state.checkpoint, weights)

    @property
    def who(self) -> tuple[Latent, Motion, str]:
        """What distinguishes it from other entries; time and camera do not."""
        return self.latent, self.motion, self.weights

    def shown(self) -> SessionState:
        """A state that shows it, and nothing else of note."""
        return self.applied_to(SessionState())

    def applied_to(self, state: SessionState) -> SessionState:
        """A state with what was seen; layout, quality and the rest stay."""
        return replace(state, latent=self.latent, motion=self.motion, t=self.t, orbit=self.orbit)


class SeenList:
    """The last entries, each once, the newest first."""

    def __init__(self) -> None:
        self.entries: tuple[Seen, ...] = ()
        self._standing: Seen | None = None
        self._since = 0.0

    def stands(self, shown: Seen | None, now: float) -> Seen | None:
        """Notes what is shown by its full picture, in each frame; None while it is not there.

        Returns:
            the entry if it has become the newest, or has changed its camera or time.
        """
        if shown != self._standing:
            self._standing, self._since = shown, now
        due = shown is not None and now - self._since >= SECONDS
        if shown is None or not due or shown in self.entries[:1]:
            return None
        self.add([shown])
        return shown

    def add(self, entries: Iterable[Seen]) -> None:
        """Puts entries before all others, the last one first."""
        for entry in entries:
            others = tuple(other for other in self.entries if other.who != entry.who)
            self.entries = (entry, *others)[:MOST_SEEN]
