"""Square crops of pictures, on which the warm-up's second stage trains the super-resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from training import rendering
from training.camera import rays
from training.networks.generator import Generator
from training.train.step import Draws
from training.warmup.warmup_losses import WarmupLossConfig, interest

_MARGIN = 4
"""Radius of the super-resolution's receptive field beyond the pixels that it enlarges, raw
pixels."""


@dataclass(frozen=True)
class Parts:
    """A square crop of each of n raw pictures, and of the final ones made from them."""

    corner: Tensor
    """Row and column of the first pixel, int64 [n, 2]."""
    side: int
    """Side of the crop in raw pixels."""
    whole: int
    """Side of the raw picture, pixels."""

    @classmethod
    def draw(cls, images: Tensor, whole: int, config: WarmupLossConfig, draws: Draws) -> Parts:
        """Random crops for n clips, some of them centred where the clip's two frames differ.

        Args:
            images: both frames of each clip, uint8 [2n, 3, H, W].
            whole: side of the raw pictures.
            config: size of the crops, and fraction of them to centre on motion.
            draws: random numbers.
        """
        side, device = min(config.part, whole), images.device
        small = F.interpolate(images.float() / 127.5 - 1, (whole, whole), mode="area")
        moving = torch.multinomial(interest(small)[1], 1, generator=draws.local)[:, 0]
        anywhere = torch.randint(whole * whole, moving.shape, generator=draws.local, device=device)
        chance = torch.rand(moving.shape, generator=draws.local, device=device)
        centre = torch.where(chance < config.part_moving, moving, anywhere)
        corner = torch.stack([centre // whole, centre % whole], dim=1) - side // 2
        return cls(corner.clamp(0, whole - side), side, whole)

    def of_frames(self, frames: int) -> Parts:
        """The crops repeated for each frame of a clip, clip by clip."""
        return replace(self, corner=self.corner.repeat_interleave(frames, dim=0))

    def pixels(self, scale: int = 1) -> Tensor:
        """Row-major pixel indices in pictures `scale` times as large as the raw one, int64
        [n, (scale * side) ** 2]."""
        steps = torch.arange(scale * self.side, device=self.corner.device)
        rows, columns = (scale * self.corner[:, k, None] + steps for k in (0, 1))
        return (rows[:, :, None] * (scale * self.whole) + columns[:, None, :]).flatten(1)

    def cut(self, pictures: Tensor) -> Tensor:
        """Crops pictures [n, C, k * whole, k * whole] to [n, C, k * side, k * side]."""
        scale = pictures.shape[-1] // self.whole
        index = self.pixels(scale)[:, None].expand(-1, pictures.shape[1], -1)
        return pictures.flatten(2).gather(2, index).unflatten(2, (scale * self.side, -1))

    @property
    def margin(self) -> int:
        """Raw pixels from the edge within which final pixels differ from those of the whole
        picture."""
        return min(_MARGIN, (self.side - 1) // 2)

    def inside(self, scale: int) -> Tensor:
        """1 where a crop's final picture equals that of the whole picture, 0 near the crop's edges,
        float32 [n, 1, scale * side, scale * side]."""
        steps = torch.arange(self.side, device=self.corner.device)
        margin = self.margin
        at_start, at_end = self.corner == 0, self.corner + self.side == self.whole  # [n, 2]
        far = (steps >= margin) | at_start[..., None]
        far = far & ((steps < self.side - margin) | at_end[..., None])  # [n, 2, side]
        both = (far[:, 0, :, None] & far[:, 1, None, :]).float()[:, None]
        return both.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)


def render_parts(
    G: Generator, planes: Tensor, ws: Tensor, c: Tensor, parts: Parts
) -> tuple[Tensor, Tensor]:
    """Feature pictures [n, C, side, side] and raw pictures [n, 3, side, side] of crops. The other
    arguments are as in `Generator.render`, one for each crop. Samples along rays are not jittered,
    so that a clip's frames differ only by motion."""
    options = G.config.rendering
    origins, directions = rays(c, parts.whole)
    directions = directions.gather(1, parts.pixels()[..., None].expand(-1, -1, 3))

    def field(points: Tensor) -> tuple[Tensor, Tensor]:
        return G.sample(planes, points)

    result = rendering.cast(
        field,
        origins,
        directions,
        c.new_tensor([[options.ray_start, options.ray_end]]).expand(len(c), 2),
        depth_samples=options.depth_samples,
        importance_samples=options.importance_samples,
        white_background=options.white_background,
    )
    features = result.features.transpose(1, 2).unflatten(2, (parts.side, parts.side))
    return features, G.raw_image(features, ws)
