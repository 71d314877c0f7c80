"""Measures how long an audience waits, and what its window costs.

    python -m benchmarks.show                          the bundled model, and a copy of it
    python -m benchmarks.show a.ckpt b.ckpt --json show.json

Needs a display with xdotool (or run it under `xvfb-run -s "-screen 0 3300x1200x24"`), and nothing
else running. Real key presses step through a show of cues from two models. It reports the time from
a key to the cue's full picture in the audience's window, and the cost of that window, with one
window and with both in turns: of a frame with the same picture, or with a new one, as fast as
possible and at the window's own rate; and of a picture of a playing clip, and of a head that the
mouse turns.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated

import glfw
import tyro

from benchmarks.window import Bench, MovementRow, press
from training.terminal import run_command
from viz.state import files
from viz.state.person import Latent
from viz.state.types import Cue, CuePlay, Orbit

_FRAMES = 80
"""Frames of each measurement."""
_UNLIMITED = 1000.0
"""A frame rate that no window reaches, per second."""
_BESIDE = 1300
"""Left edge of the audience's window, pixels."""


@dataclass(frozen=True)
class ShowTimingOptions:
    """What is measured."""

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """First model; the bundled one if not given."""
    other: Annotated[str, tyro.conf.Positional] = ""
    """Second model; a copy of the first if not given."""
    rest: float = 4.0
    """Seconds for which each cue is shown before the key is pressed."""
    rounds: int = 3
    """Number of passes through the show."""
    sizes: tuple[tuple[int, int], ...] = ((1920, 1080), (1280, 720), (800, 600))
    """Sizes of the audience's window, pixels."""
    pairs: int = 7
    """Number of pairs of measurements, with one window and with both."""
    seconds: float = 3.0
    """Length of each measurement of the clip and of the turning head."""
    json: str = ""
    """File for the figures."""


class ShowBench(Bench):
    """The application during a show with a window for the audience."""

    def begin(self, other: str) -> None:
        """Starts a show: two people, one from the other model, and a clip of the first."""
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
        self.until(lambda: self.app.audience.screen is not None and self.is_complete())

    def is_complete(self) -> bool:
        """Whether the audience sees the cue at full quality."""
        show = self.commands.current_show
        return show is not None and not show.holds and not show.gliding

    def key(self, key: str) -> float:
        """Milliseconds from a key to the cue's full picture in the audience's window."""
        show = self.commands.current_show
        assert show is not None
        index, begin = show.index, time.perf_counter()
        press("key", key)
        self.until(lambda: show.index != index and self.is_complete())
        return 1000 * (time.perf_counter() - begin)

    def rest_for(self, seconds: float) -> None:
        """Draws frames for some seconds."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.frame()

    def resize(self, size: tuple[int, int]) -> None:
        """Resizes the audience's window."""
        screen = self.app.audience.screen
        assert screen is not None
        # Beside the first one, which it would cover without a window manager.
        glfw.set_window_pos(screen.handle, _BESIDE, 0)
        glfw.set_window_size(screen.handle, *size)
        self.until(lambda: screen.size == size)
        self.rest_for(1.0)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Stops updating the audience's window for a block, so that one window is measured."""
        update = self.app.audience.update
        self.app.audience.update = lambda now: None
        try:
            yield
        finally:
            self.app.audience.update = update

    def pairs(self, measure: Callable[[], tuple[float, ...]], count: int) -> list[Pair]:
        """Measures in turns with one window and with both."""
        found: list[Pair] = []
        for _ in range(count):
            with self.alone():
                one = measure()
            found.append((one, measure()))
        return found

    def clip(self, seconds: float) -> tuple[float, ...]:
        """Milliseconds of elapsed time and of CPU time, of both processes, per picture of a playing
        clip."""
        return _by_picture(self.run(MovementRow("clip", 0), seconds))

    def turning(self, seconds: float) -> tuple[float, ...]:
        """Likewise of a head that the mouse turns, for which each picture is rendered."""
        press("keydown", "ctrl")  # without it the mouse changes nothing during a show
        try:
            return _by_picture(self.orbit(3, seconds))
        finally:
            press("keyup", "ctrl")


def _by_picture(row: MovementRow) -> tuple[float, float]:
    return 1000 / row.rate, 1000 * (row.window_cores + row.worker_cores) / row.rate


Pair = tuple[tuple[float, ...], tuple[float, ...]]
"""Milliseconds of elapsed time and of CPU time, with one window and with both."""


def summary(name: str, found: Sequence[Pair]) -> str:
    """Medians of the pairs, and of their ratios, as a line of text."""
    parts: list[str] = []
    for k, unit in enumerate(("ms", "ms CPU")):
        one, both = (median(pair[side][k] for pair in found) for side in (0, 1))
        more = median(pair[1][k] / pair[0][k] for pair in found) - 1
        parts.append(f"{one:.2f} -> {both:.2f} {unit} ({more:+.1%})")
    return f"{name}: {', '.join(parts)}"


def costs_at(
    bench: ShowBench, size: tuple[int, int], options: ShowTimingOptions
) -> dict[str, list[Pair]]:
    """The cost of the audience's window at a size, by what is shown."""
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
    with ShowBench(options.checkpoint) as bench:
        first = options.checkpoint or files.default_checkpoint()
        other = options.other or shutil.copy(first, bench.folder / "other.safetensors")
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
            print(summary(name, found))
    if options.json:
        Path(options.json).write_text(json.dumps({"waits_ms": waits, "costs_ms": costs}))
    return 0


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(ShowTimingOptions, prog="python -m benchmarks.show")))
