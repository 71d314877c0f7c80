"""StyleGAN2 blocks prepared for inference.

A layer that is prepared once (`Layer`) is set for a person by `Layer.set`, which modulates what is
modulated: the weights, where they are fewer than the activations they act on, or the activations.

Blocks with large pictures run in bands of rows: a band's activations stay in the processor's
caches, where a whole layer's would go through memory, and be memory fresh from the system each
time. Each band computes the few rows of its first layer that its neighbours need, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.backbone import MotionTimeFuser, Synthesis, SynthesisBlock
from training.networks.layers import SynthesisLayer, ToRGB
from training.networks.superresolution import Superresolution
from viz.render.inference.convolutions import (
    LEAKY_GAIN,
    LEAKY_SLOPE,
    Convolution,
    TransposedConvolution,
    channels_last,
    upsampled,
)
from viz.render.inference.stage_interface import Check

_BAND_BYTES = 2**23
"""Size of a band's activations, about."""
_HALO = 2
"""Rows of zeros above and below the input of a block that runs in bands."""


@dataclass(frozen=True)
class SetLayer:
    """A synthesis layer set for a person."""

    layer: Layer
    scale: Tensor | None
    """Factors on the input channels [1, I, 1, 1], where they are not in the weights."""
    up: TransposedConvolution | None
    convolution: Convolution
    """The convolution itself, or the low-pass filter that follows an `up`."""
    factor: Tensor | None
    """Factors on the output channels [O, 1, 1], where they are not in the weights."""

    def __call__(self, x: Tensor) -> Tensor:
        """A whole picture: [1, I, h, w] to [1, O, H, W]."""
        x = x if self.scale is None else x * self.scale
        x = self.convolution(x if self.up is None else self.up(x))
        return self.layer.finish(x, self.factor, None)

    def band(self, x: Tensor, rows: slice) -> Tensor:
        """Rows of the output, where H counts from one row before the picture.

        Args:
            x: the input's rows that they depend on, and no others.
            rows: which ones, for the noise.
        """
        x = x if self.scale is None else x * self.scale
        if self.up is not None:
            x = self.up(x)[:, :, 2:-2]
        return self.layer.finish(self.convolution(x), self.factor, rows)


class Layer:
    """A synthesis layer.

    Args:
        layer: with its trained weights.
        size: side of its input in pixels.
        dtype: number format.
        noisy: whether the layer adds its stored noise.
        banded: whether it runs in bands, on input that brings the rows around the band with it.
    """

    def __init__(
        self, layer: SynthesisLayer, size: int, dtype: torch.dtype, *, noisy: bool, banded: bool
    ) -> None:
        self.layer, self.size, self.dtype = layer, size, dtype
        self.padding = (0, 1) if banded else (1, 1)
        self.energy = layer.weight.square().sum(dim=(2, 3))  # [O, I]
        # Weights count three times: they are multiplied, converted and laid out anew.
        few = size * size * layer.weight.shape[1] < 3 * layer.weight.numel()
        self.scales_input = few and (layer.up or not banded)
        self._fixed: Convolution | TransposedConvolution | None = None
        strength = float(layer.noise_strength) * LEAKY_GAIN
        self.noise: Tensor | None = None
        if noisy and strength:
            noise = (layer.noise_const * strength).to(dtype)
            self.noise = F.pad(noise, (0, 0, 1, 1)) if banded else noise
        self.shift = layer.bias * LEAKY_GAIN
        # Where every channel has its own factor anyway, noise and bias are added with it.
        self._map: Tensor | None = None
        if self.scales_input and not layer.up:
            full = self.shift[:, None, None]
            if noisy and strength:
                full = full + layer.noise_const * strength
            self._map = channels_last(full[None].to(dtype))

    def set(self, w: Tensor) -> SetLayer:
        """The layer for a person's w [1, w_dim]."""
        weight, dtype = self.layer.weight, self.dtype
        styles = self.layer.affine(w)  # [1, I]
        factor = (styles.square() @ self.energy.t() + 1e-8).rsqrt()[0] * LEAKY_GAIN  # [O]
        factors = factor[:, None, None, None]
        scale = styles.to(dtype)[..., None, None] if self.scales_input else None
        size = (self.size, self.size)
        active = self.noise is None
        if self.layer.up:
            up = self._fixed
            if not isinstance(up, TransposedConvolution):
                up = TransposedConvolution(
                    weight if self.scales_input else weight * styles[..., None, None], dtype, size
                )
            # The low-pass filter works channel by channel, so that it can carry the factors.
            low_pass = (4 * self.layer.resample_filter)[None, None] * factors
            size = (2 * self.size + 1, 2 * self.size + 1)
            smooth = self._convolution(low_pass, self.shift, size, active, weight.shape[0])
            self._fixed = up if self.scales_input else None
            return SetLayer(self, scale, up, smooth, None)
        if self.scales_input:
            if not isinstance(self._fixed, Convolution):
                self._fixed = self._convolution(weight, None, size, False)
            return SetLayer(self, scale, None, self._fixed, factor.to(dtype)[:, None, None])
        weight = weight * styles[..., None, None] * factors
        return SetLayer(self, None, None, self._convolution(weight, self.shift, size, active), None)

    def _convolution(
        self,
        weight: Tensor,
        bias: Tensor | None,
        size: tuple[int, int],
        activate: bool,
        groups: int = 1,
    ) -> Convolution:
        return Convolution(
            weight,
            bias,
            self.dtype,
            padding=self.padding,
            size=size,
            groups=groups,
            activate=activate,
        )

    def finish(self, x: Tensor, factor: Tensor | None, rows: slice | None) -> Tensor:
        """What follows the convolution: the factors, noise and activation that it could not have
        within, and the bound."""
        if factor is not None:
            assert self._map is not None
            x = F.leaky_relu_(torch.addcmul(self._map, x, factor), LEAKY_SLOPE)
        elif self.noise is not None:
            noise = self.noise if rows is None else self.noise[rows]
            F.leaky_relu_(x.add_(noise), LEAKY_SLOPE)
        clamp = self.layer.clamp
        return x if clamp is None else x.clamp_(-clamp, clamp)


