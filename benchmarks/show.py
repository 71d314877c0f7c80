"""How long an audience waits, and what its window costs.

    python -m benchmarks.show                          the bundled model, and a copy of it
    python -m benchmarks.show a.ckpt b.ckpt --json show.json

Needs a display with xdotool (or run it under `xvfb-run -s "-screen 0 3300x1200x24"`), and nothing
else running. A show of cues over two models is stepped through by real key presses. Reported are
the time from a key to the cue's full picture on the audience's window, and what that window costs:
a frame with one window and with both in turns, while the picture stays, and with a new one in each,
as fast as they can be drawn and at the window's own rate; and the time between two pictures of a
clip that plays, and of a head that the mouse turns.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated

import glfw
import tyro

from benchmarks.window import Bench, MovementRow, WindowTimingOptions, press
from training.terminal import run_command
from viz.state import files
from viz.state.person import Latent
from viz.state.types import Cue, CuePlay, Orbit

_FRAMES = 80
"""Frames of each measurement."""
_UNLIMITED = 1000.0
"""Frames a second that no window reaches."""
_BESIDE = 1300
"""Where the audience's window begins, in pixels from the left of the display."""


@dataclass(frozen=True)
class ShowTimingOptions:
    """What is measured."""

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """First model; the bundled one if not given."""
    other: Annotated[str, tyro.conf.Positional] = ""
    """Second model; a copy of the first if not given."""
    rest: float = 4.0
    """Seconds that each cue stands before the key is pressed."""
    rounds: int = 3
    """How often the show is stepped through."""
    sizes: tuple[tuple[int, int], ...] = ((1920, 1080), (1280, 720), (800, 600))
    """Of the audience's window."""
    pairs: int = 7
    """How often one window and both are measured in turns."""
    seconds: float = 3.0
    """Length of each measurement of the clip."""
    json: str = ""
    """File for the figures."""


class ShowBench(Bench):
    """The application during a show on a window of the audience's own."""

    def begin(self, other: str) -> None:
        """Starts a show: two people, one of another model, and a clip of the first."""
        commands = self.commands
        assert commands.model is not None
        first = commands.model.path
        cues: list[tuple[int, str, CuePlay]] = [
            (3, first, "nothing"),
            (17, first, "nothing"),
            (23, other, "nothing"),
            (3, first, "clip"),
        ]
        commands.state.cues = tuple(
            replace(
                Cue.of(commands.state, name=f"Cue {k}", plays=plays),
                latent=Latent.at(seed),
                orbit=Orbit(yaw=5.0 * k),
                checkpoint=path,
                transition="cut",
            )
            for k, (seed, path, plays) in enumerate(cues)
        )
        commands.preferences.opened(other)
        commands.interface.audience = "window"
        commands.cue_index = 0
        commands.start_show()
        self.until(lambda: self.app.audience.screen is not None and self.stands())

    def stands(self) -> bool:
        """Whether the audience sees the cue at full quality."""
        show = self.commands.current_show
        return show is not None and not show.holds and not show.gliding

    def key(self, key: str) -> float:
        """Milliseconds from a key to the cue's full picture before the audience."""
        show = self.commands.current_show
        assert show is not None
        index, begin = show.index, time.perf_counter()
        press("key", key)
        self.until(lambda: show.index != index and self.stands())
        return 1000 * (time.perf_counter() - begin)

    def rest_for(self, seconds: float) -> None:
        """Draws frames as the program does by itself."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.frame()

    def resize(self, size: tuple[int, int]) -> None:
        """Gives the audience's window a size."""
        screen = self.app.audience.screen
        assert screen is not None
        # Beside the first one, which it would cover where there is no window manager.
        glfw.set_window_pos(screen.handle, _BESIDE, 0)
        glfw.set_window_size(screen.handle, *size)
        self.until(lambda: screen.size == size)
        self.rest_for(1.0)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Does not update the audience's window meanwhile, so that one window is measured."""
        update = self.app.audience.update
        self.app.audience.update = lambda now: None
        try:
            yield
        finally:
            self.app.audience.update = update

    def pairs(self, measure: Callable[[], tuple[float, ...]], count: int) -> list[Pair]:
        """Measures with one window and with both in turns."""
        found: list[Pair] = []
        for _ in range(count):
            with self.alone():
                one = measure()
            found.append((one, measure()))
        return found

    def clip(self, seconds: float) -> tuple[float, ...]:
        """Milliseconds between two new pictures of a clip, and the processor's time of one, with
        that of the renderer."""
        return _by_picture(self.run(MovementRow("clip", 0), seconds))

    def turning(self, seconds: float) -> tuple[float, ...]:
        """Likewise of a head that the mouse turns: each picture is rendered for it."""
        press("keydown", "ctrl")  # without it the mouse changes nothing during a show
        try:
            return _by_picture(self.orbit(3, seconds))
        finally:
            press("keyup", "ctrl")


