"""This process among those that torchrun started. They share files, and do not communicate."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeVar

from viz.state.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process's share of the work."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Number of the process on its machine, which selects its GPU."""

    def share(self, work: list[T]) -> list[T]:
        """Every `size`-th item, so that long and short ones are spread evenly."""
        return work[self.rank :: self.size]


def from_environment() -> Ranks:
    """This process, from the variables that torchrun sets; the only one without them.

    Raises:
        UserError: when they are invalid.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    words = [os.environ.get(name, default) for name, default in zip(names, "010", strict=True)]
    try:
        rank, size, local = map(int, words)
    except ValueError:
        rank, size, local = -1, 0, 0
    if not 0 <= rank < size or local < 0:
        raise UserError(
            f"RANK is {words[0]} and WORLD_SIZE {words[1]}: start several processes with torchrun."
        )
    return Ranks(rank, size, local)
