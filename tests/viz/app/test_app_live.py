"""A video in place of a webcam drives the person in the real window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from tests.viz.portrait.test_live import write_video
from training.checkpoint import load_generator
from viz.app.live.live_commands import LiveCamera
from viz.portrait.camera.own_pictures import OwnPictures
from viz.portrait.live import camera_sources
from viz.render.latents import z_motion_from_seed
from viz.state.driving.drive import Driven
from viz.state.driving.motion_track import read_track
from viz.state.files import CHECKPOINTS

display, model, start = app_driver.display, app_driver.model, app_driver.start
DEMO = CHECKPOINTS / "demo.safetensors"


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person of the bundled model, who opens the mouth and closes it."""
    G = load_generator(DEMO)
    pictures = OwnPictures(G, seed=5)
    ws, code = pictures.person(), z_motion_from_seed(30, G.config.motion_dim)[None]
    frames = []
    for t in (0.0, 0.35, 0.7, 1.0, 0.7, 0.35):
        moved = torch.from_numpy(code * np.float32(t))
        frame = (pictures.picture(ws, moved, 0, 0) * 255).byte().permute(1, 2, 0).numpy()
        frames += [frame] * 3
    return write_video(tmp_path_factory.mktemp("talk") / "talk.mp4", frames)


def camera(desk: AppDriver) -> LiveCamera:
    assert desk.commands.live is not None
    return desk.commands.live


def test_a_face_drives_the_person_and_is_recorded(
    start: Start, talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    desk = start(DEMO, size=(1100, 700), panels=("Live",))
    desk.settle(60)
    commands = desk.commands
    assert commands.live is None and "Video on" not in controls.rects
    before = commands.state.snapshot()
    desk.click("Live/Video")
    desk.choose(talk)
    desk.key("Return")
    desk.until(lambda: commands.live is not None and commands.live.rate > 0, 60)
    desk.until(lambda: "Video on" in controls.rects and "Camera picture" in controls.rects)
    assert camera(desk).name == "talk.mp4"
    shot = desk.results[-1].request.shots[0]
    assert shot.driven is not None and len(shot.driven.numbers(desk.model.motion_dim))
    desk.click("Live/Neutral face")
    assert camera(desk).calibrated
    desk.click("Live/Record")
    assert camera(desk).recording is not None
    seen: dict[str, np.ndarray] = {}

    def moved() -> bool:
        drive = commands.state.drive
        if drive is None or not drive.code or drive.code in seen:
            return False
        seen[drive.code] = Driven(drive.code).numbers(desk.model.motion_dim)
        return len(seen) > 5 and np.ptp(list(seen.values()), axis=0).max() > 0.1

    desk.until(moved, 60)
    assert not commands.history.can_undo  # a face's moves are no steps
    commands.toggle_play()
    desk.see_toast("close the video to play")
    assert not commands.interface.playing
    desk.click("Live/Save")
    desk.see_toast("Saved live.track", 40)
    track = read_track(tmp_path / "pictures" / "live.track")
    assert track.source == "talk.mp4" and track.weights == desk.model.weights
    assert np.ptp(track.codes, axis=0).max() > 0.05
    desk.click("Live/Record")
    seen.clear()
    desk.until(moved, 60)
    link = commands.camera_link
    assert link is not None
    desk.click("Live")  # a closed panel closes the camera
    desk.until(lambda: commands.live is None)
    desk.see_toast("Saved live_2.track", 20)
    desk.until(lambda: not link.process.is_alive(), 20)
    desk.frames(2)
    assert "Video on" not in controls.rects
    assert replace(commands.state, t=before.t) == before  # the clip was about to play
    commands.open_live_video(str(talk))
    desk.until(lambda: commands.live_drives, 60)
    desk.click("Live/Record")
    killed = commands.camera_link
    assert killed is not None
    killed.process.kill()
    desk.see_toast("its process ended. The recording was lost.", 20)
    assert commands.live is None and commands.state.drive == before.drive
    commands.open_live_video(str(talk))
    desk.until(lambda: commands.live_drives, 60)
    commands.open_model("")
    desk.see_toast("The video was closed: another model is shown", 40)
    assert not commands.live_drives and commands.state.drive is None
    monkeypatch.setattr(camera_sources, "webcams", dict)
    commands.interface.live_source = ""
    commands.open_panel("Live")
    desk.frames(3)
    desk.click("Live/Open camera")
    desk.see_toast("No webcam was found")
    desk.until(lambda: commands.live is None)
    text = tmp_path / "text.mp4"
    text.write_bytes(b"no video\n" * 50)
    for path, words in (
        (text, "is not a readable video"),
        (tmp_path / "gone.mp4", "was not found"),
    ):
        commands.open_live_video(str(path))
        desk.see_toast(f"{path.name} {words}")
        desk.until(lambda: commands.live is None)


def test_quitting_saves_a_recording(start: Start, talk: Path, tmp_path: Path):
    desk = start(DEMO, size=(1100, 700), panels=("Live",))
    desk.settle(60)
    commands = desk.commands
    commands.open_live_video(str(talk))
    desk.until(lambda: commands.live_drives, 60)
    desk.click("Live/Record")
    camera_is = camera(desk)
    desk.until(lambda: camera_is.recording is not None)
    seen = desk.results[-1]
    desk.until(lambda: desk.results[-1] is not seen, 30)
    desk.close()
    assert len(read_track(tmp_path / "pictures" / "live.track").codes) >= 1
