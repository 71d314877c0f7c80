"""A generator that shows a known shape, a coloured ball, whoever it is asked for.

Nothing of it is replaced: its weights are chosen so that the last block of the backbone paints the
squared distance from the ball's centre, and the decoder makes a ball of it.
"""

from __future__ import annotations

import numpy as np
import torch

from training.config import GeneratorConfig, RenderingConfig
from training.networks.generator import Generator
from training.networks.layers import FullyConnected
from viz.render.geometry import sigma_level

CENTER = np.array([0.04, -0.03, 0.06])
RADIUS = 0.27
_STEEP, _TOP, _EMPTY = 2000.0, 2.0, -8.0

CONFIG = GeneratorConfig(
    z_dim=8,
    w_dim=8,
    plane_resolution=64,
    plane_channels=4,
    channel_base=4096,
    channel_max=64,
    motion_dim=0,
    decoder_hidden=4,
    feature_channels=3,
    superresolution="none",
    rendering=RenderingConfig(raw_resolution=64, depth_samples=48, importance_samples=48),
)


def known_head() -> Generator:
    """The generator, in eval mode."""
    torch.manual_seed(0)
    G = Generator(CONFIG).eval().requires_grad_(False)
    _paint(G)
    first, last = G.decoder.net[0], G.decoder.net[2]
    assert isinstance(first, FullyConnected) and isinstance(last, FullyConnected)
    assert G.to_img_raw is not None
    for layer in (first, last):
        layer.weight.zero_()
    # Hidden unit 0 takes the squared distance, the others x, y and x - y (rays see into the ball a
    # little, so colours do not change along z); a layer of 4 inputs halves.
    first.weight[0, 0], first.bias[0] = -_STEEP * 2, _STEEP * RADIUS**2
    last.weight[0, 0], last.bias[0] = _TOP * 2, _EMPTY
    for k in (1, 2, 3):
        first.weight[k, k], first.bias[k] = 5.0 * 2, 3.0
        last.weight[k, k], last.bias[k] = 0.8 * 2, -2.5
    G.to_img_raw.weight.copy_(2 * torch.eye(3)[..., None, None])
    return G


def _paint(G: Generator) -> None:
    """Makes the planes hold the squared distance and the coordinates."""
    size, channels = CONFIG.plane_resolution, 64
    places = (torch.arange(size) + 0.5) / size - 0.5
    down, across = torch.meshgrid(places, places, indexing="ij")
    for block in G.backbone.synthesis.blocks:
        for layer in block.noisy_layers:
            layer.weight.zero_()
            layer.bias.zero_()
            layer.affine.weight.zero_()
        block.torgb.weight.zero_()
        block.torgb.affine.weight.zero_()
    block = G.backbone.synthesis.blocks[-1]
    before, after = block.noisy_layers
    # One layer's noise runs across and the other's down; biases bend them in different places. Half
    # of the channels go through the second layer on its straight side.
    before.noise_const.copy_(across)
    after.noise_const.copy_(down)
    for layer in (before, after):
        layer.noise_strength.fill_(1)
    half = channels // 2
    bends = torch.linspace(-0.5, 0.5, half)
    before.bias[:half], after.bias[half:] = bends, bends
    after.bias[:half] = 3
    after.weight[range(half), range(half), 1, 1] = 1
    x = before(torch.zeros(1, channels, size // 2, size // 2), torch.zeros(1, CONFIG.w_dim))
    basis = after(x, torch.zeros(1, CONFIG.w_dim))[0].reshape(channels, -1).T / channels**0.5
    x0, y0, z0 = CENTER.tolist()
    wanted = torch.zeros(3, 4, size, size)
    wanted[0, 0] = (across - x0) ** 2 + (down - y0) ** 2
    wanted[1, 0] = (down - z0) ** 2
    wanted[0, 1], wanted[0, 2], wanted[0, 3] = across, down, across - down
    wanted = 3 * wanted.reshape(12, -1).T  # the planes' mean is taken
    weight = torch.linalg.lstsq(basis.double(), wanted.double(), driver="gelsd").solution
    block.torgb.weight.copy_(weight.T[..., None, None].float())


def radius_at(density: float) -> float:
    """Distance from the centre at which the ball has a density."""
    height = (sigma_level(density) - _EMPTY) / _TOP
    return float(np.sqrt(RADIUS**2 - np.log(np.expm1(height)) / _STEEP))
