"""Photos become person files from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from training.checkpoint import save
from training.networks.generator import Generator
from viz import program
from viz.headless import inversions
from viz.portrait.inversion.inverting import Inversion
from viz.render import person_file

FEW = ["--candidates", "2", "--code-steps", "4", "--tuning-steps", "2"]


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
    return program.main(["invert", *paths, *model, *FEW, "--output", str(out), *words])


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
    assert "is there already" in capsys.readouterr().out
    assert (out / "photo.person").read_bytes() == before


def test_a_stopped_command_goes_on_where_it_was(folder, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert invert(folder, whole, ["photo.jpg"]) == 0
    run = Inversion.run

    def interrupted(self: Inversion):
        for count, progress in enumerate(run(self)):
            if count == 7:
                raise KeyboardInterrupt
            yield progress

    monkeypatch.setattr(Inversion, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        invert(folder, stopped, ["photo.jpg"])
    assert [path.name for path in stopped.iterdir()] == ["photo.unfinished"]
    monkeypatch.undo()
    steps: list[int] = []

    def counted(self: Inversion):
        for progress in run(self):
            steps.append(1)
            yield progress

    monkeypatch.setattr(Inversion, "run", counted)
    assert invert(folder, stopped, ["photo.jpg"]) == 0
    assert len(steps) < 4
    assert [path.name for path in stopped.iterdir()] == ["photo.person"]
    same = (person_file.read(str(f / "photo.person")) for f in (whole, stopped))
    a, b = same
    assert np.array_equal(a.ws, b.ws) and np.array_equal(a.motion, b.motion)
    assert all(np.array_equal(a.tuned[name], b.tuned[name]) for name in a.tuned)


def test_what_cannot_be_is_said(folder, tmp_path, capsys):
    assert program.main(["invert", "--output", str(tmp_path)]) == 1
    assert "name one photo" in capsys.readouterr().err
    assert invert(folder, tmp_path, ["photo.jpg"], "--prior", "5") == 1
    assert "it must lie between 0 and 1" in capsys.readouterr().err
    assert invert(folder, tmp_path, ["photo.jpg"], "--face", "3") == 1
    assert "one face: there is no number 3" in capsys.readouterr().err


def test_photos_of_one_name_get_files_of_their_own(tmp_path):
    options = program.InvertOptions((Path("a/x.jpg"), Path("b/x.jpg"), Path("y.jpg")), tmp_path)
    names = [path.name for _, path in inversions.targets(options)]
    assert names == ["x.person", "x_2.person", "y.person"]
