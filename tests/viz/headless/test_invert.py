"""Photos become person files from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from training.checkpoint import save
from training.networks.generator import Generator
from viz import program
from viz.headless import inversions
from viz.portrait import photo_faces
from viz.portrait.face_marks import PhotoFaces
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.inverting import Inversion
from viz.portrait.person_making import make_person
from viz.render import person_file
from viz.render.models import load_model
from viz.render.person_file import PersonFile
from viz.state.jobs import finish

FEW = InversionOptions(candidates=2, code_steps=4, tuning_steps=2)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_generator: Generator) -> Path:
    """A model, a photo and a picture without a face."""
    folder = tmp_path_factory.mktemp("invert")
    save(folder / "model.safetensors", small_generator)
    Image.fromarray(skimage.data.astronaut()[:256, 96:352]).save(folder / "photo.jpg")
    Image.new("RGB", (64, 64), "teal").save(folder / "nobody.png")
    return folder


def invert(folder: Path, out: Path, photos: list[str], *words: str) -> int:
    paths = [str(folder / photo) for photo in photos]
    model = ["--checkpoint", str(folder / "model.safetensors")]
    few = ["--candidates", "2", "--code-steps", "4", "--tuning-steps", "2"]
    return program.main(["invert", *paths, *model, *few, "--output", str(out), *words])


def test_photos_become_person_files_that_the_exports_show(folder, tmp_path, capsys):
    out = tmp_path / "people"
    assert invert(folder, out, ["nobody.png", "photo.jpg"]) == 1
    told = capsys.readouterr()
    assert "nobody.png: No face was found" in told.err
    assert f"Saved {out / 'photo.person'}" in told.out
    assert [path.name for path in out.iterdir()] == ["photo.person"]
    person = person_file.read(str(out / "photo.person"))
    assert (person.name, person.model) == ("photo", "model.safetensors")
    assert person.tuned
    assert person.crop[2] > 64
    picture = tmp_path / "picture.png"
    words = ["--checkpoint", str(folder / "model.safetensors"), "--output", str(picture)]
    assert program.main(["render", "--person", str(out / "photo.person"), *words]) == 0
    assert picture.exists()
    before = (out / "photo.person").read_bytes()
    assert invert(folder, out, ["photo.jpg"]) == 0
    assert "already exists" in capsys.readouterr().out
    assert (out / "photo.person").read_bytes() == before


def test_missing_photos_are_told_before_the_model_is_loaded(folder, tmp_path, capsys):
    gone = folder / "gone.jpg"
    out = tmp_path / "people"
    assert program.main(["invert", str(gone), "--checkpoint", "none", "--output", str(out)]) == 1
    assert capsys.readouterr().err == f"{gone} cannot be read: no such file or directory.\n"
    assert not out.exists()


@pytest.fixture(scope="module")
def whole(folder: Path) -> PersonFile:
    """The person of the photo, made in one go."""
    assert invert(folder, folder / "whole", ["photo.jpg"]) == 0
    return person_file.read(str(folder / "whole" / "photo.person"))


def stopping_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Ctrl+C is pressed there."""
    run = Inversion.run

    def interrupted(self: Inversion):
        for count, progress in enumerate(run(self)):
            if count == step:
                raise KeyboardInterrupt
            yield progress

    monkeypatch.setattr(Inversion, "run", interrupted)


def gone_on(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PersonFile, int]:
    """What the command makes of the photo, and in how many steps."""
    steps: list[int] = []
    run = Inversion.run

    def counted(self: Inversion):
        for progress in run(self):
            steps.append(1)
            yield progress

    monkeypatch.setattr(Inversion, "run", counted)
    assert sorted(path.name for path in out.iterdir()) == [
        "photo.person",
        "photo.person.unfinished",
    ]
    assert invert(folder, out, ["photo.jpg"]) == 0
    assert [path.name for path in out.iterdir()] == ["photo.person"]
    return person_file.read(str(out / "photo.person")), len(steps)


def same(a: PersonFile, b: PersonFile) -> bool:
    assert a.tuned.keys() == b.tuned.keys()
    pairs = [(a.ws, b.ws), (a.motion, b.motion), *((a.tuned[key], b.tuned[key]) for key in a.tuned)]
    return all(np.array_equal(one, other) for one, other in pairs)


def test_a_stopped_command_goes_on_where_it_was(folder, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stopping_at(patch, 6)
        invert(folder, tmp_path, ["photo.jpg"])
    assert not same(person_file.read(str(tmp_path / "photo.person")), whole)
    made, steps = gone_on(folder, tmp_path, monkeypatch)
    assert same(made, whole)
    assert steps < 4


def test_what_was_stopped_in_the_window_goes_on(folder, whole, tmp_path, monkeypatch):
    photo, model = folder / "photo.jpg", finish(load_model(str(folder / "model.safetensors"), CPU))
    threads = torch.get_num_threads()
    with torch.inference_mode():
        torch.set_num_threads(3 - min(threads, 2))  # which moves the landmarks a little
        (face,) = PhotoFaces.of_text(finish(photo_faces.find(photo, None, None))).faces
        torch.set_num_threads(threads)
        steps = make_person(model.G, photo, face.landmarks, FEW, tmp_path / "photo.person")
        while not str(next(steps)).count("Fitting"):
            pass
        steps.close()
    made, left = gone_on(folder, tmp_path, monkeypatch)
    assert left < 3
    assert made.tuned.keys() == whole.tuned.keys()
    assert np.allclose(made.ws, whole.ws, atol=1e-2)


def test_a_stopped_person_of_another_photo_is_kept(folder, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stopping_at(patch, 6)
        invert(folder, tmp_path, ["photo.jpg"])
    before = (tmp_path / "photo.person").read_bytes()
    assert invert(folder, tmp_path, ["photo.jpg"], "--prior", "0.5") == 1
    assert "other options" in capsys.readouterr().err
    assert (tmp_path / "photo.person").read_bytes() == before
    assert invert(folder, tmp_path, ["photo.jpg"], "--prior", "0.5", "--overwrite") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["photo.person"]


def test_what_cannot_be_is_said(folder, tmp_path, capsys):
    assert program.main(["invert", "--output", str(tmp_path)]) == 1
    assert "Name at least one photo" in capsys.readouterr().err
    assert invert(folder, tmp_path, ["photo.jpg"], "--prior", "5") == 1
    assert "it must lie between 0 and 1" in capsys.readouterr().err
    assert invert(folder, tmp_path, ["photo.jpg"], "--face", "3") == 1
    assert "one face: there is no number 3" in capsys.readouterr().err


def test_photos_of_one_name_get_files_of_their_own(tmp_path):
    options = program.InvertOptions((Path("a/x.jpg"), Path("b/x.jpg"), Path("y.jpg")), tmp_path)
    names = [path.name for _, path in inversions.targets(options)]
    assert names == ["x.person", "x_2.person", "y.person"]
