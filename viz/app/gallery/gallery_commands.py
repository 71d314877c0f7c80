"""Commands for choosing people and motions by their pictures, for favourites, and for the
history."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import numpy as np
from PIL import Image

from viz.app.sessions.session_commands import SessionCommands
from viz.render import person_file
from viz.scheduling.thumbnails import of_code, of_state
from viz.state.errors import UserError
from viz.state.kept import favourites, nearby
from viz.state.kept.favourites import Code, Favourite
from viz.state.kept.seen import Seen
from viz.state.person import LAST_SEED, Latent
from viz.state.types import RenderRequest

GalleryPage = Literal["people", "motions", "favourites", "seen"]

_SMALL_SIDE = 128
"""Side of the small pictures that full ones are reduced to, pixels."""
_MOST_CELLS = 100_000


class GalleryCommands(SessionCommands):
    """Commands for the gallery, favourites and the history."""

    gallery_centre: Code | None = None
    """The centre of the gallery's variations; None for what is shown."""
    gallery_reached = False
    """Whether the gallery should get the keyboard focus."""

    _by_code: tuple[favourites.Favourites, Mapping[Code, Favourite]] = ((), {})
    """Favourites, and the same by the code that they keep."""

    def toggle_gallery(self) -> None:
        """Shows the gallery beside the picture and gives it the keyboard focus, or hides it."""
        if self.interface.gallery_shown:
            self.interface.gallery_shown = False
        else:
            self.open_gallery(self.interface.gallery_page)

    def open_gallery(self, page: GalleryPage) -> None:
        """Shows a page of the gallery and gives it the keyboard focus."""
        interface = self.interface
        interface.gallery_shown = interface.sidebar_visible = True
        interface.gallery_page = page
        self.gallery_reached = True

    def leave(self) -> None:
        if self.interface.gallery_shown and self.interface.sidebar_visible:
            self.interface.gallery_shown = False
        else:
            super().leave()

    def gallery_code(self, number: int) -> Code:
        """The person or the motion of a cell of the gallery, from 0; if the cells are variations of
        a code, the first cell is that code."""
        interface, present = self.interface, self.history.present
        people = interface.gallery_page == "people"
        like: Code = present.latent if people else present.motion
        seed = (interface.gallery_first + number) % (LAST_SEED + 1)
        if not interface.gallery_around:
            return nearby.at_seed(seed, like)
        centre = self.gallery_centre
        if centre is None or isinstance(centre, Latent) != people:
            centre = self.gallery_centre = like
        return nearby.around(centre, seed, interface.gallery_radius) if number else centre

    def shuffle_gallery(self) -> None:
        """Jumps to a random seed."""
        self.interface.gallery_first = random.randrange(LAST_SEED + 1 - _MOST_CELLS)

    def centre_gallery(self) -> None:
        """Centres the gallery on what is shown now, which becomes its first picture."""
        self.gallery_centre, self.interface.gallery_around = None, True

    def pictures_of(self, code: Code) -> tuple[RenderRequest, ...]:
        """The requests that represent a code best, as `Thumbnails` takes them. A person from a
        photo has a picture in the file, which takes no time."""
        requests = of_code(code, self.history.present.latent)
        if not isinstance(code, Latent) or not code.is_portrait or code.others:
            return requests
        if self.thumbnails.picture(requests[0]) is None:
            with suppress(UserError):  # the renderer reports why it cannot be read
                picture = person_file.pixels(person_file.head(code.ws_file))
                if picture is not None:
                    self.thumbnails.put(requests[0], picture)
        return requests

    def take_code(self, code: Code) -> None:
        """Shows a person or a motion."""
        if isinstance(code, Latent):
            self.state.latent = code
        else:
            self.state.motion = code

    def blend_towards(self, code: Code) -> None:
        """Shows the midpoint between the present person or motion and another one."""
        state = self.state
        own = state.latent if isinstance(code, Latent) else state.motion
        self.take_code(nearby.towards(own, code))

    def toggle_favourite(self, code: Code) -> None:
        """Adds a person or a motion to the favourites, or removes it."""
        self.state.favourites = favourites.toggled(self.state.favourites, code)

    def star_person(self) -> None:
        """Adds the person shown to the favourites, or removes them."""
        self._star(self.state.latent)

    def star_motion(self) -> None:
        """Adds the motion shown to the favourites, or removes it."""
        self._star(self.state.motion)

    def _star(self, code: Code) -> None:
        self.toggle_favourite(code)
        found = self.favourite_of(code)
        words = f"New favourite: {found.title}" if found else "Removed from the favourites."
        self.notify("success" if found else "info", words)

    def favourite_of(self, code: Code) -> Favourite | None:
        """The favourite for a person or a motion."""
        kept, by_code = self._by_code
        if kept is not self.state.favourites:  # the gallery calls this for each of its pictures
            kept = self.state.favourites
            by_code = {entry.code: entry for entry in kept if entry.code is not None}
            self._by_code = kept, by_code
        return by_code.get(code)

    def rename_favourite(self, code: Code, name: str) -> None:
        """Renames a favourite."""
        self.state.favourites = favourites.renamed(self.state.favourites, code, name)

    def keep_favourites(self) -> None:
        """Writes the favourites beside the settings if they have changed."""
        if self.state.favourites is not self.favourites_file.known:
            self.guarded(lambda: self.favourites_file.save(self.state.favourites))

    def take_seen(self, entry: Seen) -> None:
        """Shows an entry of the history again, from the same camera; loads its model if another one
        is shown."""
        weights = self.model.weights if self.model else ""
        checkpoint = self.state.checkpoint
        self.take_state(replace(entry.applied_to(self.state), checkpoint=checkpoint))
        if entry.weights != weights:
            self.open_model(entry.checkpoint)

    def note_seen(self, now: float) -> None:
        """Adds what is shown to the history once its full picture has been shown for a moment."""
        state, model, result = self.state, self.model, self.result
        stands = self.shows_all and not self.moves_by_itself
        entry = Seen.of(state, model.weights) if stands and model is not None else None
        added = self.seen.stands(entry, now)
        if added is None or result is None:
            return
        display, picture = state.display, result.pictures[0]
        if display.layout == "single" and display.view == "image" and picture is not None:
            self.thumbnails.put(of_state(added.shown()), _reduced(picture))


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """A picture uint8 [H, W, 3], reduced to the side of small ones if larger."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SMALL_SIDE, _SMALL_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture)
