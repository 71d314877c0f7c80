"""What can be typed on the command line, and what it says."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.viz.exports import export_driver
from tests.viz.headless import headless_session
from tests.viz.headless.headless_session import ROOT
from viz import program
from viz.exports.table import EXPORTERS
from viz.headless import Source, command_line
from viz.headless.export_source import items
from viz.headless.progress_bar import shown
from viz.state.jobs import Report
from viz.state.person import parse_seeds
from viz.state.types import SessionState

model, saved = headless_session.model, headless_session.saved
renderer = export_driver.renderer


def test_one_person_and_motion_can_be_a_file():
    def made(seeds: str, motion_seeds: str = "") -> list[str]:
        source = Source(Path("out/x.glb"), seeds=seeds, motion_seeds=motion_seeds)
        return [str(item.path) for item in items(source, SessionState(), (".glb", ".ply"))]

    assert made("4") == ["out/x.glb"]
    assert made("4", "2") == ["out/x.glb"]
    assert made("4,5") == [f"out/x.glb/seed000{k}_motion0000.glb" for k in (4, 5)]


@pytest.mark.parametrize("command", command_line.COMMANDS)
def test_every_exporter_has_a_command(command, tmp_path):
    source, options = command_line.parse(command, ["--output", str(tmp_path / "x")])
    exporter = EXPORTERS[command_line.COMMANDS[command]]
    assert source == Source(tmp_path / "x")
    assert options == exporter.options()


def test_help_does_not_wait_for_torch():
    code = (
        "import sys\nfrom viz import program\n"
        "try: program.main(['video', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'av', 'scipy'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--orbit-shape" in done.stdout


def test_missing_files_are_told_before_torch_is_loaded(tmp_path):
    names = ("session", "checkpoint", "person", "compare", "cameras")
    lines = [
        *(["render", f"--{name}", "nope", "--output", "x.png"] for name in names),
        ["drive", "--track", "nope", "--output", "x.mp4"],
        ["track", "nope"],
    ]
    code = (
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom viz import program\n"
        f"for words in {lines}: assert program.main(words) == 1\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = done.stderr.splitlines()
    assert told[:-1] == ["Cannot load nope: no such file or directory."] * (len(lines) - 1)
    assert told[-1] == "There is no file nope."


def test_lists_without_a_default_are_called_optional(capsys):
    with pytest.raises(SystemExit):
        program.main(["render", "--help"])
    told = capsys.readouterr().out
    assert "(optional)" in told
    assert "(default: )" not in told


def test_a_reader_may_leave_before_the_end():
    with subprocess.Popen(
        [sys.executable, "visualizer.py", "video", "--help"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == ""


@pytest.mark.parametrize(
    "typed",
    ["--people 1 2 7", "--people 1,2,7", "--people=1,2 7", "--people 1-2,7", "--people 1, 2, 7"],
)
def test_lists_are_typed_with_spaces_or_commas(typed):
    """Seeds of people, seeds of exports and views alike."""
    _, options = command_line.parse("render", ["--output", "x.png", *typed.split()])
    assert options.look.people == (1, 2, 7)
    seeds = typed.replace("people", "seeds")
    motions = typed.replace("people", "motion_seeds")
    words = ["--output", "x", *seeds.split(), *motions.split(), "--height", "64"]
    source, options = command_line.parse("frames", words)
    assert parse_seeds(source.seeds, 9) == parse_seeds(source.motion_seeds, 9) == (1, 2, 7)
    assert options.look.height == 64
    for views in ("image,depth", "image depth"):
        words = ["--views", *views.split(), "--output", "x.png"]
        assert command_line.parse("render", words)[1].look.views == ("image", "depth")


def test_a_list_that_cannot_be_read_gets_a_sentence(tmp_path, capsys):
    words = ["render", "--output", str(tmp_path / "a.png"), "--people", "1", "two"]
    assert program.main(words) == 1
    assert '--people holds "two"' in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_need_not_know_every_letter(model, tmp_path, encoding):
    """What was made is not taken for failed because its name cannot be shown."""
    out = tmp_path / "頭 é.png"
    done = subprocess.run(
        [
            sys.executable,
            "visualizer.py",
            "render",
            "--checkpoint",
            str(model),
            "--output",
            str(out),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"\u982d" in done.stdout
    assert out.exists()


@pytest.mark.parametrize("command", ["", *command_line.COMMANDS])
def test_help_begins_with_examples_that_work(command, capsys):
    for words in (["--help"], []):
        asked = [command, *words] if words else ["help", command]
        with pytest.raises(SystemExit):
            program.main([word for word in asked if word])
        told = capsys.readouterr().out
        assert told.index("Examples:") < told.index("-h, --help")
        assert "{None}" not in told
        lines = [line.split()[2:] for line in told.splitlines() if line.startswith("  python ")]
        assert len(lines) >= 2
        for name, *rest in filter(None, lines):
            if name in command_line.COMMANDS and "--help" not in rest:
                source, options = command_line.parse(name, rest)
                assert options.problems_with(source.output) == [] or source.seeds, rest


@pytest.mark.parametrize(
    "command,sentence",
    [
        ("", "A photo, a video, or any other file opens as if dropped on the window."),
        ("render", "For one person and motion it can be a file's name as well."),
        ("track", "or of a video that does not state it; 0 for the video's, or 25. (0 to 240)"),
        ("drive", "It takes about two seconds for each frame, and may lose blinks;"),
    ],
)
def test_help_breaks_lines_only_where_the_terminal_ends(command, sentence, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit):
        program.main([*filter(None, [command]), "--help"])
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize(
    "words,told",
    [
        (["rendr", "--output", "x"], "Did you mean render?"),
        (["picture", "--output", "x"], "Did you mean render?"),
        (["meshsequence"], "Did you mean mesh-sequence?"),
        (["Video"], "Did you mean video?"),
        (["doctr"], "Did you mean doctor?"),
        (["hello"], "There is no command or file hello. The commands are render"),
        (["model.ckpt"], "Cannot load model.ckpt: no such file"),
        (["~nosuchuser/model.ckpt"], "Cannot load ~nosuchuser/model.ckpt: no such file"),
        (["--session", "none.json"], "none.json could not be read: no such file"),
    ],
)
def test_a_word_that_is_no_command_gets_a_sentence(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert program.main(words) in (1, 2)
    assert told in capsys.readouterr().err


def test_numbers_out_of_range_are_named_as_they_were_typed(tmp_path, capsys):
    assert program.main(["render", "--output", str(tmp_path / "a.png"), "--height", "9000"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("height is 9000; it must lie between 16 and 8192 px.")


def test_the_version_can_be_asked_for(capsys):
    assert program.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("PV3D visualizer")


def test_a_warning_has_a_line_of_its_own_beside_the_progress(capsys):
    def work():
        yield Report("Rendering", 0.5)
        logging.getLogger("viz").warning("Rays are slow here.")
        yield Report("Writing", 1.0)
        return "done"

    assert shown(work(), "Picture") == "done"
    assert "Rays are slow here." in capsys.readouterr().err.replace("\r", "\n").splitlines()
