from __future__ import annotations

import numpy as np
import pytest
import torch

from viz.portrait.camera.camera_fit import CameraFit, fit_camera, project
from viz.portrait.camera.cropping import crop, paste
from viz.portrait.camera.face_template import LIPS, canonical_template

TEMPLATE = canonical_template()


def landmarks(yaw: float, pitch: float, fit: CameraFit) -> np.ndarray:
    """The template as a photo shows it."""
    return fit.square.to_picture(project(TEMPLATE.points, yaw, pitch))


@pytest.mark.parametrize(
    "true",
    [
        CameraFit(0, 0, (300, 200), 150, 0),
        CameraFit(35, -12, (1000, 900), 800, 20),
        CameraFit(-60, 20, (64, 64), 90, -75),
        CameraFit(15, 8, (64, 64), 90, 175),
    ],
)
def test_the_camera_is_found_again(true):
    """Though the mouth is open and a tenth of the landmarks are far off."""
    points = landmarks(true.yaw, true.pitch, true)
    points[list(LIPS), 1] += 0.05 * true.side
    points[::10] += 0.1 * true.side
    found = fit_camera(TEMPLATE, points)
    assert found.yaw == pytest.approx(true.yaw, abs=0.5)
    assert found.pitch == pytest.approx(true.pitch, abs=0.5)
    assert found.side == pytest.approx(true.side, rel=0.01)
    assert found.angle == pytest.approx(true.angle, abs=0.5)
    assert found.centre == pytest.approx(true.centre, abs=0.005 * true.side)


def test_the_next_frame_starts_from_the_last():
    true = CameraFit(20, 5, (300, 200), 150, 10)
    points = landmarks(21, 6, true)
    again = fit_camera(TEMPLATE, points, start=true)
    assert again.yaw == pytest.approx(21, abs=0.1) and again.pitch == pytest.approx(6, abs=0.1)


def smooth_photo() -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(240.0), torch.arange(320.0), indexing="ij")
    return torch.stack([x / 320, y / 240, (torch.sin(x / 30) * torch.cos(y / 25) + 1) / 2])


@pytest.mark.parametrize("size", [64, 128, 300])
def test_crop_and_paste_are_inverse(size):
    photo = smooth_photo()
    fit = CameraFit(0, 0, (150.0, 110.0), 120.0, 25.0)
    cropped = crop(photo, fit, size)
    assert float(cropped.inside.min()) > 0.999
    back = paste(photo, cropped.picture, cropped.inside, fit)
    assert float((back - photo).abs().max()) < 0.03
    black = paste(photo, torch.zeros_like(cropped.picture), cropped.inside, fit)
    covered = (black.sum(0) < 1e-6).float().sum()
    assert float(covered) == pytest.approx(120**2, rel=0.03)


def test_beyond_the_photo_the_edge_goes_on():
    photo = torch.full((3, 100, 100), 0.7)
    cropped = crop(photo, CameraFit(0, 0, (0.0, 50.0), 80.0, 0), 64)
    assert torch.allclose(cropped.picture, torch.tensor(0.7), atol=1e-4)
    assert float(cropped.inside[:, :30].max()) == 0 and float(cropped.inside[:, 34:].min()) > 0.999
