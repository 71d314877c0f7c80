"""Motion tracks in the window: opened, played, trimmed, undone, saved, exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from tests.viz.portrait.made_videos import write_video
from tests.viz.state.test_driving import made_track
from training.checkpoint import load_generator, weights_mark
from training.networks.generator import Generator
from viz import program
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.state.driving.drive import Drive
from viz.state.driving.motion_track import MotionTrack, write_track

display, model, start, desk = (
    app_driver.display,
    app_driver.model,
    app_driver.start,
    app_driver.desk,
)


def track_of(G: Generator, frames: int = 12) -> MotionTrack:
    """A track for a model."""
    draws = np.random.default_rng(0)
    dim = G.config.motion_dim
    codes = draws.standard_normal((frames, dim)).astype(np.float32)
    return replace(
        made_track(frames, fps=25.0),
        codes=codes,
        rest=np.zeros(dim, np.float32),
        controls=np.zeros((2, dim), np.float32),
        openings=np.abs(np.sin(np.arange(2 * frames))).reshape(frames, 2).astype(np.float32),
        weights=weights_mark(G.state_dict()),
    )


@pytest.fixture
def track(model: Path, tmp_path: Path) -> Path:
    write_track(tmp_path / "talk.track", track_of(load_generator(model)))
    return tmp_path / "talk.track"


def drive(desk: AppDriver) -> Drive:
    assert desk.commands.state.drive is not None
    return desk.commands.state.drive


def dropped(desk: AppDriver, track: Path) -> None:
    desk.drop(track)
    desk.until(lambda: desk.commands.state.drive is not None)
    desk.settle()


def test_a_track_is_dropped_scrubbed_trimmed_undone_and_played(desk, track):
    before = desk.picture()
    desk.resize(1200, 700)
    dropped(desk, track)
    first = desk.picture()
    assert not np.array_equal(first, before)
    assert "talk" in desk.commands.recent_files(".track")[0]
    desk.move("Track/Lane", x=0.5)
    desk.click("Track/Lane", x=0.5)
    assert 4 <= drive(desk).frame <= 7 and not np.array_equal(desk.picture(), first)
    desk.key("Home", "Right", "Right")
    assert drive(desk).frame == 2
    desk.drag("Track/Out", (-300, 0))
    assert drive(desk).last is not None
    last = drive(desk).last
    desk.key("End")
    assert drive(desk).frame == last
    desk.key("ctrl+z", "ctrl+z")  # the step to the end, then the range
    desk.until(lambda: drive(desk).last is None)
    seen: set[int] = set()
    desk.key("space")
    desk.until(lambda: seen.add(drive(desk).frame) or len(seen) == 12, 30)
    desk.key("space")
    assert desk.commands.state.t == 0
    desk.click("Track/Drives")
    desk.settle()
    assert not drive(desk).active and np.array_equal(desk.picture(), before)
    desk.click("Track/Close")
    assert desk.commands.state.drive is None and "Track/Lane" not in controls.rects
    assert np.array_equal(desk.picture(), before)


def test_a_fitted_track_takes_the_place_of_its_own_only(desk, model, tmp_path):
    for name in ("talk", "other"):
        write_track(tmp_path / f"{name}.track", track_of(load_generator(model), 2))
    dropped(desk, tmp_path / "talk.track")
    desk.commands.fit_track()
    desk.commands.open_track(str(tmp_path / "other.track"))
    desk.see_toast("talk fitted.track is ready", 60)
    assert Path(drive(desk).track).name == "other.track"
    desk.run_jobs()
    desk.frames(4)
    (button,) = [name for name in controls.rects if name.endswith("/Open") and "Toast" in name]
    desk.click(button)
    assert Path(drive(desk).track).name == "talk fitted.track"


def test_window_export_and_command_line_show_the_same(desk, track, model, tmp_path):
    dropped(desk, track)
    state = desk.commands.state
    state.drive = replace(drive(desk), strength=0.5, turning=0.5)
    desk.key("Right", "Right", "Right")
    desk.settle()
    picture = desk.picture()
    desk.key("s")
    desk.until(lambda: list((tmp_path / "pictures").glob("*.png")))
    desk.run_jobs()
    captured = next((tmp_path / "pictures").glob("*.png"))
    assert np.array_equal(pixels(captured), picture)
    desk.commands.close_track()
    desk.settle()
    desk.drop(captured)
    desk.see_toast(f"Opened {captured.name}")
    assert drive(desk).frame == 3 and drive(desk).track == str(track)
    desk.settle()
    assert np.array_equal(desk.picture(), picture)
    common = ["--track", str(track), "--session", str(captured), "--checkpoint", str(model)]
    how = ["--strength", "0.5", "--turning", "0.5"]
    assert program.main(["drive", *common, *how, "--output", str(tmp_path / "frames")]) == 0
    made = sorted((tmp_path / "frames").glob("*.png"))
    assert len(made) == 12 and np.array_equal(pixels(made[3]), picture)


def test_the_driver_is_made_from_the_video_and_moved_by_the_track(desk, track, model, tmp_path):
    frames = [np.full((100, 100, 3), 9 * k, np.uint8) for k in range(12)]
    write_video(tmp_path / "a.mp4", frames)
    turns = np.arange(478)
    oval = 0.5 + 0.3 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    seen = np.tile(oval, (12, 1, 1)).astype(np.float32)
    write_track(track, replace(track_of(load_generator(model)), points=seen))
    dropped(desk, track)
    desk.commands.portrait.options = InversionOptions(candidates=1, code_steps=1, tuning=False)
    desk.click("Motion track/Make the driver")
    desk.until(lambda: "Motion track/Working" in controls.rects, 20)
    desk.see_toast("a person is ready", 60)
    state = desk.commands.state
    assert Path(state.latent.ws_file) == tmp_path / "pictures" / "a person.person"
    assert state.latent.expression == 0 and drive(desk).track == str(track)
    desk.settle()


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGB"))


def test_the_sound_of_the_video_is_kept(track, model, tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        pictures = container.add_stream("mpeg4", rate=25)
        pictures.width = pictures.height = 100
        sound = container.add_stream("aac", rate=8000, layout="mono")
        for _ in range(12):
            frame = av.VideoFrame.from_ndarray(np.zeros((100, 100, 3), np.uint8), "rgb24")
            container.mux(pictures.encode(frame))
        tone = np.sin(np.arange(4096) / 3).astype(np.float32)[None]
        heard = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
        heard.sample_rate = 8000
        container.mux(sound.encode(heard))
        container.mux(pictures.encode())
        container.mux(sound.encode())
    common = ["--track", str(track), "--checkpoint", str(model), "--seed", "3"]
    assert program.main(["drive", *common, "--output", str(tmp_path / "b.mp4")]) == 0
    assert program.main(["drive", *common, "--output", str(tmp_path / "b")]) == 0
    assert len(list((tmp_path / "b").glob("frame_*.png"))) == 12
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert made.metadata["comment"].startswith("{")
        assert sum(1 for _ in made.decode(video=0)) == 12
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert float(sum(f.samples for f in made.decode(audio=0))) > 3000
    pasted = [*common, "--into-video", "--output", str(tmp_path / "c.mp4")]
    assert program.main(["drive", *pasted]) == 0
    with av.open(str(tmp_path / "c.mp4")) as made:
        shown = [frame.to_ndarray(format="rgb24") for frame in made.decode(video=0)]
        assert len(shown) == 12 and shown[0].shape == (100, 100, 3)
        assert made.streams.audio


def test_tracks_that_cannot_drive_give_a_sentence(desk, tmp_path, capsys, model):
    other = replace(track_of(load_generator(model)), weights="1" * 16)
    write_track(tmp_path / "other.track", other)
    desk.drop(tmp_path / "other.track")
    desk.see_toast("was made with another model")
    (tmp_path / "broken.track").write_bytes(b"broken")
    desk.drop(tmp_path / "broken.track")
    desk.see_toast("is not a motion track")
    assert desk.commands.state.drive is None
    (tmp_path / "empty.mp4").write_bytes(b"")
    desk.drop(tmp_path / "empty.mp4")
    desk.see_toast("empty.mp4 is empty", 30)
    assert not desk.commands.following
    assert not (tmp_path / "a").exists()
    command = ["--track", str(tmp_path / "other.track"), "--checkpoint", str(model)]
    assert program.main(["drive", *command, "--output", str(tmp_path / "a")]) == 1
    assert "another model" in capsys.readouterr().err
