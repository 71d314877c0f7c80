"""Measures exploration: finding directions, the gallery, and memory while scrolling through it.

    python -m benchmarks.gallery
    python -m benchmarks.gallery model.ckpt --pairs 5 --json gallery.json

Needs a display with xdotool (or run it under `xvfb-run -s "-screen 0 1280x800x24"`), and nothing
else running. While directions are being found, and while 200 small pictures are being rendered, the
real mouse moves over the window. Orbits by the real mouse alternate: alone, beside a gallery that
always has pictures to render, and beside the small pictures of directions. Then the real wheel
scrolls through the gallery's people.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import psutil
import tyro

from benchmarks.window import Bench, MovementRow, press
from gui_utils import controls
from training.terminal import run_command
from viz.render.directions import direction_finder
from viz.state.person import Motion

_MOST_SECONDS = 120.0
_PAUSE = 0.5
"""Maximum wait for the pictures of a page, seconds."""
_SCROLLED = 4
"""Number of measurements of memory while scrolling."""


@dataclass(frozen=True)
class GalleryOptions:
    """What is measured."""

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """Model to show; the bundled one if not given."""
    pairs: int = 3
    """Number of pairs of orbits, without and with the gallery."""
    seconds: float = 8.0
    """Length of each orbit."""
    people: int = 2000
    """Number of people to scroll through."""
    json: str = ""
    """File for the figures."""


@dataclass
class OrbitPair:
    """An orbit without the gallery, and one beside it."""

    without: MovementRow
    beside: MovementRow
    small: int = 0
    """Number of small pictures rendered during the second one."""
    small_seconds: float = 0.0
    """Time of 200 at that rate."""
    strips: MovementRow | None = None
    """An orbit beside the small pictures of directions."""

    @property
    def share(self) -> float:
        """Rate of previews beside the gallery, as a fraction of that without it."""
        return self.beside.rate / self.without.rate

    @property
    def strips_share(self) -> float:
        """The same beside the directions."""
        return self.strips.rate / self.without.rate if self.strips else math.nan


class GalleryBench(Bench):
    """The application with its gallery."""

    def find_directions(self, person: int) -> tuple[MovementRow, float]:
        """Finds the model's directions again while the mouse moves over the window; what was seen,
        and the seconds taken."""
        commands = self.commands
        assert commands.model is not None
        self.rest(person)
        direction_finder.cache_path(commands.model.weights).unlink(missing_ok=True)
        commands.found_directions = None
        commands.find_directions()
        begin = time.perf_counter()
        row = self._moved(MovementRow("finding", person), lambda: not commands.seeks_directions)
        return row, time.perf_counter() - begin

    def fill(self, person: int) -> tuple[MovementRow, float]:
        """Renders 200 small pictures of new people while nothing else is to be done; what was seen,
        and the seconds taken."""
        commands = self.commands
        self.rest(person)
        commands.open_gallery("people")
        commands.interface.gallery_size = 48.0
        commands.shuffle_gallery()
        before, begin = self.small, time.perf_counter()

        def done() -> bool:
            if not commands.thumbnails.under_way:
                commands.shuffle_gallery()
            return self.small - before >= 200

        row = self._moved(MovementRow("filling", person), done)
        commands.toggle_gallery()
        return row, time.perf_counter() - begin

    def _moved(self, row: MovementRow, done: Callable[[], bool]) -> MovementRow:
        """Moves the mouse over the window until `done`, or for at most two minutes."""
        last = 0.0
        self.app.window.frame_times.clear()
        end = time.perf_counter() + _MOST_SECONDS
        while not done() and (now := time.perf_counter()) < end:
            if now - last > 1 / 30:
                last = now
                place = (640 + 300 * math.sin(3 * now), 400 + 200 * math.cos(3 * now))
                press("mousemove", *map(round, place))
            self.frame()
        row.frame_ms = self.slow_frame_ms
        return row

    def orbit_beside_strips(self, person: int, seconds: float) -> MovementRow:
        """An orbit beside the panel with small pictures of directions. Once all are rendered, they
        change to another motion, which is not visible at the start of the clip."""
        commands = self.commands
        commands.open_panel("Directions")
        commands.interface.direction_pictures = True
        people = itertools.count(person + 1)

        def always_waiting(_: float) -> None:
            if not commands.thumbnails.under_way:
                commands.interface.direction_kind = "named"
                commands.state.motion = Motion.at(next(people))

        return self.orbit(person, seconds, always_waiting)

    def orbit_beside(self, person: int, seconds: float) -> tuple[MovementRow, int]:
        """An orbit beside a gallery that shows other people once all its pictures are rendered, and
        the number of small pictures rendered meanwhile."""
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
        """Scrolls through the gallery, with a pause for the pictures of each page; the memory of
        both processes at several points, bytes."""
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
    with GalleryBench(options.checkpoint) as bench:
        assert bench.commands.model is not None
        person = (*bench.commands.model.people, 0)[0]
        parts = {"directions": bench.find_directions(person), "200 pictures": bench.fill(person)}
        for name, (row, seconds) in parts.items():
            print(f"{name}: {seconds:.1f} s, window p99 {row.frame_ms:.0f} ms", flush=True)
        pairs: list[OrbitPair] = []
        for _ in range(options.pairs):
            without = bench.orbit(person, options.seconds)
            pair = OrbitPair(without, *bench.orbit_beside(person, options.seconds))
            pair.small_seconds = 200 * options.seconds / max(pair.small, 1)
            pair.strips = bench.orbit_beside_strips(person, options.seconds)
            pairs.append(pair)
            print(
                f"orbit {without.rate:.1f}/s, beside the gallery {pair.beside.rate:.1f}/s "
                f"({pair.share:.0%}) with {pair.small} small pictures (200 in "
                f"{pair.small_seconds:.0f} s); latency {without.latency_ms:.0f} and "
                f"{pair.beside.latency_ms:.0f} ms, window p99 {without.frame_ms:.0f} and "
                f"{pair.beside.frame_ms:.0f} ms; beside directions {pair.strips.rate:.1f}/s "
                f"({pair.strips_share:.0%}), p99 {pair.strips.frame_ms:.0f} ms",
                flush=True,
            )
        shares = (
            median(pair.share for pair in pairs),
            median(pair.strips_share for pair in pairs),
        )
        print("median {:.0%}, beside directions {:.0%}".format(*shares))
        memory = bench.scroll(options.people)
        print("memory while scrolling, MB:", *(round(size / 1e6) for size in memory))
    if options.json:
        seconds = {name: taken for name, (_, taken) in parts.items()}
        figures = {"seconds": seconds, "pairs": [asdict(p) for p in pairs], "memory": memory}
        Path(options.json).write_text(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(GalleryOptions, prog="python -m benchmarks.gallery")))
