"""Live control: external inputs change settings and run commands, and receive feedback."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from viz.app.control import bindings as files
from viz.app.control.bindings import CONTROLS, Binding, Target, first_binding
from viz.app.control.gamepads import Gamepads
from viz.app.control.inbox import Inbox, Outbox
from viz.app.control.midi_ports import MidiPorts
from viz.app.control.osc_port import ANYWHERE, LOOPBACK, OscPort
from viz.app.control.setting_paths import SettingPath, setting_paths
from viz.app.control.waves import Waves, first_wave
from viz.state import settings
from viz.state.interface import Interface
from viz.state.settings import Range
from viz.state.types import SessionState

_NEAR = 1.5 / 127
"""Distance from the value at which a knob takes it over, as a fraction of the knob's range."""
_TOLD = 0.5 / 127
"""Change of a position that is worth sending as feedback."""
_SAVED = 0.5
"""Seconds after which changed bindings are written."""
_STICK = 1 / 60
_RESTING = 0.4
"""Seconds after the last message at which a movement counts as finished."""
_OSC = "OSC /"


@dataclass(frozen=True)
class ControlSettings:
    """Which inputs and outputs are open. Nothing is until the user switches it on."""

    midi: bool = False
    """Reads all connected MIDI devices, and drives their motor faders and lamps."""
    midi_address: str = ""
    """MIDI over the network, as host:port of a mido-serve program; empty for none."""
    osc: bool = False
    """Listens for OSC messages from this computer."""
    osc_port: Annotated[int, Range(1024, 65535)] = 9000
    """UDP port for OSC messages."""
    osc_anywhere: bool = False
    """Also accepts OSC messages from other computers: anyone who can reach this one can change
    settings."""
    osc_echo: str = ""
    """Address to which changes are sent by OSC, such as 127.0.0.1:9001; empty for none."""
    gamepad: bool = False
    """Reads connected gamepads."""
    lfo: bool = False
    """Lets settings move by themselves where an LFO (low-frequency oscillator) is bound to them."""
    virtual_camera: bool = False
    """Offers what the audience sees as a webcam, for video conferences; without a show, what the
    window shows."""
    file: str = ""
    """File of the bindings; empty for the one beside the settings."""


class Controlled(Protocol):
    """What the inputs control."""

    @property
    def state(self) -> SessionState: ...
    @property
    def interface(self) -> Interface: ...


@dataclass
class _Track:
    """State of a binding between messages."""

    last: float | None = None
    """Position of the knob."""
    placed: Any = None
    """The value that was set last."""
    at: float = 0.0
    """The position that the value stands for; the value itself is rounded to the setting's step."""
    waits: bool = False
    """Whether the knob has yet to reach the value."""


