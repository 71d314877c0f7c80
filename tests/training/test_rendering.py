"""Volume rendering on fields whose pictures are known."""

import math

import numpy as np
import pytest
import torch

from training import rendering
from training.camera import FRONTAL, rays
from training.rendering import cast, compositing_weights, importance_depths, stratified_depths

RANGE = torch.tensor([[2.25, 3.3]])


def sphere(radius: float, sharpness: float = 2000.0):
    """Opaque ball at the origin, coloured by the position on it."""

    def field(points):
        sigma = sharpness * (radius - points.norm(dim=-1))
        return sigma, (points * 0.5 + 0.5).clamp(0, 1)

    return field


def render_sphere(jitter=None, **options):
    origins, directions = rays(torch.from_numpy(FRONTAL.numbers())[None], 33)
    samples = {"depth_samples": 48, "importance_samples": 48, "jitter": jitter} | options
    return cast(sphere(0.25), origins, directions, RANGE, **samples)


def test_sphere_has_the_right_depth_opacity_and_colour():
    result = render_sphere()
    opacity = result.opacity.reshape(33, 33)
    assert opacity[16, 16] == pytest.approx(1, abs=1e-4)
    assert opacity[0, 0] == pytest.approx(0, abs=1e-4)
    # Half of the picture's width is 0.5 / 4.2647 of the distance; the ball's rim is at its sine.
    half_width = math.tan(math.asin(0.25 / 2.7)) * 4.2647 * 33
    covered = opacity[16].sum().item() / 2
    assert covered == pytest.approx(half_width, abs=0.75)
    middle = 16 * 33 + 16
    # Density k x at depth x below the surface stops light at sqrt(pi / 2 k) on average.
    into = math.sqrt(math.pi / (2 * 2000))
    assert result.depth[0, middle].item() == pytest.approx(2.7 - 0.25 + into, abs=0.001)
    assert result.features[0, middle, 2].item() == pytest.approx(0.25 - into, abs=0.002)
    assert result.depth[0, 0] == pytest.approx(3.3, abs=0.03), "empty rays end far away"


def test_the_default_samples_beat_one_quantile():
    """48 importance samples spread by quantiles find the surface better than 48 at one place."""
    truth = render_sphere(depth_samples=2000, importance_samples=0)
    hit = truth.opacity[0] > 0.99
    spread, single = (render_sphere(jitter, depth_samples=12) for jitter in (None, 0.5))
    errors = [
        (result.depth - truth.depth)[0, hit].abs().mean().item() for result in (spread, single)
    ]
    assert errors[0] < 0.7 * errors[1]


def test_empty_rays_have_finite_gradients():
    depths = torch.linspace(2, 3, 6).expand(1, 2, 6)
    sigma = torch.full((1, 2, 6), -200.0)  # so empty that the opacity is exactly 0
    sigma[0, 1, 3] = 5.0
    sigma.requires_grad_()
    result = rendering.composite(depths, sigma, torch.ones(1, 2, 6, 3))
    assert result.depth[0, 0].item() == 3.0
    (gradient,) = torch.autograd.grad(result.depth.sum() + result.opacity.sum(), sigma)
    assert torch.isfinite(gradient).all()


def test_white_background_fills_what_rays_miss():
    empty = render_sphere(white_background=True)
    assert torch.allclose(empty.features[0, 0], torch.ones(3), atol=1e-3)
    assert torch.allclose(render_sphere().features[0, 0], -torch.ones(3), atol=1e-3)


def test_weights_match_a_slow_reference():
    generator = torch.Generator().manual_seed(0)
    depths = torch.rand(2, 5, 9, generator=generator).sort(dim=-1).values + 2
    sigma = torch.randn(2, 5, 9, generator=generator) * 5
    weights = compositing_weights(depths, sigma)
    for m in range(2):
        for r in range(5):
            passed = 1.0
            for s in range(8):
                density = np.logaddexp(0, (sigma[m, r, s] + sigma[m, r, s + 1]).item() / 2 - 1)
                alpha = 1 - math.exp(-density * (depths[m, r, s + 1] - depths[m, r, s]).item())
                assert weights[m, r, s].item() == pytest.approx(alpha * passed, abs=1e-6)
                passed *= 1 - alpha + 1e-10


def test_stratified_depths_cover_the_range_and_take_any_jitter():
    middle = stratified_depths(RANGE, 3, 48)
    step = (3.3 - 2.25) / 47
    assert middle.shape == (1, 3, 48)
    assert middle[0, 0, 0].item() == pytest.approx(2.25 + step / 2)
    assert torch.equal(middle, stratified_depths(RANGE, 3, 48, 0.5))
    drawn = stratified_depths(RANGE, 3, 48, torch.Generator().manual_seed(1))
    assert (drawn.diff(dim=-1) > 0).all()
    assert (drawn[0, 0] != drawn[0, 1]).any(), "rays must have draws of their own"


def test_importance_depths_follow_the_weights():
    depths = stratified_depths(RANGE, 1, 48)
    weights = torch.zeros(1, 1, 47)
    weights[..., 20] = 1
    found = importance_depths(depths, weights, 64)
    assert (found.diff(dim=-1) >= 0).all()
    near = (found - depths[..., 20:22].mean()).abs() < 0.05
    assert near.float().mean() > 0.6
    assert found.min() >= depths.min()
    assert found.max() <= depths.max()


def test_random_draws_repeat_with_their_generator():
    first, second = (render_sphere(torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first.features, second.features)
    other = render_sphere(torch.Generator().manual_seed(8))
    assert not torch.equal(first.features, other.features)


def test_plane_axes_are_the_published_ones():
    """Planes 0, 1, 2 read (x, y), (x, z) and (z, x), the first coordinate across."""
    size = 64
    ramp = (torch.arange(size) + 0.5) / size * 2 - 1
    across, down = ramp.expand(size, size), ramp[:, None].expand(size, size)
    point = torch.tensor([[[0.1, -0.2, 0.3]]])
    x, y, z = (2 * point[0, 0]).tolist()
    for plane, (first, second) in enumerate([(x, y), (x, z), (z, x)]):
        planes = torch.zeros(1, 3, 2, size, size)
        planes[0, plane] = torch.stack([across, down])
        got = rendering.sample_planes(planes, point, box_warp=1.0)[0, 0] * 3
        assert got.tolist() == pytest.approx([first, second], abs=1e-5)
    outside = rendering.sample_planes(torch.ones(1, 3, 2, 8, 8), torch.full((1, 1, 3), 0.7), 1.0)
    assert outside.abs().max() == 0


def test_normals_of_a_sphere_point_outwards():
    points = torch.nn.functional.normalize(torch.randn(1, 50, 3), dim=-1) * 0.25
    normals = rendering.normals(lambda p: sphere(0.25)(p)[0], points, step=0.004)
    assert torch.allclose(normals, points / 0.25, atol=1e-3)
    flat = rendering.normals(lambda p: p[..., 0] * 0, points, step=0.004)
    assert flat.abs().max() == 0
