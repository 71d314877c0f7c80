from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from viz.portrait.faces.finding import face_by_hand, find_faces, refined
from viz.portrait.faces.matting import matte

EYES = ((206.0, 102.5), (245.5, 105.5))
"""Pupils of the astronaut, seen by eye, in pixels."""


@pytest.fixture(scope="module")
def astronaut() -> Tensor:
    return picture(data.astronaut())


def picture(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).permute(2, 0, 1).float() / 255


def pupils(face) -> np.ndarray:
    return face.irises[:, 0]


@pytest.mark.parametrize("turns", range(4))
def test_a_face_is_found_however_the_picture_is_turned(astronaut, turns):
    """Pupils lie where they are; a face that stands on its head is not taken for an upright one."""
    (face,) = find_faces(torch.rot90(astronaut, turns, (1, 2)))
    side = 512
    expected = np.array(EYES)
    for _ in range(turns):  # counterclockwise, as rot90
        expected = np.stack([expected[:, 1], side - expected[:, 0]], axis=1)
    assert np.abs(pupils(face) - expected).max() < 3
    assert face.remark == ""


def test_faces_come_by_size_and_small_ones_are_remarked(astronaut):
    small = torch.nn.functional.interpolate(
        astronaut[None], scale_factor=0.35, antialias=True, mode="bilinear"
    )[0]
    both = torch.ones(3, 512, 800)
    both[:, :, :512], both[:, 20 : 20 + small.shape[1], 560 : 560 + small.shape[2]] = (
        astronaut,
        small,
    )
    first, second = find_faces(both)
    assert first.remark == "" and first.box[2] < 400
    assert second.box[0] > 560 and "pixels high" in second.remark


def test_a_face_that_is_cut_off_is_remarked(astronaut):
    (face,) = find_faces(astronaut[:, :, 215:])
    assert "cut off" in face.remark


def test_thirty_faces(astronaut):
    head = torch.nn.functional.interpolate(
        astronaut[None, :, :200, 125:325], size=(96, 96), antialias=True, mode="bilinear"
    )[0]
    crowd = torch.cat([torch.cat([head] * 6, dim=2)] * 5, dim=1)
    assert len(find_faces(crowd)) == 30


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket"])
def test_cats_and_things_are_no_faces(name):
    assert find_faces(picture(getattr(data, name)())) == []


def test_a_face_is_followed_from_frame_to_frame(astronaut):
    (face,) = find_faces(astronaut)
    moved = torch.roll(astronaut, (4, -6), (1, 2))
    followed = refined(moved, face.square, rounds=1)
    assert followed is not None
    assert np.abs(pupils(followed) - pupils(face) - (-6, 4)).max() < 0.6


def test_box_and_eyes_by_hand(astronaut):
    (face,) = find_faces(astronaut)
    drawn = face_by_hand(astronaut, (170, 65, 280, 185))
    assert np.abs(pupils(drawn) - pupils(face)).max() < 2
    eyes = ((200.0, 110.0), (250.0, 100.0))
    moved = face_by_hand(astronaut, (170, 65, 280, 185), eyes)
    centres = [moved.landmarks[list(pair), :2].mean(0) for pair in ((33, 133), (263, 362))]
    assert np.allclose(centres, eyes, atol=1e-3)


def test_the_matte_keeps_the_head(astronaut):
    head = astronaut[:, 10:210, 125:325]
    mask = matte(head)
    assert mask.shape == (200, 200)
    assert float(mask[60:160, 70:130].min()) > 0.95  # the face
    assert float(mask[:60, :20].max()) < 0.05  # the wall beside it
