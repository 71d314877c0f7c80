"""Choosing people and motions by their pictures, favourites, and what was looked at."""

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
    """What can be done with the gallery, favourites and what was seen."""

    gallery_centre: Code | None = None
    """What the gallery's people or motions lie around; None for what is shown."""
    gallery_reached = False
    """Whether the keyboard is to go to the gallery."""

    _by_code: tuple[favourites.Favourites, Mapping[Code, Favourite]] = ((), {})
    """Favourites, and the same by what they keep."""

    # The gallery ------------------------------------------------------------------------------

    def toggle_gallery(self) -> None:
        """Shows the gallery beside the picture and gives it the keyboard, or hides it."""
        if self.interface.gallery_shown:
            self.interface.gallery_shown = False
        else:
            self.open_gallery(self.interface.gallery_page)

    def open_gallery(self, page: GalleryPage) -> None:
        """Shows a page of the gallery and gives it the keyboard."""
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
        """The person or the motion of a cell of the gallery, from 0; when its places lie around
        one, the first is that one."""
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
        """Goes to other people or motions."""
        self.interface.gallery_first = random.randrange(LAST_SEED + 1 - _MOST_CELLS)

    def centre_gallery(self) -> None:
        """Shows people, or motions, around the present one."""
        self.gallery_centre, self.interface.gallery_around = None, True

    def pictures_of(self, code: Code) -> tuple[RenderRequest, ...]:
        """What says most about a code, as `Thumbnails` takes it. The person of a photo has a
        picture in its file, which takes no time."""
        requests = of_code(code, self.history.present.latent)
        if not isinstance(code, Latent) or not code.is_portrait or code.others:
            return requests
        if self.thumbnails.picture(requests[0]) is None:
            with suppress(UserError):  # whoever renders it tells why it cannot be read
                picture = person_file.pixels(person_file.head(code.ws_file))
                if picture is not None:
                    self.thumbnails.put(requests[0], picture)
        return requests

    def shows_code(self, code: Code) -> bool:
        """Whether a person or a motion is the one on show."""
        return code in (self.state.latent, self.state.motion)

    def take_code(self, code: Code) -> None:
        """Shows a person or a motion."""
        if isinstance(code, Latent):
            self.state.latent = code
        else:
            self.state.motion = code

    def blend_towards(self, code: Code) -> None:
        """Shows a person or a motion halfway to another one."""
        state = self.state
        own = state.latent if isinstance(code, Latent) else state.motion
        self.take_code(nearby.towards(own, code))

    # Favourites -------------------------------------------------------------------------------

    def toggle_favourite(self, code: Code) -> None:
        """Puts a person or a motion among the favourites, or takes it out."""
        self.state.favourites = favourites.toggled(self.state.favourites, code)

    def star_person(self) -> None:
        """Puts the person shown among the favourites, or takes them out."""
        self._star(self.state.latent)

    def star_motion(self) -> None:
        """Puts the motion shown among the favourites, or takes it out."""
        self._star(self.state.motion)

    def _star(self, code: Code) -> None:
        self.toggle_favourite(code)
        found = self.favourite_of(code)
        words = f"New favourite: {found.title}" if found else "Removed from the favourites."
        self.notify("success" if found else "info", words)

    def favourite_of(self, code: Code) -> Favourite | None:
        """The favourite that keeps a person or a motion."""
        kept, by_code = self._by_code
        if kept is not self.state.favourites:  # the gallery asks for each of its pictures
            kept = self.state.favourites
            by_code = {entry.code: entry for entry in kept if entry.code is not None}
            self._by_code = kept, by_code
        return by_code.get(code)

    def rename_favourite(self, code: Code, name: str) -> None:
        """Gives a favourite another name."""
        self.state.favourites = favourites.renamed(self.state.favourites, code, name)

    def keep_favourites(self) -> None:
        """Writes the favourites beside the settings if they have changed."""
        if self.state.favourites is not self.favourites_file.known:
            self.guarded(lambda: self.favourites_file.save(self.state.favourites))

    # What was looked at -----------------------------------------------------------------------

    def take_seen(self, entry: Seen) -> None:
        """Shows again what was looked at, from where it was seen; loads its model if another one
        is shown."""
        weights = self.model.weights if self.model else ""
        checkpoint = self.state.checkpoint
        self.take_state(replace(entry.applied_to(self.state), checkpoint=checkpoint))
        if entry.weights != weights:
            self.open_model(entry.checkpoint)

    def note_seen(self, now: float) -> None:
        """Notes what is on show with its full picture, once it has stood for a moment."""
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
    """A picture uint8 [H, W, 3] of at most the side of small ones."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SMALL_SIDE, _SMALL_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture)
