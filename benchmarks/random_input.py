"""Tries random keys, clicks, typed names and dropped files in the real window, to find failures.

    xvfb-run -a -s "-screen 0 1600x1000x24" python -m benchmarks.random_input --seconds 1200

Needs a display with xdotool. It types paths into file dialogs and answers them, so start it where
nothing can be overwritten, such as in a container; its own files go into a temporary folder.
It reports tracebacks, parts of the window that failed, unrequested ends and a window that no longer
reacts to keys, with the inputs that led to them, and the memory of both processes. The exit status
is 1 if something was found.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Annotated

import glfw
import psutil
import tyro

from benchmarks.window import open_app
from gui_utils import controls
from training.terminal import run_command
from viz.app.panels import PANELS

_DIGITS = "123456789"
_NAMED = (
    *("space", "Return", "Escape", "Tab", "shift+Tab", "Left", "Right", "Up", "Down", "Home"),
    *("End", "Prior", "Next", "Delete", "BackSpace", "F1", "F5", "shift+F5", "question", "slash"),
)
_CHORDS = ("a", "c", "k", "o", "s", "shift+s", "shift+z", "v", "y", "z", "Left", "Right", *_DIGITS)
_KEYS = (
    *("abcdefghijklmnopqrstuvwxyz", _DIGITS, _NAMED, _NAMED),
    *([f"ctrl+{key}" for key in _CHORDS], [f"shift+{key}" for key in "chklv"]),
)
_TEXTS = (
    *("/", "~", "..", "/tmp", "a", "anna v1.2", "nan", "1e999", "-5", "0.5", "99999999999", " "),
    *("ä頭😀", "x" * 300, "%s", "../..", "~nosuchuser/x", "/dev/null", "a/b", "C:\\x", "orbit"),
)
_SIZES = ((1280, 800), (1000, 700), (700, 500), (400, 300), (200, 150), (1600, 1000))
_RECENT = 15
"""Number of latest inputs reported with a finding."""
_LOOK = 30.0
"""Seconds between two checks that the window still works."""
_PATIENCE = 60.0
"""Seconds for a key to take effect before the window counts as dead, as the machine may be busy."""


@dataclass(frozen=True)
class RandomInputOptions:
    """What is tried."""

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """Model to show; the bundled one if not given."""
    seconds: float = 60.0
    """Length of the trial."""
    seed: int = 1
    """Determines the inputs; their effects also depend on the speed of the machine."""
    drops: tuple[Path, ...] = ()
    """Files to drop on the window, besides some that do not exist."""


class RandomInput:
    """The application under random input, with all its files in one folder."""

    def __init__(self, options: RandomInputOptions, folder: Path) -> None:
        self.app = open_app(options.checkpoint, folder)
        self.commands = self.app.commands
        self.commands.preferences.capture_folder = str(folder / "pictures")
        self.findings: list[str] = []
        self.count = 0
        self._chance = random.Random(options.seed)
        self._drops = [*map(str, options.drops), str(folder), "/nonexistent/x.ckpt"]
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self._asked_to_end = False
        self._kinds: dict[Callable[[], str], float] = {
            **{self._key: 40, self._control: 25, self._click: 12, self._drag: 10, self._type: 10},
            **{self._dialog: 5, self._wheel: 4, self._panel: 4, self._cancel: 2, self._drop: 2},
            **{self._resize: 1, self._end: 1},
        }

    def step(self) -> None:
        """Makes one random input and draws some frames; records what went wrong."""
        self.count += 1
        (kind,) = self._chance.choices([*self._kinds], [*self._kinds.values()])
        try:
            self._recent.append(kind())
            self._frames(self._chance.choice((1, 2, 3, 4, 6, 20)))
        except Exception:
            self._found("a traceback", traceback.format_exc())
        for toast in self.app.toasts:
            if "Traceback" in toast.details:
                self._found(toast.sentence, toast.details)
                self.app.toasts.clear()
                break
        if self.commands.quitting and not self._asked_to_end:
            self._found("an unrequested end", "")
        self.commands.quitting = self._asked_to_end = False

    def look(self) -> None:
        """Checks that the window still works: once everything open is closed, R must show another
        person."""
        self._xdo(*(word for key in ("shift", "ctrl") for word in ("keyup", key)))
        self._xdo("mouseup", 1, "mouseup", 3)
        commands = self.commands
        before, end = commands.state.latent, time.monotonic() + _PATIENCE
        while commands.state.latent == before:
            if time.monotonic() > end:
                self._found("a window that ignores keys", str(self.app.dialogs.is_open))
                return
            self._xdo("key", "Escape", "key", "Escape")
            self._frames(4)
            commands.interface.lock_person = False
            self._xdo("mousemove", *self._point(), "key", "r")
            self._frames(6)

    def memory(self) -> str:
        """Megabytes of the window's process and of the renderer's."""
        host = self.commands.worker.host
        numbers = [None, host.pid] if isinstance(host, BaseProcess) else [None]
        sizes = [psutil.Process(number).memory_info().rss >> 20 for number in numbers]
        return " + ".join(f"{size} MB" for size in sizes)

    def _xdo(self, *words: object) -> None:
        subprocess.run(["xdotool", *map(str, words)], check=False, timeout=20, capture_output=True)

    def _frames(self, count: int) -> None:
        for _ in range(count):
            self.app.window.wake()
            self.app.frame()

    def _point(self) -> tuple[int, int]:
        width, height = self.app.window.framebuffer_size
        return self._chance.randrange(width), self._chance.randrange(height)

    def _place(self) -> tuple[str, tuple[int, int]]:
        """The name of a control, and a point on it."""
        name = self._chance.choice([*controls.rects])
        left, top, right, bottom = controls.rects[name]
        x, y = self._chance.random(), self._chance.random()
        return name, (round(left + (right - left) * x), round(top + (bottom - top) * y))

    def _key(self) -> str:
        key = self._chance.choice(self._chance.choice(_KEYS))
        self._xdo("key", key)
        return f"key {key}"

    def _control(self) -> str:
        name, place = self._place()
        clicks = ["click", 1] * self._chance.choice((1, 1, 1, 2))
        self._xdo("mousemove", *place, *clicks)
        return f"click on {name}"

    def _click(self) -> str:
        place, button = self._point(), self._chance.choice((1, 1, 1, 3))
        self._xdo("mousemove", *place, "click", button)
        return f"click {button} at {place}"

    def _drag(self) -> str:
        (name, start), end = self._place(), self._point()
        button = self._chance.choice((1, 1, 1, 3))
        self._xdo("mousemove", *start, "mousedown", button)
        self._frames(2)
        self._xdo("mousemove", *end)
        self._frames(2)
        self._xdo("mouseup", button)
        return f"drag {button} from {name} to {end}"

    def _type(self) -> str:
        text = self._chance.choice(_TEXTS)
        self._xdo("type", "--delay", "0", "--", text)
        if self._chance.random() < 0.5:
            self._frames(3)
            self._xdo("key", "Return")
        return f"type {text[:20]!r}"

    def _dialog(self) -> str:
        commands = self.commands
        opens = self._chance.choice(
            [
                *(commands.open_dialog, commands.open_session_dialog, commands.open_ws_dialog),
                *(commands.save_session_dialog, commands.save_ws_dialog, commands.open_palette),
                *(commands.capture_folder_dialog, commands.open_help),
            ]
        )
        opens()
        return opens.__name__

    def _wheel(self) -> str:
        key, button = self._chance.choice(("ctrl", "shift", "")), self._chance.choice((4, 5))
        held = (["keydown", key], ["keyup", key]) if key else ([], [])
        self._xdo(*held[0], "mousemove", *self._point(), "click", button, *held[1])
        return f"wheel {button} with {key or 'no key'}"

    def _panel(self) -> str:
        title = self._chance.choice(PANELS).title
        for panel in PANELS:
            controls.open_sections[panel.title] = False
        self.commands.open_panel(title)
        return f"panel {title}"

    def _cancel(self) -> str:
        self.commands.cancel_job()
        return "cancel"

    def _drop(self) -> str:
        paths = self._chance.choices(self._drops, k=self._chance.choice((1, 1, 2)))
        self.app.window.drop(paths)
        return f"drop {paths}"

    def _resize(self) -> str:
        size = self._chance.choice(_SIZES)
        if not self.app.window.fullscreen:
            glfw.set_window_size(self.app.window.handle, *size)
        return f"size {size}"

    def _end(self) -> str:
        """Asks to quit, which ends the program if nothing would be lost."""
        self._asked_to_end = self.app.window.close_requested = True
        return "close button"

    def _found(self, what: str, details: str) -> None:
        steps = "\n".join(f"    {step}" for step in self._recent)
        self.findings.append(f"{what}, after\n{steps}\n{details}")
        print(f"{self.count} inputs: {self.findings[-1]}", flush=True)


def main(options: RandomInputOptions) -> int:
    """Tries random input for the chosen time and reports what was found."""
    model = str(Path(options.checkpoint).absolute()) if options.checkpoint else ""
    options = replace(options, checkpoint=model, drops=tuple(p.absolute() for p in options.drops))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        trial = RandomInput(options, Path(folder))
        begun = looked = time.monotonic()
        while time.monotonic() - begun < options.seconds:
            trial.step()
            if time.monotonic() - looked > _LOOK:
                trial.look()
                looked = time.monotonic()
                done = f"{looked - begun:5.0f} s: {trial.count} inputs"
                print(f"{done}, {trial.memory()}", flush=True)
        trial.look()
        memory = trial.memory()
        trial.app.close()
    print(f"{trial.count} inputs, {len(trial.findings)} findings, {memory}")
    return 1 if trial.findings else 0


if __name__ == "__main__":
    run_command(
        lambda: main(tyro.cli(RandomInputOptions, prog="python -m benchmarks.random_input"))
    )
