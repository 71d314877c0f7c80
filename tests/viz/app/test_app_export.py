"""The export panel: what is chosen comes out, nothing is lost, and the window goes on."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imgui_bundle import imgui
from PIL import Image

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from tests.viz.state.opened_sessions import open_session
from viz.exports.choices import ExportChoices, safe_name
from viz.exports.table import EXPORTERS
from viz.state.person import Latent
from viz.state.types import Keyframe, Orbit

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


@pytest.fixture
def panel(start: Start, model: Path) -> AppDriver:
    """An application with the export panel open, at a picture."""
    desk = start(model, size=(900, 760), panels=("Export",))
    desk.commands.exports.what = "picture"
    desk.settle()
    return desk


def files(desk: AppDriver) -> list[Path]:
    folder = Path(desk.commands.capture_folder)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def choose(desk: AppDriver, what: str) -> None:
    """Take a kind of export from the list."""
    desk.click("Export/What")
    desk.click(f"Export/What/{EXPORTERS[what].label}")
    assert desk.commands.exports.what == what


def press(desk: AppDriver) -> None:
    """Scroll to the button and press it."""
    x, _ = desk.at("Export/What")
    desk.xdo("mousemove", x, 600)
    desk.until(lambda: desk.xdo("click", 5) or controls.rects["Export/Export"][3] < 755)
    desk.frames(6)
    desk.click("Export/Export")


def test_a_picture_carries_what_was_shown(panel: AppDriver) -> None:
    panel.key("r")
    shown = panel.picture()
    press(panel)
    panel.run_jobs(60)
    (path,) = files(panel)
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(picture), shown)
    panel.see_toast(f"Saved {path.name}")
    person = panel.commands.state.latent
    panel.key("r")
    panel.drop(path)
    panel.until(lambda: panel.commands.state.latent == person)
    panel.click(f"Toasts/Saved {path.name}./Copy path")
    assert imgui.get_clipboard_text() == str(path)


def test_a_name_that_is_taken_is_asked_about(panel: AppDriver) -> None:
    panel.commands.exports.name = "mine/../picture"
    press(panel)
    panel.run_jobs(60)
    (path,) = files(panel)
    assert path.name == "mine-..-picture.png", "a name is no way out of the folder"
    before = path.read_bytes()

    def answer(choice: str) -> None:
        panel.commands.state.latent = Latent(x=44)
        press(panel)
        panel.until(lambda: f"Replace the file?/{choice}" in controls.rects)
        panel.frames(3)
        panel.click(f"Replace the file?/{choice}")
        panel.run_jobs(60)

    answer("Cancel")
    assert [file.read_bytes() for file in files(panel)] == [before]
    answer("Keep both")
    assert len(files(panel)) == 2
    assert path.read_bytes() == before
    answer("Replace")
    assert len(files(panel)) == 2
    assert open_session(path).latent == Latent(x=44)


def test_a_video_goes_along_the_path_while_the_window_goes_on(panel: AppDriver) -> None:
    commands = panel.commands
    choose(panel, "video")
    panel.click("Export/Format/WebP")
    panel.click("Export/Moves/Path")
    assert commands.exports.current.movement.moving == "path"
    commands.state.keyframes = (
        Keyframe(0, orbit=Orbit(yaw=-20)),
        Keyframe(0.2, orbit=Orbit(yaw=20)),
    )
    panel.frames()
    before = commands.state.snapshot()
    press(panel)
    commands.state.latent = Latent(x=77)
    count = len(panel.results)
    panel.run_jobs(60)
    (path,) = files(panel)
    with Image.open(path) as video:
        assert getattr(video, "n_frames", 1) == 6
    assert open_session(path).latent == before.latent, "it shows what was there at first"
    panel.settle()
    assert len(panel.results) > count


def test_cancelling_leaves_nothing(panel: AppDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = EXPORTERS["frames"]

    def slowly(*args: Any, **options: Any) -> Generator[tuple[str, float | None], None, Any]:
        for progress in exporter.run(*args, **options):
            time.sleep(0.02)
            yield progress

    monkeypatch.setitem(EXPORTERS, "frames", replace(exporter, run=slowly))
    choose(panel, "frames")
    choices = panel.commands.exports
    options = choices.current
    choices.current = replace(options, movement=replace(options.movement, seconds=20.0))
    press(panel)
    panel.until(lambda: "Export/Export job/Cancel" in controls.rects)
    panel.until(lambda: panel.commands.job_left)
    panel.click("Export/Export job/Cancel")
    panel.run_jobs()
    panel.see_toast("stopped")
    assert not any(path.is_file() and path.suffix != ".png" for path in files(panel))
    assert panel.settle()


def test_what_cannot_be_is_one_sentence(panel: AppDriver, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    panel.commands.preferences.capture_folder = str(tmp_path / "taken" / "below")
    press(panel)
    panel.run_jobs(60)
    panel.see_toast("could not be saved")
    panel.commands.exports.what = "video"
    options = panel.commands.exports.current
    movement = replace(options.movement, moving="path")
    panel.commands.exports.current = replace(options, movement=movement)
    press(panel)  # which does nothing: the button is dead, and the panel says why
    panel.frames(5)
    assert panel.commands.job is None
    assert not any("keyframes" in toast.sentence for toast in panel.app.toasts)
    panel.commands.export()
    panel.see_toast("keyframes")


def test_the_level_of_a_mesh_is_seen_before_it_is_exported(panel: AppDriver) -> None:
    choose(panel, "mesh")
    panel.click("Export/Show the mesh")
    assert panel.commands.state.display.view == "mesh"
    level = panel.commands.state.quality.mesh_level
    panel.drag("Export/Level", (-30, 0))
    assert panel.commands.state.quality.mesh_level < level
    panel.settle(40)
    panel.click("Export/Show the picture")
    assert panel.commands.state.display.view == "image"


def test_formats_without_textures_leave_the_choice_of_colours(panel: AppDriver) -> None:
    choices = panel.commands.exports
    choose(panel, "mesh")
    panel.click("Export/Colours/Texture")
    panel.click("Export/Format/STL")
    assert "Export/Colours/Texture" not in controls.rects
    assert choices.fitting.texture == "vertex"
    panel.click("Export/Format/GLB")
    assert choices.fitting.texture == "atlas"


def test_an_exported_volume_opens_its_session(panel: AppDriver) -> None:
    commands = panel.commands
    commands.exports.what = "volume"
    commands.exports.current = replace(commands.exports.current, resolution=64)
    commands.state.latent = Latent(x=12)
    panel.frames()
    press(panel)
    panel.run_jobs(60)
    commands.state.latent = Latent(x=1)
    (volume,) = (path for path in files(panel) if path.suffix == ".npy")
    panel.drop(volume)
    panel.until(lambda: commands.state.latent == Latent(x=12))


def test_choices_outlive_the_program(start: Start, model: Path) -> None:
    desk = start(model, panels=("Export",))
    choices = desk.commands.exports
    choices.what = "video"
    choices.suffixes["video"] = ".gif"
    choices.current = replace(choices.current, colors=64)
    again = start(model, panels=("Export",))
    kept = again.commands.exports
    assert (kept.what, kept.suffix, kept.current.colors) == ("video", ".gif", 64)


@pytest.mark.parametrize("what", EXPORTERS)
def test_choices_go_both_ways(what: str) -> None:
    choices = ExportChoices(what)
    choices.current = EXPORTERS[what].options()
    again = ExportChoices()
    again.restore(choices.plain())
    assert again == choices
    again.restore({"what": "nothing", "options": {what: {"resolution": "x"}}, "suffixes": 3})
    assert again == choices


def test_names() -> None:
    assert safe_name(" a/b:c?.. ") == "a-b-c-"
    assert safe_name("..") == ""
