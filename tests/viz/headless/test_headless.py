"""Exports from the command line, as a user on a machine without a display types them."""

import copy
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data import conftest as data
from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import decoded, export, files
from training.checkpoint import save
from viz import program
from viz.exports import embedding
from viz.exports.frame_options import FrameOptions, Look, Movement, PictureOptions, VideoOptions
from viz.exports.table import EXPORTERS
from viz.headless import Source, command_line, ranks
from viz.headless.export_runs import export as run
from viz.headless.export_source import items
from viz.headless.ranks import Ranks
from viz.render import models
from viz.render.renderer import Renderer
from viz.state import session
from viz.state.errors import UserError
from viz.state.person import Latent, Motion, parse_seeds
from viz.state.types import Orbit, SessionState

renderer = export_driver.renderer
write_set = data.write_set
ROOT = Path(program.__file__).parents[1]


@pytest.fixture
def model(renderer: Renderer, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(path, renderer.G)
    return path


@pytest.fixture
def saved(model: Path, tmp_path: Path) -> Path:
    """A session."""
    path = tmp_path / "session.json"
    state = SessionState(str(model), Latent(3.0), Motion(2.0), 0.5, Orbit(yaw=15))
    session.save_session(path, state)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def test_a_session_renders_as_the_exporter_does(renderer, model, saved, tmp_path, capsys):
    out = tmp_path / "out"
    assert program.main(["render", "--session", str(saved), "--output", str(out / "a.png")]) == 0
    assert f"Saved {out / 'a.png'}" in capsys.readouterr().out
    state = embedding.open_session(saved)
    expected = export(renderer, "picture", state, PictureOptions(), tmp_path / "b.png")
    assert (out / "a.png").read_bytes() == expected.read_bytes()
    arguments = ["--session", str(out / "a.png"), "--moving", "orbit", "--frames", "3"]
    arguments += ["--checkpoint", str(model)]
    assert program.main(["video", *arguments, "--output", str(out / "a.mp4")]) == 0
    assert len(decoded(out / "a.mp4")) == 3
    assert program.main(["frames", *arguments, "--output", str(out / "frames")]) == 0
    assert embedding.open_session(out / "frames") == replace(state, checkpoint=model.name)
    wide = [
        "--session",
        str(out / "a.mp4"),
        "--checkpoint",
        str(model),
        "--views",
        "image",
        "depth",
        "--bits",
        "16",
    ]
    assert program.main(["render", *wide, "--output", str(out / "w.png")]) == 0
    assert decoded(out / "w.png", "rgb48le")[0].shape == (128, 256, 3)


def test_an_export_finds_its_model_by_the_weights(renderer, model, tmp_path, capsys, monkeypatch):
    """Wherever that lies by now, and whatever it is called."""
    out = tmp_path / "out" / "a.png"
    words = ["render", "--checkpoint", str(model), "--output", str(out)]
    assert program.main(words) == 0
    again = ["render", "--session", str(out), "--overwrite", "--output", str(tmp_path / "b.png")]
    model = model.rename(tmp_path / "renamed.safetensors")
    assert program.main(again) == 1
    assert "model.safetensors is not here: name one with --checkpoint" in capsys.readouterr().err

    settings = tmp_path / "config" / "pv3d-visualizer" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"recent": ["/gone.ckpt", str(model)]}))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert program.main(again) == 0
    assert np.array_equal(decoded(out), decoded(tmp_path / "b.png"))

    settings.unlink()
    other = copy.deepcopy(renderer.G)
    other.get_parameter("to_img_raw.weight").mul_(2)
    save(out.with_name("model.safetensors"), other)  # of that name, but another
    model = model.rename(out.with_name("beside.safetensors"))
    assert program.main(again) == 0
    assert np.array_equal(decoded(out), decoded(tmp_path / "b.png"))
    model.unlink()
    with caplog_of("viz") as told:
        assert program.main(again) == 0
    assert any("other weights" in sentence for sentence in told)


@contextmanager
def caplog_of(name: str) -> Iterator[list[str]]:
    """The sentences that a logger of the program tells."""
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    logging.getLogger(name).addHandler(handler)
    try:
        yield told
    finally:
        logging.getLogger(name).removeHandler(handler)


