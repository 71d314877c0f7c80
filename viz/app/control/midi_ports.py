"""MIDI devices, and MIDI over the network as `mido-serve` provides it."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from training.reasons import reason
from viz.app.control.inbox import Inbox, Outbox

_LOOK_SECONDS = 2.0
"""Seconds between checks for devices that were connected or disconnected."""
_PAUSE = 0.008
"""Seconds between reads of what arrived over the network."""
_OWN = ("Midi Through", "RtMidi", "rtmidi")
"""Prefixes of port names that would lead back to this program."""
_BEND = 8192
_KEY = re.compile(r"(?P<kind>CC|Note|Pitch bend)( (?P<number>\d+))? ch (?P<channel>\d+)")
MISSING = 'MIDI needs the packages mido and rtmidi2: pip install "pv3d-visualizer[control]".'


class MidiPorts:
    """Reads all devices at once and sends feedback to all of them, on separate threads.

    Args:
        inbox: receives the values.
        outbox: sends the feedback.
        address: "host:port" of MIDI over the network; empty for devices alone.
    """

    def __init__(self, inbox: Inbox, outbox: Outbox, address: str = "") -> None:
        self._inbox, self._outbox, self._address = inbox, outbox, address
        self._closing = threading.Event()
        self.connections = 0
        """Number of connections so far: each new one has to be sent the present values."""
        self._devices: dict[str, tuple[Any, Callable[[bytes], object] | None]] = {}
        """Open devices by name: the input, which closes once it is released, and the function that
        sends to it."""
        self._line: socket.socket | None = None
        self._states = ["Looking for MIDI devices\u2026"]
        self._mido: Any = None
        threading.Thread(target=self._watch_devices, name="MIDI devices", daemon=True).start()

    @property
    def state(self) -> str:
        """A sentence on what is connected, or what is missing."""
        return " ".join(dict.fromkeys(filter(None, self._states)))

    def send(self, key: str, position: float) -> None:
        """Moves a motor fader, or lights a lamp. `position` is in 0..1; an input that no device has
        is ignored."""
        message = None
        with contextlib.suppress(ValueError):  # a number or channel that MIDI does not have
            message = _message(self._mido, key, position) if self._mido else None
        senders = [send for _, send in list(self._devices.values()) if send]
        if self._line is not None:
            senders.append(self._line.sendall)
        if message is not None:
            for number, send in enumerate(senders):
                self._outbox.send(f"{number} {key}", partial(send, message))

    def close(self) -> None:
        """Closes the ports; the threads end by themselves."""
        self._closing.set()
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _watch_devices(self) -> None:
        try:
            import mido
            import rtmidi2
        except ImportError:
            self._states = [MISSING]
            return
        self._mido = mido
        if self._address:
            threading.Thread(target=self._read_network, name="MIDI network", daemon=True).start()
        while not self._closing.is_set():
            try:
                self._look(rtmidi2)
            except RuntimeError as error:
                why = " ".join(str(error).split()).rpartition("initialize: ")[2]
                # Trying again would print the same error to the terminal again.
                self._states[0] = (
                    f"MIDI devices cannot be reached here: {why.rstrip('.')}. "
                    "Switch MIDI off and on to try again."
                )
                break
            self._closing.wait(_LOOK_SECONDS)
        self._devices = {}

    def _look(self, rtmidi2: Any) -> None:
        """Opens devices that were connected, and drops those that were disconnected."""
        there = [name for name in rtmidi2.get_in_ports() if not name.startswith(_OWN)]
        outputs = rtmidi2.get_out_ports()
        devices = {name: device for name, device in self._devices.items() if name in there}
        for name in there:
            if name not in devices:
                source, sender = rtmidi2.MidiIn(), None
                source.open_port(rtmidi2.get_in_ports().index(name))
                source.callback = self._take_bytes
                if name in outputs:
                    target = rtmidi2.MidiOut()
                    target.open_port(outputs.index(name))
                    sender = partial(_send_raw, target)
                devices[name] = source, sender
        is_new = devices.keys() - self._devices.keys()
        self._devices = devices
        self.connections += len(is_new)
        names = ", ".join(devices)
        self._states[0] = f"MIDI: {names}." if names else "No MIDI device is connected."

    def _take_bytes(self, message: list[int], _: float) -> None:
        with contextlib.suppress(ValueError, TypeError):  # whatever a device sends
            self._take(self._mido.Message.from_bytes(message))

    def _read_network(self) -> None:
        self._states.append("")
        while not self._closing.is_set():
            try:
                self._listen()
                self._states[1] = f"{self._address} has closed the connection."
            except (OSError, ValueError, OverflowError) as error:
                self._states[1] = f"{self._address} cannot be reached: {reason(error)}."
            self._line = None
            self._closing.wait(_LOOK_SECONDS)

    def _listen(self) -> None:
        host, _, port = self._address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError("write it as host:port")
        parser = self._mido.Parser()
        with socket.create_connection((host, int(port)), timeout=_LOOK_SECONDS) as line:
            line.settimeout(None)
            self._line = line
            self.connections += 1
            self._states[1] = f"MIDI from {self._address}."
            while not self._closing.is_set() and (data := line.recv(4096)):
                parser.feed(data)
                for message in parser:
                    self._take(message)
                self._closing.wait(_PAUSE)  # bursts cost the window's thread least

    def _take(self, message: Any) -> None:
        key, values = _read(message)
        if key:
            self._inbox.receive(key, *values, text=f"{key}: {message.bytes()[-1]}")


def _send_raw(target: Any, message: bytes) -> None:
    target.send_raw(*message)


def _read(message: Any) -> tuple[str, tuple[float, ...]]:
    """The input that a mido message belongs to, and its values 0..1; empty for messages that
    control nothing, such as a clock."""
    channel = f"ch {message.channel + 1}" if hasattr(message, "channel") else ""
    if message.type == "control_change":
        return f"CC {message.control} {channel}", (message.value / 127,)
    if message.type in ("note_on", "note_off"):
        velocity = message.velocity if message.type == "note_on" else 0
        return f"Note {message.note} {channel}", (velocity / 127,)
    if message.type == "pitchwheel":
        return f"Pitch bend {channel}", ((message.pitch + _BEND) / (2 * _BEND - 1),)
    if message.type == "program_change":
        return f"Note program {message.program} {channel}", (1.0, 0.0)
    return "", ()


def _message(mido: Any, key: str, position: float) -> bytes | None:
    """The message that shows a position on a controller; None for other kinds of inputs."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    value, channel = round(position * 127), int(found["channel"]) - 1
    number = int(found["number"] or 0)
    if found["kind"] == "CC":
        return mido.Message("control_change", channel=channel, control=number, value=value).bin()
    if found["kind"] == "Note":
        return mido.Message("note_on", channel=channel, note=number, velocity=value).bin()
    pitch = round(position * (2 * _BEND - 1)) - _BEND
    return mido.Message("pitchwheel", channel=channel, pitch=pitch).bin()
