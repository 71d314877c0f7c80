"""The whole application in a window, and the hands that use it."""

from __future__ import annotations

import copy
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import glfw
import numpy as np
import pytest

from gui_utils import controls
from tests.gui_utils import conftest as gui
from tests.viz.render.worker_thread import WorkerThread
from training.checkpoint import save
from training.networks.generator import Generator
from viz.app.application import App
from viz.app.panels import PANELS
from viz.render.connection import WorkerConnection
from viz.render.inference.stage_interface import Stages
from viz.render.messages import Event, Rendered
from viz.render.renderer import Renderer
from viz.render.worker_host import Launch
from viz.state import files, layouts
from viz.state.interface import PanelGroup
from viz.state.types import ModelInfo, RenderRequest, RenderResult

display = gui.display


class AppDriver(gui.Driver):
    """Runs the frames of an application and sends it real input.

    Args:
        folder: where settings and captures go.
        checkpoint: model to open.
        size: of the window.
        panels: titles of the panels that are open.
        launch: makes the worker's host; None for a thread.
        options: of `App`.
    """

    def __init__(
        self,
        folder: Path,
        checkpoint: Path | str = "",
        *,
        size: tuple[int, int] = (900, 600),
        panels: tuple[str, ...] = (),
        launch: Launch | None = None,
        **options: Any,
    ) -> None:
        self.settings = folder / "settings.json"
        controls.open_sections.clear()
        controls.open_sections.update({panel.title: panel.title in panels for panel in PANELS})
        self.host = WorkerThread()
        worker = WorkerConnection(launch or self.host.launch)
        options |= {"settings": self.settings, "builtin_dialogs": True}
        self.app = App(worker, str(checkpoint), **options)
        self.commands = self.app.commands
        for panel in PANELS:
            if panel.title == (panels or ("",))[0]:
                self.commands.interface.panel_group = panel.group
        self.window = self.app.window
        self.window.max_fps = 500
        self.commands.preferences.capture_folder = str(folder / "pictures")
        self.results: list[RenderResult] = []
        """All that came from the renderer, oldest first."""
        poll = self.commands.worker.poll

        def keep() -> list[Event]:
            events = poll()
            self.results += [event.result for event in events if isinstance(event, Rendered)]
            return events

        self.commands.worker.poll = keep
        self.resize(*size)
        self.xdo("mousemove", 5, 5)

    def frames(self, count: int = 4) -> None:
        for _ in range(count):
            self.window.wake()  # no frame waits, or a test would take minutes
            self.app.frame()

    def until(self, done: Callable[[], object], seconds: float = 10.0) -> None:
        super().until(done, seconds)

    def resize(self, width: int, height: int) -> None:
        glfw.set_window_pos(self.window.handle, 0, 0)
        glfw.set_window_size(self.window.handle, width, height)
        self.until(lambda: self.window.framebuffer_size == (width, height))
        self.frames(3)

    def settle(self, seconds: float = 20.0) -> RenderResult:
        """Run until the full picture of the state is on show; it."""
        self.until(self.is_settled, seconds)
        self.frames(1)  # it is drawn, too
        assert self.commands.result is not None
        return self.commands.result

    def pictures(self) -> list[np.ndarray]:
        """The full pictures of the state, none of which is a mesh."""
        found = [picture for picture in self.settle().pictures if picture is not None]
        assert len(found) == len(self.settle().pictures)
        return found

    def picture(self) -> np.ndarray:
        """The first of the full pictures of the state."""
        return self.pictures()[0]

    @property
    def model(self) -> ModelInfo:
        assert self.commands.model is not None
        return self.commands.model

    @property
    def stages(self) -> Stages:
        """The stages that the worker renders full pictures by."""
        return self.renderer.stages(self.renderer.plan(self.commands.state.quality))

    @property
    def renderer(self) -> Renderer:
        """The renderer of the worker's thread."""
        assert self.host.worker is not None
        assert self.host.worker.renderer is not None
        return self.host.worker.renderer

    def is_settled(self) -> bool:
        result = self.commands.result
        if result is None or self.app.moving or self.commands.job is not None:
            return False
        return result.request == self.wanted()

    def wanted(self) -> RenderRequest:
        """The full request of the state."""
        full = layouts.full_request(self.commands.state)
        commands = self.commands
        return replace(full, probe=commands.interface.probe, values=commands.wants_values)

    def at(self, key: str, x: float = 0.5, y: float = 0.5) -> tuple[int, int]:
        """A point of a control; where it is in a panel, its group is shown and scrolled to it."""
        for panel in PANELS:
            if key.partition("/")[0] == panel.title:
                if key not in controls.rects:
                    self.show_group(panel.group)
                self._scroll_to(key)
        return super().at(key, x, y)

    def show_group(self, group: PanelGroup) -> None:
        """Have the sidebar show a group of panels."""
        if self.commands.interface.panel_group != group and "Rail/View" in controls.rects:
            self.click(f"Rail/{group}")
            self.frames(1)

    def _scroll_to(self, key: str) -> None:
        for _ in range(40):
            left, top, right, bottom = controls.rects.get(key, (0, 0, 0, 0))
            first = controls.rects.get("Viewport", (0, 0, 0, 0))[1]
            last = self.window.framebuffer_size[1]
            if (first <= top and bottom <= last) or bottom - top > last - first:
                return
            place = round((left + right) / 2), (first + last) // 2
            self.xdo("mousemove", *map(round, place), "click", 5 if bottom > last else 4)

    def key(self, *keys: str) -> None:
        self.xdo("key", *keys)

    def during(self, *words: object) -> None:
        """Draw frames while xdotool sends input in its own time; it begins with a mousemove."""
        self.xdo(*words[:3])
        with subprocess.Popen(["xdotool", *map(str, words[3:])]) as process:
            self.until(lambda: process.poll() is not None, 30.0)
        assert process.returncode == 0
        self.frames(3)

    def run_for(self, seconds: float) -> None:
        """Draw frames as the program does by itself: as few as it likes."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.app.frame()

    def drop(self, *paths: Path | str) -> None:
        """Files dropped on the window."""
        self.window.drop(paths)
        self.frames(2)

    def run_jobs(self, seconds: float = 10.0) -> None:
        """Run until all jobs have ended and been told of."""
        self.until(lambda: self.commands.job is None, seconds)
        self.frames(2)

    def choose(self, path: Path) -> None:
        """Answer the file dialog that is open, by a path relative to its folder: letters arrive
        one a frame."""
        self.until(lambda: "Files/Path" in controls.rects)
        self.click("Files/Path")
        assert self.commands.file_question is not None
        begins = self.commands.file_question.path
        self.type(os.path.relpath(path, begins if begins.is_dir() else begins.parent))

    def see_toast(self, words: str, seconds: float = 10.0) -> Any:
        """The notice that holds these words, once it shows."""
        found: list[Any] = []

        def look() -> bool:
            found[:] = [t for t in self.app.toasts if words in t.sentence]
            return bool(found)

        self.until(look, seconds)
        return found[-1]

    def close(self) -> None:
        self.app.close()


Start = Callable[..., AppDriver]


def sharpened(G: Generator) -> Generator:
    """A copy whose random density is uneven enough to show shapes."""
    G = copy.deepcopy(G)
    G.decoder.get_parameter("net.2.weight")[0] *= 12
    return G


@pytest.fixture
def model(small_generator: Generator, tmp_path: Path) -> Path:
    """A checkpoint that renders in milliseconds."""
    path = tmp_path / "small.safetensors"
    save(path, sharpened(small_generator))
    return path


@pytest.fixture
def start(display: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts applications, one at a time, and closes what is left. Without a checkpoint they show
    the untrained model, which is quicker than the one that the program brings."""
    del display
    monkeypatch.setattr(files, "default_checkpoint", str)
    monkeypatch.chdir(tmp_path)
    drivers: list[AppDriver] = []

    def make(checkpoint: Path | str = "", **options: Any) -> AppDriver:
        for driver in drivers:
            driver.close()
        drivers[:] = [AppDriver(tmp_path, checkpoint, **options)]
        return drivers[0]

    yield make
    for driver in drivers:
        driver.close()


@pytest.fixture
def desk(start: Start, model: Path) -> AppDriver:
    """An application that shows the small model."""
    made = start(model)
    made.settle(60.0)  # the first full picture of a process waits for its compilation
    return made
