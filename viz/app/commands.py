"""All that a user can do, one method per action, without any drawing.

Panels, shortcuts, dialogs and tests call these; the window's loop shows what comes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from gui_utils.files.file_dialogs import Filters, show_folder
from viz.app.comparing.compare_commands import MODEL_FILES, CompareCommands
from viz.app.control.control_commands import ControlCommands
from viz.app.exploring.direction_commands import DirectionCommands
from viz.app.exploring.figure_commands import MomentCommands
from viz.app.exploring.inspect_commands import InspectCommands
from viz.app.gallery.gallery_commands import GalleryCommands
from viz.app.live.live_commands import LiveCommands
from viz.app.portraits.portrait_commands import is_photo
from viz.app.portraits.track_commands import TrackCommands, is_video
from viz.app.program_commands import Question
from viz.app.sessions.session_files import ARRAYS, completed, sidecar
from viz.app.stage.show_commands import ShowCommands
from viz.exports import embedding, naming, writing
from viz.exports.choices import problems
from viz.exports.export_jobs import CaptureJob, ExportJob, SaveWsJob, WindowCaptureJob
from viz.state import files, named_files
from viz.state.driving.motion_track import TRACK_SUFFIX
from viz.state.person import PERSON_SUFFIX

CaptureKind = Literal["picture", "raw", "depth", "window"]

_PEOPLE = (PERSON_SUFFIX, *ARRAYS)
_NUMPY: Filters = (("NumPy", ("*.npz", "*.npy")),)
_SESSIONS = ("*.json", *(f"*{suffix}" for suffix in embedding.EXPORT_SUFFIXES))


class Commands(
    CompareCommands,
    LiveCommands,
    TrackCommands,
    ShowCommands,
    DirectionCommands,
    ControlCommands,
    InspectCommands,
    MomentCommands,
    GalleryCommands,
):
    """All commands, including those for files and exports."""

    def open_all(self, paths: Sequence[str], compares: bool = False) -> None:
        """Opens dropped files; the last one of several models or sessions is used. With
        `compares`, a model is shown beside the current one."""
        photos = [p for p in paths if is_photo(p)]
        films = [p for p in paths if is_video(p)]
        tracks = [p for p in paths if _is_track(p)]
        sessions = [p for p in paths if p not in (*photos, *films) and _holds_session(p)]
        rest = [p for p in paths if p not in (*photos, *films, *tracks, *sessions)]
        models = [p for p in rest if Path(p).suffix.lower() not in _PEOPLE]
        people = [p for p in rest if Path(p).suffix.lower() in _PEOPLE]
        if models and compares:
            self.compare_with(models[-1])
            models = []
        elif models and not sessions and self.ask_which_side(models[-1], models[:-1]):
            models = []
        # A session names its model, and a person goes into whatever is shown in the end.
        for group in (models, sessions, people, tracks, films, photos):
            if group:
                self.open(group[-1])
            if len(group) > 1:
                name = Path(group[-1]).name
                self.notify("info", f"Only one file of a kind opens at a time: {name} was opened.")

    def open(self, path: str) -> None:
        """Opens a file according to its name: a session or an export that holds one, a photo, a
        video, a motion track, a person or ws, or a model."""
        if is_photo(path):
            self.open_photo(path)
        elif is_video(path):
            self.open_video(path)
        elif _is_track(path):
            self.open_track(path)
        elif _holds_session(path):
            self.guarded(lambda: self._open_session(path))
        elif Path(path).suffix.lower() in _PEOPLE:
            self.open_person(path)
        else:
            self.open_model(path)

    def open_dialog(self) -> None:
        """Opens a model (a PV3D or EG3D checkpoint, or this program's own format), a session, a
        person or a motion track. Dropping the file on the window does the same.
        """
        known = (*MODEL_FILES, *_SESSIONS, f"*{PERSON_SUFFIX}", f"*{TRACK_SUFFIX}")
        filters = (("Models, sessions, people and tracks", known), ("All files", ("*",)))
        title = "Open a model, a session, a person or a motion track"
        self._ask_for_file("open", title, filters, self.open)

    def open_session_dialog(self) -> None:
        """Opens a session file, or the session inside an exported file."""
        filters = (("Sessions and exports", _SESSIONS),)
        self._ask_for_file("open", "Open a session", filters, self.open)

    def open_ws_dialog(self) -> None:
        """Shows the person of a .npz or .npy file of intermediate latent codes (ws) instead of a
        seed."""
        self._ask_for_file("open", "Load ws", _NUMPY, self.open)

    def save_ws_dialog(self) -> None:
        """Saves the intermediate latent codes (ws) of the person shown for other programs: .npz,
        under the key ws, or .npy."""
        name = f"seed{self.state.latent.seed:04d}_ws.npz"
        self._ask_for_file("save", "Save the ws of this person", _NUMPY, self._save_ws, name)

    def _save_ws(self, path: str) -> None:
        target = completed(path, ".npz", ".npy")
        self.worker.start(SaveWsJob(self.state.snapshot(), target), self.tell_saved)

    def capture(self, kind: CaptureKind) -> None:
        """Saves the present picture in the folder of saved pictures.

        A picture of the window is saved once it has been drawn.
        """
        if kind == "window":
            self.window_capture = True
            return
        path = self._capture_path(kind)
        self.worker.start(CaptureJob(kind, self.state.snapshot(), str(path)), self.tell_saved)

    def capture_window(self, pixels: np.ndarray) -> None:
        """Saves the window's pixels, uint8 [H, W, 3]."""
        height, width = pixels.shape[:2]
        job = WindowCaptureJob(
            self.state.snapshot(),
            str(self._capture_path("window")),
            (height, width),
            np.ascontiguousarray(pixels).tobytes(),
        )
        self.worker.start(job, self.tell_saved)

    def _capture_path(self, kind: CaptureKind) -> Path:
        name = naming.default_name(self.state, kind, self._model_name)
        return Path(self.capture_folder) / f"{name}.png"

    @property
    def _model_name(self) -> str:
        return self.model.name if self.model else ""

    @property
    def capture_folder(self) -> str:
        """Where pictures and exports go."""
        return self.preferences.capture_folder

    def capture_folder_dialog(self) -> None:
        """Asks for that folder."""

        def take(path: str) -> None:
            self.preferences.capture_folder = path
            self.remember()

        title = "Folder for saved pictures"
        self._ask_for_file("folder", title, (), take, self.capture_folder)

    def export(self) -> None:
        """Exports what is shown; you can go on working meanwhile.

        `exports` has the options. Nothing is replaced without a question.
        """
        choices = self.exports
        path = choices.target(self.state, self.capture_folder, self._model_name).absolute()
        options, state = choices.fitting, self.state.snapshot()

        def start(path: Path, overwrite: bool = False) -> None:
            job = ExportJob.of(choices.what, options, state, path, overwrite=overwrite)
            self.worker.start(job, self._tell_exported)

        def begin() -> None:
            if writing.exists(path):
                self._ask_to_replace(path, start)
            else:
                start(path)

        found = problems(choices, self.state, self.model, path)
        if found:
            self.notify("error", found[0])
        else:
            self.guarded(begin)
        self.remember()

    def _ask_to_replace(self, path: Path, start: Callable[..., object]) -> None:
        kind = "folder" if path.is_dir() else "file"

        def answered(choice: str) -> None:
            if choice == "Keep both":
                start(naming.unused(path))
            elif choice == "Replace":
                start(path, overwrite=True)

        self.question = Question(
            f"Replace the {kind}?",
            f"The {kind} {path.name} exists in {path.parent}.",
            ("Replace", "Keep both", "Cancel"),
            answered,
            default="Keep both",
        )

    def _tell_exported(self, path: str) -> None:
        def show() -> None:
            if not show_folder(Path(path).parent):
                self.notify("warning", "This desktop has no file manager to open.")

        def copy() -> None:
            self.shell.clipboard = path

        buttons = (("Open folder", show), ("Copy path", copy))
        self.notify("success", f"Saved {Path(path).name}.", buttons=buttons)


def _is_track(path: str) -> bool:
    return Path(path).suffix.lower() == TRACK_SUFFIX


def _holds_session(path: str) -> bool:
    """Whether it is a session, an export, or a folder of exported frames that is not a training
    run's."""
    named = Path(path).suffix.lower() in (".json", *embedding.EXPORT_SUFFIXES)
    is_folder = named_files.problem_of(files.model_file(path)) == named_files.IS_FOLDER
    return named or is_folder or sidecar(path) is not None
