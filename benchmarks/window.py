"""Measures what a user sees while something moves, in the real window with real input.

    python -m benchmarks.window                          the bundled model
    python -m benchmarks.window model.ckpt --busy 1 --json window.json

Needs a display with xdotool (or run it under `xvfb-run -s "-screen 0 1280x800x24"`), and nothing
else running. `--busy 1` loads one core with another process meanwhile. For each person and each
kind of motion it reports the rate of new pictures, the fraction of them at full quality and their
smallest side, the time of a render and its stages, the latency from mouse to picture, the window's
frames, and the CPU time and memory of both processes.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Self

import numpy as np
import psutil
import tyro

from gui_utils import controls
from training.terminal import run_command
from viz.app.application import App
from viz.render.connection import WorkerConnection
from viz.render.messages import Event, Rendered
from viz.render.worker_host import in_process
from viz.state.person import Latent
from viz.state.types import Keyframe, Orbit, Playback, RenderResult
from viz.worker_process import run as run_worker

_SPIN = "while True: pass"
_LOOP_SECONDS = 16 / 25


@dataclass(frozen=True)
class WindowTimingOptions:
    """What is measured."""

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """Model to show; the bundled one if not given."""
    people: tuple[int, ...] = ()
    """Seeds of people; the first two recommended ones if not given."""
    seconds: float = 6.0
    """Length of each movement."""
    busy: int = 0
    """Number of cores that other processes keep busy."""
    json: str = ""
    """File for the figures."""


@dataclass
class MovementRow:
    """What one movement of one person showed."""

    movement: str
    person: int
    rate: float = 0.0
    """New pictures on the screen per second."""
    full: float = 0.0
    """Fraction of them at full quality, 0..1."""
    least_side: float = 1.0
    """Smallest raw side of one, as a fraction of the trained one."""
    least_final: float = 1.0
    """Smallest side after super-resolution, as a fraction of the trained one."""
    render_ms: float = math.nan
    """Median time of a render."""
    stage_ms: dict[str, float] = field(default_factory=dict)
    """Median time of each stage."""
    latency_ms: float = math.nan
    """Median time from a movement of the mouse to its picture on the screen."""
    settle_ms: float = math.nan
    """Time from the end of the movement to the full picture."""
    window_rate: float = 0.0
    """Frames of the window per second."""
    frame_ms: float = 0.0
    """99th percentile of the times of the window's frames."""
    window_cores: float = 0.0
    """CPU time of the window's process divided by elapsed time."""
    worker_cores: float = 0.0
    """Likewise for the worker's process."""
    memory: int = 0
    """Memory of both processes at the end, bytes."""


def open_app(checkpoint: str, folder: Path) -> App:
    """The application in a window of 1280 x 800 pixels, with settings in `folder`."""
    settings = folder / "settings.json"
    settings.write_text('{"window": {"size": [1280, 800], "position": [0, 0]}}')
    worker = WorkerConnection(in_process(run_worker))
    return App(worker, checkpoint, settings=settings, builtin_dialogs=True)


