"""OSC: messages over UDP that name what they move."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from functools import partial
from typing import Any

from viz.app.control.inbox import Inbox, Outbox, finite

LOOPBACK, ANYWHERE = "127.0.0.1", "0.0.0.0"
MISSING = 'OSC needs the package python-osc: pip install "pv3d-visualizer[control]".'
_LARGEST = 8192
"""Bytes of a packet; longer ones are refused unread."""
_LONGEST = 200
"""Characters of an address."""
_SHOWN = 60
_LOOK_SECONDS = 0.5
_SIZES = {"i": 4, "f": 4, "h": 8, "d": 8}
"""Bytes of the numbers, by their type tags."""


class OscPort:
    """Listens on a thread of its own, and echoes what the inputs have moved.

    Args:
        inbox: takes what comes.
        outbox: sends what goes back.
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
            return f"OSC cannot listen on port {port}: {error.strerror or error}."
        line.settimeout(_LOOK_SECONDS)
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

    # Inside -----------------------------------------------------------------------------------

    def _run(self, line: socket.socket) -> None:
        while not self._closing:
            try:
                data = line.recv(_LARGEST + 1)
            except TimeoutError:
                continue
            except OSError:  # closed, or a peer of an echo that is not there
                continue
            self._take_packet(data)

    def _take_packet(self, data: bytes) -> None:
        if len(data) > _LARGEST:
            self._inbox.refuse(f"OSC: a packet of more than {_LARGEST} bytes was refused")
            return
        try:
            messages = [timed.message for timed in self._packet(data).messages]
            if not all(map(_is_whole, messages)):
                raise ValueError("a number is cut off")
        except Exception:  # whatever a packet holds, it must not end the thread
            self._inbox.refuse("OSC: a packet that cannot be read was refused")
            return
        for message in messages:
            self._take(str(message.address), list(message.params))

    def _take(self, address: str, arguments: list[Any]) -> None:
        if not address.startswith("/") or len(address) > _LONGEST:
            self._inbox.refuse("OSC: a message without a proper address was refused")
            return
        key = f"OSC {address}"
        if not arguments:  # a bare address is a press
            self._inbox.receive(key, 1.0, 0.0)
            return
        value = finite(arguments[0])
        if value is None:
            self._inbox.refuse(f"{key}: {arguments[0]!r} is not a number"[: _SHOWN * 2])
        else:
            self._inbox.receive(key, value, text=f"{key}: {value:.4g}")


def _numeric(address: str) -> tuple[tuple[str, int] | None, str]:
    """An address to send to and a sentence on what is wrong with it; names of computers are not
    looked up, as that may take seconds."""
    if not address:
        return None, ""
    host, _, port = address.rpartition(":")
    try:
        number = int(port)
        return (str(ipaddress.IPv4Address(host or port)), number), ""
    except ValueError:
        return None, f"Echoes go nowhere: write {address} as 127.0.0.1:9001, in numbers."


def _is_whole(message: Any) -> bool:
    """Whether all numbers of a message are there: python-osc takes 0 for what is cut off."""
    data = bytes(message.dgram)
    tags = (data.index(b"\0") // 4 + 1) * 4
    end = data.find(b"\0", tags)
    needed = sum(_SIZES.get(tag, 0) for tag in data[tags:end].decode()) if end > 0 else 0
    return len(data) % 4 == 0 and len(data) >= (end // 4 + 1) * 4 + needed


def _is_not_of_osc(record: logging.LogRecord) -> bool:
    """python-osc logs each odd byte of a packet at the root, which would flood the terminal."""
    return record.module not in ("osc_message", "osc_bundle", "osc_packet")
