"""StyleGAN2 blocks prepared for a GPU: few launches, nothing that waits, ready for a CUDA graph.

Weights are cast once. What a person changes comes as `modulation.Share`: either the activations are
scaled by it, and the result afterwards, or the weights, whichever are fewer. All that follows a
convolution is one launch (`kernel.finish`).

Weights and styles are divided by their largest, as in `training.networks.layers` for float16; the
factors that undo it are float32, and applied in float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.backbone import Synthesis, SynthesisBlock
from training.networks.layers import FullyConnected, SynthesisLayer, ToRGB
from training.networks.superresolution import Superresolution
from viz.render.inference.convolutions import LEAKY_GAIN, LEAKY_SLOPE, channels_last, upsampled
from viz.render.inference.gpu import kernel
from viz.render.inference.gpu.modulation import Modulation, Share, effective, normalized

_EVEN = 8
"""Channels of a picture are filled up to a multiple of it, which tensor cores want."""


def _scaled(x: Tensor, factors: Tensor) -> Tensor:
    """x times float32 factors, rounded once to x's format."""
    return torch.mul(x, factors, out=torch.empty_like(x))


class Layer:
    """A synthesis layer.

    Args:
        layer: with its trained weights.
        size: side of its input in pixels.
        dtype: number format.
        noisy: whether it adds its stored noise.
        kernels: whether Triton's kernels are used.
    """

    def __init__(
        self, layer: SynthesisLayer, size: int, dtype: torch.dtype, *, noisy: bool, kernels: bool
    ) -> None:
        self.up, self.clamp = layer.up, layer.clamp
        self.scales_input = size * size * layer.weight.shape[1] < layer.weight.numel()
        weight = normalized(layer)[0]
        weight = weight.transpose(0, 1) if layer.up else weight
        self.weight = channels_last(weight.to(dtype))  # [O, I, 3, 3], or [I, O, 3, 3] with up
        self.bias = layer.bias * LEAKY_GAIN
        self.low_pass = (4 * layer.resample_filter).contiguous() if layer.up else None
        strength = float(layer.noise_strength) * LEAKY_GAIN
        self.noise = (layer.noise_const * strength).contiguous() if noisy and strength else None
        self._finish = kernel.finish if kernels else kernel.finish_plainly

    def __call__(self, x: Tensor, share: Share) -> Tensor:
        """x [1, I, H, W], channels-last -> [1, O, H, W], or twice the size with `up`."""
        factor, weight = share.factor, self.weight
        assert factor is not None
        if self.scales_input:
            x = _scaled(x, share.scale[:, None, None])
        else:
            first, second = (share.scale, factor) if self.up else (factor, share.scale)
            weight = _scaled(weight, (first[:, None] * second)[..., None, None])
            factor = None
        # [1, O, 2H + 1, 2W + 1] with up
        x = F.conv_transpose2d(x, weight, stride=2) if self.up else F.conv2d(x, weight, padding=1)
        return self._finish(
            x,
            self.bias,
            factor=factor,
            noise=self.noise,
            clamp=self.clamp,
            low_pass=self.low_pass,
        )


class PictureLayer:
    """A toRGB layer."""

    def __init__(self, layer: ToRGB, dtype: torch.dtype) -> None:
        self.clamp, self.bias = layer.clamp, layer.bias[:, None, None]
        self.channels = layer.weight.shape[0]
        weight = F.pad(layer.weight, (0, 0, 0, 0, 0, 0, 0, -self.channels % _EVEN))
        self.weight = channels_last(weight.to(dtype))

    def __call__(self, x: Tensor, share: Share) -> Tensor:
        """Features [1, I, H, W] to a float32 picture [1, O, H, W]."""
        y = F.conv2d(x, _scaled(self.weight, share.scale[:, None, None]))
        y = y[:, : self.channels] + self.bias  # the bias is float32, so the sum is
        return y if self.clamp is None else y.clamp_(-self.clamp, self.clamp)


class _Motion:
    """The linear layers of a block's motion: z_motion * t to the w of its convolution."""

    def __init__(self, layers: list[FullyConnected]) -> None:
        # Leaky ReLU's gain can come before it, as part of the weights.
        self.layers = [
            (*effective(layer, LEAKY_GAIN if layer.activate else 1.0), layer.activate)
            for layer in layers
        ]

    def __call__(self, x: Tensor) -> Tensor:
        for weight, bias, activate in self.layers:
            x = F.linear(x, weight, bias)
            x = F.leaky_relu_(x, LEAKY_SLOPE) if activate else x
        return x


