"""Agreement of views on scenes whose geometry and disagreement are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.camera import FRONTAL, Camera, rays
from training.metrics import geometry
from training.metrics.consistency import small_orbit
from training.metrics.geometry import (
    back_project,
    chamfer_distance,
    clouds,
    depth_error,
    flicker,
    project,
    warp,
    warping_error,
)
from training.rendering import cast

SIDE_CAMERA = Camera.orbit(30)


def rendered_ball(camera, side=48):
    """The ball of `ball_view` as the volume renderer shows it."""

    def field(points):
        sigma = 20000 * (0.2 - points.norm(dim=-1))
        return sigma, 0.5 + 0.4 * torch.sin(12 * points)

    c = torch.from_numpy(camera.numbers())[None]
    result = cast(
        field,
        *rays(c, side),
        torch.tensor([[2.25, 3.3]]),
        depth_samples=48,
        importance_samples=48,
    )
    image = (result.features * 0.5 + 0.5).transpose(1, 2).reshape(1, 3, side, side)
    depth, opacity = (a.reshape(1, 1, side, side) for a in (result.depth, result.opacity))
    return geometry.View(image, depth, opacity, c)


def test_projection_undoes_back_projection():
    lens = (4.0, 0.1, 0.45, 0.0, 5.0, 0.55, 0.0, 0.0, 1.0)
    camera = Camera(Camera.orbit(25, -10, roll=7).cam2world, lens)
    c = torch.from_numpy(camera.numbers())[None]
    depth = 2 + torch.rand(1, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    places, distances = project(back_project(depth, c), c)
    v, u = torch.meshgrid((torch.arange(6) + 0.5) / 6, (torch.arange(8) + 0.5) / 8, indexing="ij")
    torch.testing.assert_close(places, torch.stack([u, v], -1).reshape(1, -1, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(distances, depth.flatten(1))


def test_points_behind_the_camera_have_no_place():
    behind = torch.tensor([[[0.0, 0.0, 5.0]]])
    places, _ = project(behind, torch.from_numpy(FRONTAL.numbers())[None])
    assert places.isnan().all()


def test_one_surface_seen_from_two_sides_agrees(ball_view):
    front, side = ball_view(FRONTAL), ball_view(SIDE_CAMERA)
    _, visible = warp(front, side)
    assert 0.6 < visible.sum() / front.foreground.sum() < 0.95, "a part is hidden, most is not"
    assert warping_error(front, side).item() < 0.01
    assert warping_error(rendered_ball(FRONTAL), rendered_ball(SIDE_CAMERA)).item() < 0.02


def test_warping_error_of_a_known_disagreement(ball_view):
    front, side = ball_view(FRONTAL), ball_view(SIDE_CAMERA)
    agreed = replace(side, image=torch.full_like(side.image, 0.3))
    dark = replace(front, image=torch.full_like(front.image, 0.05))
    assert warping_error(dark, agreed).item() == pytest.approx(0.25, rel=1e-5)


def test_flat_colours_hide_no_wrong_geometry(ball_view):
    """A picture that is carried by a ball of the wrong size lands beside itself."""
    front, side = ball_view(FRONTAL), ball_view(SIDE_CAMERA)
    wrong = replace(front, depth=front.depth - 0.05)
    right, error = warping_error(front, side), warping_error(wrong, side)
    assert error > 5 * right


def test_what_the_ball_hides_does_not_count(ball_view):
    """Behind the ball stands a wall: its points count where the side camera's rays to them miss the
    ball."""
    radius, wall = 0.2, -0.3
    front, side = (ball_view(camera, 64, radius, wall) for camera in (FRONTAL, SIDE_CAMERA))
    points = back_project(front.depth, front.cameras)[0].double()
    eye = torch.from_numpy(SIDE_CAMERA.position)
    ray = torch.nn.functional.normalize(points - eye, dim=-1)
    nearest = (eye - (ray @ eye)[:, None] * ray).norm(dim=-1)  # of the ray to the ball's centre
    on_wall = points[:, 2] < wall + 1e-4
    hidden = on_wall & (nearest < radius - 0.01)
    clear = on_wall & (nearest > radius + 0.01)
    places, _ = project(points[None].float(), side.cameras)
    in_picture = ((places > 0) & (places < 1)).all(-1)[0]
    _, visible = warp(front, side)
    visible = visible.flatten()
    assert hidden.sum() > 100
    assert not visible[hidden].any()
    assert visible[clear & in_picture].all()
    assert not visible[~in_picture].any()


def test_nothing_to_compare_is_nan(ball_view):
    front, side = ball_view(FRONTAL, 16), ball_view(SIDE_CAMERA, 16)
    empty = replace(front, opacity=torch.zeros_like(front.opacity))
    assert warping_error(empty, side).isnan().all()
    assert np.isnan(chamfer_distance(*clouds(empty), *clouds(side)))


def test_chamfer_distance_of_parallel_squares_is_their_distance():
    grid = np.stack(np.meshgrid(np.arange(20), np.arange(20)), -1).reshape(-1, 2) * 0.05
    first = np.concatenate([grid, np.zeros((400, 1))], axis=1)
    second = np.concatenate([grid, np.full((400, 1), 0.02)], axis=1)
    assert chamfer_distance(first, second) == pytest.approx(0.02)
    assert chamfer_distance(first, first) == 0


def test_chamfer_distance_is_the_mean_of_both_directions():
    first = np.array([[0.0, 0.0, 0.0]])
    second = np.array([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    assert chamfer_distance(first, second) == pytest.approx((1.0 + 2.0) / 2)


def test_chamfer_distance_of_a_rendered_ball_is_that_of_the_exact_one(ball_view):
    cameras = FRONTAL, SIDE_CAMERA
    exact = chamfer_distance(*(clouds(ball_view(camera, 48))[0] for camera in cameras))
    found = chamfer_distance(*(clouds(rendered_ball(camera))[0] for camera in cameras))
    assert found == pytest.approx(exact, rel=0.1)
    shrunk = clouds(ball_view(SIDE_CAMERA, 48, radius=0.15))[0]
    wrong = chamfer_distance(clouds(ball_view(FRONTAL, 48))[0], shrunk)
    assert wrong > exact + 0.03


def test_flicker_tells_detail_on_the_surface_from_detail_on_the_screen(ball_view):
    orbit = [ball_view(camera, 64) for camera in small_orbit(3, 6)]
    still = flicker(orbit)
    assert still.shape == (1,)
    assert still.item() < 0.01
    generator = torch.Generator().manual_seed(0)
    added = [0.1 * torch.rand(view.image.shape, generator=generator) for view in orbit]
    noisy = [replace(v, image=v.image + a) for v, a in zip(orbit, added, strict=True)]
    assert flicker(noisy).item() > 3 * still.item()


def test_the_small_orbit_is_a_circle_around_the_frontal_camera():
    cameras = small_orbit(3, 8)
    angles = [
        np.degrees(np.arccos(camera.position @ FRONTAL.position / 2.7**2)) for camera in cameras
    ]
    assert len(set(cameras)) == 8
    assert angles == pytest.approx([3] * 8, abs=0.01)


def test_depth_error_counts_the_mask_only():
    truth = torch.full((2, 1, 4, 4), 2.5)
    mask = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    mask[0, :, :, :2] = True
    depth = truth + torch.tensor([0.01, -0.03, 9.0, 9.0])
    errors = depth_error(depth, truth, mask)
    assert errors[0].item() == pytest.approx(0.02, rel=1e-4)
    assert errors[1].isnan()
