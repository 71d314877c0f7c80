"""The command palette: every command and setting by name, found by typing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from gui_utils import controls
from gui_utils.controls import registry
from viz.app import shortcuts
from viz.app.commands import Commands
from viz.app.control.bindings import Target
from viz.app.control.setting_paths import SettingPath, path_of
from viz.app.gallery.gallery_view import PAGES
from viz.app.panels import GROUPS, PANELS, Panel
from viz.app.stage import show_keys
from viz.app.timeline.timeline_view import Timeline

_TIMELINE_WIDTH = 1200.0
"""Width in design pixels at which the timeline shows all its controls."""

Act = Callable[[], object]

_ALSO = {
    "Play or pause": "animate animation stop",
    "Random person": "seed new another face sample",
    "Random motion": "seed new another expression sample",
    "Star the person": "favourite keep",
    "Star the motion": "favourite keep",
    "Gallery": "thumbnails people motions browse seeds favourites",
    "Reset the camera": "centre front home",
    "Frame the head": "zoom fit centre",
    "Auto-orbit": "turntable rotate spin turn",
    "Values under the pointer": "inspect pixel probe depth normal colour",
    "Ruler between two points": "measure distance length centimetres",
    "Hide the interface": "clean",
    "Hide the panels": "sidebar",
    "Start the show": "presentation talk slides",
    "Keep what is shown as a cue": "slide presentation",
    "Save the picture": "screenshot capture export png",
    "Open": "load model checkpoint session file",
    "Compare with another model": "second difference side by side",
    "Undo": "back revert",
    "Quit": "exit close",
    "All keys": "help shortcuts mouse",
    "Restart the renderer": "stuck hangs worker process kill",
    "Appearance": "person seed face latent truncation style mixing",
    "Directions": "solo swing play rename reorder hide star pca ganspace sefa sliders",
    "Portrait": "photo inversion invert face",
    "Motion": "expression seed",
    "Motion track": "video drive driving",
    "Live": "webcam drive face",
    "View": "layout mesh depth normals opacity background",
    "Compare": "second model difference psnr ssim flip",
    "Camera": "yaw pitch zoom orbit",
    "Path": "keyframes animation",
    "Consistency": "flicker warping metrics figures",
    "Capture": "screenshot session autosave",
    "Export": "video frames mesh points volume mp4 gif obj glb ply",
    "Show": "presentation talk cues slides kiosk",
    "Model": "checkpoint weights",
    "Quality": "resolution samples precision",
    "Layers": "activations features",
    "Performance": "speed fps timing memory",
    "Control": "midi osc gamepad knobs",
    "Settings": "preferences options theme",
    "Field of view": "zoom fov",
    "Distance": "zoom dolly radius",
    "Target rate": "fps speed",
    "Frame rate": "fps",
    "Truncation ψ": "psi",
}
"""Other words that find a command, a panel or a control, by its name."""


@dataclass(frozen=True)
class PaletteEntry:
    """An entry, and the action for choosing it."""

    choice: controls.Choice
    act: Act
    target: Target | None = None
    """The target for binding an input; None for entries that only show something."""


class CommandPalette:
    """Searches commands and settings, then runs or shows the chosen one; or has the next input
    bound to it, if requested."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._list: controls.SearchList | None = None
        self._entries: dict[controls.Choice, PaletteEntry] = {}

    @property
    def listed(self) -> list[controls.Choice]:
        """All entries."""
        return list(self._entries)

    def draw(self) -> bool:
        """Draws it; returns False once it is closed."""
        control = self._commands.control
        if self._list is None:
            entries = _entries(self._commands)
            if control.choosing:
                entries = [entry for entry in entries if entry.target is not None]
            self._entries = {entry.choice: entry for entry in entries}
            title = "Bind the next input to" if control.choosing else "Find a command or a setting"
            self._list = controls.SearchList(title, list(self._entries))
        is_open, taken = self._list.draw()
        learns = control.choosing
        if not is_open:
            self.close()
        if taken is not None:
            entry = self._entries[taken]
            if learns and entry.target is not None:
                self._commands.learn_control(entry.target)
            else:
                entry.act()
        return is_open

    def close(self) -> None:
        """Clears the query."""
        self._list = None
        self._commands.control.choosing = False


def acts(commands: Commands) -> dict[str, Act]:
    """All commands by name, those of a show included."""
    return {entry.choice.name: entry.act for entry in _named(commands)}


def press(commands: Commands, name: str) -> None:
    """Presses the button "Panel/Label", whether its panel is open or not."""
    title = name.partition("/")[0]
    timeline = all(panel.title != title for panel in PANELS)
    width = _TIMELINE_WIDTH if timeline else commands.interface.sidebar_width
    with registry.pressing(name, width):
        if timeline:
            Timeline().draw(commands.state, commands, commands.animator.clock)
        else:
            _draw_panels(commands, [panel for panel in PANELS if panel.title == title])


