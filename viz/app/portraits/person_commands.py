"""Commands for person files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gui_utils.files.file_dialogs import Filters
from viz.app.sessions.session_files import SessionFiles
from viz.exports.export_jobs import CheckPersonJob
from viz.state import files, named_files
from viz.state.person import PERSON_SUFFIX, Latent

PEOPLE: Filters = (("People", (f"*{PERSON_SUFFIX}",)),)


class PersonCommands(SessionFiles):
    """Commands for person files and ws files."""

    def open_person_dialog(self) -> None:
        """Shows the person of a person file; dropping it on the window does the same."""
        self._ask_for_file("open", "Open a person", PEOPLE, self.open_person)

    def open_person(self, path: str, *, with_model: bool = False) -> None:
        """Shows the person of a person file, or of a file of ws. `with_model` allows the person's
        model to replace the loaded one."""
        path = str(Path(path).absolute())

        def done(model: str) -> None:
            if model and with_model:
                self.open_model(model)
                self.open_person(path)
            elif model:
                self._offer_model(path, model)
            else:
                self._show_person(path)

        near = named_files.neighbours(Path(path).parent)
        candidates = dict.fromkeys((*self.recent, *files.bundled(), *near))
        self.worker.start(CheckPersonJob(path, tuple(candidates)), done)

    def _offer_model(self, path: str, model: str) -> None:
        """Tells the user that a person belongs to another model, which is available."""

        def bring() -> None:
            self.open_person(path, with_model=True)

        sentence = (
            f"{Path(path).name} is a person of the model {Path(model).name}, but another one is "
            "shown."
        )
        self.notify("warning", sentence, buttons=(("Open both", bring),))

    def _show_person(self, path: str) -> None:
        person = Latent.of_file(path)
        if not person.is_portrait:  # ws alone can be used with whatever model is chosen
            person = replace(self.state.latent, ws_file=path, expression=0.0, others=())
        self.state.latent = person
        self.preferences.loaded_ws(path)
        self.remember()
        self.scheduler.ask_again()  # the file may have changed although the state has not