class Block:
    """A block with its layers; see `training.networks.backbone.SynthesisBlock`.

    Args:
        block: with its trained weights.
        size: side of its output in pixels.
        dtype: number format.
        noisy: whether the layers add their stored noise.
        kernels: whether Triton's kernels are used.
    """

    def __init__(
        self,
        block: SynthesisBlock,
        size: int,
        dtype: torch.dtype,
        *,
        noisy: bool,
        kernels: bool,
    ) -> None:
        options = {"noisy": noisy, "kernels": kernels}
        self.up = block.up
        self.start: Tensor | None = None
        self.conv0: Layer | None = None
        if block.conv0 is None:
            self.start = channels_last(block.const[None].to(dtype))
        else:
            before = size // 2 if block.conv0.up else size
            self.conv0 = Layer(block.conv0, before, dtype, **options)
        self.conv1 = Layer(block.conv1, size, dtype, **options)
        self.torgb = PictureLayer(block.torgb, dtype)
        fuser = block.motion_time_fuser
        self.move = None if fuser is None else Layer(fuser.conv, size, dtype, **options)

    def __call__(
        self, x: Tensor | None, image: Tensor | None, shares: Iterator[Share], move: Share | None
    ) -> tuple[Tensor, Tensor]:
        """Features [1, O, H, W] and float32 picture [1, C, H, W].

        Args:
            x: features of the block before; None for the first block of the backbone.
            image: picture of the blocks before, float32, or None.
            shares: its layers' shares come next from here, toRGB's last.
            move: what its motion layer takes, if there is motion.
        """
        if self.conv0 is None:
            assert self.start is not None
            x = self._moved(self.conv1(self.start, next(shares)), move)
        else:
            assert x is not None
            x = self._moved(self.conv0(x, next(shares)), move)
            x = self.conv1(x, next(shares))
        picture = self.torgb(x, next(shares))
        if image is not None:
            picture.add_(upsampled(image) if self.up else image)
        return x, picture

    def _moved(self, x: Tensor, share: Share | None) -> Tensor:
        return x if self.move is None or share is None else self.move(x, share).add_(x)


def _layers(block: SynthesisBlock, first: int) -> Iterator[tuple[SynthesisLayer | ToRGB, int]]:
    """A block's layers in the order of their use, without motion, and which w each takes."""
    if block.conv0 is not None:
        yield block.conv0, first
    yield block.conv1, first + block.num_layers - 1
    yield block.torgb, first + block.num_layers


class BackboneStage:
    """The synthesis network.

    Args:
        synthesis: with its trained weights.
        dtype: number format.
        kernels: whether Triton's kernels are used.
    """

    def __init__(self, synthesis: Synthesis, dtype: torch.dtype, *, kernels: bool) -> None:
        self.blocks: list[Block] = []
        self.motions: list[_Motion | None] = []
        layers, moving, first = [], [], 0
        for size, block in zip(synthesis.resolutions, synthesis.blocks, strict=True):
            self.blocks.append(Block(block, size, dtype, noisy=True, kernels=kernels))
            layers += _layers(block, first)
            first += block.num_layers
            fuser = block.motion_time_fuser
            self.motions.append(None)
            if fuser is not None:
                linear = [fuser.affine, *fuser.motion_mlp]
                found = [layer for layer in linear if isinstance(layer, FullyConnected)]
                self.motions[-1] = _Motion(found)
                moving.append((fuser.conv, len(moving)))
        self.modulation = Modulation(layers)
        self.moving = Modulation(moving) if moving else None

    def set(self, ws: Tensor) -> Tensor:
        """What its layers take from a person's ws [1, num_ws, w_dim], as one row."""
        return self.modulation(ws[0])

    def __call__(self, row: Tensor, motion: Tensor | None) -> Tensor:
        """A row from `set` and z_motion * t [1, motion_dim] -> float32 [1, 3 * C, H, W]."""
        moves: list[Share] = []
        if motion is not None and self.moving is not None:
            w = [move(motion) for move in self.motions if move is not None]
            moves = self.moving.shares(self.moving(torch.cat(w)))
        shares, left = iter(self.modulation.shares(row)), iter(moves)
        x = image = None
        for block, move in zip(self.blocks, self.motions, strict=True):
            x, image = block(x, image, shares, None if move is None else next(left, None))
        assert image is not None
        return image


class SuperresolutionStage:
    """The super-resolution; arguments as for `BackboneStage`."""

    def __init__(self, module: Superresolution, dtype: torch.dtype, *, kernels: bool) -> None:
        self.dtype = dtype
        self.layout, self.antialias = module.layout, module.antialias
        size = module.layout.output_resolution
        options = {"noisy": False, "kernels": kernels}
        self.blocks = [
            Block(module.block0, size // 2, dtype, **options),
            Block(module.block1, size, dtype, **options),
        ]
        layers = [*_layers(module.block0, 0), *_layers(module.block1, 0)]
        self.modulation = Modulation([(layer, 0) for layer, _ in layers])

    def set(self, ws: Tensor) -> Tensor:
        """What its layers take from a person's ws [1, num_ws, w_dim], as one row."""
        return self.modulation(ws[:, -1])

    def __call__(self, row: Tensor, features: Tensor, image: Tensor) -> Tensor:
        """A row from `set`, features [1, C, h, w] and raw picture [1, 3, h, w], both float32 ->
        float32 [1, 3, H, W]."""
        size, side = self.layout.input_resolution, features.shape[-1]
        if side < size or (side > size and self.layout.resize_larger):
            features, image = (self._resized(x, size) for x in (features, image))
        shares = iter(self.modulation.shares(row))
        x: Tensor = channels_last(features.to(self.dtype))
        for block in self.blocks:
            x, image = block(x, image, shares, None)
        return image

    def _resized(self, x: Tensor, size: int) -> Tensor:
        return F.interpolate(
            x, (size, size), mode="bilinear", align_corners=False, antialias=self.antialias
        )
