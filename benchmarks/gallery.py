"""The gallery: what it costs those who orbit meanwhile, and its memory while it is scrolled.

    python -m benchmarks.gallery
    python -m benchmarks.gallery model.ckpt --pairs 5 --json gallery.json

Needs a display with xdotool (or run it under `xvfb-run -s "-screen 0 1280x800x24"`), and nothing
else running. Orbits by the real mouse alternate, without the gallery and beside one that always has
pictures to render; then the real wheel scrolls through its people.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import psutil
import tyro

from benchmarks.window import Bench, Options, Row, press
from gui_utils import controls
from training.terminal import run_command

_PAUSE = 0.5
"""Seconds."""
_SCROLLED = 4
"""How often memory is measured on the way."""


@dataclass(frozen=True)
class GalleryOptions:
    """What is measured."""

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """Model to show; the bundled one if not given."""
    pairs: int = 3
    """Orbits without and with the gallery."""
    seconds: float = 8.0
    """Length of each orbit."""
    people: int = 2000
    """People to scroll through."""
    json: str = ""
    """File for the figures."""


@dataclass
class Pair:
    """An orbit without the gallery, and one beside it."""

    without: Row
    beside: Row
    small: int = 0
    """Small pictures rendered during the second one."""
    small_seconds: float = 0.0
    """How long 200 take at that rate."""

    @property
    def share(self) -> float:
        """Previews a second beside the gallery, as a fraction of those without it."""
        return self.beside.rate / self.without.rate


class GalleryBench(Bench):
    """The application with its gallery."""

    def orbit_beside(self, person: int, seconds: float) -> tuple[Row, int]:
        """An orbit beside a gallery whose pictures go on to others once all are there; also how
        many small pictures were rendered meanwhile."""
        commands = self.commands
        commands.open_gallery("people")
        commands.interface.gallery_size = 48.0
        before = self.small

        def always_waiting(_: float) -> None:
            if not commands.thumbnails.under_way:
                commands.shuffle_gallery()

        row = self.orbit(person, seconds, always_waiting)
        commands.toggle_gallery()
        return row, self.small - before

    def scroll(self, people: int) -> list[int]:
        """Scrolls through the gallery, with a pause for the pictures of each page; memory of both
        processes in bytes on the way."""
        commands = self.commands
        commands.open_gallery("people")
        commands.interface.gallery_first = 0
        self.until(lambda: "Gallery/0" in controls.rects)
        left, top, right, bottom = controls.rects["Gallery/0"]
        press("mousemove", round((left + right) / 2), round((top + bottom) / 2))
        found, step = [], people // _SCROLLED
        for due in range(step, people + 1, step):
            while f"Gallery/{due}" not in controls.rects:
                press(*("click", 5) * 4)
                end = time.perf_counter() + _PAUSE
                while time.perf_counter() < end and commands.thumbnails.under_way:
                    self.frame()
                self.frame()
            processes = [psutil.Process(), *psutil.Process().children()]
            found.append(sum(process.memory_info().rss for process in processes))
        return found


def main(options: GalleryOptions) -> int:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        bench = GalleryBench(Options(options.checkpoint), Path(folder))
        assert bench.commands.model is not None
        person = (*bench.commands.model.people, 0)[0]
        pairs: list[Pair] = []
        for _ in range(options.pairs):
            without = bench.orbit(person, options.seconds)
            pair = Pair(without, *bench.orbit_beside(person, options.seconds))
            pair.small_seconds = 200 * options.seconds / max(pair.small, 1)
            pairs.append(pair)
            print(
                f"orbit {without.rate:.1f}/s, beside the gallery {pair.beside.rate:.1f}/s "
                f"({pair.share:.0%}) with {pair.small} small pictures (200 in "
                f"{pair.small_seconds:.0f} s); latency {without.latency_ms:.0f} and "
                f"{pair.beside.latency_ms:.0f} ms, window p99 {without.frame_ms:.0f} and "
                f"{pair.beside.frame_ms:.0f} ms",
                flush=True,
            )
        print(f"median {median(pair.share for pair in pairs):.0%}")
        memory = bench.scroll(options.people)
        print("memory while scrolling, MB:", *(round(size / 1e6) for size in memory))
        bench.app.close()
    if options.json:
        figures = {"pairs": [asdict(pair) for pair in pairs], "memory": memory}
        Path(options.json).write_text(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(GalleryOptions, prog="python -m benchmarks.gallery")))
