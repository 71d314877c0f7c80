"""The face networks give what LiteRT gives for MediaPipe's files, see `litert_outputs.npz`: the
crop (130, 10) to (330, 210) of the astronaut, resized to each network's size by Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from viz.portrait.faces.face_net import face_net
from viz.portrait.faces.landmark_nets import net_landmarks

OUTPUTS = np.load(Path(__file__).with_name("litert_outputs.npz"))


def face(size: int) -> Tensor:
    """The astronaut's face, [1, 3, size, size] in 0..1."""
    picture = Image.fromarray(data.astronaut()).crop((130, 10, 330, 210)).resize((size, size))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255


@torch.no_grad()
def test_landmarks():
    points, logit = face_net("face_landmark")(face(192))
    assert np.abs(points.reshape(468, 3).numpy() - OUTPUTS["landmarks"]).max() < 1e-3
    assert abs(float(logit) - float(OUTPUTS["landmark_logit"][0])) < 1e-3


@torch.no_grad()
def test_detector():
    numbers, logits = face_net("face_detection_full_range")(face(192) * 2 - 1)
    assert np.abs(numbers[0, ::9].numpy() - OUTPUTS["detector_numbers"]).max() < 1e-3
    assert np.abs(logits[0, ::9].numpy() - OUTPUTS["detector_logits"]).max() < 1e-3


@torch.no_grad()
def test_irises():
    """Its weights, unlike the others', were halved: 0.005 of the picture's 64 pixels are left."""
    eye, iris = face_net("iris_landmark")(face(64))
    assert np.abs(eye.reshape(71, 3).numpy() - OUTPUTS["eye"]).max() < 64e-4
    assert np.abs(iris.reshape(5, 3).numpy() - OUTPUTS["iris"]).max() < 64e-4


def test_a_network_that_is_called_often_gives_the_same():
    """It is traced after some calls, also where gradients are wanted later."""
    net, picture = face_net("iris_landmark"), face(64)
    with torch.inference_mode():
        found = [net(picture + 0.0) for _ in range(15)]
        other = net(picture.flip(-1))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(found[0], found[-1], strict=True))
    assert not torch.allclose(other[0], found[0][0], atol=0.1)
    wanted = picture.clone().requires_grad_()
    assert net(wanted)[0].sum().requires_grad


def test_gradients_reach_the_picture():
    """The mouth's landmarks depend on the pixels around the mouth more than on the background."""
    picture = face(192).requires_grad_()
    found = net_landmarks(picture, with_features=True)
    assert [f.shape[-1] for f in found.features] == [48, 24, 12, 6]
    mouth = found.points[0, [13, 14], 1].sum() + sum(f.mean() for f in found.features) * 0
    (gradient,) = torch.autograd.grad(mouth, picture)
    x, y = (int(v * 192) for v in found.points[0, 13, :2])
    near = gradient[..., y - 15 : y + 15, x - 15 : x + 15].abs().mean()
    assert near > 3 * gradient[..., :30, :30].abs().mean() > 0


def test_pictures_of_a_batch_do_not_mix():
    picture = face(192)
    both = net_landmarks(torch.cat([picture, picture.flip(-1)]))
    assert torch.allclose(both.points[0], net_landmarks(picture).points[0], atol=1e-5)
    assert both.logit.tolist() == pytest.approx([27.6, 27.6], abs=4)