def index(commands: Commands) -> dict[str, registry.Control]:
    """The controls of all panels, open or not, and of the timeline, as they would be drawn now."""
    with registry.indexing(_TIMELINE_WIDTH) as timeline:
        Timeline().draw(commands.state, commands, commands.animator.clock)
    with registry.indexing(commands.interface.sidebar_width) as others:
        _draw_panels(commands, PANELS)
    return others | timeline


def target_of(name: str, control: registry.Control, commands: Commands) -> Target | None:
    """The target of an input bound to the control "Panel/Label"; None if it is neither a setting
    nor a button."""
    title, *parts = _parts(name)
    caption = f"{title}: {': '.join(parts)}"
    if isinstance(control.subject, tuple):
        owner, field = control.subject
        path = path_of(owner, field, commands.state, commands.interface)
        if path is not None:
            return Target("setting", path.name, caption)
    return Target("button", name, caption) if control.presses else None


def sets(subject: object, path: SettingPath, commands: Commands) -> bool:
    """Whether a control of this subject sets a setting."""
    if not isinstance(subject, tuple):
        return False
    owner, field = subject
    return path.is_of(owner, field, commands.state, commands.interface)


def _parts(name: str) -> list[str]:
    """Panel and labels of a control, without a row's button, which shares the row's name."""
    return [part for part in name.split("/") if part != "button"]


def _draw_panels(commands: Commands, panels: Iterable[Panel]) -> None:
    for panel in panels:
        with controls.scope(panel.title):
            error = controls.guarded(
                f"the panel {panel.title}",
                lambda panel=panel: panel.draw(commands),
            )
        if error is not None:
            commands.report(f"The panel {panel.title} failed.", error)


def _entries(commands: Commands) -> list[PaletteEntry]:
    """All entries, starting with the commands that have keys."""
    found = _named(commands)
    for favourite in commands.state.favourites:
        if favourite.code is not None:
            choice = controls.Choice(favourite.title, "Favourite", about="Shows this favourite.")
            found.append(PaletteEntry(choice, partial(commands.take_code, favourite.code)))
    for group in GROUPS:
        titles = ", ".join(panel.title for panel in PANELS if panel.group == group)
        choice = controls.Choice(f"Show {group}", "Sidebar", about=titles)
        found.append(PaletteEntry(choice, partial(commands.show_group, group)))
    for panel in PANELS:
        about = "Opens the panel and goes there."
        also = _ALSO.get(panel.title, "")
        choice = controls.Choice(panel.title, "Panel", about=about, also=also)
        found.append(PaletteEntry(choice, partial(_reach, commands, panel.title)))
    for name, control in index(commands).items():
        title, *parts = _parts(name)
        # Controls without a tooltip are part of another control, or read-only.
        if parts and control.about and not parts[-1].isdigit():
            names = ": ".join(parts)
            also = f"{control.also} {_ALSO.get(names, '')}"
            choice = controls.Choice(names, title, about=control.about, also=also)
            target = target_of(name, control, commands)
            found.append(PaletteEntry(choice, partial(_reach, commands, name), target))
    return found


def _named(commands: Commands) -> list[PaletteEntry]:
    """Commands without keys."""
    found: list[PaletteEntry] = []

    def add(name: str, group: str, keys: str, act: Act) -> None:
        about, also = shortcuts.sentence(act), _ALSO.get(name, "")
        choice = controls.Choice(name, group, keys, about, also)
        found.append(PaletteEntry(choice, act, Target("command", name, name)))

    for key in shortcuts.KEYS:
        if key.listed and key.command is not Commands.open_palette:
            act = partial(key.command, commands, *key.arguments)
            add(key.meaning, key.group, key.caption, act)
    for key in show_keys.SHOW_KEYS:
        keys = key.caption if commands.current_show else ""  # they act only during a show
        act = partial(key.command, commands, *key.arguments)
        add(key.meaning, "During a show", keys, act)
    for number in range(1, len(commands.state.cues) + 1):
        add(f"Go to cue {number}", "Show", "", partial(commands.go_to_cue, number - 1))
    add("All keys", "Program", "?", commands.open_help)
    add("Restart the renderer", "Program", "", commands.restart_renderer)
    for digit in sorted(commands.bookmarks()):
        act = partial(commands.recall_bookmark, digit)
        add(f"Go to bookmark {digit}", "Bookmarks", str(digit), act)
    for digit in range(1, 10):
        act = partial(commands.store_bookmark, digit)
        add(f"Store bookmark {digit}", "Bookmarks", f"Ctrl+{digit}", act)
    for page, title in PAGES.items():
        add(f"{title} in the gallery", "Gallery", "", partial(commands.open_gallery, page))
    return found


def _reach(commands: Commands, name: str) -> None:
    """Shows a panel, and gives one of its controls the keyboard focus."""
    commands.interface.sidebar_visible = commands.interface.panels_visible = True
    registry.reach(name)
