"""The averaged generator is scored in the course of training, and the best one is kept."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.training.train.tiny_run import CONFIG, assert_equal, trainer, weights, write_clips
from training.checkpoint import load_generator
from training.distributed import World
from training.train.run_folder import RunFolder
from training.train.train_command import train
from training.train.train_config import ScoreConfig, TrainConfig


class Verdicts:
    """A judge whose scores are known beforehand; it remembers the generators it saw."""

    name = "swd"

    def __init__(self, scores: list[float], of: str = "swd of these") -> None:
        self.of, self.scores, self.seen = of, scores, []

    def of_generator(self, G):
        self._G = G
        return self

    def __call__(self) -> float:
        self.seen.append(weights(self._G))
        return self.scores.pop(0)


def note(folder: Path, name: str) -> str:
    with safe_open(RunFolder(folder).best, framework="pt") as file:
        return file.metadata()[name]


def test_the_best_generator_is_kept(tmp_path):
    """Scored are the first update, every second one, and the last."""
    verdicts = Verdicts([3.0, float("nan"), 2.0, 2.5, 2.1])
    run = trainer(tmp_path, updates=7, score_every=2, judge=verdicts.of_generator)
    found = [values.get("score/swd") for values in run.run()]
    assert [k for k, value in enumerate(found, 1) if value is not None] == [1, 2, 4, 6, 7]
    assert_equal(weights(load_generator(RunFolder(tmp_path).best)), verdicts.seen[2])
    assert [note(tmp_path, name) for name in ("score", "update")] == ["2.0", "4"]
    assert "the best swd so far, 2" in note(tmp_path, "notes")


def test_a_resumed_run_remembers_the_best(tmp_path):
    first = Verdicts([3.0, 1.0])
    list(trainer(tmp_path, stop_after=2, score_every=2, judge=first.of_generator).run())
    best = RunFolder(tmp_path).best.read_bytes()
    worse = Verdicts([1.5, 2.0])
    changes = {"score_every": 2, "resume": True}
    list(trainer(tmp_path, **changes, judge=worse.of_generator).run())
    assert not worse.scores
    assert RunFolder(tmp_path).best.read_bytes() == best
    other = Verdicts([9.0], of="fid of others")
    list(trainer(tmp_path, **changes, updates=7, judge=other.of_generator).run())
    assert note(tmp_path, "score") == "9.0", "scores of different things do not compare"


def test_a_full_disk_is_told_and_the_former_best_stays(tmp_path, monkeypatch, caplog):
    import os

    verdicts = Verdicts([3.0, 2.0])
    run = trainer(tmp_path, updates=2, score_every=1, save_every=9, judge=verdicts.of_generator)
    steps = run.run()
    next(steps)
    best = RunFolder(tmp_path).best.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    next(steps)
    assert "The best generator, of update 2, is not saved" in caplog.text
    assert RunFolder(tmp_path).best.read_bytes() == best


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"), count=3, side=16)


def scored(data: Path, out: Path, **changes) -> TrainConfig:
    return replace(
        CONFIG,
        data=str(data),
        out=str(out),
        workers=0,
        log_every=1,
        sample_every=0,
        score_every=2,
        score=ScoreConfig(samples=6),
        **changes,
    )


def last_state(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(RunFolder(folder).states()[-1])


def test_scores_do_not_disturb_training_and_are_logged(tmp_path, data):
    whole = scored(data, tmp_path / "whole")
    train(whole, World())
    train(replace(whole, out=str(tmp_path / "bare"), score_every=0), World())
    assert_equal(last_state(tmp_path / "whole"), last_state(tmp_path / "bare"))
    assert not RunFolder(tmp_path / "bare").best.exists()

    parted = scored(data, tmp_path / "parted", stop_after=3)
    train(parted, World())
    train(replace(parted, resume=True), World())
    assert_equal(last_state(tmp_path / "whole"), last_state(tmp_path / "parted"))
    assert note(tmp_path / "whole", "score") == note(tmp_path / "parted", "score")
    assert list((tmp_path / "whole" / "statistics").glob("swd-*.safetensors"))

    logged = EventAccumulator(str(RunFolder(tmp_path / "whole").logs))
    logged.Reload()
    scores = {entry.step: entry.value for entry in logged.Scalars("score/swd")}
    assert list(scores) == [1, 2, 4, 6]
    assert float(note(tmp_path / "whole", "score")) == pytest.approx(min(scores.values()))


def test_a_score_that_cannot_be_measured_ends_the_run_at_once(tmp_path, data, capfd):
    from training.train.train_command import main

    command = ["tiny", "--data", str(data), "--out", str(tmp_path), "--score.metric", "fid"]
    assert main(command) == 1
    assert "pictures of 16 px" in capfd.readouterr().err
    sized = write_clips(tmp_path / "data", count=2, side=128)
    assert main([*command[:2], str(sized), *command[3:]]) == 1
    assert "The score fid needs --score.detector." in capfd.readouterr().err
