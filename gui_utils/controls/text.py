"""Text as Dear ImGui can take it."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile("[\0\ud800-\udfff]")

met: set[str] = set()
"""Characters beyond ASCII that have passed through `printable`."""


def printable(text: str) -> str:
    """`text` with U+FFFD for each character that UTF-8 cannot hold, and for each NUL.

    A file name that is not UTF-8 holds lone surrogates, and drawing those raises `TypeError`;
    a NUL would end the text early. Every text that may hold a file's name or an error's message
    passes through here before it is drawn, measured, used as an id or copied.
    """
    if text.isascii() and "\0" not in text:
        return text
    shown = _UNPRINTABLE.sub("\ufffd", text)
    met.update(shown)
    return shown


def merge_edit(original: str, shown: str) -> str:
    """What the user made of `original` in a field that was given `printable(original)`.

    What was left as it was keeps the characters that could not be shown.
    """
    start = printable(original)
    return original + shown[len(start) :] if shown.startswith(start) else shown
