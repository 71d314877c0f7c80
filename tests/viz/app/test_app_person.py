"""People from person files in the window: opened, edited, saved, exported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start, sharpened
from tests.viz.render.made_people import person_of, written
from tests.viz.state.opened_sessions import open_session
from training.checkpoint import load_generator, save
from training.networks.generator import Generator
from viz import program
from viz.exports import embedding
from viz.state import files, session
from viz.state.person import Latent

display, model, start, desk = (
    app_driver.display,
    app_driver.model,
    app_driver.start,
    app_driver.desk,
)


@pytest.fixture
def person(model: Path, tmp_path: Path) -> Path:
    """A tuned person of the model."""
    path = tmp_path / "people" / "anna.person"
    written(path, person_of(load_generator(model), 1, tuned=0.05))
    return path


def opened(desk: AppDriver, path: Path) -> np.ndarray:
    """The picture after a person was dropped."""
    desk.drop(path)
    desk.until(lambda: desk.commands.state.latent.ws_file == str(path))
    return desk.picture()


@pytest.mark.parametrize("tuned", [0.0, 0.05])
def test_the_window_the_export_and_the_command_line_give_the_same_bytes(
    desk, model, person, tmp_path, tuned
):
    written(person, person_of(load_generator(model), 1, tuned))
    before = desk.picture()
    picture = opened(desk, person)
    assert not np.array_equal(picture, before)
    assert desk.commands.state.latent == Latent(ws_file=str(person), expression=1.0)
    desk.key("s")
    desk.until(lambda: list((tmp_path / "pictures").glob("*.png")))
    desk.run_jobs()
    from_window = next((tmp_path / "pictures").glob("*.png"))
    assert "anna" in from_window.name
    common = ["--checkpoint", str(model), "--person", str(person)]
    assert program.main(["render", *common, "--output", str(tmp_path / "a.png")]) == 0
    assert pixels(tmp_path / "a.png") == pixels(from_window)
    assert np.array_equal(np.array(image(from_window)), picture)
    # An export names no folders: the person is found beside it, or as it was opened before.
    text = embedding.session_text(from_window)
    assert text is not None
    assert json.loads(text)["state"]["latent"]["ws_file"] == person.name
    desk.commands.state.latent = Latent(2.0)
    desk.settle()
    desk.drop(from_window)
    desk.until(lambda: desk.commands.state.latent.ws_file == str(person))
    assert np.array_equal(desk.picture(), picture)


def image(path: Path):
    from PIL import Image

    return Image.open(path).convert("RGB")


def pixels(path: Path) -> bytes:
    return image(path).tobytes()


def test_a_person_goes_through_sessions_paths_and_undo(desk, person, tmp_path):
    picture = opened(desk, person)
    desk.commands.add_keyframe()
    desk.commands.state.latent = Latent(3.0)
    desk.commands.interface.path_time = 2.0
    desk.commands.add_keyframe()
    desk.settle()
    path = tmp_path / "people" / "session.json"
    session.save_session(path, desk.commands.state)
    moved = tmp_path / "elsewhere"
    (tmp_path / "people").rename(moved)  # with its person: the session still finds it there
    state = open_session(moved / path.name)
    assert state.keyframes[0].latent.ws_file == str(moved / person.name)
    desk.drop(moved / path.name)
    desk.until(lambda: desk.commands.state.keyframes[:1] == state.keyframes[:1])
    desk.commands.go_to_keyframe(-1)
    assert np.array_equal(desk.picture(), picture)
    desk.commands.state.latent = replace(desk.commands.state.latent, psi=0.5)
    half = desk.picture()
    assert not np.array_equal(half, picture)
    desk.commands.undo()
    assert np.array_equal(desk.picture(), picture)


def test_a_person_of_another_model_is_offered_with_its_model(
    start: Start, model, person, small_generator: Generator, tmp_path
):
    other = tmp_path / "other.safetensors"
    G = sharpened(small_generator)
    G.get_parameter("decoder.net.0.bias").add_(0.1)
    save(other, G)
    desk = start(other)
    desk.settle()
    before = desk.commands.state.snapshot()
    desk.drop(person)
    toast = desk.see_toast("another model (small.safetensors)")
    assert "open that one first" in toast.sentence
    assert desk.commands.state.latent == before.latent
    desk.commands.preferences.opened(str(model))
    desk.drop(person)
    toast = desk.see_toast("is a person of the model small.safetensors")
    desk.frames(30)  # it slides in
    desk.click(f"Toasts/{toast.sentence}/Open both")
    desk.until(lambda: desk.commands.state.latent.ws_file == str(person))
    assert desk.model.path == str(model)


def test_damaged_people_are_told_of(desk, person):
    before = desk.picture()
    person.write_bytes(person.read_bytes()[:-5])
    desk.drop(person)
    desk.see_toast("anna.person is not a person file, or is damaged")
    assert np.array_equal(desk.picture(), before)


def test_the_expression_has_a_slider(start: Start, model, person):
    desk = start(model, panels=("Motion", "Appearance"), size=(900, 1200))
    desk.settle()
    assert "Motion/As in the photo" not in controls.rects
    smile = opened(desk, person)
    desk.until(lambda: "Motion/As in the photo" in controls.rects)
    desk.commands.state.latent = replace(desk.commands.state.latent, expression=0.0)
    assert not np.array_equal(desk.picture(), smile)


def test_the_command_line_finds_a_persons_model(model, person, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files, "default_checkpoint", str)
    (tmp_path / "people" / model.name).write_bytes(model.read_bytes())
    arguments = ["render", "--person", str(person), "--output", str(tmp_path / "a.png")]
    assert program.main(arguments) == 0
    with_name = [*arguments[:-1], str(tmp_path / "b.png"), "--checkpoint", str(model)]
    assert program.main(with_name) == 0
    assert pixels(tmp_path / "a.png") == pixels(tmp_path / "b.png")
    assert program.main([*arguments, "--seeds", "1"]) == 1
    assert "leave one out" in capsys.readouterr().err
    assert program.main(["app", "--person", str(tmp_path / "nobody.person")]) == 1
    assert "no such file" in capsys.readouterr().err
