"""Command lines: places that may not be entered, and helps that say what may be left out."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from training.terminal import run_command

PLACE = "private"
COMMANDS = (
    ("training.dataset", "check private/clips.zip"),
    ("training.train.train_command", "tiny --data private/clips.zip --out run"),
    ("training.train.train_command", "tiny --data clips --out private/run"),
    ("training.train.train_command", "--resume --out private/run"),
    ("training.warmup.warmup_command", "--data clips --out private/run"),
    ("training.warmup.held_out", "private/run --data clips"),
    ("training.checkpoint.__main__", "private/a.ckpt a.safetensors"),
    ("viz.program", "render --checkpoint private/a.ckpt --output a.png"),
    ("viz.program", "render --person private/a.person --output a.png"),
    ("viz.program", "invert private/a.jpg --output people"),
    ("viz.program", "track private/a.mp4"),
    ("viz.program", "track private/a.mp4 --output a.safetensors"),
)
HELPS = (
    ("training.dataset", "check"),
    ("training.train.train_command", "tiny"),
    ("training.metrics.__main__", ""),
    ("training.synthetic.generate", ""),
    ("viz.program", ""),
    ("viz.program", "invert"),
    ("viz.program", "track"),
    ("viz.program", "mesh"),
)


@pytest.fixture
def status_of(monkeypatch: pytest.MonkeyPatch):
    """Runs a command's words as the terminal does, and gives its status."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def run(module: str, words: str) -> object:
        main = importlib.import_module(module).main
        monkeypatch.setattr(sys, "argv", ["visualizer.py", *words.split()])
        with pytest.raises(SystemExit) as end:
            run_command(main)
        return end.value.code

    return run


@pytest.mark.parametrize(("module", "words"), COMMANDS)
def test_places_that_may_not_be_entered_get_a_sentence(
    status_of, module: str, words: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    """As a folder of mode 700 of somebody else's."""
    stat, os_stat = Path.stat, os.stat

    def refuse(path: object) -> None:
        if PLACE in Path(os.fsdecode(path)).parts:  # pyright: ignore[reportArgumentType]
            raise PermissionError(13, "Permission denied", str(path))

    def path_stat(self: Path, **options: bool) -> os.stat_result:
        refuse(self)
        return stat(self, **options)

    def plain_stat(path, *rest, **options) -> os.stat_result:
        if not isinstance(path, int):
            refuse(path)
        return os_stat(path, *rest, **options)

    (tmp_path / "clips").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "stat", path_stat)
    monkeypatch.setattr(os, "stat", plain_stat)
    assert status_of(module, words) == 1
    told = capsys.readouterr().err
    assert "ermission denied" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(("module", "words"), COMMANDS)
def test_names_that_no_file_can_have_get_a_sentence(
    status_of, module: str, words: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    (tmp_path / "clips").mkdir()
    monkeypatch.chdir(tmp_path)
    assert status_of(module, words.replace(PLACE, "n" * 300)) == 1
    told = capsys.readouterr().err
    assert "too long" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(("module", "words"), HELPS)
def test_helps_say_in_words_what_may_be_left_out(status_of, module: str, words: str, capsys):
    assert status_of(module, f"{words} --help".strip()) == 0
    told = capsys.readouterr().out
    assert "{None}" not in told
    assert "(default: )" not in told
    if not words:
        assert told.index("Examples:") < told.index("-h, --help")


def test_a_command_that_ends_early_says_only_why(tmp_path: Path) -> None:
    """What is compiled meanwhile is no reason to speak of slow rays."""
    words = ["render", "--person", str(tmp_path / "a.person"), "--output", "a.png"]
    ended = subprocess.run(
        [sys.executable, "visualizer.py", *words],
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
