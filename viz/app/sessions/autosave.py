"""Automatic saving of the session, and the sessions of windows that ended unexpectedly."""

from __future__ import annotations

import functools
import json
import logging
import re
import threading
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from training.reasons import reason
from training.replacing import replacing
from viz.state import session, settings
from viz.state.errors import UserError
from viz.state.files import Stamp
from viz.state.kept.seen import Seen
from viz.state.types import SessionState

log = logging.getLogger(__name__)

_SECONDS = 60.0
"""Seconds between two saves of a session that keeps changing."""
_MOST_KEPT = 20
_PATIENCE = 5.0
"""Seconds that the program's end waits for a slow disk."""
_NAME = re.compile(r"(\d{8}T\d{12})-([0-9a-f]{8})\.json")
_TIME = "%Y%m%dT%H%M%S%f"
_SEEN = ".seen.json"
"""Ending of the history files, after the window's id."""
_KEY = "resume"
"""Key of the saved JSON that says where the session belongs; plain sessions lack it."""


@dataclass(frozen=True)
class Origin:
    """Where a session belongs."""

    file: str = ""
    """The session's file; empty if it has none."""
    stamp: Stamp | None = None
    """Stamp of that file when it was opened or saved."""
    saved: SessionState | None = None
    """The session as it is in that file, or as it began."""
    cue: int | None = None
    """Index of the present cue; None while no show runs."""
    begun: float | None = None
    """When the talk began, seconds since 1970; None while no show runs."""


@dataclass(frozen=True)
class SavedSession:
    """An automatically saved session."""

    path: Path
    run: str
    """Id of the window that saved it."""
    time: datetime
    """When it was saved, with time zone."""

    @classmethod
    def at(cls, path: Path) -> SavedSession | None:
        """Parses a file's name; None for other files."""
        found = _NAME.fullmatch(path.name)
        if found is None:
            return None
        try:
            time = datetime.strptime(found[1], _TIME).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(path, found[2], time.astimezone())

    @property
    def when(self) -> str:
        """Day and time in words, to start a sentence."""
        days = (datetime.now().astimezone().date() - self.time.date()).days
        day = {0: "Today", 1: "Yesterday"}.get(days, f"{self.time:%d %B %Y}")
        return f"{day} at {self.time:%H:%M:%S}"

    @property
    def origin(self) -> Origin:
        """Where it belongs; an empty origin if the file does not say."""
        with suppress(OSError, ValueError, AttributeError, RecursionError):
            data = json.loads(self.path.read_text("utf-8"))
            return settings.read(Origin, data.get(_KEY, {}))
        return Origin()

    @property
    def seen(self) -> list[Seen]:
        """The history of its window, newest first; empty if it cannot be read."""
        with suppress(OSError, ValueError, RecursionError):
            data = json.loads(self.path.with_name(self.run + _SEEN).read_text("utf-8"))
            return settings.fitting_fields(_SeenFile, data).get("seen", [])
        return []

    @property
    def about(self) -> str:
        """A short description of its content."""
        return _about(self.path)


@dataclass(frozen=True)
class _SeenFile:
    """The history of a window, stored beside its sessions."""

    seen: list[Seen] = field(default_factory=list[Seen])


@functools.lru_cache(maxsize=4 * _MOST_KEPT)
def _about(path: Path) -> str:
    # Files are never changed after they are written, so this may be cached.
    try:
        text = path.read_text("utf-8")
        state = session.from_json(text)
        file = settings.read(Origin, json.loads(text).get(_KEY, {})).file
    except (OSError, ValueError, AttributeError, UserError):
        return "damaged"
    person = Path(state.latent.ws_file).stem or f"seed {state.latent.seed}"
    parts = [Path(file).name, Path(state.checkpoint).stem or "untrained model", person]
    keyframes = len(state.keyframes)
    parts += [f"{keyframes} keyframe{'s' * (keyframes > 1)}"] if keyframes else []
    return ", ".join(filter(None, parts))


