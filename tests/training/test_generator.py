import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.camera import FRONTAL, Camera
from training.config import GeneratorConfig, RenderingConfig
from training.networks.generator import Generator, parameter_count
from training.networks.layers import modulated_conv2d, resample_filter


def cameras(*yaws: float) -> torch.Tensor:
    return torch.stack([torch.from_numpy(Camera.orbit(yaw).numbers()) for yaw in yaws])


def codes(config: GeneratorConfig, count: int, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(count, config.z_dim, generator=generator)
    z_motion = torch.randn(count, config.motion_dim, generator=generator)
    t = torch.rand(count, 1, generator=generator)
    return z, z_motion, t


def test_full_size_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert parameter_count(Generator(GeneratorConfig())) == 44_320_383


VARIANTS = {
    "full parts": {},
    "4X": {"superresolution": "4X", "superresolution_channels": (4, 4)},
    "8X": {"superresolution": "8X", "superresolution_channels": (4, 4)},
    "8XDC": {"superresolution": "8XDC", "superresolution_channels": (4, 4)},
    "no super-resolution": {"superresolution": "none", "superresolution_channels": None},
    "still (EG3D)": {"motion_dim": 0, "raw_layer": False},
    "clamped, one mapping layer": {"conv_clamp": 256.0, "mapping_layers": 1},
    "white background": {"rendering": RenderingConfig(raw_resolution=8, white_background=True)},
    "no importance samples": {"rendering": RenderingConfig(8, 16, 0)},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_variant_gives_pictures(small_config, changes):
    config = replace(small_config, **changes)
    G = Generator(config).eval().requires_grad_(False)
    z, z_motion, t = codes(config, 2)
    frame = G(z, z_motion, t, cameras(0, 20))
    size, raw_size = config.image_resolution, config.rendering.raw_resolution
    assert frame.image.shape == (2, 3, size, size)
    assert frame.raw.features.shape == (2, config.feature_channels, raw_size, raw_size)
    for picture in (frame.image, frame.raw.image, frame.raw.depth, frame.raw.opacity):
        assert torch.isfinite(picture).all()
    assert frame.raw.opacity.min() >= 0
    assert frame.raw.opacity.max() <= 1 + 1e-5


def test_a_batch_equals_its_members(small_generator):
    z, z_motion, t = codes(small_generator.config, 3)
    c = cameras(-30, 0, 40)
    together = small_generator(z, z_motion, t, c)
    for k in range(3):
        alone = small_generator(z[k : k + 1], z_motion[k : k + 1], t[k : k + 1], c[k : k + 1])
        assert torch.allclose(alone.image[0], together.image[k], atol=1e-4)
        assert torch.allclose(alone.raw.depth[0], together.raw.depth[k], atol=1e-4)


def test_several_cameras_share_one_set_of_planes(small_generator):
    G = small_generator
    z, z_motion, t = codes(G.config, 2)
    ws = G.mapping(z)
    planes = G.planes(ws, z_motion, t)
    c = cameras(-30, 0, 40, 10, 20, 30)
    raw = G.render(planes, ws, c)
    images = G.superresolve(raw, ws)
    for m in range(6):
        person = slice(m // 3, m // 3 + 1)
        alone = G.render(planes[person], ws[person], c[m : m + 1])
        assert torch.allclose(alone.image[0], raw.image[m], atol=1e-4)
        image = G.superresolve(alone, ws[person])
        assert torch.allclose(image[0], images[m], atol=1e-4)
    with pytest.raises(ValueError, match="cameras"):
        G.render(planes, ws, c[:5])


def test_time_zero_is_the_rest_pose_of_every_motion(small_generator):
    G = small_generator
    ws = G.mapping(codes(G.config, 1)[0])
    first, second = codes(G.config, 2)[1].split(1)
    rest, moved = torch.zeros(1, 1), torch.ones(1, 1)
    assert torch.equal(G.planes(ws, first, rest), G.planes(ws, second, rest))
    assert not torch.allclose(G.planes(ws, first, moved), G.planes(ws, second, moved))


def test_pictures_are_deterministic(small_generator):
    z, z_motion, t = codes(small_generator.config, 1)
    first, second = (small_generator(z, z_motion, t, cameras(10)).image for _ in range(2))
    assert torch.equal(first, second)


def test_chunks_of_rays_do_not_change_the_picture(small_generator, monkeypatch):
    from training.networks import generator

    G = small_generator
    z, z_motion, t = codes(G.config, 1)
    ws = G.mapping(z)
    planes = G.planes(ws, z_motion, t)
    calls = []
    whole = G.render(planes, ws, cameras(15), with_normals=True)
    monkeypatch.setattr(generator, "_POINTS_AT_ONCE", 600)
    with torch.no_grad():
        parts = G.render(
            planes, ws, cameras(15), with_normals=True, on_chunk=lambda: calls.append(1)
        )
    assert len(calls) == 6
    assert torch.allclose(whole.image, parts.image, atol=1e-5)
    assert whole.normals is not None
    assert parts.normals is not None
    assert torch.allclose(whole.normals, parts.normals, atol=1e-4)


def test_a_picture_can_be_abandoned_between_chunks(small_generator):
    class SupersededError(Exception):
        pass

    def stop():
        raise SupersededError

    z, z_motion, t = codes(small_generator.config, 1)
    ws = small_generator.mapping(z)
    planes = small_generator.planes(ws, z_motion, t)
    with pytest.raises(SupersededError):
        small_generator.render(planes, ws, cameras(0), on_chunk=stop)


def test_normals_are_unit_vectors_and_follow_the_density_gradient(small_generator):
    G = small_generator
    z, z_motion, t = codes(G.config, 1)
    ws = G.mapping(z)
    planes = G.planes(ws, z_motion, t)
    raw = G.render(planes, ws, cameras(0), with_normals=True)
    assert raw.normals is not None
    assert torch.allclose(raw.normals.norm(dim=1), torch.ones(1, 16, 16), atol=1e-4)

    points = (torch.rand(1, 400, 3) - 0.5) * 0.8
    points.requires_grad_(True)
    sigma = G.sample(planes, points)[0]
    (gradient,) = torch.autograd.grad(sigma.sum(), points)
    exact = -torch.nn.functional.normalize(gradient, dim=-1)
    from training.rendering import normals

    step = 0.1 / G.config.plane_resolution  # well inside a texel, where the planes are smooth
    found = normals(lambda p: G.sample(planes, p)[0].detach(), points.detach(), step)
    agreement = (found * exact).sum(dim=-1)
    assert agreement.median() > 0.99


def test_gradients_reach_every_parameter_and_input(small_config):
    G = Generator(small_config)
    for parameter in G.parameters():
        if parameter.ndim == 0:
            torch.nn.init.constant_(parameter, 0.1)  # noise strengths start at 0
    z, z_motion, t = (x.requires_grad_() for x in codes(small_config, 2))
    c = cameras(0, 20).requires_grad_()
    frame = G(z, z_motion, t, c)
    loss = frame.image.square().mean() + frame.raw.image.square().mean()
    (loss + frame.raw.depth.mean()).backward()
    unused = {  # super-resolution runs without noise
        name for name, _ in G.named_parameters() if "superres" in name and "noise" in name
    }
    for name, parameter in G.named_parameters():
        if name not in unused:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
    for x in (z, z_motion, t, c):
        assert x.grad is not None
        assert x.grad.abs().sum() > 0


def test_noise_is_stored_off_or_drawn(small_config):
    G = Generator(small_config).eval().requires_grad_(False)
    for parameter in G.parameters():
        if parameter.ndim == 0:
            parameter.fill_(0.5)
    z, z_motion, t = codes(small_config, 1)
    ws = G.mapping(z)
    stored, off = (G.planes(ws, z_motion, t, noise=noise) for noise in ("const", "none"))
    drawn = G.planes(ws, z_motion, t, noise=torch.Generator().manual_seed(0))
    again = G.planes(ws, z_motion, t, noise=torch.Generator().manual_seed(0))
    assert not torch.allclose(stored, off)
    assert not torch.allclose(stored, drawn)
    assert torch.equal(drawn, again)


def test_truncation(small_generator):
    G = small_generator
    z = codes(G.config, 2)[0]
    full, none = G.mapping(z), G.mapping(z, truncation_psi=0)
    assert torch.equal(none, G.backbone.mapping.w_avg.expand_as(none))
    half = G.mapping(z, truncation_psi=0.5, truncation_cutoff=3)
    assert torch.allclose(half[:, :3], (full[:, :3] + none[:, :3]) / 2)
    assert torch.equal(half[:, 3:], full[:, 3:])


def test_conditioning_camera_is_the_frontal_one_by_default(small_generator):
    z = codes(small_generator.config, 2)[0]
    frontal = torch.from_numpy(FRONTAL.numbers())[None]
    assert torch.equal(small_generator.mapping(z), small_generator.mapping(z, frontal))
    assert not torch.equal(small_generator.mapping(z), small_generator.mapping(z, cameras(40)))


@pytest.mark.parametrize("resolution", [8, 31, (12, 20)])
def test_any_raw_resolution(small_generator, resolution):
    G = small_generator
    z, z_motion, t = codes(G.config, 1)
    ws = G.mapping(z)
    raw = G.render(G.planes(ws, z_motion, t), ws, cameras(0), resolution=resolution)
    expected = (resolution, resolution) if isinstance(resolution, int) else resolution
    assert tuple(raw.image.shape[2:]) == expected


def test_wrong_shapes_say_what_fits(small_generator):
    G = small_generator
    with pytest.raises(ValueError, match=r"z has shape \[1, 5\]; this model takes \[N, 16\]"):
        G.mapping(torch.zeros(1, 5))
    ws = G.mapping(torch.zeros(1, 16))
    with pytest.raises(ValueError, match="needs z_motion and t"):
        G.planes(ws, None, None)


def test_point_colours_match_the_raw_picture_of_an_opaque_point(small_generator):
    G = small_generator
    z, z_motion, t = codes(G.config, 1)
    ws = G.mapping(z)
    features = G.sample(G.planes(ws, z_motion, t), torch.zeros(1, 4, 3))[1]
    colors = G.point_colors(features, ws)
    assert colors.shape == (1, 4, 3)
    pixels = (features * 2 - 1).transpose(1, 2)[..., None]
    assert G.to_img_raw is not None
    expected = G.to_img_raw(pixels, ws[:, 0])[0, :, :, 0].t() * 0.5 + 0.5
    assert torch.allclose(colors[0], expected.clamp(0, 1), atol=1e-6)


_MEMORY = """
import resource, torch
from training.camera import Camera
from training.config import GeneratorConfig
from training.networks.generator import Generator

torch.set_grad_enabled(False)
config = GeneratorConfig()
G = Generator(config).eval()
ws = G.mapping(torch.randn(1, 512))
planes = G.planes(ws, torch.randn(1, 512), torch.ones(1, 1))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

for k in range(8):
    c = torch.from_numpy(Camera.orbit(10 * k).numbers())[None]
    image = G.superresolve(G.render(planes, ws, c), ws)
    if k == 0:
        one = peak()
print(one, peak())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads peak memory as Linux reports it")
def test_memory_of_a_full_size_frame():
    """Under 3 GB for one 512 px frame, libraries included, and flat over eight cameras."""
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", _MEMORY], cwd=root, capture_output=True, text=True, check=True
    )
    one, eight = map(float, run.stdout.split())
    assert one < 3.0
    assert eight < one + 0.25


@pytest.mark.parametrize("count", [1, 2])
def test_strong_styles_do_not_leave_float16(count):
    """Squares of trained styles, summed over the channels, exceed the format's 65504."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 512, 2, 2, generator=generator)
    weight = torch.randn(8, 512, 1, 1, generator=generator)
    styles = 15 * torch.randn(count, 512, generator=generator)
    exact = modulated_conv2d(x, weight, styles)
    with torch.autocast("cpu", torch.float16):
        close = modulated_conv2d(x, weight, styles)
    assert (close - exact).abs().max() < 0.01 * exact.abs().max()


@pytest.mark.parametrize("up", [False, True])
def test_frozen_weights_change_neither_pictures_nor_gradients(up):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 6, 5, 5, generator=generator).requires_grad_()
    weight = torch.randn(4, 6, 3, 3, generator=generator)
    styles = torch.randn(1, 6, generator=generator).requires_grad_()
    kernel = resample_filter() if up else None
    found = []
    for frozen in (weight, weight.clone().requires_grad_()):
        y = modulated_conv2d(x, frozen, styles, up_kernel=kernel)
        found.append([y, *torch.autograd.grad(y.square().sum(), [x, styles])])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_sums_over_channels_do_not_leave_float16(count):
    """Pictures scaled by such styles sum up to infinity, unless styles and weights are normalised
    first; gradients are those of float32."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 512, 4, 4, generator=generator)
    weight = (30 * torch.randn(8, 512, 3, 3, generator=generator)).requires_grad_()
    styles = (1000 * torch.randn(count, 512, generator=generator)).requires_grad_()
    target = torch.randn(count, 8, 4, 4, generator=generator)
    found = []
    for half in (False, True):
        with torch.autocast("cpu", torch.float16, enabled=half):
            y = modulated_conv2d(x, weight, styles)
        gradients = torch.autograd.grad((y.float() * target).sum(), [weight, styles])
        found.append([y.float(), *gradients])
    for exact, close in zip(*found, strict=True):
        assert (close - exact).abs().max() < 0.02 * exact.abs().max()
