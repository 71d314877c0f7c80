"""Exports by the application in its window, and what it makes of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from tests.viz.exports.export_driver import decoded, files
from viz.exports.export_jobs import ExportJob
from viz.exports.frame_options import FrameOptions, Look, Movement, VideoOptions
from viz.headless import Source
from viz.headless.export_runs import export

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)

CIRCLE = Movement("orbit", frames=4, orbit_shape="circle", clip_plays=True)


def begin(desk: AppDriver, name: str, options: Any, path: Path) -> None:
    """Start an export as the panel does."""
    desk.commands.worker.start(ExportJob.of(name, options, desk.commands.state, path))


@pytest.mark.parametrize(
    "name,options,path",
    [
        ("frames", FrameOptions(CIRCLE, bits=16), "clip"),
        ("frames", FrameOptions(CIRCLE, Look(background="transparent")), "clip"),
        ("video", VideoOptions(CIRCLE), "clip.mp4"),
        ("video", VideoOptions(CIRCLE), "clip.gif"),
        ("video", VideoOptions(CIRCLE), "clip.webp"),
    ],
)
def test_the_window_and_the_command_line_make_the_same_files(
    desk: AppDriver, tmp_path: Path, name: str, options: Any, path: str
) -> None:
    commands = desk.commands
    desk.key("r", "m", "Right", "Right")
    desk.drag("Viewport", (60, -30), x=0.3)
    state = commands.state.snapshot()
    begin(desk, name, options, tmp_path / "app" / path)
    desk.run_jobs(30)

    desk.key("r", "m", "Home", "c")
    desk.settle()
    assert commands.state != state
    desk.drop(tmp_path / "app" / path)
    desk.see_toast(f"Opened {path}")
    assert commands.state == state

    source = Source(
        tmp_path / "headless" / path, tmp_path / "app" / path, desk.commands.state.checkpoint
    )
    export(name, source, options)
    made = files(tmp_path / "app")
    assert files(tmp_path / "headless") == made
    for file in made:
        one, other = (tmp_path / folder / file for folder in ("app", "headless"))
        assert one.read_bytes() == other.read_bytes()


def test_the_window_stays_alive_and_cancels(desk: AppDriver, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    begin(desk, "video", VideoOptions(Movement("orbit", seconds=600)), folder / "long.mp4")
    desk.until(lambda: desk.commands.job is not None and (desk.commands.job.fraction or 0) > 0)
    before = len(desk.results)
    desk.drag("Viewport", (40, 0), x=0.3)
    desk.until(lambda: desk.results[-1].request == desk.wanted())
    assert len(desk.results) > before
    assert desk.commands.job is not None  # which went on all the while
    assert files(folder) != []
    desk.commands.cancel_job()
    desk.run_jobs()
    assert files(folder) == []
    begin(desk, "video", VideoOptions(Movement(frames=2)), folder / "short.mp4")
    desk.run_jobs()
    assert len(decoded(folder / "short.mp4")) == 2
