"""Commands for making a person from a photo."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gui_utils.files.file_dialogs import Filters
from viz.app.portraits.person_commands import PersonCommands
from viz.app.portraits.photo_at_work import Portrait, around
from viz.exports import embedding, naming
from viz.portrait.face_marks import FaceMark, PhotoFaces
from viz.portrait.portrait_jobs import FindFacesJob, MakePersonJob
from viz.render import person_file
from viz.render.messages import Progress
from viz.state import named_files
from viz.state.errors import UserError
from viz.state.person import PERSON_SUFFIX, unfinished
from viz.state.types import Orbit

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic")
"""Extensions of files that may be photos."""
_PHOTOS: Filters = (
    ("Pictures", tuple(f"*{suffix}" for suffix in PICTURES)),
    ("All files", ("*",)),
)


class PortraitCommands(PersonCommands):
    """Commands for photos, and for the people made from them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.portrait = Portrait()

    def open_photo_dialog(self) -> None:
        """Opens a photo of a face to make a person of it; dropping it on the window does the same.
        A neutral face, seen from the front or at up to about 45°, works best."""
        self._ask_for_file("open", "Open a photo", _PHOTOS, self.open_photo)

    def open_photo(self, path: str) -> None:
        """Shows a photo beside the picture and searches it for faces. If it cannot be read, the
        photo before it stays."""
        if self.portrait.making:
            self.notify("info", "A person is being made: stop that first, or wait for it.")
            return
        path, before = str(Path(path).absolute()), self.portrait
        self.portrait = Portrait(path, options=before.options, looking=True)
        self.open_panel("Portrait")
        self._look(FindFacesJob(path), before)

    def close_photo(self) -> None:
        """Closes the photo; making a person from it continues."""
        if self.portrait.making:
            self.portrait.beside = False
        else:
            self.portrait = Portrait(options=self.portrait.options)

    def choose_face(self, number: int) -> None:
        """Chooses another face of the photo."""
        self.portrait.chosen, self.portrait.corrected = number, False

    def mark_face(self, face: FaceMark) -> None:
        """Corrects the chosen face by hand."""
        self.portrait.mark(face)

    def add_face(self) -> None:
        """Puts a box on the photo; drag it to a face that was not found."""
        found = self.portrait.found
        if found is not None:
            self.portrait.chosen = len(found.faces)
            width, height = found.size
            self.portrait.mark(around((width / 2, height / 2), min(width, height) / 2))
            self.look_again()

    def look_again(self) -> None:
        """Finds the landmarks of the chosen face if it was marked by hand."""
        portrait, face = self.portrait, self.portrait.face
        if face is not None and portrait.corrected and not portrait.looking:
            portrait.looking, portrait.corrected = True, False
            self._look(FindFacesJob(portrait.path, face.box, face.eyes))

    def _look(self, job: FindFacesJob, before: Portrait | None = None) -> None:
        portrait = self.portrait

        def done(text: str) -> None:
            portrait.looking = False
            found = PhotoFaces.of_text(text)
            if job.box is None:
                portrait.found = found
                for note in found.notes:
                    self.notify("warning", note)
            elif not portrait.corrected and found.faces:  # otherwise it was dragged meanwhile
                portrait.mark(found.faces[0], by_hand=False)
            self.look_again()

        def ended() -> None:
            portrait.looking = False
            if portrait.pixels is None and portrait is self.portrait:
                if before is not None and before.found is not None:
                    self.portrait = before
                else:
                    self.close_photo()

        portrait.job = self.worker.start(job, done, ended)

    @property
    def person_target(self) -> Path:
        """The next person file to make: an unfinished one is resumed, and no other file is
        replaced."""
        portrait = self.portrait
        name = naming.safe_name(portrait.name) or naming.safe_name(Path(portrait.path).stem)
        return self._target(f"{name or 'person'}{PERSON_SUFFIX}")

    def _target(self, name: str) -> Path:
        """A file in the folder for pictures: an unfinished one is resumed, and no other file is
        replaced."""
        path = Path(self.preferences.capture_folder) / name
        return path if _is_unfinished(path) else naming.unused(path)

    @property
    def person_unfinished(self) -> bool:
        """Whether that file was stopped and can be resumed."""
        return _is_unfinished(self.person_target)

    def make_person(self) -> None:
        """Makes the person from the chosen face."""
        portrait, face, model = self.portrait, self.portrait.face, self.model
        if face is None or model is None or portrait.making:
            return
        target = str(self.person_target)
        portrait.making, portrait.live, portrait.made = target, None, ""
        portrait.beside = True

        def done(path: str) -> None:
            portrait.making, portrait.live = "", None
            self.when_free(lambda: self._show_made(portrait, path))
            self.notify("success", f"{Path(path).stem} is ready.", path)

        def ended() -> None:
            portrait.making, portrait.live = "", None
            if person_is_there(target):
                self.when_free(lambda: self._show_made(portrait, target))

        job = MakePersonJob(portrait.path, face.landmarks, portrait.options, target, model.name)
        portrait.job = self.worker.start(job, done, ended)

    def _show_made(self, portrait: Portrait, path: str) -> None:
        """Shows the person with the photo beside it, from the photo's camera."""
        self._show_person(path)
        with suppress(UserError):
            about = person_file.head(path)
            portrait.made, portrait.crop, portrait.whole = path, about.crop, False
            self.view_as_photo()

    def view_as_photo(self) -> None:
        """Shows the person from the photo's camera, with its expression, at the clip's start."""

        def view() -> None:
            about = person_file.head(self.state.latent.ws_file)
            self.take_state(
                replace(
                    self.state,
                    latent=replace(self.state.latent, expression=1.0),
                    orbit=Orbit(yaw=about.yaw, pitch=about.pitch),
                    t=0.0,
                )
            )

        self.guarded(view)

    def portrait_progress(self, event: Progress) -> None:
        """Takes the reports of a job about a photo or a person."""
        portrait = self.portrait
        if event.picture is None or event.number != portrait.job:
            return  # or it is of a photo that was opened before this one
        if portrait.looking:
            portrait.pixels = event.picture
        elif portrait.making:
            portrait.live = event.picture


def person_is_there(path: str) -> bool:
    """Whether a person file exists."""
    return not named_files.problem_of(path)


def is_photo(path: str) -> bool:
    """Whether a file is a picture that holds no session."""
    return embedding.is_foreign(path, PICTURES)


def _is_unfinished(path: Path) -> bool:
    return not named_files.problem_of(unfinished(path))
