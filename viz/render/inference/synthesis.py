"""StyleGAN2 blocks prepared for pictures of one person at a time, on any device.

The layers, their order and the w that each of them takes are the same on all devices, and are
defined here. A `Backend` says how a device computes a layer: `cpu.cpu_layers` and `gpu.gpu_layers`.
Weights are laid out once; a `Modulation` then binds layers to a person.

Activations are [1, C, H, W] in channels-last memory and the backend's number format; pictures, and
the tri-planes that the backbone's pictures are, are float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.backbone import MotionTimeFuser, Synthesis, SynthesisBlock
from training.networks.layers import FullyConnected, SynthesisLayer, ToRGB, leaky_relu
from training.networks.superresolution import Superresolution
from viz.render.inference.convolutions import LEAKY_GAIN, channels_last, upsampled
from viz.render.inference.stage_interface import Check

L = TypeVar("L")
"""A backend's type of layer."""
BoundLayer = Callable[[Tensor], Tensor]
"""A layer with a person's styles: features [1, I, h, w] to features or picture [1, O, H, W]."""


class Modulation(Protocol):
    """Binds layers to a person."""

    def __call__(self, w: Tensor) -> Tensor:
        """What `bind` needs from the layers' ws [N, w_dim]."""
        ...

    def bind(self, row: Tensor) -> Iterator[BoundLayer]:
        """The layers in the order of their use."""
        ...


class Backend(Protocol[L]):
    """How a device computes layers."""

    dtype: torch.dtype
    """Number format of weights and activations."""

    def block(self, block: SynthesisBlock, size: int, *, noisy: bool) -> Block[L]:
        """A block whose output has `size` pixels along each side; `noisy` where its layers add
        their stored noise."""
        ...

    def modulation(self, layers: Sequence[L], places: Sequence[int]) -> Modulation:
        """Binds layers; each takes the w in its place."""
        ...


class LayerConstants:
    """The constants of a synthesis layer, the same for every person, with the activation's gain
    applied."""

    def __init__(self, layer: SynthesisLayer, *, noisy: bool) -> None:
        self.up, self.clamp = layer.up, layer.clamp
        self.bias = layer.bias * LEAKY_GAIN
        strength = float(layer.noise_strength) * LEAKY_GAIN
        self.noise = layer.noise_const * strength if noisy and strength else None
        """float32 [H, W]; None for a layer that adds none."""
        self.low_pass = 4 * layer.resample_filter if layer.up else None
        """The filter [4, 4] that follows a transposed convolution, with its gain."""


class _MotionMLP:
    """The linear layers of a block's motion: from z_motion * t to the w of its convolution."""

    def __init__(self, fuser: MotionTimeFuser) -> None:
        linear = (fuser.affine, *fuser.motion_mlp)
        self.layers = [
            (*layer.effective(), layer.activate)
            for layer in linear
            if isinstance(layer, FullyConnected)
        ]

    def __call__(self, x: Tensor) -> Tensor:
        for weight, bias, activate in self.layers:
            x = F.linear(x, weight, bias)
            x = leaky_relu(x) if activate else x
        return x


