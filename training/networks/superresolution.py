"""EG3D's super-resolution modules (Chan et al., 2022, arXiv 2112.07945): two StyleGAN2 blocks."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from training.config import GeneratorConfig
from training.networks.backbone import SynthesisBlock


class Superresolution(nn.Module):
    """Turns a feature picture and a raw picture into the final picture."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        layout = config.superresolution_layout
        if layout is None:
            raise ValueError("A generator without super-resolution has no such module.")
        self.layout = layout
        self.antialias = config.superresolution_antialias
        first, second = config.superresolution_channels or layout.default_channels
        size = layout.output_resolution
        w_dim, clamp = config.w_dim, config.superresolution_clamp
        up = layout.first_block_up
        self.block0 = SynthesisBlock(
            config.feature_channels, first, w_dim, size // 2, 3, up=up, clamp=clamp
        )
        self.block1 = SynthesisBlock(first, second, w_dim, size, 3, clamp=clamp)

    def forward(
        self, features: Tensor, image: Tensor, w: Tensor, whole: int | None = None
    ) -> Tensor:
        """Computes the final picture.

        Args:
            features: [N, C, h, w] of any size; resized to the module's input.
            image: raw picture [N, 3, h, w].
            w: the last intermediate latent [N, w_dim].
            whole: side of the raw picture of which these are a square crop; None for all of it.

        Returns:
            [N, 3, H, W], about -1 to 1; H = W = the layout's output resolution for the whole.
        """
        features, image = self.resized(features, image, whole)
        ws = w[:, None].expand(-1, 3, -1)
        x, image = self.block0(features, image, ws, noise="none")
        return self.block1(x, image, ws, noise="none")[1]

    def resized(
        self, features: Tensor, image: Tensor, whole: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Both pictures resized to the blocks' input; see `forward`."""
        side = self.side(features.shape[-1], whole)
        if side == features.shape[-1]:
            return features, image
        return self._resize(features, side), self._resize(image, side)

    def side(self, part: int, whole: int | None = None) -> int:
        """Side of the blocks' input for pictures of side `part`; see `forward`."""
        size = self.layout.input_resolution
        whole = part if whole is None else whole
        if whole > size and not self.layout.resize_larger:
            return part
        return part * size // whole

    def _resize(self, x: Tensor, size: int) -> Tensor:
        return F.interpolate(
            x, (size, size), mode="bilinear", align_corners=False, antialias=self.antialias
        )
