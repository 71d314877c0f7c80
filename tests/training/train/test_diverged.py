"""A run that leaves the finite numbers, or cannot write its states, says so and ends with 1."""

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.training.train.tiny_run import trainer, write_clips
from training.train.run_folder import PATIENCE, RunError, RunFolder
from training.train.train_command import main


def spoil(path: Path) -> None:
    """Puts a NaN into a saved state."""
    tensors = load_file(path)
    tensors["G/decoder.net.0.bias"][0] = float("nan")
    save_file(tensors, path, {"version": "1", "update": str(int(path.stem))})


def finite(folder: Path) -> bool:
    tensors = [x for path in RunFolder(folder).states() for x in load_file(path).values()]
    return bool(tensors) and all(x.isfinite().all() for x in tensors)


def test_a_state_that_is_not_finite_is_not_taken_back(tmp_path, caplog):
    list(trainer(tmp_path, updates=4, save_every=2).run())
    earlier, newest = RunFolder(tmp_path).states()
    spoil(newest)
    run = trainer(tmp_path, updates=6, save_every=1, keep=1, resume=True)
    run.restore()
    assert run.state.update == int(earlier.stem) == 2
    assert f"decoder.net.0.bias is not finite in {newest.name}" in caplog.text
    next(iter(run.run()))
    assert [path.stem for path in RunFolder(tmp_path).states()] == ["000000003"]
    assert finite(tmp_path), "the state that was of no use must not push out the new ones"


def test_without_a_finite_state_a_run_does_not_go_on(tmp_path):
    list(trainer(tmp_path, updates=2).run())
    spoil(RunFolder(tmp_path).states()[0])
    run = trainer(tmp_path, resume=True)
    with pytest.raises(RunError, match=r"No state in .* can be used: remove that folder"):
        run.restore()


def test_a_diverged_run_keeps_its_last_finite_state(tmp_path):
    run = trainer(tmp_path, updates=9, save_every=1)
    steps = run.run()
    next(steps)
    next(steps)
    saved = [path.read_bytes() for path in RunFolder(tmp_path).states()]
    with torch.no_grad():
        run.networks.G.get_parameter("decoder.net.0.bias").fill_(float("nan"))
    with pytest.raises(RunError, match=r"diverged: G/.* is not finite after update 3.*--resume"):
        list(steps)
    assert [path.read_bytes() for path in RunFolder(tmp_path).states()] == saved
    assert finite(tmp_path)


def test_a_nan_that_no_loss_shows_is_not_saved(tmp_path):
    """The stored noise maps are not used where noise is drawn afresh."""
    run = trainer(tmp_path, updates=4, save_every=2)
    steps = run.run()
    next(steps)
    next(steps)
    run.networks.G.get_buffer("backbone.synthesis.b8.conv1.noise_const")[0, 0] = float("inf")
    next(steps)
    with pytest.raises(RunError, match=r"noise_const is not finite after update 4, which is not"):
        next(steps)
    assert [path.stem for path in RunFolder(tmp_path).states()] == ["000000002"]
    assert finite(tmp_path)


def test_losses_that_stay_nan_end_the_run(tmp_path, monkeypatch, caplog):
    run = trainer(tmp_path, updates=100, save_every=1000)
    done, update = 0, run.update

    def fail() -> dict[str, float]:
        nonlocal done
        done += 1
        return update() | ({"G/image": float("nan")} if done not in (1, 3) else {})

    monkeypatch.setattr(run, "update", fail)
    with pytest.raises(RunError, match=f"the losses are not finite after update {PATIENCE + 3}"):
        list(run.run())
    assert "The losses of update 2 are not finite" in caplog.text


@pytest.fixture(scope="module")
def command(tmp_path_factory) -> list[str]:
    data = write_clips(tmp_path_factory.mktemp("data") / "clips", count=2, side=128)
    small = ["tiny", "--data", str(data), "--batch", "2", "--micro-batch", "2", "--updates", "3"]
    small += ["--generator.rendering.raw-resolution", "8", "--score-every", "0"]
    return [*small, "--sample-every", "0", "--save-every", "1", "--keep", "9"]


def test_the_command_ends_with_1_when_training_diverges(tmp_path, capfd, command):
    out = tmp_path / "run"
    assert main([*command, "--out", str(out), "--optimizer.g-lr", "1e30"]) == 1
    said = capfd.readouterr().err
    assert "The training has diverged" in said
    assert "Traceback" not in said
    assert not RunFolder(out).states() or finite(out)


def test_the_command_ends_with_1_when_the_disk_is_full(tmp_path, capfd, command, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("training.train.run_folder.save_file", full)
    assert main([*command, "--out", str(tmp_path / "run")]) == 1
    assert "The last state of the run is not saved: no space" in capfd.readouterr().err
