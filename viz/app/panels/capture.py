"""Saving what is shown: pictures, sessions and bookmarks."""

from __future__ import annotations

from functools import partial

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from viz.app.commands import CaptureKind, Commands
from viz.app.panels.widgets import (
    Button,
    button_row,
    cells,
    disabled,
    folder_row,
    heading,
    pick_from_popup,
)

_KINDS: tuple[tuple[CaptureKind, str, str], ...] = (
    ("picture", "Saves the picture shown, as computed: .png.", icons.ICON_FA_IMAGE),
    ("raw", "Saves the picture before the super-resolution: .png.", icons.ICON_FA_TABLE_CELLS),
    ("depth", "Saves the depth as a 16-bit grey picture: .png.", icons.ICON_FA_MOUNTAIN),
    ("window", "Saves the whole window with its controls: .png.", icons.ICON_FA_DISPLAY),
)
"""What can be saved, in words and as an icon."""
_EARLIER = "Earlier sessions"
_DIGITS = tuple(range(1, 10))


def draw(commands: Commands) -> None:
    """Pictures and their folder, the session, and bookmarks 1-9."""
    with disabled(commands.model is None or commands.result is None):
        _pictures(commands)
    folder_row(commands)
    heading("Session")
    _session(commands)
    heading("Bookmarks")
    _bookmarks(commands)


def _pictures(commands: Commands) -> None:
    buttons = [
        Button(kind.capitalize(), partial(commands.capture, kind), about, icon, lit=not k)
        for k, (kind, about, icon) in enumerate(_KINDS)
    ]
    button_row(*buttons[:2])
    button_row(*buttons[2:])


def _session(commands: Commands) -> None:
    button_row(
        Button("Save", commands.save_session),
        Button("Save as", commands.save_session_dialog),
        Button("Open", commands.open_session_dialog),
        Button(
            "Earlier",
            partial(_open_earlier, commands),
            "Lists the sessions saved automatically: every minute while something changes, when "
            "the model changes, and when you quit.",
        ),
    )
    _earlier_popup(commands)
    button_row(
        Button("Undo", commands.undo, enabled=commands.history.can_undo),
        Button("Redo", commands.redo, enabled=commands.history.can_redo),
    )


def _open_earlier(commands: Commands) -> None:
    if commands.autosave.sessions():
        imgui.open_popup(_EARLIER)
    else:
        commands.notify("info", "No session has been saved automatically yet.")


def _earlier_popup(commands: Commands) -> None:
    if not imgui.is_popup_open(_EARLIER):
        return
    earlier = {str(kept.path): kept for kept in commands.autosave.sessions()}
    rows = [(path, kept.when, kept.about) for path, kept in earlier.items()]
    found = pick_from_popup(_EARLIER, rows)
    if found is not None:
        commands.resume(earlier[found])


def _bookmarks(commands: Commands) -> None:
    stored = set(commands.bookmarks())

    def about(index: int) -> str:
        digit = _DIGITS[index]
        if digit in stored:
            return (
                f"Click to return to this state (key {digit}), Ctrl+click to replace it with the "
                f"present one (Ctrl+{digit})."
            )
        return f"Empty: Ctrl+click stores the present state here (Ctrl+{digit})."

    lit = [index for index, digit in enumerate(_DIGITS) if digit in stored]
    clicked = cells("Bookmarks", [str(digit) for digit in _DIGITS], lit, about)
    if clicked is None:
        return
    digit = _DIGITS[clicked]
    if imgui.get_io().key_ctrl:
        commands.store_bookmark(digit)
    else:
        commands.recall_bookmark(digit)
