"""What the program remembers from one start to the next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from training.user_folders import user_folder
from viz.exports.choices import ExportChoices
from viz.state import settings
from viz.state.files import write_beside
from viz.state.interface import Interface
from viz.state.settings import Range

_MOST_RECENT = 10
_MOST_WS = 100
_KEPT = (
    "theme",
    "ui_scale",
    "sidebar_width",
    "panels_visible",
    "panel_group",
    "previews",
    "target_rate",
    "play_between",
    "direction_pictures",
    "gallery_size",
    "reopen_last",
    "reload_on_change",
    "audience_view",
    "talk_minutes",
    "kiosk_pause",
    "kiosk_idle",
    "unit_cm",
)
"""Fields of the interface that are kept between starts."""

Side = Annotated[int, Range(1, 2**15)]
Place = Annotated[int, Range(-(2**15), 2**15)]


def _pictures() -> str:
    return str(user_folder("pictures") / "PV3D visualizer")


@dataclass(frozen=True)
class Placement:
    """Position and size of the window, as in `gui_utils.window.imgui_window.Window.geometry`."""

    size: tuple[Side, Side] | None = None
    position: tuple[Place, Place] | None = None
    maximized: bool = False


@dataclass
class Preferences:
    """Settings of the user of this machine."""

    window: dict[str, Any] = field(default_factory=dict[str, Any])
    """A `Placement` as a table."""
    interface: dict[str, Any] = field(default_factory=dict[str, Any])
    sections: dict[str, bool] = field(default_factory=dict[str, bool])
    """Which panels are open."""
    recent: list[str] = field(default_factory=list[str])
    """Models opened before, newest first."""
    ws: list[str] = field(default_factory=list[str])
    """Person files, ws, motion tracks, videos and generators of a run that were opened before,
    newest first: sessions and tracks may name them."""
    bookmarks: dict[str, str] = field(default_factory=dict[str, str])
    """Sessions as JSON by digit."""
    learned: list[str] = field(default_factory=list[str])
    """Hints over the picture that have been followed."""
    exports: dict[str, Any] = field(default_factory=dict[str, Any])
    """`viz.exports.choices.ExportChoices.plain`."""
    control: dict[str, Any] = field(default_factory=dict[str, Any])
    """`viz.app.control.live_control.ControlSettings` as a table."""
    capture_folder: str = field(default_factory=_pictures)
    last_folder: str = ""
    """Folder of the file that a dialog chose last."""

    def opened(self, path: str) -> None:
        """Moves a model to the top of the recent ones."""
        path = str(Path(path).absolute())
        self.recent = [path, *(p for p in self.recent if p != path)][:_MOST_RECENT]

    def loaded_ws(self, path: str) -> None:
        """Moves a person file, a track or a video to the top of those opened before."""
        self.ws = list(dict.fromkeys([path, *self.ws]))[:_MOST_WS]

    def join(self, other: Preferences, begun: dict[str, str]) -> None:
        """Merges what another window has written meanwhile.

        Args:
            other: the preferences on disk.
            begun: the bookmarks when these preferences were last written or read; those changed
                since then were changed by this window.
        """
        changed = {digit: t for digit, t in self.bookmarks.items() if begun.get(digit) != t}
        self.bookmarks |= other.bookmarks | changed
        self.learned = list(dict.fromkeys([*self.learned, *other.learned]))
        self.recent = list(dict.fromkeys([*self.recent, *other.recent]))[:_MOST_RECENT]
        self.ws = list(dict.fromkeys([*self.ws, *other.ws]))[:_MOST_WS]

    def keep(self, interface: Interface, exports: ExportChoices) -> None:
        """Stores what is to be remembered."""
        self.interface = {name: getattr(interface, name) for name in _KEPT}
        self.exports = exports.plain()

    def restore(self, interface: Interface, exports: ExportChoices) -> None:
        """Restores the interface's settings; invalid values are ignored."""
        for name, value in settings.fitting_fields(Interface, self.interface).items():
            if name in _KEPT:
                setattr(interface, name, value)
        exports.restore(self.exports)


def load(path: Path) -> Preferences:
    """Settings from a file. Damaged ones take their defaults, as settings are no reason to refuse
    to start."""
    try:
        data = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return Preferences()
    preferences = Preferences(**settings.fitting_fields(Preferences, data))
    sound = settings.fitting_fields(Placement, preferences.window)
    preferences.window = {key: preferences.window[key] for key in sound}
    return preferences


def save(path: Path, preferences: Preferences) -> None:
    """Writes the settings.

    Raises:
        UserError: when they cannot be written, with the reason.
    """
    write_beside(path, lambda file: file.write(json.dumps(asdict(preferences)).encode()))
