"""PV3D's two discriminators: for single pictures, and for pairs of frames of one clip.

Both are StyleGAN2's residual discriminator with camera conditioning by projection. Parameter names
are those of the published checkpoints.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.config import DiscriminatorConfig
from training.networks.backbone import CAMERA_NUMBERS
from training.networks.layers import (
    FullyConnected,
    leaky_relu,
    no_autocast,
    normalize_second_moment,
    resample_filter,
)


class EqualizedConvolution(nn.Module):
    """Convolution with equalised learning rate; `down` halves the resolution after a low-pass."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        down: bool = False,
        activate: bool = True,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.down = down
        self.activate = activate
        self.clamp = clamp
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if activate else None
        self.register_buffer("resample_filter", resample_filter())

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """x [N, I, H, W] -> [N, O, H, W], or half the size with `down`; the result times `gain`."""
        size = self.weight.shape[-1]
        weight = self.weight / math.sqrt(self.weight[0].numel())
        if self.down:
            # A 1x1 convolution commutes with the sampling, so it runs on the small picture.
            stride = 2 if size == 1 else 1
            kernel = self.resample_filter.to(x.dtype).expand(x.shape[1], 1, 4, 4)
            padding = 1 if size == 1 else 2
            x = F.conv2d(x, kernel, stride=stride, padding=padding, groups=x.shape[1])
            x = F.conv2d(x, weight, stride=2 // stride)
        else:
            x = F.conv2d(x, weight, padding=size // 2)
        if self.bias is None:
            return x * gain
        x = leaky_relu(x + self.bias[:, None, None].to(x.dtype)) * gain
        return x if self.clamp is None else x.clamp(-self.clamp * gain, self.clamp * gain)


class ResidualBlock(nn.Module):
    """Two convolutions beside a 1x1 one, each half at the variance; the resolution halves."""

    resample_filter: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, image_channels: int, clamp: float | None
    ) -> None:
        super().__init__()
        self.register_buffer("resample_filter", resample_filter())
        self.fromrgb = (
            EqualizedConvolution(image_channels, in_channels, 1, clamp=clamp)
            if image_channels
            else None
        )
        self.conv0 = EqualizedConvolution(in_channels, in_channels, 3, clamp=clamp)
        self.conv1 = EqualizedConvolution(in_channels, out_channels, 3, down=True, clamp=clamp)
        self.skip = EqualizedConvolution(in_channels, out_channels, 1, down=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [N, in_channels (or image_channels in the first block), H, W] -> half the size."""
        if self.fromrgb is not None:
            x = self.fromrgb(x)
        beside = self.skip(x, gain=math.sqrt(0.5))
        return beside + self.conv1(self.conv0(x), gain=math.sqrt(0.5))


def minibatch_deviation(x: Tensor, group_size: int) -> Tensor:
    """Appends a channel to x [N, C, H, W] that holds the standard deviation within a group of
    samples.

    Progressive growing of GANs (Karras et al., 2018, arXiv 1710.10196), section 3.
    """
    count, channels, height, width = x.shape
    group = min(group_size, count)
    if count % group:
        raise ValueError(f"A batch of {count} cannot be split into groups of {group}.")
    grouped = x.reshape(group, -1, channels, height, width)
    deviation = (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    plane = deviation.reshape(-1, 1, 1, 1).repeat(group, 1, height, width)
    return torch.cat([x, plane], dim=1)


class Epilogue(nn.Module):
    """Maps 4x4 features to the vector that is projected on the camera's."""

    def __init__(self, channels: int, group_size: int, clamp: float | None) -> None:
        super().__init__()
        self.group_size = group_size
        self.conv = EqualizedConvolution(channels + 1, channels, 3, clamp=clamp)
        self.fc = FullyConnected(channels * 16, channels, activate=True)
        self.out = FullyConnected(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """x [N, C, 4, 4] -> [N, C], in the weights' format even under autocast: the gradient of a
        small variance's square root overflows float16, and little time would be saved."""
        with no_autocast(x):
            x = minibatch_deviation(x.to(self.conv.weight.dtype), self.group_size)
            return self.out(self.fc(self.conv(x).flatten(1)))


class CameraMapping(nn.Module):
    """Maps cameras to the vector that the features are projected on."""

    def __init__(self, in_features: int, w_dim: int, num_layers: int) -> None:
        super().__init__()
        self.num_layers = num_layers
        self.embed = FullyConnected(in_features, w_dim)
        for k in range(num_layers):
            layer = FullyConnected(w_dim, w_dim, activate=True, lr_mul=0.01)
            self.add_module(f"fc{k}", layer)

    def forward(self, c: Tensor) -> Tensor:
        """c [N, in_features] -> [N, w_dim]."""
        x = normalize_second_moment(self.embed(c))
        for k in range(self.num_layers):
            x = self.get_submodule(f"fc{k}")(x)
        return x


class Discriminator(nn.Module):
    """StyleGAN2's discriminator (arXiv 1912.04958) with a projected camera (arXiv 1802.05637)."""

    def __init__(self, config: DiscriminatorConfig, image_channels: int, camera_numbers: int):
        super().__init__()
        self.config = config
        # Not used, but the published checkpoints hold it.
        self.register_buffer("resample_filter", resample_filter())
        self.resolutions = config.block_resolutions
        for resolution in self.resolutions:
            block = ResidualBlock(
                config.channels(resolution),
                config.channels(resolution // 2),
                image_channels if resolution == config.resolution else 0,
                config.conv_clamp,
            )
            self.add_module(f"b{resolution}", block)
        channels = config.channels(4)
        self.b4 = Epilogue(channels, config.group_size, config.conv_clamp)
        self.mapping = CameraMapping(camera_numbers, channels, config.mapping_layers)

    def score(self, x: Tensor, c: Tensor) -> Tensor:
        """x [N, image_channels, H, W], c [N, camera_numbers] -> logits [N, 1]."""
        for number, resolution in enumerate(self.resolutions):
            block = self.get_submodule(f"b{resolution}")
            if number < self.config.half_blocks:
                x = block(x)
            else:
                with no_autocast(x):
                    x = block(x.to(self.resample_filter.dtype))
        x, camera = self.b4(x), self.mapping(c)
        return (x * camera).sum(dim=1, keepdim=True) / math.sqrt(x.shape[1])


class ImageDiscriminator(Discriminator):
    """EG3D's dual discriminator: it sees the final picture and the enlarged raw picture, which
    makes them agree."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__(config, 6, CAMERA_NUMBERS)

    def forward(self, image: Tensor, raw_image: Tensor, c: Tensor) -> Tensor:
        """image [N, 3, H, W], raw_image [N, 3, h, w], c [N, 25] -> logits [N, 1]."""
        return self.score(torch.cat([image, resize(raw_image, image.shape[-1])], dim=1), c)


class VideoDiscriminator(Discriminator):
    """Judges motion from two frames of a clip and the time between them."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__(config, 7, 2 * CAMERA_NUMBERS)

    def forward(self, frames: Tensor, c: Tensor) -> Tensor:
        """frames [N, 7, H, W] from `frame_pairs`, c [N, 50] (both cameras) -> logits [N, 1]."""
        return self.score(frames, c)


def frame_pairs(images: Tensor, t: Tensor) -> Tensor:
    """The video discriminator's input.

    Args:
        images: both frames of N clips, clip by clip [2N, 3, H, W].
        t: their times [2N, 1].

    Returns:
        [N, 7, H, W]: first frame, second frame, and a plane that holds the time between them.
    """
    count, _, height, width = images.shape
    pairs = images.reshape(count // 2, 6, height, width)
    first, second = t.reshape(-1, 2).unbind(dim=1)
    plane = (second - first).reshape(-1, 1, 1, 1).expand(-1, 1, height, width)
    return torch.cat([pairs, plane.to(pairs.dtype)], dim=1)


def resize(image: Tensor, size: int) -> Tensor:
    """image [N, C, h, w] -> [N, C, size, size], bilinear and antialiased."""
    if image.shape[-1] == size and image.shape[-2] == size:
        return image
    return F.interpolate(image, (size, size), mode="bilinear", align_corners=False, antialias=True)
