"""Figures of the moment shown, in the window."""

from __future__ import annotations

from pathlib import Path

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import Start

display, start, model = app_driver.display, app_driver.start, app_driver.model


def test_figures_are_measured_copied_and_stopped(start: Start, model: Path) -> None:
    desk = start(model, size=(1000, 800), panels=("Consistency",))
    desk.settle(60.0)
    desk.click("Consistency/Measure")
    desk.until(lambda: desk.commands.moment_figures is not None, 60.0)
    desk.frames(4)
    figures = desk.commands.moment_figures
    assert figures is not None
    assert "Consistency/Table" in controls.rects
    desk.click("Consistency/Copy")
    assert desk.window.clipboard == figures.text()
    assert not desk.commands.moment_is_old
    desk.commands.state.t = 0.5
    assert desk.commands.moment_is_old
    desk.settle()
    desk.click("Consistency/Measure")
    desk.until(lambda: desk.commands.job is not None and desk.commands.job.detail)
    desk.commands.cancel_job()
    desk.run_jobs(30.0)
    assert desk.commands.moment_figures is figures
    assert not desk.commands.measures_moment
