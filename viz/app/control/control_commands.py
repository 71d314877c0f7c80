"""Commands for inputs that control the program, and for their bindings."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gui_utils.files.file_dialogs import Filters
from viz.app.control.bindings import CONTROLS, Binding, Target
from viz.app.control.live_control import ControlSettings, LiveControl
from viz.app.control.waves import without_waves
from viz.app.sessions.session_files import SessionFiles, completed
from viz.state.types import SessionState

_BINDINGS: Filters = (("Bindings", ("*.json",)),)


class ControlCommands(SessionFiles):
    """Live control."""

    virtual_camera_state = ""
    """A sentence on the virtual camera; empty while it is off."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.control = LiveControl(self, self._settings.parent)

    def open_control(self) -> None:
        """Opens what was open when the program was closed, with its bindings."""
        self.control.restore(self.preferences.control)
        self.guarded(self.control.load)
        if names := ", ".join(self.waving_names):
            stop = ("Stop", self.stop_waves)
            self.notify("info", f"Moving by itself again: {names}.", buttons=[stop])

    @property
    def waving_names(self) -> list[str]:
        """Names of what moves by itself."""
        return [b.target.name or b.target.place for b in self.control.waving]

    def set_control(self, wanted: ControlSettings) -> None:
        """Opens and closes inputs."""
        if wanted != self.control.settings:
            self.control.configure(wanted)
            self.preferences.control = asdict(wanted)
            self.remember()

    @property
    def moves_by_itself(self) -> bool:
        return super().moves_by_itself or bool(self.control.waving)

    def _users_state(self) -> SessionState:
        state = super()._users_state()
        waving = self.control.waving
        return without_waves(state, self.history.present, waving) if waving else state

    def add_wave(self, shape: str, target: Target) -> None:
        """Lets a setting move by itself; `shape` is one of `bindings.WAVES`."""
        self.control.add_wave(shape, target)
        self.set_control(replace(self.control.settings, lfo=True))

    def stop_wave(self, binding: Binding) -> None:
        """Lets a setting rest that moves by itself."""
        back = ("Undo", lambda: self.control.change((*self.control.bindings, binding)))
        self.forget_control(binding)
        name = binding.target.name or binding.target.place
        self.notify("info", f"{name} no longer moves by itself.", buttons=[back])

    def stop_waves(self) -> None:
        """Lets everything rest that moves by itself; the switch of the LFOs moves it again."""
        self.set_control(replace(self.control.settings, lfo=False))

    def learn_control(self, target: Target) -> None:
        """Binds the next input to a setting, a command or a button."""
        self.control.learn(target)

    def stop_learning(self) -> None:
        """Cancels learning."""
        self.control.learn(None)

    def choose_control(self) -> None:
        """Chooses a command or a setting from a list, and binds the next input to it."""
        self.control.choosing = self.palette_open = True

    def forget_control(self, *forgotten: Binding) -> None:
        """Takes bindings away."""
        left = tuple(b for b in self.control.bindings if b not in forgotten)
        self.control.change(left)

    def edit_control(self, before: Binding, after: Binding) -> None:
        """Replaces a binding."""
        if before != after:
            self.control.chosen = after
            changed = tuple(after if b == before else b for b in self.control.bindings)
            self.control.change(changed)

    def reset_controls(self) -> None:
        """Restores the default bindings, those of a gamepad."""
        self.control.change(CONTROLS)

    def open_controls_dialog(self) -> None:
        """Loads bindings from a file."""

        def take(path: str) -> None:
            self.control.save()  # unsaved changes belong to the previous file
            before = self.control.settings
            self.set_control(replace(before, file=str(Path(path).absolute())))
            try:
                self.control.load()
            except Exception:
                self.set_control(before)
                raise

        self._ask_for_file("open", "Open bindings", _BINDINGS, take)

    def save_controls_dialog(self) -> None:
        """Saves the bindings to a file, which also keeps later changes."""

        def take(path: str) -> None:
            target = str(Path(completed(path, ".json")).absolute())
            self.set_control(replace(self.control.settings, file=target))
            self.control.change(self.control.bindings)
            self.control.save()
            self.tell_saved(target)

        self._ask_for_file("save", "Save bindings", _BINDINGS, take, "controls.json")