class Autosave:
    """Saves the session of one window to a folder that all windows share.

    A window holds a lock there from its first save until it closes normally. A lock file that no
    process holds was left by a window that was killed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.every = _SECONDS
        self.problem = ""
        """Why the last save failed, as a sentence; empty if it succeeded."""
        self.seen: tuple[Seen, ...] = ()
        """The history, newest first, to be saved with the session."""
        self._seen_written: tuple[Seen, ...] = ()
        self._run = uuid.uuid4().hex[:8]
        self._lock: FileLock | None = None
        self._crashed: FileLock | None = None
        """Lock of the window that `find_crashed` has found."""
        self._known: SessionState | None = None
        """The session as it was saved last, or as it began."""
        self._written = False
        """Whether this window has saved a session."""
        self._tried = ""
        """Checkpoint of the session at the last attempt."""
        self._due = 0.0
        self._writer: threading.Thread | None = None

    def begin(self, state: SessionState) -> None:
        """Sets the session as it began: saving that would be useless."""
        self._known, self._tried = state.snapshot(), state.checkpoint

    def tick(self, state: SessionState, origin: Origin, now: float) -> None:
        """Saves the session in the background if it has changed and a save is due. `state` is the
        user's, without what moves by itself."""
        if self._writer is not None and self._writer.is_alive():
            return
        other_model = state.checkpoint != self._tried
        if (now < self._due and not other_model) or state == self._known:
            return
        self._due, self._tried = now + self.every, state.checkpoint
        self._start(state.snapshot(), origin)

    def save_soon(self) -> None:
        """Makes the next `tick` save the session immediately."""
        self._due, self._known = 0.0, None

    def save(self, state: SessionState, origin: Origin) -> str:
        """Saves the session now; returns why that failed as a sentence, or an empty string."""
        if self._writer is not None:
            self._writer.join(_PATIENCE)
            if self._writer.is_alive():
                where = f"It could not be saved automatically in {self.folder}"
                return f"{where}: the disk does not respond."
        if state != self._known or not self._written:
            self._start(state.snapshot(), origin).join(_PATIENCE)
        return self.problem

    def close(self) -> None:
        """Marks a normal end: the next start has nothing to offer."""
        if self._lock is not None:
            _drop(self._lock)
            self._lock = None

    def _start(self, state: SessionState, origin: Origin) -> threading.Thread:
        self._writer = threading.Thread(
            target=self._write, args=(state, origin), name="autosave", daemon=True
        )
        self._writer.start()
        return self._writer

    def _write(self, state: SessionState, origin: Origin) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._lock is None:
                self._lock = self._locked(self._run)
            text = json.dumps(json.loads(session.to_json(state)) | {_KEY: asdict(origin)})
            path = self.folder / f"{datetime.now(UTC).strftime(_TIME)}-{self._run}.json"
            with replacing(path) as part:
                part.write_text(text, "utf-8")
            self._write_seen()
        except OSError as error:
            where = f"It could not be saved automatically in {self.folder}"
            self.problem = f"{where}: {reason(error)}."
            log.warning(self.problem)
            return
        self._known, self._written, self.problem = state, True, ""
        with suppress(OSError):
            self._prune()

    def _write_seen(self) -> None:
        seen = self.seen
        if seen != self._seen_written:
            text = json.dumps({"seen": msgspec.to_builtins(seen)})
            with replacing(self.folder / (self._run + _SEEN)) as part:
                part.write_text(text, "utf-8")
            self._seen_written = seen

    def sessions(self) -> list[SavedSession]:
        """All saved sessions, newest first."""
        try:
            found = [SavedSession.at(path) for path in self.folder.iterdir()]
        except OSError:
            return []
        return sorted(filter(None, found), key=lambda kept: kept.path.name, reverse=True)

    def _prune(self) -> None:
        """Removes all but the latest ones and the newest of each window that is still running or
        crashed, and history files without sessions."""
        running = {path.stem for path in self.folder.glob("*.lock")}
        for index, kept in enumerate(self.sessions()):
            if index >= _MOST_KEPT and kept.run not in running:
                kept.path.unlink(missing_ok=True)
            running.discard(kept.run)
        runs = {kept.run for kept in self.sessions()}
        for path in self.folder.glob(f"*{_SEEN}"):
            if path.name.removesuffix(_SEEN) not in runs:
                path.unlink(missing_ok=True)

    def find_crashed(self) -> SavedSession | None:
        """The newest session of a window that was killed. Other windows do not find it while this
        one runs; the next start does, unless `adopt_crashed` or `leave_crashed` was called here."""
        newest = {kept.run: kept for kept in reversed(self.sessions())}
        for path in self.folder.glob("*.lock"):
            if path.stem not in newest and (lock := self._locked(path.stem)) is not None:
                _drop(lock)  # it has nothing to offer
        for kept in sorted(newest.values(), key=lambda kept: kept.path.name, reverse=True):
            if (self.folder / f"{kept.run}.lock").exists():
                self._crashed = self._locked(kept.run)
                if self._crashed is not None:
                    return kept
        return None

    def adopt_crashed(self) -> None:
        """Continues as the window that was found: if this one is killed as well, the next start
        finds the session again."""
        lock, self._crashed = self._crashed, None
        if lock is not None:
            self.close()
            self._lock, self._run = lock, Path(lock.lock_file).stem

    def leave_crashed(self) -> None:
        """Releases the window that was found: its sessions stay, and nobody is asked again."""
        lock, self._crashed = self._crashed, None
        if lock is not None:
            _drop(lock)

    def _locked(self, run: str) -> FileLock | None:
        """The lock of a window; None if another process holds it or the folder does not support
        locks."""
        lock = FileLock(self.folder / f"{run}.lock", timeout=0, thread_local=False)
        try:
            lock.acquire()
        except (Timeout, OSError, NotImplementedError):
            return None
        return lock


def _drop(lock: FileLock) -> None:
    """Releases a lock and removes its file."""
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
