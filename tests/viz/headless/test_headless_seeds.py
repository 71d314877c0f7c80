"""Exports of many people and motions from the command line, shared by several processes."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data import conftest as data
from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import files
from tests.viz.headless import headless_session
from tests.viz.headless.headless_session import ROOT, contents
from tests.viz.state.opened_sessions import open_session
from viz.exports.frame_options import FrameOptions, Movement, VideoOptions
from viz.headless import Source, ranks
from viz.headless.export_runs import export as run
from viz.headless.ranks import Ranks
from viz.state.errors import UserError
from viz.state.types import Orbit

model, renderer = headless_session.model, export_driver.renderer
write_set = data.write_set


def test_seeds_make_a_folder_a_clip(renderer, model, tmp_path):
    out = tmp_path / "clips"
    source = Source(out, checkpoint=str(model), seeds="0-1,7", motion_seeds="2,3", psi=0.7)
    made = run("frames", source, FrameOptions(Movement(frames=2)))
    assert [path.name for path in made] == [
        f"seed{person:04d}_motion{motion:04d}" for person in (0, 1, 7) for motion in (2, 3)
    ]
    assert len(files(out)) == 6 * 3
    last = open_session(out / "seed0007_motion0003" / "frame_0001.png")
    assert (last.latent.seed, last.motion.seed, last.t, last.latent.psi) == (7, 3, 1.0, 0.7)
    assert last.checkpoint == model.name
    last.checkpoint = str(model)
    with Image.open(out / "seed0007_motion0003" / "frame_0001.png") as picture:
        assert np.array_equal(np.asarray(picture), export_driver.frame(renderer, last))


def test_a_clip_is_the_generator_s(renderer, model, tmp_path):
    """Sixteen frames at t = k / 15 of the codes that EG3D's scripts draw for a seed."""
    import torch

    from viz.render.geometry.head_finder import find_head
    from viz.render.latents import z_from_seed, z_motion_from_seed

    source = Source(tmp_path / "c", checkpoint=str(model), seeds="5", motion_seeds="6", yaw=10)
    run("frames", source, FrameOptions())
    folder = tmp_path / "c" / "seed0005_motion0006"
    assert len(files(folder)) == 17
    z, z_motion = (
        torch.from_numpy(f(s, 16))[None] for f, s in ((z_from_seed, 5), (z_motion_from_seed, 6))
    )
    camera = replace(Orbit.around(find_head(renderer.G)), yaw=10.0).camera()
    c = torch.from_numpy(camera.numbers())[None]
    image = renderer.G(z, z_motion, torch.full((1, 1), 9 / 15), c).image[0]
    expected = (image * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    with Image.open(folder / "frame_0009.png") as picture:
        assert np.abs(np.asarray(picture).astype(int) - expected).max() <= 1


def test_the_protocol_s_cameras_come_from_a_data_set(renderer, model, tmp_path, write_set):
    """The metrics' own clips, but for the codes."""
    import torch

    from training.data.sampling import open_source
    from training.metrics.clip_windows import ClipCodes, Windows, generate
    from viz.render.latents import z_from_seed, z_motion_from_seed

    folder = write_set(clips=3, frames=20)
    source = Source(tmp_path / "c", checkpoint=str(model), seeds="8,9", cameras=folder)
    run("frames", source, FrameOptions())
    cameras = torch.from_numpy(Windows(open_source(folder)).cameras(1))[None]
    z, z_motion = (
        torch.from_numpy(f(s, 16))[None] for f, s in ((z_from_seed, 9), (z_motion_from_seed, 0))
    )
    (clip,) = generate(renderer.G, ClipCodes(z, z_motion), cameras, side=128)
    folder = source.output / "seed0009_motion0000"
    assert len(files(folder)) == 17
    for k in (0, 7, 15):
        with Image.open(folder / f"frame_{k:04d}.png") as picture:
            found = np.asarray(picture).astype(int)
        assert np.abs(found - clip[k].permute(1, 2, 0).numpy()).max() <= 1
    state = open_session(folder)
    assert len(state.keyframes) == 16  # the application plays the same clip


def test_a_stopped_command_goes_on(model, tmp_path):
    source = Source(tmp_path / "v", checkpoint=str(model), seeds="0-2", suffix=".webp")
    options = VideoOptions(Movement(frames=2))
    made = run("video", source, options)
    assert [path.suffix for path in made] == [".webp"] * 3
    kept, lost = made[0].stat().st_mtime_ns, made[1]
    whole = contents(source.output)
    lost.unlink()
    assert run("video", source, options) == made
    assert contents(source.output) == whole
    assert made[0].stat().st_mtime_ns == kept
    with pytest.raises(UserError, match="exists"):
        run("video", source, replace(options, quality=50))
    assert contents(source.output) == whole
    run("video", replace(source, overwrite=True), replace(options, quality=50))
    assert contents(source.output) != whole


def become(monkeypatch, rank: int) -> None:
    """One of two processes, as torchrun tells it."""
    for name, value in (("RANK", rank), ("WORLD_SIZE", 2), ("LOCAL_RANK", rank)):
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize("seeds", ["0-2", ""])
def test_processes_make_the_same_files_as_one(model, tmp_path, seeds, monkeypatch):
    """Clips are shared out; of one clip, the frames."""
    options = FrameOptions(Movement(frames=3))
    one = Source(tmp_path / "one", checkpoint=str(model), seeds=seeds)
    two = replace(one, output=tmp_path / "two")
    run("frames", one, options)
    parts = []
    for rank in (1, 0):
        become(monkeypatch, rank)
        parts.append(run("frames", two, options))
    assert contents(one.output) == contents(two.output)
    if seeds:
        assert [[path.name for path in part] for part in parts] == [
            ["seed0001_motion0000"],
            ["seed0000_motion0000", "seed0002_motion0000"],
        ]


def test_one_video_is_one_process_s(model, tmp_path, monkeypatch):
    source = Source(tmp_path / "a.gif", checkpoint=str(model))
    options = VideoOptions(Movement(frames=2))
    become(monkeypatch, 1)
    assert run("video", source, options) == []
    become(monkeypatch, 0)
    assert run("video", source, options) == [source.output]


def test_torchrun_s_processes_share_the_work(model, tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # as torchrun has it
    environment.pop("DISPLAY", None)

    def frames(*start: str, folder: str) -> str:
        command = ["frames", "--checkpoint", str(model), "--seeds", "0-1", "--frames", "2"]
        done = subprocess.run(
            [*start, str(ROOT / "visualizer.py"), *command, "--output", str(tmp_path / folder)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    torchrun = str(Path(sys.executable).with_name("torchrun"))
    assert frames(torchrun, "--nproc-per-node", "2", folder="two").count("Saved") == 2
    frames(sys.executable, folder="one")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize(
    "environment,wrong",
    [
        ({"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, False),
        ({"RANK": "4", "WORLD_SIZE": "4"}, True),
        ({"RANK": "x", "WORLD_SIZE": "4"}, True),
    ],
)
def test_ranks_come_from_the_environment(environment, wrong, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if wrong:
        with pytest.raises(UserError, match="torchrun"):
            ranks.from_environment()
        return
    assert ranks.from_environment() == Ranks(1, 4, 1)
    assert Ranks(1, 4).share(list(range(10))) == [1, 5, 9]
