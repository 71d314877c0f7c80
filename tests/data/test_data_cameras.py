import numpy as np
import pytest
import torch

from training.camera import Camera, cropped, mirrored, rays
from training.data.camera_numbers import require_cameras
from training.data.source import ClipError

FLIP = torch.tensor([-1.0, 1.0, 1.0])


def skewed(cx: float) -> np.ndarray:
    """A camera in general position whose lens is as general as the 25 numbers allow."""
    numbers = Camera.orbit(25, -12, roll=8, radius=2.6, pivot=(0.1, 0.05, 0.2)).numbers()
    numbers[16:22] = 3.9, 0.125, cx, 0, 4.1, 0.4375
    return numbers


def mirrored_rays(numbers: np.ndarray, resolution: int | tuple[int, int]):
    """Rays of the mirrored camera, and the rays of the camera mirrored with pixel columns."""
    height, width = (resolution, resolution) if isinstance(resolution, int) else resolution
    origins, directions = rays(torch.from_numpy(numbers)[None], resolution)
    expected = directions.reshape(1, height, width, 3).flip(2).reshape(1, -1, 3) * FLIP
    return rays(torch.from_numpy(mirrored(numbers))[None], resolution), (origins * FLIP, expected)


@pytest.mark.parametrize("cx", [0.5, 0.5625])
def test_mirrored_camera_has_exactly_the_mirrored_rays(cx):
    """To the bit, since every number here is one that floats hold exactly when subtracted."""
    found, expected = mirrored_rays(skewed(cx), 16)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_mirrored_rays_at_any_lens_and_size():
    found, expected = mirrored_rays(skewed(0.4817), (9, 21))
    torch.testing.assert_close(found[1], expected[1], atol=2e-7, rtol=0)


def test_mirrored_camera_is_a_camera_and_twice_is_none():
    numbers = np.stack([skewed(0.5), skewed(0.625)])
    require_cameras(mirrored(numbers))
    assert np.array_equal(mirrored(mirrored(numbers)), numbers)


def test_yaw_turns_the_other_way():
    there = mirrored(Camera.orbit(30, 10, roll=5).numbers())
    assert np.allclose(there, Camera.orbit(-30, 10, roll=-5).numbers(), atol=1e-6)


def test_cropped_camera_has_the_rays_of_its_part():
    numbers = torch.from_numpy(skewed(0.4))[None]
    whole = rays(numbers, (8, 16))[1].reshape(8, 16, 3)
    part = torch.from_numpy(cropped(numbers.numpy(), 4 / 16, 2 / 8, 8 / 16, 4 / 8))
    assert torch.allclose(rays(part, (4, 8))[1].reshape(4, 8, 3), whole[2:6, 4:12], atol=1e-6)


def test_the_frame_of_a_bad_camera_is_named():
    numbers = np.stack([skewed(0.5)] * 3)
    numbers[1, 0] = np.nan
    with pytest.raises(ClipError, match=r"frame 11: the camera has numbers that are not finite$"):
        require_cameras(numbers, 10)
