"""Seeds as people write them: "0-3, 7"."""

from __future__ import annotations

import re

from viz.state.errors import UserError
from viz.state.person import LAST_SEED


def parse_seeds(text: str, most: int, name: str = "The list") -> tuple[int, ...]:
    """Seeds from text such as "0-31,40", in that order, each once; empty for none.

    Args:
        text: seeds and runs of them, between commas or spaces.
        most: greatest number of them.
        name: what holds the text, to begin a sentence.

    Raises:
        UserError: when it cannot be read.
    """
    found: dict[int, None] = {}
    for part in filter(None, re.split(r"[,\s]+", text)):
        match = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", part)
        if match is None:
            raise UserError(f'{name} holds "{part}": write seeds as in 0-31 or 3,5,8-11.')
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if not first <= last <= LAST_SEED:
            raise UserError(f"{name} holds {part}: seeds rise from 0 to 2**32 - 1.")
        if last - first < most:
            found.update(dict.fromkeys(range(first, last + 1)))
        if last - first >= most or len(found) > most:
            raise UserError(f"{name} holds more than {most:,} seeds: choose fewer.")
    return tuple(found)


def seeds_text(seeds: tuple[int, ...]) -> str:
    """Seeds as `parse_seeds` reads them."""
    parts: list[str] = []
    index = 0
    while index < len(seeds):
        end = index
        while end + 1 < len(seeds) and seeds[end + 1] == seeds[end] + 1:
            end += 1
        run = end - index + 1
        parts += [f"{seeds[index]}-{seeds[end]}"] if run > 2 else map(str, seeds[index : end + 1])
        index = end + 1
    return ", ".join(parts)
