"""Dialogs to open and save files that do not interrupt the frame loop."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from imgui_bundle import portable_file_dialogs as desktop

from gui_utils.controls.guard import guarded
from gui_utils.controls.style import printable
from gui_utils.files.file_browser import Browser
from gui_utils.files.folders import absolute, is_folder

Kind = Literal["open", "save", "folder"]
_Desktop = desktop.open_file | desktop.save_file | desktop.select_folder

_TITLES: dict[Kind, str] = {
    "open": "Open a file",
    "save": "Save a file",
    "folder": "Choose a folder",
}
Filters = Sequence[tuple[str, Sequence[str]]]

_DIALOG_TOOLS = ("zenity", "kdialog", "matedialog", "qarma")


class DialogError(RuntimeError):
    """A dialog failed and was closed; the message is one sentence for the user."""


def has_desktop_dialogs() -> bool:
    """Whether the desktop has file dialogs; on Linux they need zenity, kdialog or the like."""
    if not sys.platform.startswith("linux"):
        return True
    return any(shutil.which(tool) for tool in _DIALOG_TOOLS)


def show_folder(path: str | os.PathLike[str]) -> bool:
    """Opens a folder in the desktop's file manager; returns False if there is none."""
    folder = str(Path(path).absolute())
    if sys.platform == "win32":
        os.startfile(folder)
        return True
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        return False
    # It may start slowly, and its output does not belong in our terminal.
    quiet = subprocess.DEVNULL
    try:
        subprocess.Popen([opener, folder], stdin=quiet, stdout=quiet, stderr=quiet)
    except OSError:
        return False
    return True


class FileDialog:
    """A dialog to open or save a file: the desktop's, or a browser drawn in the window.

    Args:
        builtin: whether it is the browser; None for only if there are no desktop dialogs.
    """

    def __init__(self, builtin: bool | None = None) -> None:
        self._builtin = not has_desktop_dialogs() if builtin is None else builtin
        self._dialog: _Desktop | None = None
        self._browser: Browser | None = None

    @property
    def is_open(self) -> bool:
        """Whether a dialog is waiting for an answer."""
        return self._dialog is not None or self._browser is not None

    def open(
        self,
        kind: Kind = "open",
        title: str = "",
        filters: Filters = (),
        default_path: str | os.PathLike[str] = "",
    ) -> None:
        """Shows the dialog; does nothing while one is open.

        Args:
            kind: what to choose.
            title: its caption; empty for one that fits the kind.
            filters: captions with patterns, such as `("Pictures", ["*.png", "*.jpg"])`, the first
                of which is active at first; none to show all files. A "folder" dialog ignores them.
            default_path: folder to begin in, or file to suggest; empty for the working folder.

        Raises:
            ValueError: for another kind.
            DialogError: when the desktop's dialog cannot be opened.
        """
        if kind not in ("open", "save", "folder"):
            raise ValueError(f"A file dialog is for open, save or folder, not {kind!r}.")
        if self.is_open:
            return
        title = printable(title or _TITLES[kind])
        path = absolute(default_path or ".")
        if self._builtin:
            self._browser = Browser(kind, title, filters, path)
            return
        try:
            self._dialog = _open_desktop_dialog(kind, title, filters, path)
        except Exception as error:
            raise DialogError(f"The desktop's file dialog could not be opened: {error}.") from error

    def poll(self) -> list[str] | None:
        """Returns the chosen paths once: an empty list if it was cancelled, None until there is an
        answer. Call it in each frame between begin_frame and end_frame, as it draws the browser.

        Raises:
            DialogError: when the dialog failed; it is then closed.
        """
        if self._browser is not None:
            return self._draw(self._browser)
        if self._dialog is None:
            return None
        try:
            result = self._dialog.result() if self._dialog.ready(0) else None
        except Exception as error:
            self.cancel()
            raise DialogError(f"The desktop's file dialog failed: {error}.") from error
        if result is None:
            return None
        self._dialog = None
        paths = [result] if isinstance(result, str) else list(result)
        return [path for path in paths if path]

    def _draw(self, browser: Browser) -> list[str] | None:
        answer: list[str] | None = None

        def draw() -> None:
            nonlocal answer
            answer = browser.draw()

        error = guarded("the file dialog", draw)
        if answer is not None or error is not None:
            self._browser = None
        if error is not None:
            raise DialogError(f"The file dialog failed and was closed: {error}.") from error
        return answer

    def cancel(self) -> None:
        """Closes the dialog without an answer."""
        if self._dialog is not None:
            self._dialog.kill()
        self._dialog = None
        self._browser = None


def _open_desktop_dialog(kind: Kind, title: str, filters: Filters, path: Path) -> _Desktop:
    flat = [part for name, patterns in filters for part in (name, " ".join(patterns))]
    flat = flat or ["All files", "*"]
    # A trailing separator marks the path as a folder to begin in.
    start = f"{path}{os.sep}" if is_folder(path) else str(path)
    if printable(start) != start:
        start = ""  # the desktop cannot take it, and chooses a folder itself
    if kind == "folder":
        return desktop.select_folder(title, start)
    if kind == "open":
        return desktop.open_file(title, start, flat)
    return desktop.save_file(title, start, flat)
