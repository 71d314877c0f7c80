"""Small generators of every layout, and pictures of them: what tests of the stages share."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from training.camera import Camera
from training.config import GeneratorConfig, RenderingConfig
from training.networks.generator import Generator, RawRender
from viz.render.inference.stage_interface import RaySettings

SMALL = GeneratorConfig(
    z_dim=16,
    w_dim=16,
    plane_resolution=64,
    plane_channels=8,
    channel_base=512,
    channel_max=16,
    motion_dim=16,
    decoder_hidden=16,
    feature_channels=8,
    superresolution_channels=(8, 4),
    rendering=RenderingConfig(raw_resolution=16, depth_samples=12, importance_samples=12),
)
CONFIGS = {
    **{name: replace(SMALL, superresolution=name) for name in ("8XDC", "8X", "4X", "2X", "none")},
    "still, no raw layer": replace(SMALL, motion_dim=0, raw_layer=False, superresolution="2X"),
    "bounded": replace(SMALL, conv_clamp=0.5, superresolution_clamp=0.5, superresolution="2X"),
    "other box": replace(
        SMALL,
        superresolution="none",
        decoder_lr_mul=0.5,
        rendering=replace(SMALL.rendering, box_warp=0.7, white_background=True),
    ),
    "coarse only": replace(
        SMALL, superresolution="none", rendering=replace(SMALL.rendering, importance_samples=0)
    ),
}


def generator(config: GeneratorConfig) -> Generator:
    """Random weights, with noise and biases in every layer."""
    torch.manual_seed(1)
    G = Generator(config).eval().requires_grad_(False)
    for name, value in G.named_parameters():
        if name.endswith("noise_strength"):
            value.fill_(0.3)
        elif name.endswith("bias") and "affine" not in name:
            value.normal_(std=0.3)
    return G


def shaped(G: Generator) -> Generator:
    """Something smooth and solid within emptiness."""
    for size in (16, 32, 64):
        for kind in ("weight", "bias"):
            G.get_parameter(f"backbone.synthesis.b{size}.torgb.{kind}").mul_(0.02)
    G.get_parameter("decoder.net.2.weight")[0] *= 60
    G.get_parameter("decoder.net.2.bias")[0] -= 18
    return G


def person(G: Generator, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    """ws and motion."""
    draws = torch.Generator().manual_seed(seed)
    ws = G.mapping(torch.randn(1, G.config.z_dim, generator=draws).to(G.device))
    if not G.config.has_motion:
        return ws, None
    return ws, 0.6 * torch.randn(1, G.config.motion_dim, generator=draws).to(G.device)


def ray_settings(
    G: Generator, camera: Camera | None = None, resolution: int | None = None, **options
) -> RaySettings:
    camera, config = camera or Camera.orbit(25, 8), G.config.rendering
    return RaySettings(
        torch.from_numpy(camera.numbers())[None].to(G.device),
        torch.tensor([camera.ray_range(config.ray_start, config.ray_end)], device=G.device),
        resolution or config.raw_resolution,
        config.depth_samples,
        config.importance_samples,
        **options,
    )


def pictures(stages, G: Generator, seed: int = 0, settings: RaySettings | None = None):
    """Field, raw picture and final picture."""
    ws, motion = person(G, seed)
    field = stages.planes(ws, motion, nothing)
    raw = stages.render(field, ws, settings or ray_settings(G), nothing)
    return field, raw, stages.superresolve(raw, ws, nothing)


def nothing() -> None:
    pass


def error(ours: Tensor, exact: Tensor) -> float:
    return float((ours - exact).norm() / exact.norm())


def raw_errors(ours: RawRender, exact: RawRender) -> list[float]:
    pairs = [(ours.features, exact.features), (ours.image, exact.image)]
    pairs += [(ours.depth, exact.depth), (ours.opacity, exact.opacity)]
    return [error(*pair) for pair in pairs]
