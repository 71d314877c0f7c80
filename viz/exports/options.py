"""What all options of exports have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from viz.state import settings


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
