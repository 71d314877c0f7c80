"""Backbone of PV3D: a mapping network, and StyleGAN2 blocks with motion layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.config import GeneratorConfig
from training.networks.layers import (
    FixedNoise,
    FullyConnected,
    LayerNoise,
    SynthesisLayer,
    ToRGB,
    normalize_second_moment,
    resample_filter,
    upsample2d,
)

CAMERA_NUMBERS = 25
LAST_MOTION_RESOLUTION = 32
"""Blocks up to this resolution, which determine where the parts of the face are, have a motion
layer."""


class Mapping(nn.Module):
    """Maps an appearance code and a conditioning camera to the intermediate latent w."""

    w_avg: Tensor

    def __init__(self, z_dim: int, w_dim: int, num_layers: int) -> None:
        super().__init__()
        self.num_layers = num_layers
        self.embed = FullyConnected(CAMERA_NUMBERS, w_dim)
        for k in range(num_layers):
            in_features = z_dim + w_dim if k == 0 else w_dim
            layer = FullyConnected(in_features, w_dim, activate=True, lr_mul=0.01)
            self.add_module(f"fc{k}", layer)
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor, c0: Tensor) -> Tensor:
        """z [N, z_dim], c0 [N, 25] -> w [N, w_dim]."""
        embedded = normalize_second_moment(self.embed(c0))
        x = torch.cat([normalize_second_moment(z), embedded], dim=1)
        for k in range(self.num_layers):
            x = self.get_submodule(f"fc{k}")(x)
        return x


class MotionTimeFuser(nn.Module):
    """Changes the features by motion code and time; at t = 0 the code has no effect."""

    def __init__(self, channels: int, motion_dim: int, w_dim: int, resolution: int) -> None:
        super().__init__()
        self.affine = FullyConnected(motion_dim, w_dim, activate=True)
        self.motion_mlp = nn.Sequential(
            FullyConnected(w_dim, w_dim, activate=True), FullyConnected(w_dim, w_dim)
        )
        self.conv = SynthesisLayer(channels, channels, w_dim, resolution)

    def forward(self, x: Tensor, motion: Tensor, noise: LayerNoise) -> Tensor:
        """x [N, C, H, W], motion = z_motion * t [N, motion_dim] -> [N, C, H, W]."""
        return x + self.conv(x, self.motion_mlp(self.affine(motion)), noise)


class SynthesisBlock(nn.Module):
    """Two synthesis layers and a toRGB layer whose picture is added to that of earlier blocks.

    The backbone's first block (`in_channels` 0) starts from a learnt constant and has one layer.
    `motion_dim` adds a motion layer: after conv1 in the first block, before it in the others.
    """

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        image_channels: int,
        *,
        up: bool = True,
        clamp: float | None = None,
        motion_dim: int = 0,
    ) -> None:
        super().__init__()
        self.up = up and in_channels > 0
        self.register_buffer("resample_filter", resample_filter())
        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
            self.conv0 = None
        else:
            self.conv0 = SynthesisLayer(
                in_channels, out_channels, w_dim, resolution, up=up, clamp=clamp
            )
        self.motion_time_fuser = (
            MotionTimeFuser(out_channels, motion_dim, w_dim, resolution) if motion_dim else None
        )
        self.conv1 = SynthesisLayer(out_channels, out_channels, w_dim, resolution, clamp=clamp)
        self.torgb = ToRGB(out_channels, image_channels, w_dim, clamp=clamp)

    @property
    def num_layers(self) -> int:
        """Number of synthesis layers. Each has its own w; toRGB shares that of the next block's
        first."""
        return 1 if self.conv0 is None else 2

    @property
    def noisy_layers(self) -> list[SynthesisLayer]:
        """The layers that add noise, in order of execution."""
        fuser = self.motion_time_fuser
        moving = [] if fuser is None else [fuser.conv]
        if self.conv0 is None:
            return [self.conv1, *moving]
        return [self.conv0, *moving, self.conv1]

    def forward(
        self,
        x: Tensor | None,
        image: Tensor | None,
        ws: Tensor,
        motion: Tensor | None = None,
        noise: FixedNoise | Sequence[Tensor] = "const",
    ) -> tuple[Tensor, Tensor]:
        """One block.

        Args:
            x: features [N, in_channels, h, w]; None for the first block of the backbone.
            image: picture of the earlier blocks [N, image_channels, h, w], or None.
            ws: [N, num_layers + 1, w_dim].
            motion: z_motion * t [N, motion_dim], for blocks with a motion layer.
            noise: "const", "none", or random maps for each of `noisy_layers`.

        Returns:
            features [N, out_channels, H, W] and picture [N, image_channels, H, W].
        """
        noises: Sequence[LayerNoise]
        noises = [noise for _ in self.noisy_layers] if isinstance(noise, str) else noise
        if self.conv0 is None:
            features = self.const.expand(ws.shape[0], -1, -1, -1)
            features = self._move(self.conv1(features, ws[:, 0], noises[0]), motion, noises[-1])
        else:
            features = self._move(self.conv0(x, ws[:, 0], noises[0]), motion, noises[1])
            features = self.conv1(features, ws[:, 1], noises[-1])
        rgb = self.torgb(features, ws[:, self.num_layers])
        if image is None:
            return features, rgb
        if self.up:
            image = upsample2d(image, self.resample_filter)
        return features, image + rgb

    def _move(self, x: Tensor, motion: Tensor | None, noise: LayerNoise) -> Tensor:
        if self.motion_time_fuser is None or motion is None:
            return x
        return self.motion_time_fuser(x, motion, noise)


class Synthesis(nn.Module):
    """Blocks 4, 8, ..., plane_resolution; their summed pictures are the tri-planes."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.resolutions = config.block_resolutions
        in_channels = 0
        for resolution in self.resolutions:
            out_channels = config.channels(resolution)
            block = SynthesisBlock(
                in_channels,
                out_channels,
                config.w_dim,
                resolution,
                3 * config.plane_channels,
                clamp=config.conv_clamp,
                motion_dim=config.motion_dim if resolution <= LAST_MOTION_RESOLUTION else 0,
            )
            self.add_module(f"b{resolution}", block)
            in_channels = out_channels

    @property
    def blocks(self) -> list[SynthesisBlock]:
        """From the coarsest to the finest."""
        found = (self.get_submodule(f"b{resolution}") for resolution in self.resolutions)
        return [block for block in found if isinstance(block, SynthesisBlock)]

    def draw_noise(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """Random noise for every layer that adds some, in order of execution, [count, 1, H, W]
        each. It is drawn in advance, as torch.compile does not support generators."""
        maps = [layer.noise_const for block in self.blocks for layer in block.noisy_layers]
        return [
            torch.randn((count, 1, *x.shape), generator=generator, device=x.device, dtype=x.dtype)
            for x in maps
        ]

    def forward(
        self, ws: Tensor, motion: Tensor | None, noise: FixedNoise | Sequence[Tensor]
    ) -> Tensor:
        """Synthesises the planes.

        Args:
            ws: [N, num_ws, w_dim].
            motion: [N, motion_dim].
            noise: "const", "none", or the result of `draw_noise`.

        Returns:
            [N, 3 * plane_channels, H, W].
        """
        x = image = None
        first = drawn = 0
        for block in self.blocks:
            last, after = first + block.num_layers, drawn + len(block.noisy_layers)
            own = noise if isinstance(noise, str) else noise[drawn:after]
            x, image = block(x, image, ws[:, first : last + 1], motion, own)
            first, drawn = last, after
        assert image is not None
        return image


class Backbone(nn.Module):
    """Mapping and synthesis under the names of the published checkpoints."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.mapping = Mapping(config.z_dim, config.w_dim, config.mapping_layers)
        self.synthesis = Synthesis(config)
