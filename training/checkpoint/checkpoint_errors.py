"""The error that this package raises, and how text from a file is shown in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_MOST_SHOWN = 12
_LONGEST_TEXT = 80


class CheckpointError(Exception):
    """A checkpoint that cannot be loaded or saved.

    Attributes:
        path: the file.
        problems: everything that is wrong, as sentences for the user.
    """

    def __init__(
        self, path: str | os.PathLike[str], problems: Iterable[str], action: str = "load"
    ) -> None:
        self.path = Path(path)
        self.problems = list(problems)
        self.action = action
        super().__init__(self._text())

    def _text(self) -> str:
        start = f"Cannot {self.action} {shown(self.path, 300)}:"
        if len(self.problems) == 1:
            return f"{start} {self.problems[0]}"
        lines = [start, *(f"- {problem}" for problem in self.problems[:_MOST_SHOWN])]
        if len(self.problems) > _MOST_SHOWN:
            lines.append(f"and {len(self.problems) - _MOST_SHOWN} more")
        return "\n".join(lines)


def shown(value: object, longest: int = _LONGEST_TEXT) -> str:
    """Text of a value that comes from a file: one printable line of limited length.

    Only plain values are spelt out: nested ones may expand without limit.
    """
    if isinstance(value, int) and value.bit_length() > 200:
        text = "a huge number"
    elif isinstance(value, tuple | list) and len(value) <= 8:
        flat = all(isinstance(part, str | int | float) for part in value)
        text = "[" + ", ".join(map(shown, value)) + "]" if flat else "a list"
    elif value is None or isinstance(value, str | int | float | Path | Exception):
        text = str(value)
    else:
        text = f"a {type(value).__name__}"
    text = "".join(c if c.isprintable() else "?" for c in text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 1] + "…"


def listed(values: Iterable[object], most: int = 5) -> str:
    """Values from a file as "a, b and 3 more"."""
    values = list(values)
    texts = [shown(value) for value in values[:most]]
    if len(values) > most:
        return f"{', '.join(texts)} and {len(values) - most} more"
    return " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))
