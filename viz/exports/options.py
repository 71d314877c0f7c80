"""What all options of exports have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from viz.state import settings
from viz.state.types import ModelInfo, SessionState


@dataclass(frozen=True)
class Options:
    """Choices of the user about an export. Each field declares what it may be; see
    `viz.state.settings`."""

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        return [*settings.problems(self), *self.conflicts()]

    def conflicts(self) -> list[str]:
        """Sentences on what each may be, but not together."""
        parts = (getattr(self, field.name) for field in fields(self))
        return [text for part in parts if isinstance(part, Options) for text in part.conflicts()]

    def problems_with(self, path: Path) -> list[str]:
        """Those of `problems`, and what a file of this name cannot hold."""
        return [*self.problems(), *self.misfits(path)]

    def misfits(self, path: Path) -> list[str]:
        """Sentences on what a file of this name cannot hold."""
        del path
        return []


@dataclass(frozen=True)
class Occasion:
    """What an export is made from, as far as it is known before."""

    state: SessionState
    model: ModelInfo | None
    """None where no model is loaded."""
    suffix: str
    """Ending of the file; empty for a folder."""
    picture_ms: float = 0.0
    """Milliseconds that one full picture takes; 0 where that was not measured."""


@dataclass(frozen=True)
class Estimate:
    """What an export would be."""

    facts: tuple[str, ...] = ()
    """Short statements, such as "75 frames"."""
    seconds: float | None = None
    """How long it would take; None where that is not known."""
    file_bytes: int | None = None
    """How large the file would be; None where that is not known."""
