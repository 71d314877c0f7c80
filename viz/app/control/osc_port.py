"""OSC: messages over UDP, addressed to settings."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import select
import socket
import struct
import threading
import time
from functools import partial
from typing import Any

from training.reasons import reason
from viz.app.control.inbox import Inbox, Outbox, finite

LOOPBACK, ANYWHERE = "127.0.0.1", "0.0.0.0"
MISSING = 'OSC needs the package python-osc: pip install "pv3d-visualizer[control]".'
_LARGEST = 8192
"""Largest packet in bytes; longer ones are refused unread."""
_LONGEST = 200
"""Longest address, characters."""
_SHOWN = 60
_LOOK_SECONDS = 0.5
_PAUSE, _BURST = 0.008, 100
"""Seconds between reads of the socket, and most packets handled in one."""
_FLOAT = struct.Struct(">f")
_MOST_KNOWN = 1000
_SIZES = {"i": 4, "f": 4, "h": 8, "d": 8}
"""Size of numbers in bytes, by type tag."""


class OscPort:
    """Listens on a separate thread, and echoes what the inputs have changed.

    Args:
        inbox: receives the values.
        outbox: sends the feedback.
        port: UDP port to listen on.
        host: this computer alone (`LOOPBACK`), or `ANYWHERE`.
        echo: "address:port" that feedback goes to; empty for none.
    """

    def __init__(
        self, inbox: Inbox, outbox: Outbox, port: int, host: str = LOOPBACK, echo: str = ""
    ) -> None:
        self._inbox, self._outbox = inbox, outbox
        self._closing = False
        self._socket: socket.socket | None = None
        self._packet: Any = None
        self._builder: Any = None
        self._known: dict[bytes, str] = {}
        """Inputs by the unchanging part of messages that hold one float."""
        self._echo, self._echo_problem = _numeric(echo)
        self.state = self._open(host, port)
        """A sentence on what is open, or what is missing."""
        if self._socket is not None:
            thread = threading.Thread(
                target=self._run, args=(self._socket,), name="OSC", daemon=True
            )
            thread.start()

    def _open(self, host: str, port: int) -> str:
        try:
            from pythonosc import osc_message_builder, osc_packet
        except ImportError:
            return MISSING
        logging.getLogger().addFilter(_is_not_of_osc)
        self._packet, self._builder = osc_packet.OscPacket, osc_message_builder.OscMessageBuilder
        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            line.bind((host, port))
        except OSError as error:
            line.close()
            return f"OSC cannot listen on port {port}: {reason(error)}."
        line.setblocking(False)
        self._socket = line
        where = "from this computer" if host == LOOPBACK else "from any computer"
        return f"OSC on port {port} {where}. {self._echo_problem}".strip()

    def send(self, key: str, value: float) -> None:
        """Echoes a value to the address of an OSC input; other inputs are left alone."""
        line, echo = self._socket, self._echo
        if line is None or echo is None or not key.startswith("OSC "):
            return
        message = self._builder(address=key.removeprefix("OSC "))
        message.add_arg(float(value))
        self._outbox.send(f"echo {key}", partial(line.sendto, message.build().dgram, echo))

    def close(self) -> None:
        """Stops listening; the thread ends by itself."""
        self._closing = True
        if self._socket is not None:
            self._socket.close()

    def _run(self, line: socket.socket) -> None:
        while not self._closing:
            # Closed meanwhile, interrupted, or the receiver of an echo is not there.
            with contextlib.suppress(OSError, ValueError):
                select.select([line], [], [], _LOOK_SECONDS)
                for _ in range(_BURST):
                    self._take_packet(line.recv(_LARGEST + 1))
            # Taking messages in bursts costs the window's thread least, and a flood hardly more.
            time.sleep(_PAUSE)

    def _take_packet(self, data: bytes) -> None:
        if len(data) > _LARGEST:
            self._inbox.refuse(f"OSC: a packet of more than {_LARGEST} bytes was refused")
            return
        known = self._known.get(data[:-4])
        if known is not None:  # the next value of a fader, at a tenth of the cost
            value = finite(_FLOAT.unpack(data[-4:])[0])
            if value is not None:
                self._inbox.receive(known, value)
                return
        try:
            messages = [timed.message for timed in self._packet(data).messages]
            if not all(map(_is_whole, messages)):
                raise ValueError("a number is cut off")
        except Exception:  # whatever a packet holds, it must not end the thread
            self._inbox.refuse("OSC: a packet that cannot be read was refused")
            return
        taken = [self._take(str(message.address), list(message.params)) for message in messages]
        if taken == [True]:
            self._remember(data, str(messages[0].address))

    def _remember(self, data: bytes, address: str) -> None:
        """Remembers the unchanging part of a message that holds one float."""
        name = address.encode()
        if data[:-4] == name + bytes(4 - len(name) % 4) + b",f\0\0":
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[data[:-4]] = f"OSC {address}"

    def _take(self, address: str, arguments: list[Any]) -> bool:
        """Passes a message on; returns whether it was valid."""
        if not address.startswith("/") or len(address) > _LONGEST:
            self._inbox.refuse("OSC: a message without a proper address was refused")
            return False
        key = f"OSC {address}"
        if not arguments:  # an address without a value is a press
            self._inbox.receive(key, 1.0, 0.0)
            return True
        value = finite(arguments[0])
        if value is None:
            self._inbox.refuse(f"{key}: {arguments[0]!r} is not a number"[: _SHOWN * 2])
            return False
        self._inbox.receive(key, value)
        return True


def _numeric(address: str) -> tuple[tuple[str, int] | None, str]:
    """The address to send to, and a sentence on what is wrong with it. Host names are not resolved,
    as that may take seconds."""
    if not address:
        return None, ""
    host, _, port = address.replace("localhost", LOOPBACK).rpartition(":")
    try:
        number = int(port)
        return (str(ipaddress.IPv4Address(host or port)), number), ""
    except ValueError:
        return None, f"Echoes go nowhere: write {address} in numbers, like 127.0.0.1:9001."


def _is_whole(message: Any) -> bool:
    """Whether all numbers of a message are complete: python-osc reads 0 for missing bytes."""
    data = bytes(message.dgram)
    tags = (data.index(b"\0") // 4 + 1) * 4
    end = data.find(b"\0", tags)
    needed = sum(_SIZES.get(tag, 0) for tag in data[tags:end].decode()) if end > 0 else 0
    return len(data) % 4 == 0 and len(data) >= (end // 4 + 1) * 4 + needed


def _is_not_of_osc(record: logging.LogRecord) -> bool:
    """python-osc logs every invalid packet at the root logger, which would flood the terminal."""
    return record.module not in ("osc_message", "osc_bundle", "osc_packet")
