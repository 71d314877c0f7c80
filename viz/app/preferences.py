"""What the program remembers from one start to the next."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from viz.exports.choices import ExportChoices
from viz.state.errors import UserError
from viz.state.files import write_beside
from viz.state.interface import Interface

_APP = "pv3d-visualizer"
_MOST_RECENT = 10
_KEPT = ("theme", "ui_scale", "sidebar_width", "previews", "target_rate", "reload_on_change")
"""Fields of the interface that outlive the program."""


def _pictures() -> str:
    return str(Path(platformdirs.user_pictures_dir()) / "PV3D visualizer")


@dataclass
class Preferences:
    """Settings of the person at this machine."""

    window: dict[str, Any] = field(default_factory=dict)
    """`gui_utils.window.window.Window.geometry`."""
    interface: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, bool] = field(default_factory=dict)
    """Which panels are open."""
    recent: list[str] = field(default_factory=list)
    """Models opened before, newest first."""
    bookmarks: dict[str, str] = field(default_factory=dict)
    """Sessions as JSON by digit."""
    exports: dict[str, Any] = field(default_factory=dict)
    """`viz.exports.choices.ExportChoices.plain`."""
    capture_folder: str = field(default_factory=_pictures)

    def opened(self, path: str) -> None:
        """Puts a model first among the recent ones."""
        path = str(Path(path).absolute())
        self.recent = [path, *(p for p in self.recent if p != path)][:_MOST_RECENT]

    def join(self, other: Preferences, begun: dict[str, str]) -> None:
        """Takes over what another window has written meanwhile.

        Args:
            other: as they are on the disk.
            begun: bookmarks as they were when these were last written or read; those that have
                changed since then are this window's.
        """
        changed = {digit: t for digit, t in self.bookmarks.items() if begun.get(digit) != t}
        self.bookmarks |= other.bookmarks | changed
        self.recent = list(dict.fromkeys([*self.recent, *other.recent]))[:_MOST_RECENT]

    def keep(self, interface: Interface, exports: ExportChoices) -> None:
        """Takes over what outlives the program."""
        self.interface = {name: getattr(interface, name) for name in _KEPT}
        self.exports = exports.plain()

    def restore(self, interface: Interface, exports: ExportChoices) -> None:
        """Sets the interface as it was; values that do not fit are passed over."""
        for name in _KEPT:
            value, present = self.interface.get(name), getattr(interface, name)
            if isinstance(value, type(present)) and (name != "theme" or value in ("dark", "light")):
                setattr(interface, name, value)
        exports.restore(self.exports)


def default_path() -> Path:
    """Where the settings are kept."""
    return Path(platformdirs.user_config_dir(_APP)) / "settings.json"


def load(path: Path) -> Preferences:
    """Settings from a file; defaults where there is none or it is damaged, for settings are never
    worth refusing to start."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return Preferences()
    preferences = Preferences()
    for entry in fields(Preferences):
        value = data.get(entry.name) if isinstance(data, dict) else None
        if isinstance(value, type(getattr(preferences, entry.name))):
            setattr(preferences, entry.name, value)
    preferences.recent = [p for p in preferences.recent if isinstance(p, str)]
    preferences.sections = _only(preferences.sections, lambda v: isinstance(v, bool))
    preferences.bookmarks = _only(preferences.bookmarks, lambda v: isinstance(v, str))
    return preferences


def _only(table: dict[str, Any], fits: Callable[[Any], bool]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if fits(value)}


def save(path: Path, preferences: Preferences) -> None:
    """Writes the settings; a folder that cannot be written is no reason to complain."""
    try:
        write_beside(path, lambda file: file.write(json.dumps(asdict(preferences)).encode()))
    except UserError:
        return
