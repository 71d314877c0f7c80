"""Files that a session names: its model, its people's files, and its motion tracks.

A session may come from anybody. What it names is opened only where it is an ordinary file of
reasonable size that lies beside the session, came with the program or was opened here before:
reading a pipe would never end, and a path can lead to another machine. Exports name files without
their folders, for privacy.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PureWindowsPath

from training.reasons import reason
from training.user_folders import expanded, user_folder
from viz.state import settings
from viz.state.comparing.comparison import Comparison
from viz.state.driving.drive import Drive
from viz.state.driving.motion_track import TRACK_SUFFIX
from viz.state.errors import UserError
from viz.state.files import CHECKPOINTS
from viz.state.kept.favourites import Favourite
from viz.state.person import PERSON_SUFFIX, Latent
from viz.state.types import SessionState, Shot

LARGEST_MODEL = 2**34
LARGEST_WS = 2**26
LARGEST_PERSON = 2**30
"""Bytes; a person file has its own weights."""
IS_FOLDER = "it is a folder"
MODELS = {".safetensors", ".ckpt", ".pt", ".pth", ".pkl"}
_MOST_NEIGHBOURS = 20


def settings_path() -> Path:
    """Where the program keeps its settings, and with them the names of what was opened."""
    return user_folder("config") / "settings.json"


@dataclass(frozen=True)
class _OpenedFiles:
    """The opened files that the settings list."""

    recent: list[str] = field(default_factory=list[str])
    """Models."""
    ws: list[str] = field(default_factory=list[str])
    """People's files and motion tracks."""


