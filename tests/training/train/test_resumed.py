"""A run that goes on keeps the settings in its folder, but for those that are given again."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.training.train.tiny_run import trainer, write_clips
from training.train.run_folder import RunError, RunFolder
from training.train.run_generators import newest_generator
from training.train.train_command import main, parse
from training.warmup.warmup_command import main as warmup_main

STEPS = ["--updates", "2", "--save-every", "1", "--score-every", "0", "--sample-every", "0"]


@pytest.fixture(scope="module")
def first_sitting(tmp_path_factory) -> Path:
    """The folder of a run that was stopped after its first update; leave it as it is."""
    folder = tmp_path_factory.mktemp("begun")
    data = write_clips(folder / "clips", count=2, side=128)
    command = ["tiny", "--data", str(data), "--out", str(folder / "run"), *STEPS]
    command += ["--batch", "4", "--micro-batch", "2", "--stop-after", "1"]
    assert main([*command, "--generator.rendering.raw-resolution", "8"]) == 0
    return folder / "run"


@pytest.fixture
def begun(first_sitting, tmp_path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(first_sitting, tmp_path / "run"))


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize("preset", [[], ["tiny"], ["voxceleb-res64"]])
def test_the_folder_s_settings_hold(begun, preset):
    config = parse([*preset, "--resume", "--out", str(begun)])
    assert (config.micro_batch, config.batch, config.updates) == (2, 4, 2)
    assert config.generator.rendering.raw_resolution == 8
    assert config.data.endswith("clips")
    assert config.resume
    assert config.stop_after is None, "how long a sitting lasts is not a setting of the run"


def test_what_is_given_again_changes(begun, caplog):
    config = parse(["--resume", f"--out={begun}", "--optimizer.g-lr", "1e-4"])
    assert config.optimizer.g_lr == 1e-4
    assert config.micro_batch == 2
    RunFolder(begun).begin(config, resume=True)
    assert "optimizer.g_lr was 0.002 and is 0.0001" in caplog.text


def test_networks_cannot_change_in_a_run(begun, capfd):
    before = config_of(begun)
    command = ["tiny", "--resume", "--out", str(begun)]
    assert main([*command, "--generator.channel-max", "16"]) == 1
    said = capfd.readouterr().err.strip()
    assert "generator.channel_max was 32 and is 16" in said
    assert len(said.splitlines()) == 1
    assert config_of(begun) == before, "the settings that fit must stay"


def test_settings_that_cannot_be_read_are_no_reason_for_others(tmp_path):
    list(trainer(tmp_path, updates=2).run())
    for text in ("{", '{"batch": "four"}', '{"batch": 0}'):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(RunError, match=r"config\.json cannot be used"):
            parse(["tiny", "--resume", "--out", str(tmp_path)])
    (tmp_path / "config.json").unlink()
    with pytest.raises(RunError, match=r"config\.json is missing"):
        parse(["tiny", "--resume", "--out", str(tmp_path)])


def test_a_new_run_may_be_asked_to_resume(tmp_path):
    config = parse(["tiny", "--resume", "--out", str(tmp_path / "new"), "--batch", "8"])
    assert (config.resume, config.batch) == (True, 8)


@pytest.mark.parametrize("command", [main, warmup_main])
def test_resuming_where_no_run_is_gets_a_sentence(command, tmp_path, capsys):
    assert command(["--out", str(tmp_path / "nope"), "--resume"]) == 1
    said = capsys.readouterr().err
    assert f"There is no run to resume in {tmp_path / 'nope'}" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("words", [["--out", "nope"], ["tiniest"]])
def test_a_missing_preset_is_named(words, capsys):
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "No preset is named: begin with one of voxceleb-res64" in said
    assert len(said.splitlines()) == 1


def test_the_weights_to_start_from_are_not_needed_again(tmp_path):
    list(trainer(tmp_path / "first", updates=1, save_every=1).run())
    start = tmp_path / "start.safetensors"
    RunFolder(tmp_path / "first").generator.rename(start)
    list(trainer(tmp_path / "second", updates=1, save_every=1, start_from=str(start)).run())
    start.unlink()
    again = trainer(tmp_path / "second", updates=2, resume=True, start_from=str(start))
    assert len(list(again.run())) == 1


def test_time_left_is_counted_from_where_the_run_goes_on(begun, monkeypatch):
    bars = []

    class Bar:
        def __init__(self, **options):
            self.n = options["initial"]
            self.options, self.steps = options, []
            bars.append(self)

        def update(self, steps):
            self.steps.append(steps)
            self.n += steps

        def set_postfix_str(self, _):
            pass

        def close(self):
            pass

    monkeypatch.setattr("training.train.run_command.tqdm", Bar)
    assert main(["--resume", "--out", str(begun), "--updates", "4"]) == 0
    (bar,) = bars
    assert bar.options["initial"] == 1
    assert bar.steps == [1, 1, 1]


def test_the_newest_generator_of_a_run_is_found(tmp_path):
    run = trainer(tmp_path, updates=1, save_every=1)
    assert newest_generator(tmp_path) is None
    list(run.run())
    averaged = RunFolder(tmp_path).generator
    assert newest_generator(tmp_path) == averaged
    best = Path(shutil.copy(averaged, RunFolder(tmp_path).best))
    os.utime(best, (2e9, 2e9))
    assert newest_generator(tmp_path) == best


def test_help_explains_the_presets_and_begins_with_examples(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/training/train/__main__.py"])
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "/somewhere" not in text
    assert text.index("training.train tiny --data") < text.index("options")
    assert "The published model for VoxCeleb" in text
    assert len(text.splitlines()) < 40


def test_missing_data_are_named(tmp_path, capfd):
    assert main(["tiny", "--out", str(tmp_path)]) == 1
    assert "--data is missing" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())
