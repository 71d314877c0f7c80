"""This process among those that torchrun started. They share files, and need not speak."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeVar

from viz.state.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """Which share of the work is this process's."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Number of the process on its machine: the number of its GPU."""

    def share(self, work: list[T]) -> list[T]:
        """Every `size`-th piece, so that long and short ones mix."""
        return work[self.rank :: self.size]


def from_environment() -> Ranks:
    """This process, by the variables that torchrun sets; alone without them.

    Raises:
        UserError: when they make no sense.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    words = [os.environ.get(name, default) for name, default in zip(names, "010", strict=True)]
    try:
        rank, size, local = map(int, words)
    except ValueError:
        rank, size, local = -1, 0, 0
    if not 0 <= rank < size or local < 0:
        raise UserError(
            f"RANK is {words[0]} and WORLD_SIZE {words[1]}: start several processes by torchrun."
        )
    return Ranks(rank, size, local)