def test_a_training_run_s_folder_is_its_newest_generator(model, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    model.rename(run / "generator.safetensors")
    words = ["render", "--checkpoint", str(run), "--output", str(run / "a.png")]
    assert program.main(words) == 0
    assert embedding.open_session(run / "a.png").checkpoint == str(run / "generator.safetensors")


def test_without_any_model_it_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("viz.state.files.CHECKPOINTS", tmp_path)
    assert program.main(["render", "--output", str(tmp_path / "a.png")]) == 1
    assert "There is no model: name one with --checkpoint" in capsys.readouterr().err
    assert files(tmp_path) == []


def test_what_is_there_is_refused_and_replaced_on_request(saved, tmp_path, capsys):
    arguments = ["render", "--session", str(saved), "--output", str(tmp_path / "a.png")]
    (tmp_path / "a.png").write_text("mine")
    assert program.main(arguments) == 1
    told = capsys.readouterr().err
    assert "a.png exists" in told
    assert "--overwrite" in told
    assert (tmp_path / "a.png").read_text() == "mine"
    assert program.main([*arguments, "--overwrite"]) == 0
    assert embedding.open_session(tmp_path / "a.png").t == 0.5


@pytest.mark.parametrize(
    "arguments,told",
    [
        (["render", "--output", "a.jpg"], "must end in .png"),
        (["video", "--output", "a.mp4", "--codec", "prores"], "use .mov"),
        (["frames", "--output", "x", "--seeds", "5-2"], "seeds rise"),
        (["frames", "--output", "x", "--seeds", "1,two"], 'holds "two"'),
        (["frames", "--output", "x", "--session", "none.json"], "none.json could not be read"),
        (["frames", "--output", "x", "--checkpoint", "none.ckpt"], "none.ckpt"),
        (["frames", "--output", "x", "--moving", "path"], "keyframes"),
        (["frames", "--output", "x", "--cameras", "none.zip"], "none.zip"),
        (["render", "--output", "x.png", "--cameras", "x"], "frames and videos"),
        (["render", "--output", "x.png", "--device", "cuda:99"], "cuda:99"),
        (["render", "--output", "x.png", "--pitch", "95"], "orbit.pitch is 95"),
        (["render", "--output", "x.png", "--yaw", "nan"], "orbit.yaw is nan"),
    ],
)
def test_mistakes_get_a_sentence(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert program.main(arguments) == 1
    assert told in capsys.readouterr().err
    assert files(tmp_path) == []


def test_without_a_session_it_begins_as_the_window_does(renderer, tmp_path):
    from viz.render.geometry.head_finder import find_head

    model = tmp_path / "model.safetensors"
    save(model, renderer.G, metadata={"people": "5, 3", "motions": "7, 2"})
    for name, options, chosen in (
        ("first.png", [], (5, 7)),
        ("psi.png", ["--psi", "0.5"], (5, 7)),
        ("other.png", ["--seeds", "9"], (9, 7)),
    ):
        out = tmp_path / name
        arguments = ["render", "--checkpoint", str(model), "--output", str(out), *options]
        assert program.main(arguments) == 0
        found = embedding.open_session(out)
        assert (found.latent.x, found.motion.x) == chosen
        assert found.orbit == Orbit.around(find_head(renderer.G))
    aside = tmp_path / "aside.png"
    arguments = ["render", "--checkpoint", str(model), "--output", str(aside), "--yaw", "60"]
    assert program.main(arguments) == 0
    opened = embedding.open_session(aside)
    assert opened.orbit == replace(found.orbit, yaw=60.0)
    with Image.open(aside) as picture:
        opened.checkpoint = str(model)
        assert np.array_equal(np.asarray(picture), export_driver.frame(renderer, opened))
    older = tmp_path / "older.json"
    session.save_session(older, SessionState(str(model)))
    out = tmp_path / "older.png"
    assert program.main(["render", "--session", str(older), "--output", str(out)]) == 0
    assert embedding.open_session(out).latent == Latent()
    assert embedding.open_session(out).orbit == Orbit(), "its own camera, not one around the head"


def test_recommended_seeds_have_words() -> None:
    metadata = {
        "people": "5, 3, no, 3, 99999999999, 8",
        "people_words": "long hair, beard,x, , y",
        "motions": "1",
    }
    assert models.recommendations(metadata, "people") == {5: "long hair", 3: "beard", 8: ""}
    assert models.recommendations(metadata, "motions") == {1: ""}
    assert (
        models.recommendations({"people": "1", "people_words": "w" * 99}, "people")[1] == "w" * 24
    )
    assert models.recommendations({}, "people") == {}


def test_seeds_make_a_folder_a_clip(renderer, model, tmp_path):
    out = tmp_path / "clips"
    source = Source(out, checkpoint=str(model), seeds="0-1,7", motion_seeds="2,3", psi=0.7)
    made = run("frames", source, FrameOptions(Movement(frames=2)))
    assert [path.name for path in made] == [
        f"seed{person:04d}_motion{motion:04d}" for person in (0, 1, 7) for motion in (2, 3)
    ]
    assert len(files(out)) == 6 * 3
    last = embedding.open_session(out / "seed0007_motion0003" / "frame_0001.png")
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
    from training.metrics.clip_windows import Codes, Windows, generate
    from viz.render.latents import z_from_seed, z_motion_from_seed

    folder = write_set(clips=3, frames=20)
    source = Source(tmp_path / "c", checkpoint=str(model), seeds="8,9", cameras=folder)
    run("frames", source, FrameOptions())
    cameras = torch.from_numpy(Windows(open_source(folder)).cameras(1))[None]
    z, z_motion = (
        torch.from_numpy(f(s, 16))[None] for f, s in ((z_from_seed, 9), (z_motion_from_seed, 0))
    )
    (clip,) = generate(renderer.G, Codes(z, z_motion), cameras, side=128)
    folder = source.output / "seed0009_motion0000"
    assert len(files(folder)) == 17
    for k in (0, 7, 15):
        with Image.open(folder / f"frame_{k:04d}.png") as picture:
            found = np.asarray(picture).astype(int)
        assert np.abs(found - clip[k].permute(1, 2, 0).numpy()).max() <= 1
    state = embedding.open_session(folder)
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


@pytest.mark.parametrize("seeds", ["0-2", ""])
def test_processes_make_the_same_files_as_one(model, tmp_path, seeds):
    """Clips are shared out; of one clip, the frames."""
    options = FrameOptions(Movement(frames=3))
    one = Source(tmp_path / "one", checkpoint=str(model), seeds=seeds)
    two = replace(one, output=tmp_path / "two")
    run("frames", one, options)
    parts = [run("frames", two, options, ranks=Ranks(k, 2, k)) for k in (1, 0)]
    assert contents(one.output) == contents(two.output)
    if seeds:
        assert [[path.name for path in part] for part in parts] == [
            ["seed0001_motion0000"],
            ["seed0000_motion0000", "seed0002_motion0000"],
        ]


def test_one_video_is_one_process_s(model, tmp_path):
    source = Source(tmp_path / "a.gif", checkpoint=str(model))
    options = VideoOptions(Movement(frames=2))
    assert run("video", source, options, ranks=Ranks(1, 2, 1)) == []
    assert run("video", source, options, ranks=Ranks(0, 2, 0)) == [source.output]


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


def test_look_and_movement_reach_the_export(saved, tmp_path):
    words = [
        "--output",
        "x",
        "--moving",
        "orbit",
        "--frames",
        "2",
        "--people",
        "1",
        "2",
        "--height",
        "64",
    ]
    _, options = command_line.parse("frames", words)
    assert options == FrameOptions(Movement("orbit", 2), Look(people=(1, 2), height=64))
    recipe = run("frames", Source(tmp_path / "f", saved), replace(options, bits=16))[0]
    told = json.loads((recipe / "session.json").read_text())["export"]["options"]
    assert told["look"]["people"] == [1, 2]
    assert told["bits"] == 16


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_command_leaves_nothing(model, tmp_path, number):
    """Ctrl+C, a scheduler's signal, and a terminal that is closed."""
    out = tmp_path / "out"
    words = ["video", "--checkpoint", str(model), "--frames", "100000", "--output"]
    command = [sys.executable, "visualizer.py", *words, str(out / "a.gif")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as running:
        end = time.monotonic() + 60
        while not (out.exists() and len(files(out)) == 2) and time.monotonic() < end:
            time.sleep(0.05)
        assert len(files(out)) == 2  # the file that is being written, and its frames
        running.send_signal(number)
        assert running.wait(30) == 128 + number
    assert files(out) == []


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
