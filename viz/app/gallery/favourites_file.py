"""The user's favourites in a file beside the settings, shared by all windows."""

from __future__ import annotations

import dataclasses
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from viz.state import settings
from viz.state.files import write_beside
from viz.state.kept.favourites import Favourite, Favourites, joined


@dataclasses.dataclass(frozen=True)
class _FavouritesFile:
    """The outermost object of the file."""

    favourites: list[Favourite] = dataclasses.field(default_factory=list[Favourite])


class FavouritesFile:
    """Reads and writes the favourites; changes written by other windows meanwhile are kept. The
    file need not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.known = self._load()
        """This window's favourites when they were last read or written."""

    def _load(self) -> Favourites:
        """Reads the favourites; damaged entries are left out, and a file that cannot be read at all
        is renamed."""
        try:
            data: Any = json.loads(self._path.read_text("utf-8"))
        except OSError:
            return ()
        except (ValueError, RecursionError):
            with suppress(OSError):
                self._path.replace(self._path.with_suffix(".damaged.json"))
            return ()
        found = settings.fitting_fields(_FavouritesFile, data).get("favourites", [])
        return tuple(entry for entry in found if entry.code is not None)

    def save(self, favourites: Favourites) -> None:
        """Writes the changes made in this window.

        Raises:
            UserError: when it cannot be written; the next attempt is made after the next change.
        """
        before, self.known = self.known, favourites
        gone = {entry.code for entry in before} - {entry.code for entry in favourites}
        others = (entry for entry in self._load() if entry.code not in gone and entry not in before)
        kept = [dataclasses.asdict(entry) for entry in joined(favourites, others)]
        text = json.dumps({"favourites": kept})
        write_beside(self._path, lambda file: file.write(text.encode()))