class Block(Generic[L]):
    """A block with its layers; see `training.networks.backbone.SynthesisBlock`.

    Args:
        block: with its trained weights.
        size: side of its output in pixels.
        dtype: number format.
        layer: prepares a synthesis layer for input with a given side in pixels.
        to_rgb: prepares a toRGB layer likewise.
    """

    def __init__(
        self,
        block: SynthesisBlock,
        size: int,
        dtype: torch.dtype,
        layer: Callable[[SynthesisLayer, int], L],
        to_rgb: Callable[[ToRGB, int], L],
    ) -> None:
        self.up = block.up
        self.start: Tensor | None = None
        self.layers: list[L] = []
        """Layers in the order of their use, without the motion layer."""
        if block.conv0 is None:
            self.start = channels_last(block.const[None].to(dtype))
        else:
            self.layers.append(layer(block.conv0, size // 2 if block.conv0.up else size))
        self.layers += [layer(block.conv1, size), to_rgb(block.torgb, size)]
        fuser = block.motion_time_fuser
        self.motion_mlp = None if fuser is None else _MotionMLP(fuser)
        self.motion_layer = None if fuser is None else layer(fuser.conv, size)

    def __call__(
        self,
        x: Tensor | None,
        image: Tensor | None,
        layers: Iterator[BoundLayer],
        move: BoundLayer | None,
        check: Check,
        *,
        last: bool = False,
    ) -> tuple[Tensor | None, Tensor]:
        """Features [1, O, H, W], which may be None from the last block, and picture [1, C, H, W].

        Args:
            x: features of the block before; None for the first block of the backbone.
            image: picture of the blocks before, or None.
            layers: yields its layers next.
            move: its motion layer, if there is motion.
            check: see `Check`.
            last: whether its features are not needed.
        """
        del last
        check()
        if self.start is not None:
            x = _moved(next(layers)(self.start), move)
        else:
            assert x is not None
            x = next(layers)(x)
            check()
            x = next(layers)(_moved(x, move))
        check()
        picture = next(layers)(x)
        if image is not None:
            picture.add_(upsampled(image) if self.up else image)
        return x, picture


def _moved(x: Tensor, move: BoundLayer | None) -> Tensor:
    return x if move is None else move(x).add_(x)


class _Network(Generic[L]):
    """Blocks in a row.

    Args:
        blocks: with their trained weights, and the side of each one's output in pixels.
        backend: how they are computed.
        noisy: whether the layers add their stored noise.
        one_w: whether all layers take the same w; otherwise each takes its own, except that toRGB
            shares one with the next block's first layer.
    """

    def __init__(
        self,
        blocks: Iterable[tuple[SynthesisBlock, int]],
        backend: Backend[L],
        *,
        noisy: bool,
        one_w: bool,
    ) -> None:
        self.dtype = backend.dtype
        self.blocks = [backend.block(block, size, noisy=noisy) for block, size in blocks]
        layers: list[L] = []
        places: list[int] = []
        for number, block in enumerate(self.blocks):
            first = len(layers) - number
            layers += block.layers
            places += [0 if one_w else first + k for k in range(len(block.layers))]
        self.modulation = backend.modulation(layers, places)
        moving = [block.motion_layer for block in self.blocks if block.motion_layer is not None]
        self._motion = backend.modulation(moving, range(len(moving))) if moving else None

    def bind(self, row: Tensor) -> Iterator[BoundLayer]:
        """The layers for a person, from the result of `set`."""
        return self.modulation.bind(row)

    def _run(
        self,
        layers: Iterable[BoundLayer],
        x: Tensor | None,
        image: Tensor | None,
        motion: Tensor | None,
        check: Check,
    ) -> Tensor:
        """The picture of the last block."""
        layers, moves = iter(layers), self._moves(motion)
        for block in self.blocks:
            move = None if block.motion_layer is None else next(moves, None)
            last = block is self.blocks[-1]
            x, image = block(x, image, layers, move, check, last=last)
        assert image is not None
        return image

    def _moves(self, motion: Tensor | None) -> Iterator[BoundLayer]:
        if motion is None or self._motion is None:
            return iter(())
        w = [block.motion_mlp(motion) for block in self.blocks if block.motion_mlp is not None]
        return self._motion.bind(self._motion(torch.cat(w)))


class BackboneStage(_Network[L]):
    """The synthesis network: ws and motion to the tri-planes' picture."""

    def __init__(self, synthesis: Synthesis, backend: Backend[L]) -> None:
        blocks = zip(synthesis.blocks, synthesis.resolutions, strict=True)
        super().__init__(blocks, backend, noisy=True, one_w=False)

    def set(self, ws: Tensor) -> Tensor:
        """What its layers need of a person's ws [1, num_ws, w_dim], for `bind`."""
        return self.modulation(ws[0])

    def __call__(self, layers: Iterable[BoundLayer], motion: Tensor | None, check: Check) -> Tensor:
        """Layers from `bind`, z_motion * t [1, motion_dim] -> float32 [1, 3 * C, H, W]."""
        return self._run(layers, None, None, motion, check)


class SuperresolutionStage(_Network[L]):
    """The super-resolution: feature picture and raw picture to the final picture."""

    def __init__(self, module: Superresolution, backend: Backend[L]) -> None:
        self.module = module
        size = module.layout.output_resolution
        blocks = ((module.block0, size // 2), (module.block1, size))
        super().__init__(blocks, backend, noisy=False, one_w=True)

    def set(self, ws: Tensor) -> Tensor:
        """What its layers need of a person's ws [1, num_ws, w_dim], for `bind`."""
        return self.modulation(ws[:, -1])

    def __call__(
        self,
        layers: Iterable[BoundLayer],
        features: Tensor,
        image: Tensor,
        check: Check,
        whole: int | None = None,
    ) -> Tensor:
        """Layers from `bind`, features [1, C, h, w] and raw picture [1, 3, h, w], both float32 ->
        float32 [1, 3, H, W]; `whole` as in `training.networks.superresolution`."""
        features, image = self.resized(features, image, whole)
        x = channels_last(features.to(self.dtype))
        return self._run(layers, x, channels_last(image), None, check)

    def resized(
        self, features: Tensor, image: Tensor, whole: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Both pictures in the size that the blocks take."""
        return self.module.resized(features, image, whole)
