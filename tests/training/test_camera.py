import math

import numpy as np
import pytest
import torch

from training.camera import (
    FOCAL_LENGTH,
    FRONTAL,
    PIVOT,
    RADIUS,
    Camera,
    focal_from_fov,
    fov_from_focal,
    orbits,
    rays,
)


def test_frontal_camera_is_the_published_canonical_one():
    assert np.allclose(FRONTAL.rotation, np.diag([1, -1, -1]))
    assert np.allclose(FRONTAL.position, [0, 0, 2.7])
    assert FRONTAL.intrinsics[0] == FOCAL_LENGTH


@pytest.mark.parametrize("yaw,pitch", [(0, 0), (30, 0), (-70, 20), (180, 5), (10, -60), (0, 90)])
def test_orbit_has_true_angles_and_looks_at_the_pivot(yaw, pitch):
    camera = Camera.orbit(yaw, pitch)
    x, y, z = camera.position / RADIUS
    assert math.degrees(math.asin(np.clip(y, -1, 1))) == pytest.approx(pitch, abs=1e-5)
    if abs(pitch) < 90:
        assert math.degrees(math.atan2(x, z)) == pytest.approx(yaw, abs=1e-5)
    to_pivot = np.array(PIVOT) - camera.position
    assert np.allclose(camera.rotation[:, 2], to_pivot / np.linalg.norm(to_pivot))
    assert np.allclose(camera.rotation.T @ camera.rotation, np.eye(3))
    assert np.linalg.det(camera.rotation) == pytest.approx(1)
    assert camera.rotation[1, 1] <= 1e-9, "the picture's down axis must not point up"


def test_moving_the_pivot_moves_the_orbit_along():
    moved = Camera.orbit(40, 10, pivot=(0.1, -0.2, 0.5))
    assert np.allclose(moved.position - Camera.orbit(40, 10).position, [0.1, -0.2, 0.3])
    assert np.allclose(moved.rotation, Camera.orbit(40, 10).rotation)


def test_roll_turns_the_picture_and_keeps_the_view():
    rolled = Camera.orbit(20, 10, roll=90)
    level = Camera.orbit(20, 10)
    assert np.allclose(rolled.rotation[:, 0], level.rotation[:, 1])
    assert np.allclose(rolled.rotation[:, 2], level.rotation[:, 2])


def test_the_25_numbers_go_both_ways():
    camera = Camera.orbit(12.5, -7, roll=3, radius=2.9, pivot=(0.01, 0.02, 0.2), fov=20)
    numbers = camera.numbers()
    assert numbers.dtype == np.float32
    again = Camera.from_numbers(numbers).numbers()
    assert np.array_equal(numbers, again)
    assert camera.fov == pytest.approx(20)
    assert fov_from_focal(focal_from_fov(33.0)) == pytest.approx(33.0)


@pytest.mark.parametrize(
    "change",
    [
        lambda n: n[:24],
        lambda n: np.where(np.arange(25) == 3, np.nan, n),
        lambda n: np.where(np.arange(25) == 0, 5.0, n),  # no rotation
        lambda n: np.where(np.arange(25) < 16, -n, n),  # a mirror
        lambda n: np.where(np.arange(25) == 16, -1.0, n),  # focal length
    ],
)
def test_numbers_that_make_no_camera_are_refused(change):
    with pytest.raises(ValueError, match="camera"):
        Camera.from_numbers(change(FRONTAL.numbers().astype(np.float64)))


@pytest.mark.parametrize("fov", [0, -3, 180, 1000])
def test_impossible_field_of_view_is_refused(fov):
    with pytest.raises(ValueError, match="field of view"):
        Camera.orbit(fov=fov)


@pytest.mark.parametrize(
    "camera",
    [FRONTAL, Camera.orbit(50, -20, roll=15, fov=30), Camera.orbit(0, 90)],
)
def test_rays_and_projection_agree(camera):
    """A point on a pixel's ray projects to that pixel's centre."""
    height, width = 6, 9
    c = torch.from_numpy(camera.numbers())[None]
    origins, directions = rays(c, (height, width))
    assert torch.allclose(directions.norm(dim=-1), torch.ones(1, height * width))
    points = (origins[:, None] + 2.5 * directions)[0].numpy()
    clip = np.c_[points, np.ones(len(points))] @ camera.projection().T
    ndc = clip[:, :2] / clip[:, 3:]
    v, u = np.mgrid[0:height, 0:width]
    assert np.allclose((ndc[:, 0] + 1) / 2 * width, u.ravel() + 0.5, atol=1e-3)
    assert np.allclose((1 - ndc[:, 1]) / 2 * height, v.ravel() + 0.5, atol=1e-3)
    assert (clip[:, 3] > 0).all()


def test_skew_and_off_centre_intrinsics_reach_the_rays():
    numbers = FRONTAL.numbers()
    numbers[17], numbers[18] = 0.3, 0.4  # skew, cx
    camera = Camera.from_numbers(numbers)
    _, directions = rays(torch.from_numpy(numbers)[None], 8)
    points = camera.position + 2 * directions[0].numpy()
    local = (points - camera.position) @ camera.rotation
    lens = np.reshape(camera.intrinsics, (3, 3))
    pixels = local @ lens.T
    pixels = pixels[:, :2] / pixels[:, 2:] * 8
    v, u = np.mgrid[0:8, 0:8]
    assert np.allclose(pixels, np.c_[u.ravel() + 0.5, v.ravel() + 0.5], atol=1e-3)


def test_ray_range_follows_the_camera():
    assert FRONTAL.ray_range(2.25, 3.3) == (2.25, 3.3)
    near, far = Camera.orbit(30, 10, radius=3.7).ray_range(2.25, 3.3)
    assert (near, far) == pytest.approx((3.25, 4.3), abs=1e-6)
    assert Camera.orbit(radius=0.3).ray_range(2.25, 3.3)[0] > 0


def test_orbits_are_those_of_the_camera_and_have_gradients():
    angles = torch.tensor([[0.0, 0, 0], [35, -20, 10], [-70, 15, -5]], requires_grad=True)
    expected = [
        Camera.orbit(yaw, pitch, roll=roll).numbers() for yaw, pitch, roll in angles.tolist()
    ]
    torch.testing.assert_close(orbits(angles), torch.from_numpy(np.stack(expected)))
    assert torch.autograd.gradcheck(orbits, angles.detach().double().requires_grad_())
