"""The command palette: every command and setting by name, found by typing."""

from __future__ import annotations

from collections.abc import Callable

from gui_utils import controls
from gui_utils.controls import layout
from viz.app import shortcuts
from viz.app.commands import Commands
from viz.app.panels import PANELS
from viz.app.timeline.timeline_view import Timeline

_TIMELINE_WIDTH = 1200.0
"""Design pixels in which the timeline has room for all its controls."""

Act = Callable[[], object]


class Palette:
    """Searches commands and settings, and does or shows what was chosen.

    Args:
        commands: what can be done.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._list: controls.SearchList | None = None
        self._acts: dict[controls.Choice, Act] = {}

    def draw(self) -> bool:
        """Draws it; False once it is closed."""
        if self._list is None:
            self._acts = _entries(self._commands)
            self._list = controls.SearchList("Find a command or a setting", list(self._acts))
        is_open, taken = self._list.draw()
        if not is_open:
            self.close()
        if taken is not None:
            self._acts[taken]()
        return is_open

    def close(self) -> None:
        """Forgets what was typed."""
        self._list = None


def _entries(commands: Commands) -> dict[controls.Choice, Act]:
    """All that can be chosen, the keys' commands first."""
    found: dict[controls.Choice, Act] = {}
    for key in shortcuts.KEYS:
        if key.caption and key.chord != shortcuts.PALETTE:
            choice = controls.Choice(key.meaning, key.group, key.caption)
            found[choice] = lambda key=key: key.act(commands)
    found[controls.Choice("All keys", "Program", "?")] = commands.open_help
    for digit in sorted(commands.bookmarks()):
        choice = controls.Choice(f"Go to bookmark {digit}", "Bookmarks", str(digit))
        found[choice] = lambda digit=digit: commands.recall_bookmark(digit)
    for digit in range(1, 10):
        choice = controls.Choice(f"Store bookmark {digit}", "Bookmarks", f"Ctrl+{digit}")
        found[choice] = lambda digit=digit: commands.store_bookmark(digit)
    for panel in PANELS:
        choice = controls.Choice(panel.title, "Panel", about="Opens the panel and goes there.")
        found[choice] = lambda title=panel.title: _reach(commands, title)
    return found | _controls(commands)


def _controls(commands: Commands) -> dict[controls.Choice, Act]:
    """The controls of all panels, open or not, and of the timeline, as they would be drawn now."""
    found: dict[controls.Choice, Act] = {}
    with layout.indexing(_TIMELINE_WIDTH) as index:
        Timeline().draw(commands.state, commands, commands.animator.clock)
    with layout.indexing(commands.interface.sidebar_width) as others:
        for panel in PANELS:
            with controls.scope(panel.title):
                error = controls.guarded(
                    f"the panel {panel.title}",
                    lambda panel=panel: panel.draw(commands.state, commands.result, commands),
                )
            if error is not None:
                commands.report(f"The panel {panel.title} failed.", error)
    for name, control in (others | index).items():
        title, *parts = name.split("/")
        parts = [part for part in parts if part != "button"]  # the row's, which has its name
        # What explains itself by no sentence is a part of another control, or only told.
        if parts and control.about and not parts[-1].isdigit():
            choice = controls.Choice(": ".join(parts), title, about=control.about)
            found[choice] = lambda name=name: _reach(commands, name)
    return found


def _reach(commands: Commands, name: str) -> None:
    """Shows a panel, and gives one of its controls the keyboard."""
    commands.interface.sidebar_visible = commands.interface.panels_visible = True
    layout.reach(name)
