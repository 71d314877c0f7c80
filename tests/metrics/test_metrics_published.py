"""The published evaluation's identity, chamfer and warping error, on known scenes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.metrics.noise_clips import SIDE
from training.camera import Camera
from training.distributed import World
from training.metrics import MetricsConfig, evaluate
from training.metrics.clip_windows import Stream, random_numbers
from training.metrics.detectors import prepare_faces
from training.metrics.geometry import back_project, project
from training.metrics.metric_session import Session
from training.metrics.published_views import (
    SIDE_PITCH,
    FourViews,
    PublishedView,
    median_chamfer,
    splat_error,
)


@pytest.fixture
def session(tmp_path, tiny_generator) -> Session:
    config = MetricsConfig(tmp_path / "G.safetensors", views=5, batch=2, side=32, device="cpu")
    return Session(tiny_generator, config, World(), quiet=True)


def published_camera(yaw: float) -> np.ndarray:
    """Position of the published evaluation's side camera; angles in radians."""
    v = (np.pi / 2 - 0.05) / np.pi
    phi, theta = np.arccos(1 - 2 * v), np.pi / 2 + yaw
    flat = 2.7 * np.sin(phi)
    return np.array([flat * np.cos(np.pi - theta), 2.7 * np.cos(phi), flat * np.sin(np.pi - theta)])


def test_the_side_camera_is_the_published_one():
    camera = Camera.orbit(30, SIDE_PITCH)
    assert camera.position == pytest.approx(published_camera(np.pi / 6), abs=1e-6)


def test_the_four_views_show_two_moments_from_two_sides(session, tiny_generator):
    G = tiny_generator
    front, later_side, side, later_front = FourViews(session, [3]).views
    first, second = random_numbers(0, Stream.TIMES, 3).integers(16, size=2) / 15
    assert first != second
    from training.metrics.clip_windows import draw_codes

    codes = draw_codes(G, 0, [3])
    for view, t, camera in (
        (front, first, Camera.orbit()),
        (later_side, second, Camera.orbit(30, SIDE_PITCH)),
        (side, first, Camera.orbit(30, SIDE_PITCH)),
        (later_front, second, Camera.orbit()),
    ):
        c = torch.from_numpy(camera.numbers())[None]
        frame = G(codes.z, codes.z_motion, torch.tensor([[t]]).float(), c)
        expected = ((frame.image.clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8)
        assert (view.image.int() - expected.int()).abs().max() <= 1
        assert view.depth.shape == (1, 1, SIDE, SIDE)


def view_of(points: torch.Tensor, opacity: torch.Tensor) -> PublishedView:
    empty = torch.zeros(0)
    return PublishedView(empty, empty, points[None], opacity[None], empty)


def test_chamfer_is_the_sum_of_both_median_squared_distances():
    first = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 0, 0]])
    second = torch.tensor([[0.1, 0, 0], [1, 0.2, 0], [2, 0, 0.3]])
    seen = torch.tensor([0.9, 0.9, 0.9, 0.2])
    found = median_chamfer(view_of(first, seen), view_of(second, torch.ones(3)))
    assert found.item() == pytest.approx(2 * 0.2**2)
    both = median_chamfer(view_of(first, torch.ones(4)), view_of(second, torch.ones(3)))
    assert both.item() == pytest.approx(0.2**2 * 2), "of two in the middle the lower one"
    nothing = median_chamfer(view_of(first, torch.zeros(4)), view_of(second, torch.ones(3)))
    assert nothing.isnan().all()


def test_rays_that_hit_little_end_far_away(session):
    view = FourViews(session, [0]).views[0]
    distance = (view.points - view.cameras[:, None, [3, 7, 11]]).norm(dim=-1)
    depth, far = view.depth.flatten(1), session.G.config.rendering.ray_end
    expected = view.opacity * depth + (1 - view.opacity) * far
    torch.testing.assert_close(distance, expected, atol=1e-5, rtol=0)


