"""Dialogs to open and save files; the frame loop goes on meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from imgui_bundle import portable_file_dialogs as desktop

from gui_utils.controls.file_browser import Browser

Kind = Literal["open", "save", "folder"]

_TITLES: dict[Kind, str] = {
    "open": "Open a file",
    "save": "Save a file",
    "folder": "Choose a folder",
}
Filters = Sequence[tuple[str, Sequence[str]]]

_DIALOG_TOOLS = ("zenity", "kdialog", "matedialog", "qarma")


def has_desktop_dialogs() -> bool:
    """Whether the desktop brings file dialogs; Linux needs zenity, kdialog or a relative."""
    if not sys.platform.startswith("linux"):
        return True
    return any(shutil.which(tool) for tool in _DIALOG_TOOLS)


def show_folder(path: str | os.PathLike[str]) -> bool:
    """Open a folder in the desktop's file manager; whether there is one to ask."""
    folder = str(Path(path).absolute())
    if sys.platform == "win32":
        os.startfile(folder)
        return True
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        return False
    # It may take long to start, and what it prints is not ours.
    quiet = subprocess.DEVNULL
    try:
        subprocess.Popen([opener, folder], stdin=quiet, stdout=quiet, stderr=quiet)
    except OSError:
        return False
    return True


class FileDialog:
    """One dialog to open or save a file: the desktop's, else a browser drawn in the window.

    Args:
        builtin: True always takes the browser in the window, None only without desktop dialogs.
    """

    def __init__(self, builtin: bool | None = None) -> None:
        self._builtin = not has_desktop_dialogs() if builtin is None else builtin
        self._dialog: desktop.open_file | desktop.save_file | desktop.select_folder | None = None
        self._browser: Browser | None = None

    @property
    def is_open(self) -> bool:
        """Whether a dialog waits for an answer."""
        return self._dialog is not None or self._browser is not None

    def open(
        self,
        kind: Kind = "open",
        title: str = "",
        filters: Filters = (),
        default_path: str | os.PathLike[str] = "",
    ) -> None:
        """Show the dialog; while one is open this does nothing. A "folder" dialog takes no filters.

        ``filters`` are captions with patterns, such as ``("Pictures", ["*.png", "*.jpg"])``, the
        first is chosen; without any, all files show. ``default_path`` is a folder to begin in or
        a file to suggest; empty begins in the working folder. Raises ``ValueError`` for another
        kind.
        """
        if kind not in ("open", "save", "folder"):
            raise ValueError(f"A file dialog is for open, save or folder, not {kind!r}.")
        if self.is_open:
            return
        title = title or _TITLES[kind]
        path = Path(default_path or ".").expanduser().absolute()
        if self._builtin:
            self._browser = Browser(kind, title, filters, path)
            return
        flat = [part for name, patterns in filters for part in (name, " ".join(patterns))]
        flat = flat or ["All files", "*"]
        # A trailing separator tells the desktop that the path is a folder to begin in.
        start = f"{path}{os.sep}" if path.is_dir() else str(path)
        if kind == "folder":
            self._dialog = desktop.select_folder(title, start)
        elif kind == "open":
            self._dialog = desktop.open_file(title, start, flat)
        else:
            self._dialog = desktop.save_file(title, start, flat)

    def poll(self) -> list[str] | None:
        """The paths chosen, once: an empty list when cancelled, None while there is no answer.

        Call it each frame between begin_frame and end_frame: the browser draws itself here.
        """
        if self._browser is not None:
            answer = self._browser.draw()
            if answer is not None:
                self._browser = None
            return answer
        if self._dialog is None or not self._dialog.ready(0):
            return None
        result = self._dialog.result()
        self._dialog = None
        paths = [result] if isinstance(result, str) else list(result)
        return [path for path in paths if path]

    def cancel(self) -> None:
        """Close the dialog without an answer."""
        if self._dialog is not None:
            self._dialog.kill()
        self._dialog = None
        self._browser = None
