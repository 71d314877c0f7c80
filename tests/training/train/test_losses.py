import math

import pytest
import torch

from training.config import DiscriminatorConfig
from training.networks.discriminators import (
    ImageDiscriminator,
    VideoDiscriminator,
    frame_pairs,
    minibatch_deviation,
)
from training.train import losses

SMALL = DiscriminatorConfig(resolution=16, channel_base=64, channel_max=8)


def test_logistic_losses():
    zero = torch.zeros(3, 1)
    assert losses.generator_loss(zero).item() == pytest.approx(math.log(2))
    assert losses.discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert losses.generator_loss(zero + 50).item() == pytest.approx(0, abs=1e-6)
    assert losses.discriminator_loss(zero + 50, zero - 50).item() == pytest.approx(0, abs=1e-6)


def test_r1_of_a_quadratic():
    x = torch.randn(4, 2, 3, 3, requires_grad=True)
    y = torch.randn(4, 5, requires_grad=True)
    logits = x.square().sum(dim=(1, 2, 3)) / 2 + 3 * y.sum(dim=1)
    penalty = losses.r1_penalty(logits[:, None], [x, y])
    assert torch.allclose(penalty, x.square().sum(dim=(1, 2, 3)) + 9 * 5)
    (gradient,) = torch.autograd.grad(penalty.sum(), x)
    assert torch.allclose(gradient, 2 * x)


def test_swapped_cameras_keep_clips_together():
    c = torch.arange(8 * 25, dtype=torch.float32).reshape(8, 25)
    assert torch.equal(losses.swapped_cameras(c, 0.0), c)
    assert torch.equal(losses.swapped_cameras(c, 1.0), c.roll(2, dims=0))
    generator = torch.Generator().manual_seed(3)
    swapped = 0
    for _ in range(200):
        moved = (losses.swapped_cameras(c, 0.3, generator) != c).any(dim=1).reshape(4, 2)
        assert torch.equal(moved[:, 0], moved[:, 1])
        swapped += moved[:, 0].sum().item()
    assert swapped / 800 == pytest.approx(0.3, abs=0.06)


def test_blur_keeps_the_mean_and_spreads_a_point():
    image = torch.zeros(1, 3, 41, 41)
    image[:, :, 20, 20] = 1
    blurred = losses.blur(image, 3.0)
    assert blurred.sum().item() == pytest.approx(3, rel=1e-5)
    assert blurred[0, 0, 20, 23].item() == pytest.approx(blurred[0, 0, 20, 20].item() / 2, rel=1e-5)
    assert torch.allclose(blurred, blurred.transpose(2, 3), atol=1e-7)
    assert losses.blur(image, 0.0) is image


def test_schedules():
    assert losses.ramp(0, 1.0, 0.5, 1000) == 1.0
    assert losses.ramp(500, 1.0, 0.5, 1000) == 0.75
    assert losses.ramp(5000, 1.0, 0.5, 1000) == 0.5
    assert losses.ramp(5, 10, 0, 0) == 0
    assert losses.ema_weight(32, 10**9, 10, 0.05) == pytest.approx(0.5 ** (32 / 10_000))
    assert losses.ema_weight(32, 1000, 10, 0.05) == pytest.approx(0.5 ** (32 / 50))
    assert losses.ema_weight(32, 0, 10, 0.05) == 0


def test_minibatch_deviation_measures_the_group():
    same = torch.ones(4, 2, 4, 4)
    assert minibatch_deviation(same, 4)[:, 2].max().item() == pytest.approx(1e-4, rel=1e-3)
    x = torch.randn(8, 2, 4, 4)
    planes = minibatch_deviation(x, 4)[:, 2, 0, 0]
    groups = x.reshape(4, 2, 2, 4, 4)  # sample k is in group k mod 2
    expected = groups.std(dim=0, correction=0).mean(dim=(1, 2, 3))
    assert torch.allclose(planes, expected.repeat(4), atol=1e-4)
    with pytest.raises(ValueError, match="groups of 4"):
        minibatch_deviation(torch.randn(6, 2, 4, 4), 4)


def test_frame_pairs_hold_both_frames_and_the_time_between():
    images = torch.randn(4, 3, 8, 8)
    pairs = frame_pairs(images, torch.tensor([[0.2], [0.7], [0.0], [0.9]]))
    assert torch.equal(pairs[1, :3], images[2])
    assert torch.equal(pairs[1, 3:6], images[3])
    assert torch.allclose(pairs[:, 6, 0, 0], torch.tensor([0.5, 0.9]))


def test_discriminators_see_all_their_inputs():
    c = torch.randn(4, 25)
    image = torch.randn(4, 3, 16, 16, requires_grad=True)
    raw = torch.randn(4, 3, 8, 8, requires_grad=True)
    logits = ImageDiscriminator(SMALL)(image, raw, c)
    assert logits.shape == (4, 1)
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(logits.sum(), [image, raw]))
    pairs = torch.randn(2, 7, 16, 16, requires_grad=True)
    cameras = torch.randn(2, 50, requires_grad=True)
    logits = VideoDiscriminator(SMALL)(pairs, cameras)
    gradients = torch.autograd.grad(logits.sum(), [pairs, cameras])
    assert (gradients[0].abs().sum(dim=(0, 2, 3)) > 0).all()
    assert gradients[1].abs().sum() > 0
