"""What goes wrong: the window tells of it and goes on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from viz.render.inference.stage_interface import RaySettings
from viz.render.worker_host import in_process
from viz.state import session
from viz.worker_process import run

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


def fails(kind: type[Exception], words: str) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise kind(words)

    return fail


def still_works(desk: AppDriver) -> None:
    """Another person still gets a picture."""
    desk.key("r")
    result = desk.settle()
    assert result.request.shots[0].latent == desk.commands.state.latent


def test_a_broken_checkpoint_leaves_the_old_model(desk: AppDriver, tmp_path: Path) -> None:
    (tmp_path / "broken.ckpt").write_text("This is no checkpoint.")
    before = desk.model
    desk.drop(tmp_path / "broken.ckpt")
    toast = desk.see_toast("broken.ckpt")
    assert toast.level == "error"
    assert desk.commands.model is before
    assert desk.commands.state.checkpoint == before.path
    assert str(tmp_path / "broken.ckpt") not in desk.commands.recent
    still_works(desk)


def test_a_first_model_that_cannot_be_used_gives_way_to_another(
    start: Start, tmp_path: Path
) -> None:
    desk = start(tmp_path / "missing.ckpt")
    desk.see_toast("missing.ckpt")
    desk.settle()
    assert desk.model.name == "Untrained model"


def test_a_model_opened_meanwhile_stays(start: Start, model: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.ckpt").write_bytes(b"nothing")
    desk = start(tmp_path / "bad.ckpt")
    desk.commands.open_model(str(model))
    desk.see_toast("bad.ckpt")
    desk.run_jobs()
    desk.settle()
    assert desk.model.path == str(model)


def test_a_fault_of_the_model_is_told_with_details(
    desk: AppDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = desk.stages
    with monkeypatch.context() as patch:
        patch.setattr(stages, "planes", fails(RuntimeError, "the machine is on fire"))
        desk.key("r")
        toast = desk.see_toast("the machine is on fire")
        assert "Traceback" in toast.details
        desk.run_for(0.4)
    still_works(desk)


def test_a_checkpoint_that_goes_away_or_changes(
    desk: AppDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viz.app.file_watcher._STEP", 0.1)
    path = Path(desk.commands.state.checkpoint)
    content = path.read_bytes()
    loaded = desk.commands.model
    path.unlink()
    assert desk.see_toast("was removed from the disk").level == "warning"
    still_works(desk)
    path.write_bytes(content)
    desk.until(lambda: desk.commands.model is not loaded)
    still_works(desk)
    reloaded = desk.commands.model
    desk.commands.interface.reload_on_change = False
    path.write_bytes(content)
    desk.run_for(0.5)
    assert desk.commands.model is reloaded


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with no room for a picture."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except OSError:
        done = None
    if done is None or done.returncode:
        pytest.skip("a small file system cannot be mounted here: it takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_leaves_no_half_file(desk: AppDriver, full_disk: Path) -> None:
    desk.commands.preferences.capture_folder = str(full_disk)
    desk.commands.capture("window")
    toast = desk.see_toast("could not be saved")
    assert "no space left" in toast.sentence
    assert list(full_disk.iterdir()) == []
    still_works(desk)


def test_a_folder_that_cannot_be_made_is_told(desk: AppDriver, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    desk.commands.preferences.capture_folder = str(tmp_path / "file" / "pictures")
    desk.key("s")
    assert desk.see_toast("could not be saved").level == "error"


def test_too_little_memory_lowers_the_quality(
    desk: AppDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = desk.stages
    render = stages.render

    def hungry(field: Any, ws: Any, settings: RaySettings, check: Any) -> Any:
        if settings.resolution > 32:
            raise torch.OutOfMemoryError("out of memory")
        return render(field, ws, settings, check)

    monkeypatch.setattr(stages, "render", hungry)
    desk.commands.state.quality = replace(desk.commands.state.quality, raw_resolution=64)
    toast = desk.see_toast("There is not enough memory")
    assert "The quality was lowered" in toast.sentence
    assert desk.commands.state.quality.raw_resolution == 32
    desk.settle()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is not a session of this program"),
        ('{"format": "pv3d-session", "version": 99}', "another version"),
        ("t", "cannot be used"),
        ("layout", "cannot be used"),
    ],
)
def test_sessions_that_cannot_be_used(
    desk: AppDriver, tmp_path: Path, text: str, words: str
) -> None:
    state = desk.commands.state.snapshot()
    if text in ("t", "layout"):
        data = json.loads(session.to_json(desk.commands.state))
        data["state"]["t"] = 1e300
        data["state"]["display"]["layout"] = "spiral"
        text = json.dumps(data)
    (tmp_path / "bad.json").write_text(text)
    desk.drop(tmp_path / "bad.json")
    assert desk.see_toast(words).level == "error"
    assert desk.commands.state == state


def test_a_session_with_values_out_of_range(desk: AppDriver, tmp_path: Path) -> None:
    before = desk.commands.state.snapshot()
    data = json.loads(session.to_json(before))
    state = data["state"]
    state["display"].update(columns=0, layout="times", split=7.0, yaw_span=1e8)
    state["quality"].update(raw_resolution=-5, depth_samples=0, mesh_level=-1.0)
    state["playback"].update(speed=-3.0, start=5.0, end=5.0)
    state["orbit"].update(fov=0.0, radius=0.0)
    state["latent"].update(mix_layers=[99, -4], cutoff=-2, psi=1e8)
    (tmp_path / "wild.json").write_text(json.dumps(data))
    desk.drop(tmp_path / "wild.json")
    toast = desk.see_toast("wild.json cannot be used")
    assert "latent.cutoff is -2; it must lie between 0 and 1000" in toast.sentence
    assert desk.commands.state == before
    still_works(desk)


def test_dropping_what_is_no_file(desk: AppDriver, tmp_path: Path) -> None:
    desk.drop(tmp_path)
    assert desk.see_toast(tmp_path.name).level == "error"
    (tmp_path / "photo.png").write_bytes(b"no picture")
    desk.drop(tmp_path / "photo.png")
    desk.see_toast("photo.png is not a readable picture")
    still_works(desk)


def test_an_error_in_an_event_is_told(desk: AppDriver) -> None:
    desk.window.callback_errors.append("ValueError: odd event")
    assert desk.see_toast("A window event").details == "ValueError: odd event"


def test_the_window_draws_on_while_a_slow_picture_is_rendered(start: Start, model: Path) -> None:
    """The worker's process has its own interpreter and holds a core for a while."""
    desk = start(model, launch=in_process(run))
    desk.settle(60)  # the process may have to compile its kernels first
    desk.commands.interface.previews = False
    quality = replace(desk.commands.state.quality, raw_resolution=512, depth_samples=48)
    desk.commands.state.quality = quality
    desk.window.frame_times.clear()
    while not desk.is_settled():  # a clip's frame may come first
        desk.window.wake()
        desk.app.frame()
    times = np.array(desk.window.frame_times)
    assert len(times) > 15
    assert times.max() < times.sum() / 4  # none waited for the picture
