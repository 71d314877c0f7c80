"""What all options of exports have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

from viz.state import settings
from viz.state.types import ModelInfo, SessionState


@dataclass(frozen=True)
class Options:
    """The user's choices for an export. Each field declares its allowed values; see
    `viz.state.settings`."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    """Suffixes of the files, the default first; "" stands for a folder."""

    def problems(self) -> list[str]:
        """Sentences on invalid options; empty if all are valid."""
        # On the command line and in the panels options do not say which group they are in.
        ranges = (re.sub(r"^(\w+\.)+", "", text) for text in settings.problems(self))
        return [*ranges, *self.conflicts()]

    def conflicts(self) -> list[str]:
        """Sentences on options that are valid by themselves but not together."""
        parts = (getattr(self, field.name) for field in fields(self))
        return [text for part in parts if isinstance(part, Options) for text in part.conflicts()]

    def problems_with(self, path: Path) -> list[str]:
        """The sentences of `problems` and of `misfits`."""
        return [*self.problems(), *self.misfits(path)]

    def for_files(self, suffix: str) -> Options:
        """The options with those left at their defaults that files of this suffix do not have."""
        del suffix
        return self

    def misfits(self, path: Path) -> list[str]:
        """Sentences on what is wrong with the name of the file, or does not fit it."""
        if path.suffix.lower() in self.suffixes:
            return []
        return [
            f"{path.name} must end in {settings.choices(self.suffixes)}: the ending chooses the "
            "format."
        ]


@dataclass(frozen=True)
class Occasion:
    """What is known about an export before it is made."""

    state: SessionState
    model: ModelInfo | None
    """None where no model is loaded."""
    suffix: str
    """Suffix of the file; empty for a folder."""
    picture_ms: float = 0.0
    """Milliseconds that one full picture takes; 0 if not measured."""


@dataclass(frozen=True)
class Estimate:
    """Expected size and duration of an export."""

    facts: tuple[str, ...] = ()
    """Short statements, such as "75 frames"."""
    seconds: float | None = None
    """How long it would take, in seconds; None if unknown."""
    file_bytes: int | None = None
    """How large the file would be; None if unknown."""
