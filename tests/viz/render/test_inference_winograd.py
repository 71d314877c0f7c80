"""Winograd's convolutions against plain ones, and pictures of generators that use them."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.viz.render.inference_cases import CONFIGS, error, generator, pictures
from training.networks.generator import Generator
from training.networks.layers import modulated_conv2d, resample_filter
from viz.render.inference.convolutions import can_fuse, channels_last
from viz.render.inference.cpu import background, cpu_layers, winograd
from viz.render.inference.cpu.winograd import Transforms, WinogradConvolution
from viz.render.inference.format_trials import psnr
from viz.render.inference.plan import Plan
from viz.render.inference.stages import PreparedStages, ReferenceStages

needs_bfloat16 = pytest.mark.skipif(
    not can_fuse(torch.device("cpu"), torch.bfloat16), reason="no bfloat16 on this processor"
)


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def small() -> Generator:
    """Channels 16 and 8 in its large layers; noise, biases and a bound in every one."""
    config = replace(CONFIGS["2X"], superresolution_channels=(16, 8), conv_clamp=1.5)
    return generator(replace(config, superresolution_clamp=1.5))


@pytest.fixture(autouse=True)
def every_layer_gains(monkeypatch):
    monkeypatch.setattr(winograd, "is_of_use", lambda device, dtype: True)
    monkeypatch.setattr(winograd, "_LEAST_CHANNELS", 8)
    monkeypatch.setattr(winograd, "_LEAST_SIZE", 8)
    monkeypatch.setattr(winograd, "_LEAST_PRODUCTS", 0)


@pytest.fixture(params=["bfloat16", "float32"])
def transforms(small: Generator, request) -> Transforms:
    found = winograd.compiled(small, getattr(torch, request.param)).result()
    assert found is not None
    return found


@pytest.mark.parametrize("size", [(2, 2), (6, 10), (64, 64)], ids=str)
@pytest.mark.parametrize("noisy", [False, True], ids=["still", "noisy"])
def test_a_layer_is_that_of_a_plain_convolution(transforms, size, noisy):
    draws = torch.Generator().manual_seed(0)
    weight = torch.randn(8, 16, 3, 3, generator=draws) / 12
    x = channels_last(torch.randn(1, 16, *size, generator=draws).to(transforms.dtype))
    scale, factor = (torch.rand(n, generator=draws) + 0.5 for n in (16, 8))
    bias = torch.randn(8, generator=draws)
    noise = torch.randn(size, generator=draws) if noisy else None
    layer = WinogradConvolution(weight, transforms)
    parts: dict[str, Any] = {"scale": scale, "factor": factor, "bias": bias}
    ours = layer(x, **parts, noise=noise, slope=0.2, clamp=1.5)
    exact = F.conv2d(x.float() * scale[:, None, None], weight, padding=1)
    exact = exact * factor[:, None, None] + bias[:, None, None]
    exact = F.leaky_relu(exact + (0 if noise is None else noise), 0.2).clamp(-1.5, 1.5)
    assert ours.shape == exact.shape
    assert ours.is_contiguous(memory_format=torch.channels_last)
    assert error(ours.float(), exact) < (0.01 if x.dtype == torch.bfloat16 else 1e-5)
    # A band brings the rows around it.
    tall = channels_last(F.pad(x, (0, 0, 1, 1)))
    band = layer(tall, **parts, noise=noise, slope=0.2, clamp=1.5, padding=0)
    assert torch.equal(band, ours)


def test_numbers_that_are_none_stay_seen(transforms):
    x = channels_last(torch.zeros(1, 16, 8, 8, dtype=transforms.dtype))
    x[0, 3, 2, 2] = float("nan")
    layer = WinogradConvolution(torch.ones(8, 16, 3, 3), transforms)
    one, zero = torch.ones(16), torch.zeros(8)
    y = layer(x, scale=one, factor=one[:8], bias=zero, noise=None, slope=0.2, clamp=None)
    assert y[0, :, 1:4, 1:4].isnan().all()
    assert not y[0, :, 6:, 6:].isnan().any()


@needs_bfloat16
@pytest.mark.parametrize("band", [2**23, 2**12], ids=["whole", "bands"])
def test_pictures_are_as_close_as_plain_bfloat16_ones(small, band, monkeypatch):
    monkeypatch.setattr(cpu_layers, "_BAND_BYTES", band)
    half = Plan.uniform("bfloat16")
    exact = pictures(ReferenceStages(small, Plan(reference=True)), small)[2]
    ours = pictures(PreparedStages(small, half), small)[2]
    monkeypatch.setattr(winograd, "is_of_use", lambda device, dtype: False)
    plain = pictures(PreparedStages(small, half), small)[2]
    assert not torch.equal(ours, plain), "it was used"
    assert psnr(ours, exact) > psnr(plain, exact) - 1


@pytest.mark.parametrize("up", [False, True], ids=["same size", "up-sampling"])
@pytest.mark.parametrize("size", [(1, 1), (6, 9), (32, 32)], ids=str)
def test_a_float32_layer_may_have_any_size(small, size, up):
    transforms = winograd.compiled(small, torch.float32).result()
    assert transforms is not None
    draws = torch.Generator().manual_seed(0)
    weight, x = torch.randn(8, 16, 3, 3, generator=draws), torch.randn(1, 16, *size)
    one, zero = torch.ones(16), torch.zeros(8)
    low_pass = 4 * resample_filter() if up else None
    layer = WinogradConvolution(weight, transforms, low_pass)
    options: dict[str, Any] = {"scale": one, "factor": one[:8], "bias": zero, "noise": None}
    ours = layer(channels_last(x), **options, slope=1, clamp=None)
    up_kernel = resample_filter() if up else None
    exact = modulated_conv2d(x, weight, one[None], demodulate=False, up_kernel=up_kernel)
    assert ours.shape == exact.shape
    assert error(ours, exact) < 1e-5


@pytest.mark.parametrize("band", [2**23, 2**12], ids=["whole", "bands"])
@pytest.mark.parametrize("name", ["2X", "8XDC"])
def test_pictures_in_float32_are_exact(name, band, monkeypatch):
    monkeypatch.setattr(cpu_layers, "_BAND_BYTES", band)
    G = generator(replace(CONFIGS[name], superresolution_channels=(16, 8)))
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G)
    ours = pictures(PreparedStages(G, Plan()), G)
    assert psnr(ours[2], exact[2]) > 80
    monkeypatch.setattr(winograd, "is_of_use", lambda device, dtype: False)
    assert not torch.equal(ours[2], pictures(PreparedStages(G, Plan()), G)[2]), "it was used"


@pytest.mark.parametrize("name", ["float32", pytest.param("bfloat16", marks=needs_bfloat16)])
def test_a_picture_does_not_depend_on_threads(small, name, monkeypatch):
    monkeypatch.setattr(cpu_layers, "_BAND_BYTES", 2**12)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(pictures(PreparedStages(small, Plan.uniform(name)), small)[2])
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


@needs_bfloat16
def test_without_numba_convolutions_are_plain(small, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "viz.render.inference.cpu.compiled_functions", None)
    background.warn_once.cache_clear()
    winograd.begun.cache_clear()
    ours = pictures(PreparedStages(small, Plan.uniform("bfloat16")), small)[2]
    monkeypatch.setattr(winograd, "is_of_use", lambda device, dtype: False)
    plain = pictures(PreparedStages(small, Plan.uniform("bfloat16")), small)[2]
    assert torch.equal(ours, plain)
    assert "Convolutions are computed without numba" in caplog.text
    winograd.begun.cache_clear()