class PictureLayer:
    """A toRGB layer."""

    def __init__(self, layer: ToRGB, size: int, dtype: torch.dtype) -> None:
        self.layer, self.size, self.dtype = layer, size, dtype

    def set(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Features [1, I, H, W] to a float32 picture [1, O, H, W], for w [1, w_dim]."""
        layer = self.layer
        styles = layer.affine(w) / math.sqrt(layer.weight.shape[1])  # [1, I]
        weight = layer.weight * styles[..., None, None]
        size = (self.size, self.size)
        run = Convolution(weight, layer.bias, self.dtype, padding=(0, 0), size=size)

        def picture(x: Tensor) -> Tensor:
            y = run(x).float()
            return y if layer.clamp is None else y.clamp_(-layer.clamp, layer.clamp)

        return picture


@dataclass(frozen=True)
class SetBlock:
    """A block set for a person."""

    first: SetLayer | None
    second: SetLayer
    picture: Callable[[Tensor], Tensor]


class Block:
    """A block with its layers.

    Args:
        block: with its trained weights.
        size: side of its output in pixels.
        dtype: number format.
        noisy: whether the layers add their stored noise.
    """

    def __init__(
        self, block: SynthesisBlock, size: int, dtype: torch.dtype, *, noisy: bool
    ) -> None:
        self.size, self.dtype = size, dtype
        self.up, self.num_layers = block.up, block.num_layers
        self.channels = block.conv1.weight.shape[0]
        self._row_bytes = size * self.channels * dtype.itemsize
        fuser = block.motion_time_fuser
        self.banded = (
            block.conv0 is not None and fuser is None and (size * self._row_bytes > _BAND_BYTES)
        )
        options = {"noisy": noisy, "banded": self.banded}
        self.start: Tensor | None = None
        self.conv0: Layer | None = None
        if block.conv0 is None:
            self.start = channels_last(block.const[None].to(dtype))
        else:
            before = size // 2 if block.conv0.up else size
            self.conv0 = Layer(block.conv0, before, dtype, **options)
        self.conv1 = Layer(block.conv1, size, dtype, **options)
        self.torgb = PictureLayer(block.torgb, size, dtype)
        self.fuser: MotionTimeFuser | None = fuser
        self.motion = None if fuser is None else Layer(fuser.conv, size, dtype, **options)
        self._input: Tensor | None = None

    def set(self, ws: Tensor) -> SetBlock:
        """The block for a person's ws [1, num_layers + 1, w_dim]."""
        return SetBlock(
            None if self.conv0 is None else self.conv0.set(ws[:, 0]),
            self.conv1.set(ws[:, self.num_layers - 1]),
            self.torgb.set(ws[:, self.num_layers]),
        )

    def set_motion(self, motion: Tensor) -> SetLayer | None:
        """Its motion layer for z_motion * t [1, motion_dim]; None where it has none."""
        if self.fuser is None or self.motion is None:
            return None
        return self.motion.set(self.fuser.motion_mlp(self.fuser.affine(motion)))

    def input_buffer(self, channels: int, height: int, width: int, device: torch.device) -> Tensor:
        """Where a block that runs in bands takes its input from: [1, C, h, w], kept."""
        shape = (1, channels, height + 2 * _HALO, width)
        if self._input is None or self._input.shape != shape:
            buffer = torch.empty(
                shape, dtype=self.dtype, device=device, memory_format=torch.channels_last
            )
            self._input = buffer.zero_()
        return self._input[:, :, _HALO:-_HALO]

    def run(
        self, part: SetBlock, x: Tensor | None, image: Tensor | None, move: SetLayer | None, check
    ) -> tuple[Tensor, Tensor]:
        """The whole block at once, as `SynthesisBlock.forward`.

        Args:
            part: the block set for a person.
            x: features of the block before [1, I, h, w]; None for the first block.
            image: picture of the blocks before, or None.
            move: its motion layer, set, if there is motion.
            check: see `Check`.
        """
        check()
        if part.first is None:
            assert self.start is not None
            x = part.second(self.start)
            x = x if move is None else move(x).add_(x)
        else:
            assert x is not None
            x = part.first(x)
            check()
            x = x if move is None else move(x).add_(x)
            x = part.second(x)
        check()
        picture = part.picture(x)
        if image is not None:
            picture.add_(upsampled(image) if self.up else image)
        return x, picture

    def run_bands(self, part: SetBlock, image: Tensor, out: Tensor | None, check: Check) -> Tensor:
        """The block in bands of rows, on the input that was put into its `input_buffer`.

        Args:
            part: the block set for a person.
            image: picture of the blocks before.
            out: takes the features, [1, O, H, W]; None where nobody needs them.
            check: see `Check`.

        Returns:
            its picture [1, C, H, W].
        """
        source, first = self._input, part.first
        assert source is not None
        assert first is not None
        image = upsampled(image) if self.up else image.clone()
        height = image.shape[2]
        step = max(8, min(height, _BAND_BYTES // self._row_bytes // 2 * 2))
        for top in range(0, height, step):
            check()
            end = min(top + step, height)
            # Of the first layer one row more on each side; its zeros there are not its values.
            low, high = (top // 2, end // 2 + 4) if self.up else (top, end + 4)
            x = first.band(source[:, :, low:high], slice(top, end + 2))
            if top == 0:
                x[:, :, 0].zero_()
            if end == height:
                x[:, :, -1].zero_()
            x = part.second.band(x, slice(top + 1, end + 1))
            image[:, :, top:end].add_(part.picture(x))
            if out is not None:
                out[:, :, top:end].copy_(x)
        return image


def _run_all(
    blocks: list[Block],
    parts: list[SetBlock],
    x: Tensor | None,
    image: Tensor | None,
    motion: Tensor | None,
    check: Check,
) -> Tensor:
    """Blocks in a row; the picture of the last."""
    for k, (block, part) in enumerate(zip(blocks, parts, strict=True)):
        after = blocks[k + 1] if k + 1 < len(blocks) else None
        if not block.banded:
            move = None if motion is None else block.set_motion(motion)
            x, image = block.run(part, x, image, move, check)
            continue
        assert image is not None
        if x is not None:  # not in its buffer yet
            block.input_buffer(*x.shape[1:], x.device).copy_(x)
            x = None
        side = image.shape[2] * (2 if block.up else 1)
        out = None
        if after is not None:
            shape = (block.channels, side, side)
            if after.banded:
                out = after.input_buffer(*shape, image.device)
            else:
                out = x = channels_last(image.new_empty(1, *shape, dtype=block.dtype))
        image = block.run_bands(part, image, out, check)
    assert image is not None
    return image


class BackboneStage:
    """The synthesis network: ws and motion to the tri-planes' picture."""

    def __init__(self, synthesis: Synthesis, dtype: torch.dtype) -> None:
        self.blocks: list[Block] = []
        for size in synthesis.resolutions:
            block = synthesis.get_submodule(f"b{size}")
            assert isinstance(block, SynthesisBlock)
            self.blocks.append(Block(block, size, dtype, noisy=True))

    def set(self, ws: Tensor) -> list[SetBlock]:
        """The blocks for a person's ws [1, num_ws, w_dim]."""
        parts, first = [], 0
        for block in self.blocks:
            parts.append(block.set(ws[:, first : first + block.num_layers + 1]))
            first += block.num_layers
        return parts

    def __call__(self, parts: list[SetBlock], motion: Tensor | None, check: Check) -> Tensor:
        """Blocks set for a person, z_motion * t [1, motion_dim] -> float32 [1, 3 * C, H, W]."""
        return _run_all(self.blocks, parts, None, None, motion, check)


class SuperresolutionStage:
    """The super-resolution: feature picture and raw picture to the final picture."""

    def __init__(self, module: Superresolution, dtype: torch.dtype) -> None:
        self.module, self.dtype = module, dtype
        size = module.layout.output_resolution
        self.blocks = [
            Block(module.block0, size // 2, dtype, noisy=False),
            Block(module.block1, size, dtype, noisy=False),
        ]

    def set(self, w: Tensor) -> list[SetBlock]:
        """The blocks for a person's last w [1, w_dim]."""
        ws = w[:, None].expand(-1, 3, -1)
        return [block.set(ws) for block in self.blocks]

    def __call__(
        self, parts: list[SetBlock], features: Tensor, image: Tensor, check: Check
    ) -> Tensor:
        """Features [1, C, h, w] and raw picture [1, 3, h, w] -> float32 [1, 3, H, W]."""
        layout, side = self.module.layout, features.shape[-1]
        size = layout.input_resolution
        if side < size or (side > size and layout.resize_larger):
            features, image = (self._resized(x, size) for x in (features, image))
        x = channels_last(features.to(self.dtype))
        return _run_all(self.blocks, parts, x, channels_last(image), None, check)

    def _resized(self, x: Tensor, size: int) -> Tensor:
        return F.interpolate(
            x,
            (size, size),
            mode="bilinear",
            align_corners=False,
            antialias=self.module.antialias,
        )
