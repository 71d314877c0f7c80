"""Favourites: people and motions that the user has starred, each with a name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from viz.state.person import Latent, Motion

Code = Latent | Motion

LONGEST_NAME = 80
"""Letters."""


@dataclass(frozen=True)
class Favourite:
    """A person or a motion with a name; one of the two is None."""

    name: str = ""
    """Empty for one named after its content; see `title`."""
    latent: Latent | None = None
    motion: Motion | None = None

    @classmethod
    def of(cls, code: Code) -> Favourite:
        """A favourite without a name of its own."""
        return cls(latent=code) if isinstance(code, Latent) else cls(motion=code)

    @property
    def code(self) -> Code | None:
        """What it keeps; None for an empty one, as found only in damaged files."""
        return self.latent or self.motion

    @property
    def title(self) -> str:
        """Its name in one line, or what it is in words."""
        return " ".join(self.name.split()) or ("" if self.code is None else name_of(self.code))


Favourites = tuple[Favourite, ...]


def name_of(code: Code) -> str:
    """What a code is, in a few words."""
    seed = f"seed {code.seed}"
    blended = bool(code.others or code.blend)
    shifted = bool(code.shifts)
    if isinstance(code, Latent):
        seed = Path(code.ws_file).stem or seed
        blended = blended or bool(code.mix_layers)
    parts = [seed, "blended" * blended, "shifted" * shifted]
    text = ", ".join(filter(None, parts))
    return text[:1].upper() + text[1:]


def toggled(favourites: Favourites, code: Code) -> Favourites:
    """The favourites without a code, or with it as the last one if it is not among them."""
    kept = tuple(favourite for favourite in favourites if favourite.code != code)
    return kept if len(kept) < len(favourites) else (*favourites, Favourite.of(code))


def renamed(favourites: Favourites, code: Code, name: str) -> Favourites:
    """The favourites with another name for a code."""
    name = name[:LONGEST_NAME]
    return tuple(
        replace(favourite, name=name) if favourite.code == code else favourite
        for favourite in favourites
    )


def joined(favourites: Favourites, others: Iterable[Favourite]) -> Favourites:
    """The favourites, and those of others that are not among them."""
    known = {favourite.code for favourite in favourites}
    new = tuple(other for other in others if other.code not in known)
    return favourites + new if new else favourites


def found(favourites: Favourites, query: str) -> Favourites:
    """Those whose name, or whose description, holds all the words of a query."""
    words = query.casefold().split()
    return tuple(
        favourite
        for favourite in favourites
        if favourite.code is not None
        and all(word in f"{favourite.name} {name_of(favourite.code)}".casefold() for word in words)
    )
