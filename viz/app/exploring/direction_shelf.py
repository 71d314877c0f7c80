"""The directions of a model as its user has named, sorted and extended them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from training.named_directions import LONGEST_NAME, NamedDirection, checked
from viz.state import settings
from viz.state.errors import UserError
from viz.state.files import write_beside
from viz.state.person import Shift

MOST_LOADED = 512
"""More than `save_named` writes for any model: all that was saved can be loaded again."""

DirectionKind = Literal["named", "components", "factors", "motions"]


@dataclass(frozen=True)
class Direction:
    """A direction with a slider."""

    key: str
    """The shelf's key for it: renaming does not change it."""
    given: NamedDirection
    """The direction, under the name that the user sees."""

    @property
    def name(self) -> str:
        return self.given.name

    @property
    def made(self) -> bool:
        """Whether the model's makers supplied it, with a scale of its own."""
        return self.key.startswith("made ")

    @property
    def moves(self) -> bool:
        """Whether it belongs to the motion code."""
        return self.given.code == "motion"

    def shift(self, amount: float = 0.0, layers: tuple[int, ...] = ()) -> Shift:
        """A step along it, limited to those layers if it belongs to w."""
        given = self.given
        return Shift(given.name, given.vector, amount, () if self.moves else layers, given.base)


@dataclass
class DirectionShelf:
    """The user's changes to a model's directions, by key."""

    names: dict[str, str] = field(default_factory=dict[str, str])
    starred: list[str] = field(default_factory=list[str])
    hidden: list[str] = field(default_factory=list[str])
    order: list[str] = field(default_factory=list[str])
    """Keys in the user's order; the others follow in their original order."""
    own: list[NamedDirection] = field(default_factory=list[NamedDirection])
    """Directions that were loaded from files."""

    def arranged(self, found: Iterable[Direction]) -> list[Direction]:
        """Directions with the user's names, in the user's order, starred ones first."""
        place = {key: k for k, key in enumerate(self.order)}
        named = [
            replace(d, given=replace(d.given, name=self.names.get(d.key, d.name))) for d in found
        ]
        last = len(place)
        return sorted(named, key=lambda d: (d.key not in self.starred, place.get(d.key, last)))

    def rename(self, key: str, name: str) -> None:
        """Renames a direction; an empty name restores its own."""
        name = " ".join(name.split())[:LONGEST_NAME]
        if name:
            self.names[key] = name
        else:
            self.names.pop(key, None)

    def add(self, new: Sequence[NamedDirection]) -> None:
        """Adds directions; one with the name of a loaded direction replaces it.

        Raises:
            UserError: when there would be too many.
        """
        own = {(d.code, d.name): d for d in (*self.own, *new)}
        if len(own) > MOST_LOADED:
            raise UserError(f"At most {MOST_LOADED} loaded directions are kept: remove some first.")
        self.own = list(own.values())


def shelf_path(folder: Path, weights: str) -> Path:
    """The shelf file of the model with that fingerprint, in the settings folder."""
    return folder / "directions" / f"{weights}.json"


def load_shelf(path: Path, dims: dict[str, int]) -> DirectionShelf:
    """Reads a shelf from a file; damaged entries and those of another model are left out."""
    try:
        data: Any = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return DirectionShelf()
    shelf = DirectionShelf(**settings.fitting_fields(DirectionShelf, data))
    sound: list[NamedDirection] = []
    for direction in shelf.own[:MOST_LOADED]:
        try:
            sound.append(checked(asdict(direction), dims))
        except ValueError:
            continue
    shelf.own = sound
    return shelf


def save_shelf(path: Path, shelf: DirectionShelf) -> None:
    """Writes a shelf.

    Raises:
        UserError: when it cannot be written.
    """
    write_beside(path, lambda file: file.write(json.dumps(asdict(shelf)).encode()))