class LiveControl:
    """Applies the bindings; runs on the window's thread and never blocks it. The bindings are kept
    in `folder`."""

    def __init__(self, controlled: Controlled, folder: Path) -> None:
        self._controlled = controlled
        self._folder = folder
        self._commands: Callable[[], Mapping[str, Callable[[], object]]] = dict
        self._press: Callable[[str], object] = str
        self.settings = ControlSettings()
        self.inbox, self._outbox = Inbox(), Outbox()
        self.midi: MidiPorts | None = None
        self.osc: OscPort | None = None
        self.gamepads: Gamepads | None = None
        self.bindings: tuple[Binding, ...] = CONTROLS
        self._waving: tuple[Binding, ...] = ()
        self.learning: Target | None = None
        """What the next input will be bound to."""
        self.choosing = False
        """Whether the list of commands and settings asks what to learn."""
        self._chosen: Binding | None = None
        self._tracks: dict[Binding, _Track] = {}
        self._held: dict[str, float] = {}
        """Newest value of each input."""
        self._sent: dict[str, float] = {}
        self._direct: dict[str, SettingPath] = {
            f"{_OSC}{name.replace('.', '/')}": path for name, path in setting_paths().items()
        }
        self._asked: set[str] = set()
        """Direct addresses that were used, which are echoed."""
        self._moved = -math.inf
        self._waves, self._waves_wait = Waves(), False
        self._unsaved = False
        self._save_at = math.inf
        """Clock time at which changed bindings are to be written."""
        self._connections = 0

    def connect(
        self,
        wake: Callable[[], None],
        commands: Callable[[], Mapping[str, Callable[[], object]]],
        press: Callable[[str], object],
    ) -> None:
        """Connects inputs to the window. `wake` asks for a frame, from any thread."""
        self.inbox.wake, self._commands, self._press = wake, commands, press

    def configure(self, wanted: ControlSettings) -> None:
        """Opens and closes inputs as the settings say."""
        before, self.settings = self.settings, wanted
        if (wanted.midi, wanted.midi_address) != (before.midi, before.midi_address):
            if self.midi is not None:
                self.midi.close()
            address = wanted.midi_address.strip()
            self.midi = MidiPorts(self.inbox, self._outbox, address) if wanted.midi else None
        if _osc_of(wanted) != _osc_of(before):
            if self.osc is not None:
                self.osc.close()
            host = ANYWHERE if wanted.osc_anywhere else LOOPBACK
            echo = wanted.osc_echo.strip()
            self.osc = (
                OscPort(self.inbox, self._outbox, wanted.osc_port, host, echo)
                if wanted.osc
                else None
            )
        if wanted.gamepad != before.gamepad:
            self.gamepads = Gamepads(self.inbox) if wanted.gamepad else None
        self._held.clear()  # a stick that was held counts as released
        self._want()

    @property
    def is_open(self) -> bool:
        """Whether any input is switched on."""
        return bool(self.midi or self.osc or self.gamepads)

    def restore(self, plain: dict[str, Any]) -> None:
        """Opens what was open when the program was closed; unusable settings are ignored."""
        self.configure(ControlSettings(**settings.fitting_fields(ControlSettings, plain)))

    def close(self) -> None:
        """Closes all inputs."""
        self.configure(ControlSettings(file=self.settings.file))
        self._outbox.close()

    @property
    def path(self) -> Path:
        """File of the bindings."""
        return Path(self.settings.file) if self.settings.file else self._folder / "controls.json"

    def load(self) -> None:
        """Reads the bindings from their file.

        Raises:
            UserError: when there is one that cannot be read; the bindings stay as they are.
        """
        if self.settings.file or self.path.exists():
            self._take(files.load(self.path))

    def change(self, bindings: tuple[Binding, ...]) -> None:
        """Replaces the bindings; they are written once they have stopped changing for a moment."""
        self._take(bindings)
        self._unsaved = True

    def save(self) -> None:
        """Writes the bindings where they have changed.

        Raises:
            UserError: when they cannot be written; they take effect nevertheless.
        """
        unsaved, self._unsaved, self._save_at = self._unsaved, False, math.inf
        if unsaved:
            files.save(self.path, self.bindings)

    def _take(self, bindings: tuple[Binding, ...]) -> None:
        self.bindings = bindings
        self._waving = tuple(binding for binding in bindings if binding.waves)
        self._tracks.clear()
        self._sent.clear()
        self._want()

    def of(self, target: Target) -> list[Binding]:
        """The bindings of a target."""
        wanted = (target.kind, target.place)
        return [b for b in self.bindings if (b.target.kind, b.target.place) == wanted]

    def learn(self, target: Target | None) -> None:
        """Has the next input bound to a target; None cancels that."""
        self.learning = target
        self._want()

    def bind(self, key: str) -> None:
        """Binds an input to the target being learnt, in place of its earlier one."""
        if self.learning is not None:
            target, others = self.learning, [b for b in self.bindings if b.input != key]
            self.learn(None)
            self.chosen = learnt = first_binding(key, target)
            self.change((*others, learnt))

    def add_wave(self, shape: str, target: Target) -> None:
        """Lets a setting move by itself, around its present value, in place of any other LFO on it.
        `shape` is one of `bindings.WAVES`."""
        made = first_wave(shape, target, self._controlled.state, self._controlled.interface)
        here = [b for b in self.of(target) if b.waves]
        self._waves.forget(made)
        self.chosen = made
        self.change((*(b for b in self.bindings if b not in here), made))

    @property
    def waving(self) -> tuple[Binding, ...]:
        """What moves by itself now."""
        return self._waving if self.settings.lfo and not self._waves_wait else ()

    @property
    def chosen(self) -> Binding | None:
        """The binding that the panel shows, at first the newest one; None if there are none."""
        if self._chosen not in self.bindings:
            self._chosen = self.bindings[-1] if self.bindings else None
        return self._chosen

    @chosen.setter
    def chosen(self, binding: Binding | None) -> None:
        self._chosen = binding

    def waits(self, binding: Binding) -> bool:
        """Whether a knob stands elsewhere and has not taken the value over yet."""
        track = self._tracks.get(binding)
        return track is not None and track.waits

    def _want(self) -> None:
        """Tells the inbox which inputs matter: values of all others are counted and dropped."""
        bound = {binding.input for binding in self.bindings}
        self.inbox.wanted = None if self.learning is not None else bound | self._direct.keys()

    def poll(self) -> bool:
        """Polls the gamepads, only possible on the window's thread; returns whether one has
        moved."""
        return self.gamepads is not None and self.gamepads.poll()

    def is_moving(self, now: float) -> bool:
        """Whether an input moves settings, as a drag of the mouse does."""
        return now - self._moved < _RESTING or self._deflected

    @property
    def step_seconds(self) -> float:
        """Seconds between frames while inputs move settings."""
        return _STICK if self._deflected else 0.1

    @property
    def _deflected(self) -> bool:
        return any(b.mode == "rate" and self._held.get(b.input) for b in self.bindings)

    def update(self, now: float, seconds: float, waits: bool = False, holds: bool = False) -> None:
        """Applies the values received since the last frame.

        Args:
            now: time of a clock, seconds.
            seconds: time since the last frame.
            waits: whether nothing is to move by itself, such as while a cue arrives.
            holds: whether inputs may run commands but not change settings yet: otherwise a stream
                of values would keep a cue from ever being shown unchanged.

        Raises:
            UserError: when changed bindings cannot be written.
        """
        if self._unsaved:
            self._save_at = min(self._save_at, now + _SAVED)
        if now >= self._save_at:
            self.save()
        self.poll()  # frames follow one another, so the window neither waits nor asks
        received = self.inbox.take()
        self._waves_wait = waits
        for binding in self.waving:
            self._wave(binding, seconds)
        if self.learning is not None:
            for key, values in received.items():
                if max(map(abs, values)) > (0.5 if key.startswith("Gamepad") else 0.0):
                    self._held[key] = values[-1]
                    self.bind(key)
                    break
            return
        if holds:
            acts = {b.input for b in self.bindings if b.target.setting is None}
            self.inbox.put_back({key: received.pop(key) for key in received.keys() - acts})
        for binding in self.bindings:
            values = received.get(binding.input)
            if values:
                self._apply(binding, values, now)
            if binding.mode == "rate" and not holds:
                deflection = values[-1] if values else self._held.get(binding.input, 0.0)
                if deflection:
                    self._step(binding, deflection * binding.rate * seconds, now)
        bound = {binding.input for binding in self.bindings}
        for key in received.keys() & self._direct.keys() - bound:
            self._write(self._direct[key], self._direct[key].allowed(received[key][-1]), now)
            self._asked.add(key)
        self._held |= {key: values[-1] for key, values in received.items()}
        if self.midi is not None or self.osc is not None:
            self._answer(received)

    def _apply(self, binding: Binding, values: list[float], now: float) -> None:
        before = self._held.get(binding.input, 0.0)
        presses = sum(a < 0.5 <= b for a, b in zip([before, *values], values, strict=False))
        path = binding.target.setting
        if path is None:
            for _ in range(presses):
                self._do(binding.target)
        elif path.kind != "number":
            self._choose(binding, path, presses, values[-1], now)
        elif binding.mode == "absolute" and binding.presses:
            for _ in range(presses):
                at = path.position_of(self._read(path), binding.ends)
                self._write(path, path.value_at(0.0 if at > 0.5 else 1.0, binding.ends), now)
        elif binding.mode == "absolute":
            self._turn(binding, path, min(max(values[-1], 0.0), 1.0), now)
        elif binding.mode != "rate":
            for value in values:
                self._step(
                    binding, _steps(round(value * 127), binding.mode) * _tick(path, binding), now
                )

    def _do(self, target: Target) -> None:
        if target.kind == "button":
            self._press(target.place)
        else:
            act = self._commands().get(target.place)
            if act is not None:
                act()

    def _choose(
        self, binding: Binding, path: SettingPath, presses: int, value: float, now: float
    ) -> None:
        """Sets a switch or a choice: an OSC address or a knob gives the value, a button selects the
        next one."""
        here = self._read(path)
        follows = binding.input.startswith("OSC ")
        if path.kind == "switch":
            new = value >= 0.5 if follows else here ^ bool(presses % 2)
        elif binding.presses:
            place = path.choices.index(here) + presses
            new = path.choices[place % len(path.choices)]
        else:
            new = path.allowed(math.floor(min(max(value, 0.0), 1.0) * len(path.choices)))
        if new != here:
            self._write(path, new, now)

    def _turn(self, binding: Binding, path: SettingPath, position: float, now: float) -> None:
        """Follows a knob, once it has taken the value over."""
        track = self._tracks.setdefault(binding, _Track())
        here, before, track.last = self._read(path), track.last, position
        if binding.takeover and here is not None and here != track.placed:
            at = path.position_of(here, binding.ends)
            passed = before is not None and (before - at) * (position - at) <= 0
            track.waits = not passed and abs(position - at) > _NEAR
            if track.waits:
                return
        track.waits = False
        self._write(path, path.value_at(position, binding.ends), now)
        track.placed = self._read(path)

    def _wave(self, binding: Binding, seconds: float) -> None:
        path = binding.target.setting
        if path is not None and path.kind == "number":
            value = path.value_at(self._waves.position(binding, seconds), binding.ends)
            path.write(self._controlled.state, self._controlled.interface, value)

    def _step(self, binding: Binding, part: float, now: float) -> None:
        """Moves a number by a fraction of the range between its ends."""
        path = binding.target.setting
        if path is None or path.kind != "number":
            return
        track, here = self._tracks.setdefault(binding, _Track()), self._read(path)
        if here is None:
            return
        if here != track.placed:
            track.at = path.position_of(here, binding.ends)
        track.at += part
        whole_turn = path.turns and binding.ends == path.declared.range.ends
        track.at = track.at % 1.0 if whole_turn else min(max(track.at, 0.0), 1.0)
        self._write(path, path.value_at(track.at, binding.ends), now)
        track.placed = self._read(path)

    def _read(self, path: SettingPath) -> Any:
        return path.read(self._controlled.state, self._controlled.interface)

    def _write(self, path: SettingPath, value: Any, now: float) -> None:
        if value != self._read(path):
            path.write(self._controlled.state, self._controlled.interface, value)
        self._moved = now

    def _answer(self, received: dict[str, list[float]]) -> None:
        """Sends controllers the values of their settings when these have changed."""
        positions: dict[str, float] = {}
        if self.midi is not None and self.midi.connections != self._connections:
            self._connections = self.midi.connections
            self._sent.clear()  # a newly connected device knows no values
        for binding in self.bindings:
            path = binding.target.setting
            if path is not None and not binding.input.startswith(("Gamepad", "Key", "LFO")):
                value = self._read(path)
                if value is not None:
                    positions[binding.input] = _shown(binding, path, value)
        for key in self._asked - positions.keys():
            value, path = self._read(self._direct[key]), self._direct[key]
            if value is not None:
                positions[key] = path.choices.index(value) if path.choices else float(value)
        for key, position in positions.items():
            sent = received[key][-1] if key in received else self._sent.get(key)
            if sent is None or abs(position - sent) > (1e-6 if key in self._asked else _TOLD):
                if self.midi is not None:
                    self.midi.send(key, position)
                if self.osc is not None:
                    self.osc.send(key, position)
            self._sent[key] = position


def _osc_of(wanted: ControlSettings) -> tuple[object, ...]:
    return wanted.osc, wanted.osc_port, wanted.osc_anywhere, wanted.osc_echo


def _shown(binding: Binding, path: SettingPath, value: Any) -> float:
    """Where a controller shows a value, 0..1, rounded to a MIDI step for MIDI inputs."""
    if path.kind == "switch":
        return float(value)
    if path.kind == "choice":
        return path.choices.index(value) / max(len(path.choices) - 1, 1)
    position = path.position_of(value, binding.ends)
    if binding.input.startswith(("CC", "Note")):
        return round(position * 127) / 127
    return round(position, 4)


def _steps(raw: int, mode: str) -> int:
    """Steps of an encoder from a value 0..127 in one of the three usual codes."""
    if mode == "twos":
        return raw - 128 if raw >= 64 else raw
    if mode == "offset":
        return raw - 64
    return 64 - raw if raw > 64 else raw


def _tick(path: SettingPath, binding: Binding) -> float:
    """Fraction of the range that one step of an encoder covers: a hundredth, or one for whole
    numbers."""
    lo, hi = binding.ends
    if path.whole and hi != lo:
        return 1 / (hi - lo)
    return 0.01
