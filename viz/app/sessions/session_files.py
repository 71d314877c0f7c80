"""Opening and saving sessions, and what would be lost on quitting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gui_utils.files.file_dialogs import Filters, Kind
from gui_utils.files.folders import absolute, is_folder
from training.reasons import reason
from viz.app.program_commands import Question
from viz.app.sessions.autosave import SavedSession
from viz.app.timeline.path_commands import PathCommands
from viz.exports import embedding, writing
from viz.exports.export_jobs import FindModelJob
from viz.state import files, named_files, session
from viz.state.driving import driven
from viz.state.errors import UserError
from viz.state.history import History
from viz.state.types import SessionState

ARRAYS = (".npy", ".npz")

_QUIT = "Quit the visualizer?"


@dataclass(frozen=True)
class FileQuestion:
    """A file that the user is to choose."""

    kind: Kind
    title: str
    filters: Filters
    chosen: Callable[[str], None]
    path: Path
    """The folder to begin in, or a file to suggest."""


class SessionFiles(PathCommands):
    """Commands for sessions in files."""

    file_question: FileQuestion | None = None
    """The file to choose while a dialog asks for it."""

    def _ask_for_file(
        self,
        kind: Kind,
        title: str,
        filters: Filters,
        chosen: Callable[[str], None],
        name: str = "",
    ) -> None:
        def take(path: str) -> None:
            self.preferences.last_folder = str(Path(path).parent)
            chosen(path)

        if self.file_question is None:  # one at a time: an answer must not go to another question
            self.file_question = FileQuestion(kind, title, filters, take, self.dialog_folder / name)

    @property
    def dialog_folder(self) -> Path:
        """Where a file dialog begins: in the folder used last, or in the working folder; in the
        home folder where that is the program's own, or the root of a disk."""
        last, here = self.preferences.last_folder, absolute(".")
        if last and is_folder(Path(last)):
            return Path(last)
        unlikely = here in (files.CHECKPOINTS.resolve().parent, Path(here.anchor))
        return Path.home() if unlikely else here

    def _open_session(self, path: str) -> None:
        kept = SavedSession.at(Path(path).absolute())
        if kept is not None and kept.path.parent == self.autosave.folder.absolute():
            self.resume(kept)
            return
        opened = embedding.read_session(sidecar(path) or path, self._known_files)
        self._take_opened(opened)
        self.mark_restored(path)
        self.bring_model(opened, path)
        self.notify("success", f"Opened {Path(path).name}.")

    @property
    def _known_files(self) -> list[str]:
        return [*self.preferences.recent, *self.preferences.ws]

    def _take_opened(self, opened: embedding.Opened) -> None:
        state = opened.state.snapshot()
        state.checkpoint = self.model_path  # until the other one is loaded, which may fail
        self.is_new = False
        self.take_state(state)

    def offer_crashed(self) -> bool:
        """Asks whether to continue with the session of a window that ended unexpectedly; returns
        whether there is one."""
        kept = self.autosave.find_crashed()
        if kept is None:
            return False

        def answered(choice: str) -> None:
            if choice == "Go on":
                self.autosave.adopt_crashed()
                self.resume(kept)
            else:
                self.autosave.leave_crashed()

        self.question = Question(
            "Continue the last session?",
            f"The visualizer ended unexpectedly. {kept.when} it saved this session, which stays "
            f"among the earlier ones: {kept.about}.",
            ("Go on", "Not now"),
            answered,
            default="Go on",
        )
        return True

    def resume(self, kept: SavedSession) -> None:
        """Shows an automatically saved session, with its file and its unsaved changes."""

        def resume() -> None:
            opened = self._take_kept(kept)
            self.bring_model(opened, str(kept.path))

        self.guarded(resume)

    def reopen_last(self) -> None:
        """Starts with the newest automatically saved session; its model is not loaded yet."""

        def reopen() -> None:
            kept = next(iter(self.autosave.sessions()), None)
            if kept is not None:
                opened = self._take_kept(kept)
                self.state.checkpoint = opened.model
                self.history = History(self.state)
                self.autosave.begin(self.state)
                if opened.state.checkpoint and not opened.model:
                    self._tell_no_model(opened.state.checkpoint)

        self.guarded(reopen)

    def _take_kept(self, kept: SavedSession) -> embedding.Opened:
        try:
            text = kept.path.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise UserError(f"The session cannot be read: {reason(error)}.") from error
        # It was written here, so the files it names were opened here.
        state = session.from_json(text, "The session")
        models = (state.checkpoint, *named_files.second_models(state))
        named = [*models, *named_files.people_and_tracks(state)]
        opened = embedding.read_session(kept.path, [*named, *self._known_files])
        self._take_opened(opened)
        self.origin, self._resumed = kept.origin, True
        self.seen.add(reversed(kept.seen))
        return opened

    def bring_model(self, opened: embedding.Opened, path: str) -> None:
        """Loads the model of a session that came from `path`: the file that it names, or one with
        the weights that made the export."""
        named = opened.state.checkpoint
        if not named:
            self._open_other_model(files.default_checkpoint())
        elif not opened.weights:
            self._open_named_model(opened)
        elif self.model is None or self.model.weights != opened.weights:
            job = FindModelJob(opened.weights, opened.candidates, path)
            self.worker.start(job, lambda found: self._bring_found(opened, found))

    def _bring_found(self, opened: embedding.Opened, found: str) -> None:
        if found:
            self._open_other_model(found)
            return
        if opened.model:
            name = Path(opened.model).name
            self.notify("warning", f"{name} has other weights than the session's model.")
        self._open_named_model(opened)

    def _open_named_model(self, opened: embedding.Opened) -> None:
        if opened.model:
            self._open_other_model(opened.model)
            return
        self._tell_no_model(opened.state.checkpoint)

    def _tell_no_model(self, named: str) -> None:
        buttons = ()
        if named_files.is_readable(named):
            buttons = (("Open it", lambda: self.open_model(named)),)
        sentence = f"The session's model {named} {named_files.why_not(named)}; the one shown stays."
        self.notify("warning", sentence, buttons=buttons)

    def _open_other_model(self, path: str) -> None:
        if path and path != (self.model.path if self.model else self.asked_model):
            self.open_model(path)

    def save_session(self) -> None:
        """Saves everything that defines what is shown to the session's file, or asks where.

        Also asks if another program or window has changed the file.
        """
        path = self.session_path
        if not path:
            self.save_session_dialog()
        elif files.file_stamp(path) in (None, self.origin.stamp):
            self.guarded(lambda: self._save_session(path))
        else:
            self._ask_to_save_over(path)

    def _ask_to_save_over(self, path: str) -> None:
        def answered(choice: str) -> None:
            if choice == "Replace":
                self._save_session(path)
            elif choice == "Save as":
                self.save_session_dialog()

        self.question = Question(
            "Replace the session?",
            f"{Path(path).name} was changed on the disk after it was opened here.",
            ("Replace", "Save as", "Cancel"),
            answered,
            default="Save as",
        )

    def save_session_dialog(self) -> None:
        """Saves the session to another file."""
        filters = (("Sessions", ("*.json",)),)
        name = self.session_path or "session.json"
        self._ask_for_file("save", "Save the session", filters, self._save_session, name)

    def _save_session(self, path: str) -> None:
        path = completed(path, ".json")
        session.save_session(path, self.state)
        self.mark_saved(path)
        self.tell_saved(path)

    def rescue(self) -> None:
        """Saves the session beside the settings, as a last resort."""
        path = self._settings.with_name("rescued session.json")
        session.save_session(path, self.state)
        self.mark_saved()
        self.tell_saved(path)

    def quit(self) -> None:
        """Ends the program; asks first if something would be lost."""
        if self.question is not None and self.question.title == _QUIT:
            return
        losses = self.losses()
        if not losses:
            self.quitting = True
            return

        def answer(choice: str) -> None:
            self.quitting = choice == "Quit"

        self.question = Question(_QUIT, " ".join(losses), ("Quit", "Stay"), answer, default="Stay")

    def losses(self) -> list[str]:
        """What would be lost if the program ended now, as sentences."""
        losses = []
        job = self.job
        if job is not None and job.loses:
            losses.append(f"{job.name} is under way and would be stopped.")
        if (problem := self.keep_session()) and self.unsaved:
            losses.append(f"The session has changes that are not saved. {problem}")
        return losses

    @property
    def unsaved(self) -> bool:
        """Whether the user has changed the session since it was opened or saved; the clip's time
        and the model do not count."""
        saved = self.origin.saved or SessionState()
        drive = driven.with_moment(self.state.drive, saved.drive)
        changed = replace(self.state, t=saved.t, checkpoint=saved.checkpoint, drive=drive)
        return (self.history.can_undo or self._resumed) and changed != saved

    @property
    def session_path(self) -> str:
        """File of the session; empty if it has none."""
        return self.origin.file

    def mark_saved(self, path: str | None = None) -> None:
        """Notes that the session matches its file or its beginning; `path` is a new file."""
        path = self.session_path if path is None else path
        stamp = files.file_stamp(path) if path else None
        self.origin = replace(self.origin, file=path, stamp=stamp, saved=self.state.snapshot())

    def mark_restored(self, path: str) -> None:
        """Notes that the session was read from a file; it is saved to it again if it is a session
        file, and not an export that holds one."""
        own = Path(path).suffix.lower() == ".json"
        self.mark_saved(str(Path(path).absolute()) if own else "")

    def keep_session(self) -> str:
        """Saves the session for the next start if it has changes or is to be reopened; returns why
        that failed as a sentence, or an empty string."""
        if self.unsaved or self.interface.reopen_last:
            self.autosave.seen = self.seen.entries
            return self.autosave.save(self.state, self.origin)
        return ""

    def save_by_itself(self, now: float) -> None:
        """Lets automatic saving run when it is due, and tells the user when it starts to fail."""
        failed = bool(self.autosave.problem)
        if failed and not self._warned:
            self.notify("warning", f"The session is not saved. {self.autosave.problem}")
        self._warned = failed
        self.autosave.seen = self.seen.entries
        self.autosave.tick(self.history.present, self.origin, now)


def sidecar(path: str) -> Path | None:
    """The session beside an exported volume, which is a NumPy file like ws."""
    beside = Path(f"{path}{embedding.SIDECAR_SUFFIX}")
    is_array = Path(path).suffix.lower() in ARRAYS
    return beside if is_array and not named_files.problem_of(beside) else None


def completed(path: str, *endings: str) -> str:
    """A path to save to, with the first of the extensions added if it has none of them.

    Raises:
        UserError: when a file of that name exists, which the dialog has not asked about.
    """
    if path.lower().endswith(endings):
        return path
    path += endings[0]
    if writing.exists(Path(path)):
        raise UserError(
            f"{Path(path).name} exists already: choose exactly that name to replace it."
        )
    return path
