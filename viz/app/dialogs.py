"""Opening and saving: dialogs, dropped files and captures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls.file_dialogs import FileDialog, Filters, Kind, show_folder
from viz.app.actions import CaptureKind
from viz.exports import embedding
from viz.exports.pictures import captures
from viz.exports.table import Exporter
from viz.render.worker import Job
from viz.state import files, session
from viz.state.errors import UserError
from viz.state.types import SessionState

if TYPE_CHECKING:
    from viz.app.application import App
    from viz.render.renderer import Renderer
    from viz.state.jobs import Steps

_CODES = (".npy", ".npz")
_NUMPY = (("NumPy", ("*.npz", "*.npy")),)


def _holds_session(path: str) -> bool:
    """Whether it is a session, an export, or a folder of exported frames."""
    named = Path(path).suffix.lower() in (".json", *embedding.EXPORT_SUFFIXES)
    return named or Path(path).is_dir() or _sidecar(path) is not None


def _sidecar(path: str) -> Path | None:
    """The session beside an exported volume, which is a NumPy file as codes are."""
    beside = Path(f"{path}.session.json")
    return beside if Path(path).suffix.lower() in _CODES and beside.is_file() else None


@dataclass(frozen=True)
class _Export:
    """An export as it was asked for; later edits do not change it."""

    exporter: Exporter
    options: Any
    state: SessionState
    path: Path


class Files:
    """The application's dealings with files.

    Args:
        app: what they are opened into and saved from.
        builtin_dialogs: True always takes the file browser drawn in the window.
    """

    def __init__(self, app: App, builtin_dialogs: bool | None = None) -> None:
        self._app = app
        self._dialog = FileDialog(builtin_dialogs)
        self._chosen: Callable[[str], None] = lambda _: None
        self._doubtful: _Export | None = None

    @property
    def dialog_open(self) -> bool:
        return self._dialog.is_open

    def draw(self) -> None:
        """Draws the dialog, if one is open, and acts on its answer."""
        answer = self._dialog.poll()
        if answer:
            self._app.guarded(lambda: self._chosen(answer[0]))

    def _choose(
        self,
        kind: Kind,
        title: str,
        filters: Filters,
        chosen: Callable[[str], None],
        name: str = "",
    ) -> None:
        if self._dialog.is_open:
            return  # the answer of that one must not go to this one's action
        self._chosen = chosen
        self._dialog.open(kind, title, filters, name)

    # Opening ---------------------------------------------------------------------------------

    def open_all(self, paths: Sequence[str]) -> None:
        """Opens dropped files; of several models or sessions the last one counts."""
        sessions = [p for p in paths if _holds_session(p)]
        rest = [p for p in paths if p not in sessions]
        models = [p for p in rest if Path(p).suffix.lower() not in _CODES]
        codes = [p for p in rest if Path(p).suffix.lower() in _CODES]
        # A session names its model, and codes go into whatever is shown in the end.
        for group in (models, sessions, codes):
            if group:
                self.open(group[-1])
            if len(group) > 1:
                name = Path(group[-1]).name
                self._app.toast("info", f"One file of a kind at a time: only {name} was opened.")

    def open(self, path: str) -> None:
        """Opens a file by what its name says it is: a session or an export that holds one, ws, or
        a model."""
        suffix = Path(path).suffix.lower()
        if _holds_session(path):
            self._app.guarded(lambda: self._open_session(path))
        elif suffix in _CODES:
            self._open_ws(path)
        else:
            self._app.open_model(path)

    def open_dialog(self) -> None:
        models = ("*.safetensors", "*.ckpt", "*.pt", "*.pth", "*.pkl")
        kinds = (*models, "*.json", *(f"*{suffix}" for suffix in embedding.EXPORT_SUFFIXES))
        filters = (("Models and sessions", kinds), ("All files", ("*",)))
        self._choose("open", "Open a model or a session", filters, self.open)

    def open_session_dialog(self) -> None:
        kinds = ("*.json", *(f"*{suffix}" for suffix in embedding.EXPORT_SUFFIXES))
        filters = (("Sessions and what was exported", kinds),)
        self._choose("open", "Open a session", filters, self.open)

    def open_ws_dialog(self) -> None:
        self._choose("open", "Load ws", _NUMPY, self.open)

    def _open_session(self, path: str) -> None:
        app = self._app
        state = embedding.open_session(_sidecar(path) or path)
        wanted = state.checkpoint or files.default_checkpoint()
        shown = app.model.path if app.model else ""
        state.checkpoint = shown  # until the other one is loaded, which may fail
        app.take_state(state)
        if wanted and not Path(wanted).exists():
            name = Path(wanted).name
            app.toast("warning", f"The session's model {name} is not here; the one shown stays.")
        elif wanted != shown:
            app.open_model(wanted)
        app.toast("success", f"Opened {Path(path).name}.")

    def _open_ws(self, path: str) -> None:
        path = str(Path(path).absolute())

        def done(_: object) -> None:
            app = self._app
            app.state.latent = replace(app.state.latent, ws_file=path, others=())
            app.asking.asked = None  # the file may have changed, and the state not

        name = f"Reading {Path(path).name}"
        self._app.worker.start(Job(name, lambda r: captures.check_ws(r, path), done))

    # Saving ----------------------------------------------------------------------------------

    def save_session_dialog(self) -> None:
        filters = (("Sessions", ("*.json",)),)
        self._choose("save", "Save the session", filters, self._save_session, "session.json")

    def _save_session(self, path: str) -> None:
        path = _completed(path, ".json")
        session.save_session(path, self._app.state)
        self._app.toast("success", f"Saved {Path(path).name}.", path)

    def save_ws_dialog(self) -> None:
        name = f"seed{self._app.state.latent.seed:04d}_ws.npz"
        self._choose("save", "Save the ws of this person", _NUMPY, self._save_ws, name)

    def _save_ws(self, path: str) -> None:
        state, target = self._app.state.snapshot(), Path(_completed(path, ".npz", ".npy"))
        name = f"Saving {target.name}"
        job = Job(name, lambda r: captures.save_ws(r, state, target), self._saved)
        self._app.worker.start(job)

    def capture(self, kind: CaptureKind, window: np.ndarray | None = None) -> None:
        """Saves a picture of the present state; `window` holds the pixels for that kind."""
        app = self._app
        state = app.state.snapshot()
        name = captures.file_name(state, kind, app.model.name if app.model else "")
        path = Path(app.capture_folder) / name
        job = Job(
            f"Saving the {kind}",
            lambda renderer: captures.save(renderer, state, kind, path, window),
            self._saved,
        )
        app.worker.start(job)

    def _saved(self, path: Path) -> None:
        self._app.toast("success", f"Saved {path.name}.", str(path))

    # Exporting -------------------------------------------------------------------------------

    def export(self) -> None:
        """Exports the present state as the interface's choices say, asking before anything that
        exists is replaced."""
        app = self._app
        choices = app.exports
        path = choices.target(
            app.state, app.capture_folder, app.model.name if app.model else ""
        ).absolute()
        wanted = _Export(choices.exporter, choices.current, app.state.snapshot(), path)
        problems = wanted.options.problems_with(path)
        if problems:
            app.toast("error", problems[0])
        elif path.exists():
            self._doubtful = wanted
        else:
            self._start(wanted, overwrite=False)
        app.remember()

    @property
    def asks(self) -> bool:
        """Whether a question on a name that is taken waits for its answer."""
        return self._doubtful is not None

    def ask(self) -> None:
        """Draws that question and acts on its answer."""
        wanted = self._doubtful
        if wanted is None:
            return
        name, folder = wanted.path.name, wanted.path.parent
        kind = "folder" if wanted.path.is_dir() else "file"
        sentence = f"The {kind} {name} exists in {folder}."
        choices = ("Replace", "Keep both", "Cancel")
        answer = controls.confirm(f"Replace the {kind}?", sentence, choices)
        if answer is None:
            return
        self._doubtful = None
        if answer == "Keep both":
            self._start(replace(wanted, path=captures.unused(wanted.path)), overwrite=False)
        elif answer == "Replace":
            self._start(wanted, overwrite=True)

    def _start(self, wanted: _Export, overwrite: bool) -> None:
        def steps(renderer: Renderer | None) -> Steps:
            if renderer is None:
                raise UserError("No model is loaded yet: wait for it, or open one.")
            run, path = wanted.exporter.run, wanted.path
            return run(renderer, wanted.state, wanted.options, path, overwrite=overwrite)

        self._app.worker.start(Job(f"Exporting {wanted.path.name}", steps, self._exported))

    def _exported(self, path: Path) -> None:
        def show() -> None:
            if not show_folder(path.parent):
                self._app.toast("warning", "This desktop has no file manager to open.")

        buttons = (
            ("Open folder", show),
            ("Copy path", lambda: imgui.set_clipboard_text(str(path))),
        )
        self._app.toasts.add("success", f"Saved {path.name}.", buttons=buttons)

    def capture_folder_dialog(self) -> None:
        def take(path: str) -> None:
            self._app.preferences.capture_folder = path
            self._app.remember()

        start = self._app.capture_folder
        self._choose("folder", "Folder for saved pictures", (), take, start)


def _completed(path: str, *endings: str) -> str:
    """A path to save to, with the first of the endings where it has none of them.

    Raises:
        UserError: when a file has that name, which the dialog has not asked about.
    """
    if path.lower().endswith(endings):
        return path
    path += endings[0]
    if Path(path).exists():
        raise UserError(f"{Path(path).name} exists: choose that very name to replace it.")
    return path
