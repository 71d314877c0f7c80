"""The camera and time path in numbers: its length, how it repeats, and the keyframe at the
playhead."""

from __future__ import annotations

from functools import partial

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.setting_controls import segmented, slider, toggle
from viz.app.panels.widgets import Button, button_row, disabled, heading
from viz.app.shortcuts import explained
from viz.state.animation import camera_path, path_editing
from viz.state.settings import setting
from viz.state.types import EASES, PATH_CLIPS, Keyframe, SessionState

_LONGEST = 600.0
"""Upper end of the slider, seconds; moving keyframes allows more."""


def draw(commands: Commands) -> None:
    """Adding and playing, the whole path, and the keyframe under the playhead."""
    state = commands.state
    interface = commands.interface
    if not state.keyframes:
        controls.hint(
            "Add what is shown as a keyframe, change the view, and add it again: the path leads "
            "smoothly from one to the next."
        )
    playing = interface.path_playing
    button_row(
        Button(
            "Add key",
            commands.add_keyframe,
            icon=icons.ICON_FA_PLUS,
            lit=not state.keyframes,
        ),
        Button(
            "Pause" if playing else "Play",
            commands.toggle_path,
            icon=icons.ICON_FA_PAUSE if playing else icons.ICON_FA_PLAY,
            enabled=path_editing.can_play(state),
        ),
    )
    if state.keyframes:
        _whole(state, commands)
        # Between keyframes the previous one is shown, faded, so that the rows stay while the path
        # plays.
        index = path_editing.current(state, interface)
        before = sum(key.time <= interface.path_time for key in state.keyframes) - 1
        shown = max(before, 0) if index is None else index
        with disabled(index is None):
            heading(f"Key {shown + 1} of {len(state.keyframes)}")
            _key(state, commands, shown)


def _whole(state: SessionState, commands: Commands) -> None:
    total = camera_path.duration(state)
    with disabled(total <= 0):
        changed, seconds = controls.slider(
            "Duration",
            total,
            0.2,
            max(_LONGEST, total),
            unit="s",
            log=True,
            tooltip="Length of the whole path in seconds: all keyframes move in proportion.",
        )
    if changed:
        path_editing.stretch(state, commands.interface, seconds)
    state.path = segmented("Clip", state.path, "clip", PATH_CLIPS)
    state.path = toggle("Closed", state.path, "closed")
    if state.path.closed:
        state.path = slider("Way back", state.path, "closing")
    else:
        toggle("Repeat", commands.interface, "path_loop")


def _key(state: SessionState, commands: Commands, index: int) -> None:
    interface, key = commands.interface, state.keyframes[index]
    changed, time = controls.slider(
        "Time",
        key.time,
        0.0,
        max(camera_path.duration(state) * 1.5, 10.0),
        unit="s",
        tooltip=setting(Keyframe, "time").sentence,
    )
    if changed:
        index = path_editing.move(state, index, time)
        key = state.keyframes[index]
        interface.path_time = key.time
    changed = slider("Turns", segmented("Way on", key, "ease", EASES), "turns")
    if changed != key:
        path_editing.edit(state, index, changed)
    button_row(
        Button(
            "Update",
            commands.update_keyframe,
            enabled=path_editing.is_off(state, interface),
            lit=path_editing.is_off(state, interface),
        ),
        Button("Duplicate", partial(path_editing.duplicate, state, interface)),
        Button(
            "Delete",
            partial(path_editing.remove, state, interface),
            explained(commands.delete_keyframe),
        ),
    )
