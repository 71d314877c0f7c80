"""I3D: an Inception network inflated to three dimensions, FVD's feature extractor.

From "Quo Vadis, Action Recognition?" (Carreira & Zisserman, 2017, arXiv 1705.07750). Parameter
names are those of the common PyTorch release of the Kinetics-400 weights, so that its state dict
loads.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KINETICS_CLASSES = 400
CLIP_SIDE = 224
"""Side of the pictures that the published weights were trained on, pixels."""

Triple = tuple[int, int, int]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis, so that ceil(size / stride) windows fit (TensorFlow's SAME).

    An odd one goes after it. The padding depends on the size, so layers cannot store it.
    """
    windows = -(-size // stride)
    total = max((windows - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _pad_same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """x [N, C, T, H, W] with `same_padding` along T, H and W."""
    pads: list[int] = []
    for size, k, s in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):
        pads += same_padding(size, k, s)
    return F.pad(x, pads)


class Unit(nn.Module):
    """Convolution, batch normalisation and ReLU; the last layer is the convolution alone."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Triple = (1, 1, 1),
        stride: Triple = (1, 1, 1),
        *,
        last: bool = False,
    ) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv3d = nn.Conv3d(in_channels, out_channels, kernel, stride, bias=last)
        # The published evaluators' epsilon; the original network in TensorFlow has 1e-3.
        self.bn = None if last else nn.BatchNorm3d(out_channels, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv3d(_pad_same(x, self.kernel, self.stride))
        return x if self.bn is None else F.relu(self.bn(x))


class MaxPool(nn.Module):
    """Max pooling. Padding with zeros has no effect, as inputs come from a ReLU."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool3d(_pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Inception block: four branches side by side.

    Args:
        in_channels: of the input.
        channels: of b0, b1a, b1b, b2a, b2b and b3b; the output has b0 + b1b + b2b + b3b.
    """

    def __init__(self, in_channels: int, channels: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = channels
        self.b0 = Unit(in_channels, b0)
        self.b1a = Unit(in_channels, b1a)
        self.b1b = Unit(b1a, b1b, (3, 3, 3))
        self.b2a = Unit(in_channels, b2a)
        self.b2b = Unit(b2a, b2b, (3, 3, 3))
        self.b3a = MaxPool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit(in_channels, b3b)

    def forward(self, x: Tensor) -> Tensor:
        branches = [
            self.b0(x),
            self.b1b(self.b1a(x)),
            self.b2b(self.b2a(x)),
            self.b3b(self.b3a(x)),
        ]
        return torch.cat(branches, dim=1)


class InceptionI3d(nn.Sequential):
    """Clips to logits of the classes of Kinetics."""

    def __init__(self) -> None:
        layers: list[tuple[str, nn.Module]] = [
            ("Conv3d_1a_7x7", Unit(3, 64, (7, 7, 7), (2, 2, 2))),
            ("MaxPool3d_2a_3x3", MaxPool((1, 3, 3), (1, 2, 2))),
            ("Conv3d_2b_1x1", Unit(64, 64)),
            ("Conv3d_2c_3x3", Unit(64, 192, (3, 3, 3))),
            ("MaxPool3d_3a_3x3", MaxPool((1, 3, 3), (1, 2, 2))),
            ("Mixed_3b", Mixed(192, (64, 96, 128, 16, 32, 32))),
            ("Mixed_3c", Mixed(256, (128, 128, 192, 32, 96, 64))),
            ("MaxPool3d_4a_3x3", MaxPool((3, 3, 3), (2, 2, 2))),
            ("Mixed_4b", Mixed(480, (192, 96, 208, 16, 48, 64))),
            ("Mixed_4c", Mixed(512, (160, 112, 224, 24, 64, 64))),
            ("Mixed_4d", Mixed(512, (128, 128, 256, 24, 64, 64))),
            ("Mixed_4e", Mixed(512, (112, 144, 288, 32, 64, 64))),
            ("Mixed_4f", Mixed(528, (256, 160, 320, 32, 128, 128))),
            ("MaxPool3d_5a_2x2", MaxPool((2, 2, 2), (2, 2, 2))),
            ("Mixed_5b", Mixed(832, (256, 160, 320, 32, 128, 128))),
            ("Mixed_5c", Mixed(832, (384, 192, 384, 48, 128, 128))),
            ("avg_pool", nn.AvgPool3d((2, 7, 7), stride=(1, 1, 1))),
            ("logits", Unit(1024, KINETICS_CLASSES, last=True)),
        ]
        super().__init__(OrderedDict(layers))

    def forward(self, input: Tensor) -> Tensor:
        """Logits averaged over time: the features of FVD.

        Args:
            input: clips [N, 3, T, 224, 224], RGB, -1 to 1; T at least 9.

        Returns:
            [N, classes].
        """
        return super().forward(input).mean(dim=(2, 3, 4))
