"""Measures what a flood of messages from controllers costs.

    python -m benchmarks.flood                 1,000 messages a second by OSC, then by MIDI
    python -m benchmarks.flood --rate 3000

Needs a display (or run it under `xvfb-run -s "-screen 0 1280x800x24"`). Another process sends the
messages over loopback, to a setting that accepts all their values; frames with and without them
are measured in turns, each with a new picture.
"""

from __future__ import annotations

import multiprocessing
import socket
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Annotated, Any

import mido
import tyro
from mido.sockets import PortServer
from pythonosc.udp_client import SimpleUDPClient

from benchmarks.window import Bench
from training.terminal import run_command
from viz.app.control.bindings import Binding, Target

_FRAMES = 80
_SETTING = "interface.orbit_period"


@dataclass(frozen=True)
class FloodOptions:
    """What is measured."""

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """Model; the bundled one if not given."""
    rate: float = 1000.0
    """Messages per second."""
    pairs: int = 7
    """Number of pairs of measurements, without and with messages."""


def send(kind: str, port: int, rate: float, on: Any, ready: Any) -> None:
    """Sends messages while `on` is set, in bursts every 10 ms; runs in its own process."""
    if kind == "OSC":
        client = SimpleUDPClient("127.0.0.1", port)
        ready.set()
        put = lambda k: client.send_message("/interface/orbit_period", 4.0 + k % 50 / 10)  # noqa: E731
    else:
        with PortServer("127.0.0.1", port) as server:
            ready.set()
            knob: Any = server.accept()
        put = lambda k: knob.send(mido.Message("control_change", control=7, value=k % 128))  # noqa: E731
    count, begun = 0, time.perf_counter()
    while True:
        if not on.is_set():
            on.wait()
            count, begun = 0, time.perf_counter()
        while count < (time.perf_counter() - begun) * rate:
            put(count)
            count += 1
        time.sleep(0.01)


class FloodBench(Bench):
    """The application while messages arrive."""

    @contextmanager
    def flood(self, kind: str, rate: float) -> Any:
        """Starts sending messages; they are sent while the event that it yields is set."""
        commands = self.commands
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as line:
            line.bind(("127.0.0.1", 0))
            port = line.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        on, ready = context.Event(), context.Event()
        process = context.Process(target=send, args=(kind, port, rate, on, ready), daemon=True)
        process.start()
        ready.wait(60)
        place = Target("setting", _SETTING)
        commands.control.change((Binding("CC 7 ch 1", place, lo=4, hi=9, takeover=False),))
        osc, address = kind == "OSC", f"127.0.0.1:{port}"
        wanted = replace(commands.control.settings, osc=osc, osc_port=port)
        commands.set_control(replace(wanted, midi=not osc, midi_address="" if osc else address))
        on.set()
        self.until(lambda: commands.control.inbox.count > 0)
        on.clear()
        try:
            yield on
        finally:
            process.terminate()
            commands.set_control(replace(commands.control.settings, osc=False, midi=False))


def main(options: FloodOptions) -> int:
    """Measures and prints."""
    with FloodBench(options.checkpoint) as bench:
        bench.app.window.max_fps = 1000
        for kind in ("OSC", "MIDI"):
            found: list[tuple[float, ...]] = []
            with bench.flood(kind, options.rate) as on:
                for _ in range(options.pairs):
                    on.clear()
                    time.sleep(0.05)
                    quiet = bench.timed(_FRAMES, bench.mirrored())
                    before, begun = bench.commands.control.inbox.count, time.perf_counter()
                    on.set()
                    loud = bench.timed(_FRAMES, bench.mirrored())
                    came = bench.commands.control.inbox.count - before
                    rate = came / (time.perf_counter() - begun)
                    found.append((*quiet, *loud, loud[0] / quiet[0], loud[1] / quiet[1], rate))
            q, qc, n, nc, more, more_cpu, rate = (
                median(values) for values in zip(*found, strict=True)
            )
            print(
                f"{kind}, {rate:.0f} messages/s: {q:.2f} -> {n:.2f} ms ({more - 1:+.1%}), "
                f"{qc:.2f} -> {nc:.2f} ms CPU ({more_cpu - 1:+.1%})"
            )
    return 0


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(FloodOptions, prog="python -m benchmarks.flood")))