def wall_view(camera: Camera, colour: torch.Tensor, side: int) -> PublishedView:
    """A wall at z = 0 seen by a camera, of the colours uint8 [3, side, side]."""
    c = torch.from_numpy(camera.numbers())[None]
    one = back_project(torch.ones(1, 1, side, side), c)
    eye = c[:, None, [3, 7, 11]]
    depth = (-eye[..., 2] / (one - eye)[..., 2]).reshape(1, 1, side, side)
    return PublishedView(colour[None], depth, torch.zeros(1, 1, 3), torch.ones(1, 1), c)


def test_warping_carries_pixels_forward_and_the_last_one_stays():
    """Against the published loop over pixels, written out."""
    side = 24
    generator = torch.Generator().manual_seed(0)
    colours = torch.randint(0, 256, (2, 3, side, side), generator=generator, dtype=torch.uint8)
    front = wall_view(Camera.orbit(), colours[0], side)
    other = wall_view(Camera.orbit(30, SIDE_PITCH), colours[1], side)
    places, _ = project(back_project(other.depth, other.cameras), front.cameras)
    warped, hit = torch.zeros(3, side, side), torch.zeros(side, side, dtype=torch.bool)
    away = torch.zeros(side, side, dtype=torch.bool)
    for k, (x, y) in enumerate(places[0].tolist()):
        row, column = divmod(k, side)
        away[row, column] = not (0 <= x <= 1 and 0 <= y <= 1)
        i, j = (min(max(int(v * side), 0), side - 1) for v in (y, x))
        warped[:, i, j] = colours[1, :, row, column].float()
        hit[i, j] = True
    assert away.any()
    assert (hit & ~away).sum() < hit.sum()
    counts = hit & ~away
    expected = (warped - colours[0].float()).abs()[:, counts].mean().item()
    assert splat_error(front, other, side).item() == pytest.approx(expected, rel=1e-6)


def test_equal_views_have_no_warping_error():
    colour = torch.full((3, 16, 16), 77, dtype=torch.uint8)
    views = [wall_view(Camera.orbit(yaw, 0), colour, 16) for yaw in (0, 30)]
    assert splat_error(views[0], views[1], 32).item() == 0
    brighter = replace(views[1], image=views[1].image + 10)
    assert splat_error(views[0], brighter, 32).item() == pytest.approx(10)


def test_the_recogniser_sees_the_whole_picture():
    picture = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    ready = prepare_faces(picture, None)
    corner = picture[0, :, 0, 0].float() / 127.5 - 1
    torch.testing.assert_close(ready[0, :, 0, 0], corner)
    assert ready.shape == (1, 3, 112, 112)


def test_the_published_sum_does_not_depend_on_how_many_are_measured(session, scripts):
    """Chamfer is a sum over 1,000 people and four pairs each; fewer people stand for them."""
    named = {"metrics": "chamfer,warp,identity", "face_recogniser": scripts["face"]}
    config = replace(session.config, **named, run_torchscript=True)
    few = evaluate(config, World(), G=session.G).results
    assert few["chamfer"].value is not None
    four = FourViews(session, range(5))
    one = [median_chamfer(*pair) for pair in pairs_of(four)]
    expected = 1000 * torch.stack(one).sum(dim=0).mean().item()
    assert few["chamfer"].value == pytest.approx(expected, rel=1e-4)
    assert few["warp"].value is not None
    assert few["warp"].value < 255
    # Identity is that of whole pictures, in six pairs.
    seen = [prepare_faces(v.image, None)[:, :, ::16, ::16].flatten(1) for v in four.views]
    pairs = ((0, 2), (3, 1), (0, 1), (3, 2), (0, 3), (2, 1))
    alike = [torch.cosine_similarity(seen[a], seen[b]).mean().item() for a, b in pairs]
    assert few["identity"].value == pytest.approx(np.mean(alike), rel=1e-4)


def pairs_of(four: FourViews):
    front, later_side, side, later_front = four.views
    return (
        (front, side),
        (later_front, later_side),
        (front, later_side),
        (later_front, side),
    )
