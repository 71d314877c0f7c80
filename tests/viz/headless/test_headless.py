"""Exports from the command line, as a user on a machine without a display types them."""

import copy
import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import decoded, export, files
from tests.viz.headless import headless_session
from tests.viz.headless.headless_session import ROOT
from tests.viz.state.opened_sessions import open_session
from training.checkpoint import save
from viz import program
from viz.exports.frame_options import FrameOptions, Look, Movement, PictureOptions
from viz.headless import Source, command_line
from viz.headless.export_runs import export as run
from viz.render import models
from viz.state import session
from viz.state.person import Latent
from viz.state.types import Orbit, SessionState

model, saved = headless_session.model, headless_session.saved
renderer = export_driver.renderer


def test_a_session_renders_as_the_exporter_does(renderer, model, saved, tmp_path, capsys):
    out = tmp_path / "out"
    assert program.main(["render", "--session", str(saved), "--output", str(out / "a.png")]) == 0
    assert f"Saved {out / 'a.png'}" in capsys.readouterr().out
    state = open_session(saved)
    expected = export(renderer, "picture", state, PictureOptions(), tmp_path / "b.png")
    assert (out / "a.png").read_bytes() == expected.read_bytes()
    arguments = ["--session", str(out / "a.png"), "--moving", "orbit", "--frames", "3"]
    arguments += ["--checkpoint", str(model)]
    assert program.main(["video", *arguments, "--output", str(out / "a.mp4")]) == 0
    assert len(decoded(out / "a.mp4")) == 3
    assert program.main(["frames", *arguments, "--output", str(out / "frames")]) == 0
    assert open_session(out / "frames") == replace(state, checkpoint=model.name)
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
    assert "model.safetensors was not found: name one with --checkpoint" in capsys.readouterr().err

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
    assert open_session(run / "a.png").checkpoint == str(run / "generator.safetensors")


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
    assert open_session(tmp_path / "a.png").t == 0.5


@pytest.mark.parametrize(
    "arguments,told",
    [
        (["render", "--output", "a.jpg"], "must end in .png"),
        (["video", "--output", "a.mp4", "--codec", "prores"], "use .mov"),
        (["frames", "--output", "x", "--seeds", "5-2"], "the smaller seed of a range first"),
        (["frames", "--output", "x", "--seeds", "1,two"], 'holds "two"'),
        (["frames", "--output", "x", "--session", "none.json"], "Cannot load none.json"),
        (["frames", "--output", "x", "--checkpoint", "none.ckpt"], "none.ckpt"),
        (["frames", "--output", "x", "--moving", "path"], "keyframes"),
        (["frames", "--output", "x", "--cameras", "none.zip"], "none.zip"),
        (["render", "--output", "x.png", "--cameras", "."], "frames and videos"),
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
        found = open_session(out)
        assert (found.latent.x, found.motion.x) == chosen
        assert found.orbit == Orbit.around(find_head(renderer.G))
    aside = tmp_path / "aside.png"
    arguments = ["render", "--checkpoint", str(model), "--output", str(aside), "--yaw", "60"]
    assert program.main(arguments) == 0
    opened = open_session(aside)
    assert opened.orbit == replace(found.orbit, yaw=60.0)
    with Image.open(aside) as picture:
        opened.checkpoint = str(model)
        assert np.array_equal(np.asarray(picture), export_driver.frame(renderer, opened))
    older = tmp_path / "older.json"
    session.save_session(older, SessionState(str(model)))
    out = tmp_path / "older.png"
    assert program.main(["render", "--session", str(older), "--output", str(out)]) == 0
    assert open_session(out).latent == Latent()
    assert open_session(out).orbit == Orbit(), "its own camera, not one around the head"


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
        try:
            end = time.monotonic() + 60
            while not (out.exists() and len(files(out)) == 2) and time.monotonic() < end:
                time.sleep(0.05)
            assert len(files(out)) == 2  # the file that is being written, and its frames
            running.send_signal(number)
            assert running.wait(30) == 128 + number
        finally:
            running.kill()
    assert files(out) == []
