"""PV3D's decoder: maps a point's tri-plane features to density and colour features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.networks.layers import FullyConnected


class Decoder(nn.Module):
    """Two fully connected layers with a softplus between."""

    def __init__(
        self, in_channels: int, hidden: int, feature_channels: int, lr_mul: float = 1.0
    ) -> None:
        super().__init__()
        self.net = nn.Sequential(
            FullyConnected(in_channels, hidden, lr_mul=lr_mul),
            nn.Softplus(),
            FullyConnected(hidden, 1 + feature_channels, lr_mul=lr_mul),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [..., in_channels] -> sigma [...], before its softplus, and features [..., C].

        Features may lie slightly outside 0..1, so that 0 and 1 are reached without saturating the
        sigmoid (mip-NeRF, arXiv 2103.13415).
        """
        out = self.net(x)
        return out[..., 0], torch.sigmoid(out[..., 1:]) * 1.002 - 0.001
