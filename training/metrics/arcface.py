"""IR-SE50: the face recogniser by which identities are compared.

A ResNet of "improved residual" blocks trained with ArcFace (Deng et al., 2019, arXiv 1801.07698)
and gated by squeeze-and-excitation (Hu et al., 2018, arXiv 1709.01507). Parameter names are those
of the published model_ir_se50.pth, so that its state dict loads.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

FACE_SIDE = 112
"""Side of the pictures it takes, pixels."""
EMBEDDING = 512
"""Length of an embedding."""
STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
"""Channels and blocks of each stage; the first block of a stage halves the resolution."""


class SqueezeExcitation(nn.Module):
    """Scales each channel by a factor that depends on the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 16, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // 16, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean(dim=(2, 3), keepdim=True)  # [N, C, 1, 1]
        return x * self.fc2(F.relu(self.fc1(means))).sigmoid()


class ArcFaceBlock(nn.Module):
    """Residual block; the shortcut is subsampled, or projected where the channels change."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        if in_channels == channels:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            SqueezeExcitation(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut_layer(x) + self.res_layer(x)


class IRSE50(nn.Module):
    """Maps faces to unit vectors; the cosine of two measures the faces' similarity."""

    def __init__(self) -> None:
        super().__init__()
        first = STAGES[0][0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, first, 3, 1, 1, bias=False), nn.BatchNorm2d(first), nn.PReLU(first)
        )
        blocks: list[nn.Module] = []
        before = first
        for channels, count in STAGES:
            for k in range(count):
                blocks.append(ArcFaceBlock(before, channels, stride=2 if k == 0 else 1))
                before = channels
        self.body = nn.Sequential(*blocks)
        side = FACE_SIDE // 2 ** len(STAGES)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Dropout(0.6),
            nn.Flatten(),
            nn.Linear(before * side * side, EMBEDDING),
            nn.BatchNorm1d(EMBEDDING),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings [N, 512] of length 1, of faces [N, 3, 112, 112], RGB, -1 to 1."""
        return F.normalize(self.output_layer(self.body(self.input_layer(x))))