def _by_picture(row: MovementRow) -> tuple[float, float]:
    return 1000 / row.rate, 1000 * (row.window_cores + row.worker_cores) / row.rate


Pair = tuple[tuple[float, ...], tuple[float, ...]]
"""What was measured with one window, and with both: milliseconds by the clock, and of the
processor's time."""


def told(name: str, found: Sequence[Pair]) -> str:
    """A line on pairs: medians, and the median of their ratios."""
    parts: list[str] = []
    for k, unit in enumerate(("ms", "ms CPU")):
        one, both = (median(pair[side][k] for pair in found) for side in (0, 1))
        more = median(pair[1][k] / pair[0][k] for pair in found) - 1
        parts.append(f"{one:.2f} -> {both:.2f} {unit} ({more:+.1%})")
    return f"{name}: {', '.join(parts)}"


def costs_at(
    bench: ShowBench, size: tuple[int, int], options: ShowTimingOptions
) -> dict[str, list[Pair]]:
    """What the audience's window costs at a size."""
    name, both = f"{size[0]} x {size[1]}", bench.mirrored()
    costs: dict[str, list[Pair]] = {}
    costs[f"{name}, clip"] = bench.pairs(lambda: bench.clip(options.seconds), options.pairs)
    bench.commands.toggle_play()
    bench.until(bench.is_settled)
    costs[f"{name}, turning"] = bench.pairs(lambda: bench.turning(options.seconds), options.pairs)
    bench.until(bench.is_settled)
    own, new = bench.app.window.max_fps, both
    for words, rate, pictures in (
        ("same picture", _UNLIMITED, ()),
        ("new pictures", _UNLIMITED, new),
        (f"new pictures, {own:.0f} a second", own, new),
    ):
        bench.app.window.max_fps = rate
        costs[f"{name}, {words}"] = bench.pairs(
            lambda pictures=pictures: bench.timed(_FRAMES, pictures), options.pairs
        )
    bench.app.window.max_fps = own
    bench.commands.toggle_play()
    return costs


def main(options: ShowTimingOptions) -> int:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        first = options.checkpoint or files.default_checkpoint()
        other = options.other or shutil.copy(first, Path(folder) / "other.safetensors")
        bench = ShowBench(WindowTimingOptions(options.checkpoint), Path(folder))
        bench.begin(str(other))
        waits: dict[str, list[float]] = {}
        for turn in range(options.rounds):
            for name in ("another person", "another model", "a clip, first model"):
                bench.rest_for(options.rest)
                waits.setdefault(name, []).append(bench.key("Next"))
            if turn + 1 < options.rounds:
                bench.rest_for(options.rest)
                bench.key("Home")
        for name, times in waits.items():
            print(f"{name}: {median(times):.0f} ms ({', '.join(f'{t:.0f}' for t in times)})")
        bench.rest_for(options.rest)
        costs: dict[str, list[Pair]] = {}
        for size in options.sizes:
            bench.resize(size)
            costs |= costs_at(bench, size, options)
        for name, found in costs.items():
            print(told(name, found))
        bench.app.close()
    if options.json:
        Path(options.json).write_text(json.dumps({"waits_ms": waits, "costs_ms": costs}))
    return 0


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(ShowTimingOptions, prog="python -m benchmarks.show")))
