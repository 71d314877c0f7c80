"""Logits, losses and gradients against the published implementation's training step."""

import json

import numpy as np
import pytest
import torch

from training.camera import Camera
from training.config import DiscriminatorConfig, GeneratorConfig
from training.networks.discriminators import ImageDiscriminator, VideoDiscriminator, frame_pairs
from training.networks.generator import Generator
from training.networks.layers import resample_filter
from training.train import losses

VIDEO_WEIGHT = 0.65
GAMMA = 2.0
R1_INTERVAL = 16
DENSITY_INTERVAL = 4
DENSITY_WEIGHT = 0.6


def filled(fill, module, shapes):
    assert {name: list(x.shape) for name, x in module.state_dict().items()} == shapes
    state = {}
    for name, shape in shapes.items():
        value = fill.fill_value(name, shape)
        state[name] = resample_filter() if value is None else torch.from_numpy(np.array(value))
    module.load_state_dict(state)
    return module.train()


class Published:
    """Networks on the parity weights, the step's inputs, and the published numbers."""

    def __init__(self, parity, fill) -> None:
        names = json.loads((parity / "state_names_discriminators_tiny.json").read_text())
        generator_names = json.loads((parity / "state_names_tiny.json").read_text())
        self.G = filled(
            fill, Generator(GeneratorConfig(channel_base=2048, channel_max=32)), generator_names
        )
        config = DiscriminatorConfig(channel_base=2048, channel_max=32)
        self.D_image = filled(fill, ImageDiscriminator(config), names["img_discriminator"])
        self.D_video = filled(fill, VideoDiscriminator(config), names["vid_discriminator"])
        with np.load(parity / "training_tiny.npz") as data:
            self.want = dict(data)

        def value(name, shape):
            return torch.from_numpy(fill.input_value(f"train/{name}", shape))

        self.real = 0.5 * value("real_image", (4, 3, 512, 512))
        self.real_raw = 0.5 * value("real_image_raw", (4, 3, 64, 64))
        self.z = value("z", (2, 512)).repeat_interleave(2, dim=0)
        self.z_motion = value("z_motion", (2, 512)).repeat_interleave(2, dim=0)
        self.t = torch.tensor([[0.2], [0.7], [0.0], [0.9]])
        self.points = value("points", (4, 1000, 3)) / np.sqrt(3)
        self.nearby = self.points + 0.004 * value("perturb", (4, 1000, 3))
        angles = [(0, 0), (0.1, -0.05), (-0.4, 0.2), (-0.3, 0.1)]
        self.c = torch.stack([published_orbit(yaw, pitch) for yaw, pitch in angles])

    def fake(self):
        ws = self.G.mapping(self.z, losses.swapped_cameras(self.c, 1.0))
        planes = self.G.planes(ws, self.z_motion, self.t)
        raw = self.G.render(planes, ws, self.c, jitter=0.5)
        return self.G.superresolve(raw, ws), raw.image

    def judge(self, image, raw):
        pairs = frame_pairs(image, self.t)
        return self.D_image(image, raw, self.c), self.D_video(pairs, self.c.reshape(2, 50))

    def assert_close(self, name: str, ours, bound: float = 1e-3) -> None:
        ours = np.asarray(ours.detach() if torch.is_tensor(ours) else ours, np.float64)
        theirs = np.asarray(self.want[name], np.float64)
        error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
        assert error <= bound, f"{name}: relative error {error:.2e}"

    def assert_gradients(self, tag: str, module) -> None:
        names = self.want[f"{tag}/names"].tolist()
        found = dict(module.named_parameters())
        norms = [0.0 if (g := found[name].grad) is None else g.norm().item() for name in names]
        self.assert_close(f"{tag}/values", np.array(norms))
        largest = max(self.want[f"{tag}/values"])
        for name, norm, theirs in zip(names, norms, self.want[f"{tag}/values"], strict=True):
            assert abs(norm - theirs) <= 1e-2 * theirs + 1e-6 * largest, name


def published_orbit(yaw: float, pitch: float) -> torch.Tensor:
    """Camera numbers of the published sampler, radians (its pitch is not the true angle)."""
    phi = np.arccos(1 - 2 * (np.pi / 2 + pitch) / np.pi)
    camera = Camera.orbit(np.degrees(yaw), np.degrees(np.pi / 2 - phi))
    return torch.from_numpy(camera.numbers())


@pytest.fixture(scope="module")
def published(parity, fill):
    return Published(parity, fill)


@pytest.fixture(autouse=True)
def fresh_gradients(published):
    for module in (published.G, published.D_image, published.D_video):
        module.zero_grad(set_to_none=True)


def test_generator_step(published):
    image, raw = published.fake()
    published.assert_close("fake_raw", raw, 1e-4)
    published.assert_close("fake_image_stride8", image[..., ::8, ::8], 1e-4)
    image_logits, video_logits = published.judge(image, raw)
    published.assert_close("fake_logits_img", image_logits)
    published.assert_close("fake_logits_vid", video_logits)
    loss = losses.generator_loss(image_logits)
    loss = loss + VIDEO_WEIGHT * losses.generator_loss(video_logits)
    published.assert_close("loss_Gmain", loss)
    loss.backward()
    published.assert_gradients("gradnorm_Gmain", published.G)


def test_density_regularisation_step(published):
    G = published.G
    ws = G.mapping(published.z, losses.swapped_cameras(published.c, 1.0))
    planes = G.planes(ws, published.z_motion, published.t)
    sigma = G.sample(planes, torch.cat([published.points, published.nearby], dim=1))[0]
    loss = losses.density_loss(*sigma.chunk(2, dim=1)) * DENSITY_WEIGHT * DENSITY_INTERVAL
    published.assert_close("loss_Greg", loss)
    loss.backward()
    published.assert_gradients("gradnorm_Greg", G)


def test_discriminator_step(published):
    with torch.no_grad():
        image, raw = published.fake()
    fake = published.judge(image, raw)
    real = published.judge(published.real, published.real_raw)
    published.assert_close("real_logits_img", real[0])
    published.assert_close("real_logits_vid", real[1])
    loss = losses.discriminator_loss(real[0], fake[0])
    loss = loss + VIDEO_WEIGHT * losses.discriminator_loss(real[1], fake[1])
    published.assert_close("loss_Dmain", loss)
    loss.backward()
    published.assert_gradients("gradnorm_Dmain_img", published.D_image)
    published.assert_gradients("gradnorm_Dmain_vid", published.D_video)


def test_r1_step(published):
    image = published.real.clone().requires_grad_()
    raw = published.real_raw.clone().requires_grad_()
    image_penalty = losses.r1_penalty(published.D_image(image, raw, published.c), [image, raw])
    pairs = frame_pairs(published.real, published.t).requires_grad_()
    video_logits = published.D_video(pairs, published.c.reshape(2, 50))
    video_penalty = losses.r1_penalty(video_logits, [pairs])
    published.assert_close("r1_img", image_penalty)
    published.assert_close("r1_vid", video_penalty)
    scale = GAMMA / 2 * R1_INTERVAL
    loss = scale * (image_penalty.mean() + VIDEO_WEIGHT * video_penalty.mean())
    published.assert_close("loss_Dreg", loss)
    loss.backward()
    published.assert_gradients("gradnorm_Dreg_img", published.D_image)
    published.assert_gradients("gradnorm_Dreg_vid", published.D_video)