class Bench:
    """The application with a model (by default the bundled one), and what it shows; closed at the
    end of a `with` block."""

    def __init__(self, checkpoint: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        """Temporary folder for the settings and other files."""
        self.begun = time.perf_counter()
        self.app = open_app(checkpoint, self.folder)
        self.commands = self.app.commands
        self.app.frame()
        self.first_frame = time.perf_counter() - self.begun
        self.renders: list[RenderResult] = []
        self.small = 0
        """Number of small pictures rendered in idle time."""
        self.shown: list[tuple[float, RenderResult]] = []
        """New pictures on the screen, and when they appeared."""
        poll = self.commands.worker.poll

        def keep() -> list[Event]:
            events = poll()
            rendered = [event for event in events if isinstance(event, Rendered)]
            self.renders += [event.result for event in rendered if not event.idle]
            self.small += sum(event.idle for event in rendered)
            return events

        self.commands.worker.poll = keep
        self.until(lambda: self.commands.result is not None)
        self.first_picture = time.perf_counter() - self.begun
        self.until(self.is_settled)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.app.close()
        self._folder.cleanup()

    @property
    def slow_frame_ms(self) -> float:
        """99th percentile of the times of the window's latest frames."""
        times = sorted(self.app.window.frame_times)
        return round(1000 * times[int(0.99 * (len(times) - 1))], 1)

    def frame(self) -> None:
        """Draws one frame of the window, as the program does."""
        before = self.commands.result
        self.app.frame()
        result = self.commands.result
        if result is not None and result is not before:
            self.shown.append((time.perf_counter(), result))

    def until(self, done: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.perf_counter() + seconds
        while not done():
            self.frame()
            if time.perf_counter() > end:
                raise TimeoutError("The window took too long.")

    def is_settled(self) -> bool:
        commands, result = self.commands, self.commands.result
        if result is None or self.app.moving or result.request.preview is not None:
            return False
        return result.request.shots[0] == commands.state.shot()

    def run(
        self, row: MovementRow, seconds: float, each: Callable[[float], object] = lambda _: None
    ) -> MovementRow:
        """Draws frames for some seconds, calling `each` with the time since the start, and fills in
        what was seen."""
        processes = [psutil.Process(), *psutil.Process().children()]
        worker = max(processes[1:], key=lambda p: p.memory_info().rss)
        spent = [sum(p.cpu_times()[:2]) for p in (processes[0], worker)]
        self.renders.clear()
        self.shown.clear()
        self.app.window.frame_times.clear()
        frames, begin = 0, time.perf_counter()
        while (now := time.perf_counter() - begin) < seconds:
            each(now)
            self.frame()
            frames += 1
        taken = time.perf_counter() - begin
        used = [sum(p.cpu_times()[:2]) for p in (processes[0], worker)]
        row.window_cores, row.worker_cores = (
            round((b - a) / taken, 2) for a, b in zip(spent, used, strict=True)
        )
        row.rate = round(len(self.shown) / taken, 1)
        row.window_rate = round(frames / taken, 1)
        row.frame_ms = self.slow_frame_ms
        self._fill_in_quality(row)
        row.memory = sum(p.memory_info().rss for p in (processes[0], worker))
        return row

    def _fill_in_quality(self, row: MovementRow) -> None:
        previews = [result.request.preview for _, result in self.shown]
        if previews:
            row.full = round(sum(p is None for p in previews) / len(previews), 2)
            row.least_side = min(1.0 if p is None else p.scale for p in previews)
            row.least_final = min(1.0 if p is None else p.final_scale for p in previews)
        if self.renders:
            row.render_ms = round(median(result.total_ms for result in self.renders), 1)
            stages = {name for result in self.renders for name in result.stage_ms}
            row.stage_ms = {
                name: round(median(r.stage_ms.get(name, 0.0) for r in self.renders), 1)
                for name in sorted(stages)
            }

    def mirrored(self) -> tuple[RenderResult, RenderResult]:
        """The result on show, and its mirror image: shown in turns, each is a new picture."""
        shown = self.commands.result
        assert shown is not None
        flipped = (np.ascontiguousarray(p[:, ::-1]) for p in shown.pictures if p is not None)
        return shown, replace(shown, pictures=tuple(flipped))

    def timed(self, count: int, pictures: Sequence[RenderResult] = ()) -> tuple[float, float]:
        """Milliseconds of elapsed time and of this process's CPU time per frame, for frames without
        pauses; each shows the next of the pictures, if any are given."""
        clock, spent = time.perf_counter(), time.process_time()
        for k in range(count):
            if pictures:
                self.commands.show(replace(pictures[k % len(pictures)]))
            self.app.window.wake()
            self.app.frame()
        taken = time.perf_counter() - clock, time.process_time() - spent
        return 1000 * taken[0] / count, 1000 * taken[1] / count

    def play(self, person: int, loops: int) -> list[MovementRow]:
        """The first loops of the clip as it plays, and the time after them."""
        self.rest(person)
        self.commands.toggle_play()
        rows = [
            self.run(MovementRow(f"play: loop {loop}", person), _LOOP_SECONDS)
            for loop in range(1, loops + 1)
        ]
        rows.append(self.run(MovementRow("play: after", person), 3.0))
        self.commands.toggle_play()
        return rows

    def scrub(self, person: int, seconds: float) -> MovementRow:
        """A drag of the playhead back and forth, by the real mouse."""
        self.rest(person)
        left, top, right, bottom = controls.rects["Timeline/Track"]
        y = (top + bottom) / 2

        def place(t: float) -> tuple[float, float]:
            return left + (right - left) * (0.5 + 0.3 * math.sin(1.7 * t)), y

        return self._drag(MovementRow("scrub", person), seconds, place)

    def orbit(
        self, person: int, seconds: float, each: Callable[[float], object] = lambda _: None
    ) -> MovementRow:
        """A drag of the camera in a circle, by the real mouse."""
        self.rest(person)
        left, top, right, bottom = controls.rects["Viewport"]
        x, y = (left + right) / 2, (top + bottom) / 2

        def place(t: float) -> tuple[float, float]:
            return x + 150 * math.sin(1.3 * t), y + 60 * math.sin(0.9 * t)

        return self._drag(MovementRow("orbit", person), seconds, place, each)

    def path(self, person: int, seconds: float) -> MovementRow:
        """A camera path of four seconds, playing in a loop."""
        self.rest(person)
        state = self.commands.state
        latent, motion = state.latent, state.motion
        keys = ((0, -25), (2, 25), (4, -25))
        state.keyframes = tuple(
            Keyframe(float(time), latent, motion, 0.5, Orbit(yaw=float(yaw))) for time, yaw in keys
        )
        self.commands.toggle_path()
        row = self.run(MovementRow("path", person), seconds)
        self.commands.toggle_path()
        state.keyframes = ()
        return row

    def _drag(
        self,
        row: MovementRow,
        seconds: float,
        place: Callable[[float], tuple[float, float]],
        also: Callable[[float], object] = lambda _: None,
    ) -> MovementRow:
        moves: list[tuple[float, object]] = []
        state = self.commands.state
        press("mousemove", *map(round, place(0.0)))
        self.frame()
        press("mousedown", 1)
        last = -1.0

        def each(now: float) -> None:
            nonlocal last
            also(now)
            shot = state.shot()
            if not moves or moves[-1][1] != shot:
                moves.append((time.perf_counter(), shot))
            if now - last > 1 / 40:
                last = now
                press("mousemove", *map(round, place(now)))

        self.run(row, seconds, each)
        press("mouseup", 1)
        begin = time.perf_counter()
        self.until(self.is_settled)
        row.settle_ms = round(1000 * (time.perf_counter() - begin))
        when = {shot: at for at, shot in moves}
        waits = [
            1000 * (at - when[result.request.shots[0]])
            for at, result in self.shown
            if result.request.shots[0] in when
        ]
        if waits:
            row.latency_ms = round(median(waits), 1)
        return row

    def rest(self, person: int) -> None:
        """Shows a person from the front at the start of the clip, with no pictures cached."""
        commands = self.commands
        commands.scheduler.pictures.clear()
        commands.state.latent = Latent(x=float(person))
        commands.state.t, commands.state.orbit = 0.0, Orbit()
        commands.state.playback = Playback()
        press("mousemove", 5, 5)
        self.until(self.is_settled)
        commands.scheduler.pictures.clear()  # those rendered ahead at rest


def press(*words: object) -> None:
    """Sends real input by xdotool."""
    subprocess.run(["xdotool", *map(str, words)], check=True)


@contextmanager
def _busy(cores: int) -> Iterator[None]:
    """Keeps some cores busy during the block."""
    others = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(cores)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def main(options: WindowTimingOptions) -> int:
    """Measures and prints."""
    with _busy(options.busy), Bench(options.checkpoint) as bench:
        assert bench.commands.model is not None
        people = options.people or bench.commands.model.people[:2] or (0,)
        rows: list[MovementRow] = []
        for person in people:
            before = len(rows)
            rows += bench.play(person, loops=5)
            rows.append(bench.scrub(person, options.seconds))
            rows.append(bench.orbit(person, options.seconds))
            rows.append(bench.path(person, options.seconds))
            print("\n".join(_words(row) for row in rows[before:]), flush=True)
    first = {"first_frame_s": bench.first_frame, "first_picture_s": bench.first_picture}
    print(f"First frame {bench.first_frame:.2f} s, first picture {bench.first_picture:.2f} s")
    if options.json:
        figures = {**first, "busy": options.busy, "rows": [asdict(row) for row in rows]}
        Path(options.json).write_text(json.dumps(figures, indent=2))
    return 0


def _words(row: MovementRow) -> str:
    stages = " ".join(f"{name} {ms:g}" for name, ms in row.stage_ms.items() if ms)
    return (
        f"{row.person:>5} {row.movement:<13} {row.rate:5.1f}/s, {row.full:4.0%} full, "
        f"least side {row.least_side:.2f} "
        f"(final {row.least_final:.2f}); render {row.render_ms:.0f} ms ({stages}); "
        f"latency {row.latency_ms:.0f}, settles {row.settle_ms:.0f} ms; window "
        f"{row.window_rate:.0f}/s, p99 {row.frame_ms:.0f} ms, cores {row.window_cores:.2f} + "
        f"{row.worker_cores:.2f}; {row.memory / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(WindowTimingOptions, prog="python -m benchmarks.window")))
