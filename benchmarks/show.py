"""What an audience waits for, and what its window costs.

    python -m benchmarks.show                          the bundled model, and a copy of it
    python -m benchmarks.show a.ckpt b.ckpt --json show.json

Needs a display with xdotool (or run it under `xvfb-run -s "-screen 0 3300x1200x24"`), and nothing
else running. A show of cues over two models is stepped through by real key presses. Reported are
the time from a key to the cue's full picture on the audience's window, and for a clip that plays
the time that the audience's window takes in each frame beside that of the speaker's window, both
measured in the same frames.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated

import glfw
import tyro

from benchmarks.window import Bench, press
from benchmarks.window import Options as WindowOptions
from training.terminal import run_command
from viz.state import files
from viz.state.person import Latent
from viz.state.types import Cue, CuePlay, Orbit


@dataclass(frozen=True)
class Options:
    """What is measured."""

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """First model; the bundled one if not given."""
    other: Annotated[str, tyro.conf.Positional] = ""
    """Second model; a copy of the first if not given."""
    rest: float = 4.0
    """Seconds that each cue stands before the key is pressed."""
    rounds: int = 3
    """How often the show is stepped through."""
    seconds: float = 6.0
    """Length of each measurement of the frames."""
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

    def shares(self, size: tuple[int, int], seconds: float) -> tuple[float, float]:
        """Milliseconds a frame of the speaker's window, and of the audience's at a size."""
        screen = self.app.audience.screen
        assert screen is not None
        glfw.set_window_size(screen.handle, *size)
        self.until(lambda: screen.size == size)
        self.rest_for(1.0)
        spent: list[float] = []
        update = self.app.audience.update

        def timed(now: float) -> None:
            begin = time.perf_counter()
            update(now)
            spent.append(time.perf_counter() - begin)

        self.app.window.frame_times.clear()
        self.app.audience.update = timed
        self.rest_for(seconds)
        self.app.audience.update = update
        own = list(self.app.window.frame_times)
        return 1000 * sum(own) / len(own), 1000 * sum(spent) / len(spent)


def main(options: Options) -> int:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        first = options.checkpoint or files.default_checkpoint()
        other = options.other or shutil.copy(first, Path(folder) / "other.safetensors")
        bench = ShowBench(WindowOptions(options.checkpoint), Path(folder))
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
        frames: dict[str, tuple[float, float]] = {}
        for size in ((1920, 1080), (800, 600)):
            own, audience = bench.shares(size, options.seconds)
            frames[f"{size[0]}x{size[1]}"] = own, audience
            print(
                f"{size[0]} x {size[1]}: speaker {own:.2f} ms a frame, audience {audience:.2f} ms, "
                f"{audience / own:.0%}"
            )
        bench.app.close()
    if options.json:
        Path(options.json).write_text(json.dumps({"waits_ms": waits, "frames_ms": frames}))
    return 0


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(Options, prog="python -m benchmarks.show")))
