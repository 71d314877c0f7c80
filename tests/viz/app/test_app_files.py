"""Captures, ws and sessions through the application's window."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from tests.viz.state.opened_sessions import open_session
from viz.exports.frame_options import PictureOptions
from viz.headless import Source
from viz.headless.export_runs import export
from viz.state import files, session
from viz.state.errors import UserError
from viz.state.person import Latent
from viz.state.types import Orbit

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


def saved(desk: AppDriver) -> Path:
    """The one picture that was saved last."""
    desk.run_jobs()
    return max(
        Path(desk.commands.capture_folder).glob("*.png"), key=lambda path: path.stat().st_mtime_ns
    )


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("layout", ["single", "grid", "split"])
def test_a_saved_picture_is_what_the_window_showed(
    desk: AppDriver, tmp_path: Path, layout: str
) -> None:
    commands = desk.commands
    desk.key("r", "m", "Right", "Right")
    if layout != "single":
        desk.key("b")
        commands.state.display = replace(commands.state.display, layout=layout)
        desk.key("r")
    desk.drag("Viewport", (60, -30), x=0.3)
    shown = desk.pictures()
    state = commands.state.snapshot()
    desk.key("s")
    path = saved(desk)
    desk.see_toast(f"Saved {path.name}")
    if layout == "single":
        assert np.array_equal(pixels(path), shown[0])
    name = Path(state.checkpoint).name  # its folders are nobody else's business
    assert open_session(path) == replace(state, checkpoint=name)

    export("picture", Source(tmp_path / "headless.png", path, state.checkpoint), PictureOptions())
    assert (tmp_path / "headless.png").read_bytes() == path.read_bytes()

    desk.key("r", "m", "Home", "c")
    desk.settle()
    assert commands.state != state
    desk.drop(path)
    assert commands.state == state
    again = desk.pictures()
    assert all(np.array_equal(a, b) for a, b in zip(again, shown, strict=True))
    desk.key("ctrl+z")
    assert commands.state != state


def test_depth_raw_and_window(start: Start, model: Path) -> None:
    desk = start(model, panels=("Capture",))
    picture = desk.picture()
    desk.click("Capture/Depth")
    depth = pixels(saved(desk))
    side = desk.model.raw_resolution
    assert depth.dtype == np.uint16
    assert depth.shape == (side, side)
    assert len(np.unique(depth)) > 20
    desk.click("Capture/Raw")
    assert pixels(saved(desk)).shape == (side, side, 3)
    desk.click("Capture/Window")
    path = saved(desk)
    assert pixels(path).shape == (600, 900, 3)
    x, y = desk.at("Tile 0")
    corner = [round(value) for value in controls.rects["Tile 0"]]
    scale = picture.shape[0] / (corner[2] - corner[0])
    expected = picture[int((y - corner[1]) * scale), int((x - corner[0]) * scale)]
    assert np.abs(pixels(path)[y, x].astype(int) - expected).max() <= 12
    name = Path(desk.commands.state.checkpoint).name
    assert open_session(path) == replace(desk.commands.state, checkpoint=name)
    assert len(list(path.parent.glob("*.png"))) == 3


def test_names_that_are_taken_get_a_number(desk: AppDriver) -> None:
    desk.key("s")
    desk.key("s")
    desk.run_jobs()
    names = sorted(path.name for path in Path(desk.commands.capture_folder).iterdir())
    assert len(names) == 2
    assert names[1] == names[0].replace("_picture", "_picture_2")


def test_ws_go_out_and_come_back(start: Start, model: Path, tmp_path: Path) -> None:
    desk = start(model, panels=("Appearance",), size=(1000, 980))
    desk.key("r")
    shown = desk.picture()
    desk.click("Appearance/Save ws")
    desk.choose(tmp_path / "person.npz")
    desk.see_toast("Saved person.npz")
    desk.key("r")
    assert not np.array_equal(desk.picture(), shown)
    desk.click("Appearance/Load ws")
    desk.choose(tmp_path / "person.npz")
    desk.until(lambda: desk.commands.state.latent.ws_file == str(tmp_path / "person.npz"))
    assert np.array_equal(desk.picture(), shown)


def test_ws_that_were_written_anew_are_read_anew(desk: AppDriver, tmp_path: Path) -> None:
    rng, shown = np.random.default_rng(0), []
    for _ in range(2):
        np.save(tmp_path / "person.npy", rng.standard_normal((1, 16)).astype(np.float32))
        before = desk.settle()
        desk.drop(tmp_path / "person.npy")
        desk.until(lambda before=before: desk.commands.result is not before)
        shown.append(desk.picture())
    assert not np.array_equal(*shown)


def test_ws_that_do_not_fit_change_nothing(desk: AppDriver, tmp_path: Path) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((3, 5), np.float32))
    state = desk.commands.state.snapshot()
    desk.drop(tmp_path / "wrong.npy")
    desk.see_toast("wrong.npy holds ws of shape [3, 5]")
    assert desk.commands.state == state


def test_a_session_is_saved_and_opened_by_dialogs(desk: AppDriver, tmp_path: Path) -> None:
    desk.key("r")
    desk.commands.state.orbit = Orbit(yaw=12)
    desk.frames()
    state = desk.commands.state.snapshot()
    desk.key("ctrl+s")
    desk.choose(tmp_path / "mine")
    desk.see_toast("Saved mine.json")
    desk.key("ctrl+shift+s")
    desk.until(lambda: "Files/Replace" in controls.rects)  # its own name is proposed
    desk.click("Files/Cancel")
    desk.key("r")
    desk.key("ctrl+o")
    desk.choose(tmp_path / "mine.json")
    desk.see_toast("Opened mine.json")
    assert desk.commands.state == state


def test_dialogs_begin_where_files_are(
    desk: AppDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.commands.dialog_folder == tmp_path, "the working folder"
    for unlikely in (Path(tmp_path.anchor), files.CHECKPOINTS.parent):
        monkeypatch.chdir(unlikely)
        assert desk.commands.dialog_folder == Path.home()
    folder = tmp_path / "sessions"
    folder.mkdir()
    session.save_session(folder / "mine.json", desk.commands.state)
    desk.key("ctrl+o")
    desk.choose(folder / "mine.json")
    desk.see_toast("Opened mine.json")
    assert desk.commands.dialog_folder == folder, "the one used last"


def test_a_session_s_name_may_have_a_dot(desk: AppDriver, tmp_path: Path) -> None:
    desk.commands.state.latent = Latent(x=3e9)
    desk.key("ctrl+s")
    desk.choose(tmp_path / "anna v1.2")
    desk.see_toast("Saved anna v1.2.json")
    assert open_session(tmp_path / "anna v1.2.json").latent.seed == 3_000_000_000
    desk.commands.save_session_dialog()
    question = desk.commands.file_question
    assert question is not None
    with pytest.raises(UserError, match=r"anna v1.2.json exists"):  # the desktop's dialog asks
        question.chosen(str(tmp_path / "anna v1.2"))  # about "anna v1.2" alone


def test_a_session_brings_its_model(start: Start, model: Path, tmp_path: Path) -> None:
    desk = start(model)
    desk.settle()
    path = tmp_path / "moved" / "session.json"
    session.save_session(
        path, replace(desk.commands.state, checkpoint="elsewhere/small.safetensors")
    )
    beside = path.with_name(model.name)
    beside.write_bytes(model.read_bytes())
    desk = start()
    desk.settle()
    desk.drop(path)
    desk.until(lambda: desk.model.path == str(beside))
    assert desk.commands.state.checkpoint == str(beside)
    beside.unlink()
    desk.drop(path)
    desk.see_toast(
        "The session's model elsewhere/small.safetensors was not found; the one shown stays."
    )
    assert desk.commands.state.checkpoint == str(beside)


def test_a_relative_path_is_kept_whole(start: Start, model: Path) -> None:
    desk = start(model.name)
    desk.settle()
    assert desk.commands.state.checkpoint == str(model)


def test_settings_that_cannot_be_written_are_told(desk: AppDriver) -> None:
    """A home that is full or may not be written: nothing may say that it was stored."""
    desk.settings.unlink(missing_ok=True)
    desk.settings.mkdir()
    for digit in (5, 6):
        desk.key(f"ctrl+{digit}")
        assert desk.see_toast(f"Bookmark {digit} is kept only until you quit").level == "warning"
    told = desk.see_toast("cannot be saved")
    assert told.level == "warning"
    assert told.repeats == 1, "once is enough"
    assert desk.settings.name in told.sentence
    assert not any("Stored" in toast.sentence for toast in desk.app.toasts)
    assert desk.commands.bookmarks() == [5, 6]
    desk.settings.rmdir()
    desk.key("ctrl+7")
    assert desk.see_toast("Stored as bookmark 7").level == "success"
    kept = json.loads(desk.settings.read_text("utf-8"))
    assert sorted(kept["bookmarks"]) == ["5", "6", "7"]


def test_one_dialog_at_a_time(desk: AppDriver, tmp_path: Path) -> None:
    """The answer to the first dialog must not go to the action of the second."""
    desk.key("ctrl+o")
    desk.commands.save_session_dialog()
    desk.choose(Path(desk.commands.state.checkpoint))
    desk.run_jobs()
    assert desk.model.format == "PV3D visualizer"
    assert not any("Saved" in toast.sentence for toast in desk.app.toasts)


def test_the_camera_goes_over_the_clipboard(start: Start, model: Path) -> None:
    desk = start(model, panels=("Camera",), size=(1000, 980))
    desk.commands.state.orbit = kept = Orbit(yaw=25, pitch=-10, fov=20)
    desk.frames()
    desk.click("Camera/Copy")
    desk.key("c")
    desk.until(lambda: not desk.commands.animator.gliding)
    assert desk.commands.state.orbit == Orbit()
    desk.click("Camera/Paste")
    desk.until(lambda: not desk.commands.animator.gliding)
    assert desk.commands.state.orbit.yaw == pytest.approx(kept.yaw, abs=1e-3)
    assert desk.commands.state.orbit.fov == pytest.approx(kept.fov, abs=1e-3)


def test_places_that_may_not_be_entered_get_a_sentence(
    desk: AppDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a folder of mode 700 of somebody else's."""
    stat = Path.stat

    def refuse(self: Path, **options: bool) -> os.stat_result:
        if "private" in self.parts:
            raise PermissionError(13, "Permission denied")
        return stat(self, **options)

    path = tmp_path / "session.json"
    named = "/colleague/private/model.safetensors"
    session.save_session(path, replace(desk.commands.state, checkpoint=named, t=0.25))
    monkeypatch.setattr(Path, "stat", refuse)
    desk.drop(path)
    desk.see_toast(f"The session's model {named} cannot be read: permission denied; the one shown")
    assert desk.commands.state.t == 0.25
    for name in ("a.json", "a.png", "a.npy", "a.ckpt", "folder"):
        desk.drop(tmp_path / "private" / name)
        desk.see_toast("permission denied")
    desk.commands.preferences.capture_folder = str(tmp_path / "private")
    desk.commands.export()
    desk.see_toast("could not be saved")


def test_steps_along_directions_look_the_same_without_a_window(
    start: Start, model: Path, tmp_path: Path
) -> None:
    desk = start(model, panels=("Directions",), size=(1100, 900))
    before = desk.picture()
    desk.until(lambda: desk.commands.directions is not None, 60)
    desk.drag("Directions/Component 1", (60, 0))
    shifted = desk.picture()
    assert not np.array_equal(shifted, before)
    assert desk.commands.state.latent.shifts[0].amount > 0
    desk.commands.capture("picture")
    path = saved(desk)
    checkpoint = desk.commands.state.checkpoint
    export("picture", Source(tmp_path / "headless.png", path, checkpoint), PictureOptions())
    headless = np.asarray(Image.open(tmp_path / "headless.png"))
    assert np.array_equal(headless, shifted)
    desk.key("ctrl+z")
    assert np.array_equal(desk.picture(), before)
