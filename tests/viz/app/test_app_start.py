"""The program as it is started, opened and closed, in a real window."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import glfw
import numpy as np
import pytest
from PIL import Image

from gui_utils import controls
from tests.gui_utils import conftest as gui
from tests.viz.app import app_driver
from tests.viz.app.app_driver import Start
from tests.viz.render import fragile_worker
from viz.render import worker_host
from viz.render.worker_host import in_process
from viz.worker_process import run

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)
ROOT = Path(__file__).resolve().parents[3]


# Starting and ending


def test_it_starts_with_a_picture_of_the_untrained_model(start: Start) -> None:
    desk = start()
    desk.app.frame()
    assert desk.window.read_pixels().any(), "the first frame shows before there is a model"
    picture = desk.picture()
    assert desk.model.name == "Untrained model"
    assert "Untrained random model \u2013 open a checkpoint to see people" in controls.rects
    assert glfw.get_window_title(desk.window.handle) == "Untrained model - PV3D visualizer"
    assert picture.shape == (256, 256, 3)
    # The middle of the viewport shows the middle of the picture.
    x, y = desk.at("Viewport")
    shown = desk.window.read_pixels()[y, x].astype(int)
    assert np.abs(shown - picture[128, 128]).max() <= 4


def start_process(folder: Path, *words: str) -> tuple[subprocess.Popen, int]:
    """The program as the user starts it, once its first model is loaded; and its window."""
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    process = subprocess.Popen(
        [sys.executable, "visualizer.py", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    model = "demo" if words[0].endswith(".png") else "generator"
    name = rf"^{model}\.safetensors - PV3D visualizer$"
    search = ["xdotool", "search", "--all", "--pid", str(process.pid), "--name", name]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = subprocess.run(search, capture_output=True, text=True, check=False)
        if found.stdout.strip():
            return process, int(found.stdout.split()[0])
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no window: {process.communicate()[0]}")


def run_of(model: Path) -> Path:
    """The folder of a training run that has saved this model; its name is not UTF-8."""
    run = model.with_name(os.fsdecode(b"run\xc4\xe3"))
    run.mkdir()
    shutil.copy(model, run / "generator.safetensors")
    return run


def end(process: subprocess.Popen) -> str:
    """Wait for the program's end; what it printed."""
    try:
        return process.communicate(timeout=20)[0]
    finally:
        process.kill()


@pytest.mark.parametrize("way", ["close button", "Ctrl+C"])
def test_the_real_program_ends_cleanly(display: str, tmp_path: Path, model: Path, way: str) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 64)).save(photo)
    named = photo if way == "close button" else run_of(model)  # a photo opens as if dropped
    process, window = start_process(tmp_path, str(named))
    if way == "Ctrl+C":
        process.send_signal(signal.SIGINT)
    else:
        gui.ask_to_close(window)
    output = end(process)
    assert "Traceback" not in output
    assert process.returncode == 0
    kept = json.loads((tmp_path / "config" / "pv3d-visualizer" / "settings.json").read_text())
    assert kept["sections"].get("Portrait", False) == (way == "close button")


def test_closing_while_a_model_loads_does_not_hang(start: Start) -> None:
    desk = start()
    begun = time.perf_counter()
    desk.app.close()
    assert time.perf_counter() - begun < 6
    assert desk.settings.is_file()


def test_a_renderer_that_cannot_be_started_is_told_once_and_keeps_nothing_waiting(
    start: Start,
) -> None:
    desk = start(launch=in_process(fragile_worker.die))
    desk.see_toast("The renderer cannot be started", 30)
    assert desk.commands.job is None
    desk.run_for(0.5)
    assert desk.commands.worker.host is None, "it is not tried over and over"
    desk.app.close()


def test_a_renderer_that_hangs_is_told_and_can_be_restarted(
    start: Start, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = start(model, launch=in_process(run))
    desk.settle(60.0)
    monkeypatch.setattr(worker_host, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(worker_host, "LOOK_SECONDS", 0.1)
    stuck = desk.commands.worker.host
    assert isinstance(stuck, BaseProcess)
    assert stuck.pid is not None
    os.kill(stuck.pid, signal.SIGSTOP)
    desk.run_for(1.0)
    assert not list(desk.app.toasts), "nothing is wanted of it"
    shown = desk.commands.result
    desk.key("r")
    notice = desk.see_toast("it seems to be stuck")
    assert desk.commands.worker.host is stuck, "it is not ended by itself"
    assert desk.commands.result is shown
    desk.frames(4)
    desk.click(f"Toasts/{notice.sentence}/Restart the renderer")
    desk.see_toast("The renderer was restarted.")
    assert desk.settle(60.0).request == desk.wanted()
    assert desk.commands.worker.host is not stuck
    assert stuck.exitcode == -signal.SIGKILL


def test_settings_outlive_the_program(start: Start, model: Path) -> None:
    desk = start(model, size=(820, 610))
    desk.settle()
    desk.commands.interface.theme, desk.commands.interface.sidebar_width = "light", 300.0
    desk.key("ctrl+5")
    assert "Export/What" not in controls.rects
    desk.commands.open_panel("Export")
    desk.frames()
    again = start()
    again.frames()
    assert "Export/What" in controls.rects, "what was open is open again"
    assert again.commands.interface.theme == "light"
    assert again.commands.interface.sidebar_width == 300
    assert again.commands.bookmarks() == [5]
    assert list(again.commands.recent) == [str(model)]


# Opening


def test_a_dropped_checkpoint_opens(start: Start, model: Path) -> None:
    desk = start()
    desk.settle()
    desk.drop(model)
    desk.until(lambda: desk.model.path == str(model), 10)
    side = desk.model.image_resolution
    assert desk.picture().shape == (side, side, 3)
    assert list(desk.commands.recent) == [str(model)]
    assert desk.commands.state.checkpoint == str(model)
    assert not desk.commands.history.can_undo, "opening a model is no step"
    run = run_of(model)
    desk.drop(run)
    desk.until(lambda: desk.model.path == str(run / "generator.safetensors"), 10)


def test_a_checkpoint_opens_by_the_dialog(start: Start, model: Path) -> None:
    desk = start()
    desk.settle()
    desk.key("ctrl+o")
    desk.choose(model)
    desk.until(lambda: desk.model.path == str(model), 10)
    desk.settle()
    assert not desk.app.dialogs.is_open


def test_of_several_models_dropped_the_last_opens(start: Start, model: Path) -> None:
    desk = start()
    desk.settle()
    others = [model.with_name(f"{name}.safetensors") for name in ("other", "third")]
    for other in others:
        other.write_bytes(model.read_bytes())
    desk.drop(*others, model)
    desk.until(lambda: desk.model.path == str(model), 10)
    desk.see_toast("at a time: small.safetensors was opened")
    desk.run_jobs()
    assert desk.model.path == str(model)
