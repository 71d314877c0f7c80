"""From a face in a photo to a person file, as the worker does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from tests.viz.app.app_driver import sharpened
from tests.viz.portrait.made_videos import write_video
from tests.viz.state.test_driving import made_track
from training.checkpoint import weights_mark
from training.networks.generator import Generator
from viz.portrait import person_making, photo_faces
from viz.portrait.camera import self_calibration
from viz.portrait.face_marks import FaceMark, PhotoFaces
from viz.portrait.faces.face import NO_FACE
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.key_frames import key_frames
from viz.render import person_file
from viz.state.driving.motion_track import MotionTrack, write_track
from viz.state.errors import UserError
from viz.state.jobs import Report, finish
from viz.state.person import unfinished

FEW = InversionOptions(candidates=2, code_steps=4, tuning_steps=3)


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Few people are measured, and in inference mode, as in the worker."""
    monkeypatch.setattr(self_calibration, "_PEOPLE", 2)
    with torch.inference_mode():
        yield


@pytest.fixture
def small(small_generator: Generator) -> Generator:
    with torch.inference_mode(False):
        return sharpened(small_generator)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "ada.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


def found(path: Path, *hand) -> PhotoFaces:
    return PhotoFaces.of_text(finish(photo_faces.find(path, *(hand or (None, None)))))


def face_in(path: Path) -> FaceMark:
    (face,) = found(path).faces
    return face


def test_faces_are_marked_in_the_pixels_of_the_photo(photo):
    steps = photo_faces.find(photo, None, None)
    reports = [step for step in steps if isinstance(step, Report)]
    assert [report.picture.shape for report in reports if report.picture is not None] == [
        (512, 512, 3)
    ]
    face = face_in(photo)
    assert len(face.landmarks) == 468
    assert np.abs(np.array(face.eyes) - [(205, 104), (245, 107)]).max() < 6
    left, top, right, bottom = face.box
    assert left < 206 < 245 < right
    by_hand = found(photo, (left - 5, top, right, bottom), face.eyes).faces[0]
    assert by_hand.box[0] == left - 5
    assert by_hand.eyes == face.eyes
    assert np.abs(np.array(by_hand.landmarks) - np.array(face.landmarks)).max() < 8


def test_large_photos_are_shown_smaller(tmp_path):
    path = tmp_path / "large.jpg"
    Image.fromarray(data.astronaut()).resize((2400, 2400)).save(path)
    steps = photo_faces.find(path, None, None)
    pictures = [step.picture for step in steps if isinstance(step, Report)]
    assert pictures[0] is not None
    assert pictures[0].shape == (1600, 1600, 3)
    assert found(path).size == (2400, 2400)


def test_a_photo_without_faces_says_so(tmp_path):
    path = tmp_path / "coffee.png"
    Image.fromarray(data.coffee()).save(path)
    assert found(path).faces == ()
    assert found(path).notes == (NO_FACE,)


def test_a_person_that_was_stopped_is_there_and_goes_on_to_the_same_end(small, photo, tmp_path):
    marks = face_in(photo).landmarks
    whole, stopped = tmp_path / "whole.person", tmp_path / "stopped.person"
    finish(person_making.make_person(small, photo, marks, FEW, whole, "small"))
    assert not unfinished(whole).exists()
    steps = person_making.make_person(small, photo, marks, FEW, stopped, "small")
    for step in steps:
        if isinstance(step, Report) and step.detail.startswith("Searching"):
            break
    steps.close()
    early = person_file.read(str(stopped))
    assert not early.tuned
    assert unfinished(stopped).exists()
    steps = person_making.make_person(small, photo, marks, FEW, stopped, "small")
    details = [step.detail if isinstance(step, Report) else step[0] for step in steps]
    assert "Comparing with random people" not in details
    assert not unfinished(stopped).exists()
    one, other = person_file.read(str(whole)), person_file.read(str(stopped))
    assert np.array_equal(one.ws, other.ws)
    assert np.array_equal(one.motion, other.motion)
    assert one.tuned.keys() == other.tuned.keys()
    assert all(np.array_equal(one.tuned[name], other.tuned[name]) for name in one.tuned)
    assert (one.weights, one.model) == (weights_mark(small.state_dict()), "small")
    assert person_file.pixels(one) is not None
    assert person_file.head(str(whole)).crop == one.crop


def test_stopped_before_anything_is_found_nothing_is_written(small, photo, tmp_path):
    path = tmp_path / "early.person"
    steps = person_making.make_person(small, photo, face_in(photo).landmarks, FEW, path)
    next(steps)
    steps.close()
    assert not path.exists()


def moved_track(G: Generator) -> MotionTrack:
    """Frame 4 is calm; 0 and 8 are turned to the sides; the mouth is open in 6; 2 was lost."""
    frames = np.arange(9)
    amounts = np.zeros((9, 2), np.float32)
    amounts[6, 1] = 1.0
    oval = np.stack([np.cos(frames[:1] + np.arange(478)), np.sin(np.arange(478))], axis=1)
    dim = G.config.motion_dim
    return replace(
        made_track(9),
        cameras=np.stack([5.0 * (frames - 4), 0 * frames], axis=1).astype(np.float32),
        amounts=amounts,
        found=frames != 2,
        points=np.tile(0.5 + 0.3 * oval, (9, 1, 1)).astype(np.float32),
        codes=np.zeros((9, dim), np.float32),
        rest=np.zeros(dim, np.float32),
        controls=np.zeros((2, dim), np.float32),
        weights=weights_mark(G.state_dict()),
    )


def test_key_frames_begin_with_the_calmest_and_show_every_side(small):
    track = moved_track(small)
    chosen = key_frames(track)
    assert chosen[0] == 4 and {0, 6, 8} < set(chosen) and 2 not in chosen
    still = replace(track, cameras=0 * track.cameras, amounts=0 * track.amounts)
    assert len(key_frames(still)) == 1


def test_the_driver_of_a_track_becomes_a_person(small, tmp_path):
    film = write_video(tmp_path / "a.mp4", [np.full((100, 100, 3), 9 * k, "u1") for k in range(9)])
    path, track = tmp_path / "a.track", moved_track(small)
    write_track(path, track)
    made = finish(person_making.make_person(small, path, (), FEW, tmp_path / "a.person"))
    person = person_file.read(str(made))
    assert person.tuned and abs(person.yaw) < 15
    film.unlink()
    with pytest.raises(UserError, match=r"video a\.mp4 was not found"):
        finish(person_making.make_person(small, path, (), FEW, tmp_path / "b.person"))
    write_track(path, replace(track, weights="0" * 16))
    with pytest.raises(UserError, match="another model"):
        finish(person_making.make_person(small, path, (), FEW, tmp_path / "b.person"))


def test_the_untrained_model_is_refused(photo, tmp_path, small_config):
    steps = person_making.make_person(
        Generator(small_config), photo, (), FEW, tmp_path / "a.person"
    )
    with pytest.raises(UserError, match="open a trained one"):
        finish(steps)