def opened_before() -> list[str]:
    """Models, people's files and motion tracks that the user of this machine has opened, the newest
    first."""
    try:
        data = json.loads(settings_path().read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return []
    found = _OpenedFiles(**settings.fitting_fields(_OpenedFiles, data))
    return [*found.recent, *found.ws]


def problem_of(path: str | os.PathLike[str], most_bytes: int | None = None) -> str:
    """Why a path cannot be read as a file, as part of a sentence; empty if no reason is known.
    Nothing is opened."""
    try:
        status = Path(path).stat()
    except OSError as error:
        return reason(error)
    except ValueError:
        return "no file can have such a name"
    if stat.S_ISDIR(status.st_mode):
        return IS_FOLDER
    if not stat.S_ISREG(status.st_mode):
        return "it is not an ordinary file"
    if most_bytes is not None and status.st_size > most_bytes:
        return "it is too large"
    return ""


def require_files(*names: str | os.PathLike[str] | None) -> None:
    """Checks files that the user names; empty names are skipped. Nothing is opened.

    Raises:
        UserError: naming the first that cannot be read.
    """
    for name in filter(None, names):
        if problem := problem_of(expanded(name)):
            raise UserError(f"Cannot load {name}: {problem}.")


def located(
    name: str, folder: Path, known: Iterable[str] = (), most_bytes: int = LARGEST_MODEL
) -> str:
    """Absolute path of a file that a session names; empty if it may not be opened or is not found.

    Args:
        name: as the session has it, in the path syntax of any operating system.
        folder: the session's folder.
        known: files that were opened before.
        most_bytes: largest size allowed.
    """
    if not name:
        return ""
    plain, path = PureWindowsPath(name).name, PurePath(name)  # it may come from any system
    folder = folder.absolute()
    beside = [folder / plain, CHECKPOINTS / plain]
    if ".." not in path.parts and not is_remote(name) and (folder / path).is_relative_to(folder):
        beside.insert(0, folder / path)
    # An export names no folders: then any opened file of that name will do.
    before = [Path(p) for p in known if p == name or (plain == name and _plain(p) == plain)]
    for candidate in (*beside, *before):
        if candidate.name and not problem_of(candidate, most_bytes):
            return str(candidate)
    return ""


def located_again(name: str, folder: Path, known: Iterable[str] = ()) -> str:
    """`located` for a model that an open session names: its absolute paths were found as it was
    read."""
    found = located(name, folder, known)
    here = Path(name).is_absolute() and not problem_of(name, LARGEST_MODEL)
    return found or (name if here else "")


def _plain(path: str) -> str:
    return PureWindowsPath(path).name


def is_remote(name: str) -> bool:
    r"""Whether a path in a session leads to another machine, such as \\server\share\a."""
    return name.replace("\\", "/").startswith("//")


def is_readable(name: str) -> bool:
    """Whether a session's file that `located` does not return could be opened on request."""
    return not is_remote(name) and Path(name).is_absolute() and not problem_of(name, LARGEST_MODEL)


def why_not(name: str) -> str:
    """Why a session's file that `located` does not return is not opened, to follow its name."""
    if is_remote(name):
        return "is on another machine"
    if not Path(name).is_absolute():
        return "was not found"
    problem = problem_of(name, LARGEST_MODEL)
    if not problem:
        return "was never opened here: open it yourself if you trust it"
    return "was not found" if problem.startswith("no such file") else f"cannot be read: {problem}"


def neighbours(folder: Path) -> list[str]:
    """Model files in a folder, the newest first."""
    try:
        found = [path for path in folder.absolute().iterdir() if path.suffix.lower() in MODELS]
        found = [path for path in found if not problem_of(path, LARGEST_MODEL)]
        found.sort(key=lambda path: -path.stat().st_mtime)
    except OSError:
        return []
    return [str(path) for path in found[:_MOST_NEIGHBOURS]]


def largest(name: str) -> int:
    """Greatest size of a person's file or a motion track, bytes: more for these than for ws
    alone."""
    large = name.lower().endswith((PERSON_SUFFIX, TRACK_SUFFIX))
    return LARGEST_PERSON if large else LARGEST_WS


def with_files_found(state: SessionState, folder: Path, known: Iterable[str]) -> SessionState:
    """The state of a session in `folder` with absolute paths of its people's files and tracks, and
    of the models of its cues and those that it compares with. A track or such a model that may not
    be opened is named without a folder: the session shows its moment without it.

    Raises:
        UserError: naming a person's file that may not be opened.
    """
    known = list(known)

    def find(name: str) -> str:
        found = located(name, folder, known, largest(name))
        if not found and name.lower().endswith(TRACK_SUFFIX):
            return _plain(name)
        if not found:
            raise UserError(
                f"The session takes a person from {name}, which {why_not(name)}. Only files that "
                "lie beside the session or that were opened before are read: put the file there."
            )
        return found

    def is_here(favourite: Favourite) -> bool:
        needed = favourite.latent.files if favourite.latent else ()
        return all(located(name, folder, known, largest(name)) for name in needed)

    # What is shown must be there; a favourite that is not is only missing from the list.
    kept = tuple(favourite for favourite in state.favourites if is_here(favourite))
    state = _with_files(replace(state, favourites=kept), find)
    return _with_other_models(state, lambda name: located(name, folder, known) or _plain(name))


def portable(state: SessionState, folder: Path) -> SessionState:
    """The state as an export in `folder` carries it: each file is named by its path relative to
    `folder` if it lies in there, and by its bare name otherwise."""
    folder = folder.absolute()

    def shortened(name: str) -> str:
        path = Path(name)
        inside = path.is_absolute() and path.is_relative_to(folder)
        return path.relative_to(folder).as_posix() if inside else _plain(name)

    # A show's notes and models are private to the speaker, and so are the names of favourites:
    # whoever receives a picture does not get them.
    state = _with_files(replace(state, cues=(), favourites=()), shortened)
    state = _with_other_models(state, shortened)
    return replace(state, checkpoint=shortened(state.checkpoint) if state.checkpoint else "")


def people_and_tracks(state: SessionState) -> list[str]:
    """The people's files and motion tracks that a state names, each once."""
    found: dict[str, None] = {}

    def note(name: str) -> str:
        found[name] = None
        return name

    _with_files(state, note)
    return list(found)


def second_models(state: SessionState) -> list[str]:
    """The models that a state compares with."""
    found = [part.compare.path for part in (state, *state.cues) if part.compare is not None]
    return [path for path in dict.fromkeys(found) if path]


def _with_other_models(state: SessionState, change: Callable[[str], str]) -> SessionState:
    def changed(compare: Comparison | None) -> Comparison | None:
        return compare and replace(compare, path=change(compare.path) if compare.path else "")

    cues = tuple(
        replace(
            cue,
            checkpoint=change(cue.checkpoint) if cue.checkpoint else "",
            compare=cue.compare and changed(cue.compare.unloaded),
        )
        for cue in state.cues
    )
    return replace(state, compare=changed(state.compare), cues=cues)


def _with_files(state: SessionState, change: Callable[[str], str]) -> SessionState:
    def changed(latent: Latent) -> Latent:
        others = tuple(replace(o, latent=changed(o.latent)) for o in latent.others)
        ws_file = change(latent.ws_file) if latent.ws_file else ""
        return replace(latent, ws_file=ws_file, others=others)

    def changed_shot(shot: Shot | None) -> Shot | None:
        return None if shot is None else replace(shot, latent=changed(shot.latent))

    def changed_drive(drive: Drive | None) -> Drive | None:
        if drive is None or not drive.track:
            return drive
        # Whatever a session calls its track is looked for as a track.
        name = drive.track
        name = name if name.lower().endswith(TRACK_SUFFIX) else f"{name}{TRACK_SUFFIX}"
        return replace(drive, track=change(name))

    return replace(
        state,
        drive=changed_drive(state.drive),
        latent=changed(state.latent),
        before=changed_shot(state.before),
        keyframes=tuple(replace(key, latent=changed(key.latent)) for key in state.keyframes),
        cues=tuple(
            replace(
                cue,
                latent=changed(cue.latent),
                before=changed_shot(cue.before),
                drive=changed_drive(cue.drive),
            )
            for cue in state.cues
        ),
        favourites=tuple(
            favourite
            if favourite.latent is None
            else replace(favourite, latent=changed(favourite.latent))
            for favourite in state.favourites
        ),
    )
