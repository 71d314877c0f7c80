"""MediaPipe's face models in plain torch: differentiable, on any device.

Each file in `checkpoints/face` holds the weights of one network and, as JSON in its metadata, the
operations of its TensorFlow Lite graph in their order.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from viz.state.files import CHECKPOINTS

FOLDER = CHECKPOINTS / "face"
"""The face models that come with the program."""

Name = Literal[
    "face_detection_short_range",
    "face_detection_full_range",
    "face_landmark",
    "iris_landmark",
    "selfie_segmentation",
]
Attributes = dict[str, Any]

_ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {
    0: lambda x: x,
    1: F.relu,
    2: lambda x: x.clamp(-1, 1),
    3: F.relu6,
}
"""Activations, by their numbers in TensorFlow Lite."""
_SAME = 0
"""TensorFlow Lite's number for a padding that keeps ceil(size / stride) pixels."""
_OFTEN = 12
"""Calls without gradients from which it pays to trace a network for pictures of one size, which
takes a quarter of a second."""


class FaceNet(nn.Module):
    """One of the networks. Its weights are constants; gradients flow to the picture."""

    def __init__(self, name: Name) -> None:
        super().__init__()
        with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
            graph = file.metadata()
            tensors = {int(key): file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        self._operations: list[tuple[str, list[int], list[int], Attributes]]
        self._operations = json.loads(graph["ops"])
        (self._input,) = json.loads(graph["inputs"])
        self._outputs: list[int] = json.loads(graph["outputs"])
        self._numbers: dict[int, list[int]] = {}
        for number, tensor in tensors.items():
            if tensor.is_floating_point():
                self.register_buffer(f"weight{number}", tensor.float(), persistent=False)
            else:  # paddings and sizes
                self._numbers[number] = tensor.reshape(-1).tolist()
        for kind, inputs, _, _ in self._operations:
            self._arrange(kind, inputs)
        self._quick: dict[torch.Size, _Quick] = {}
        self.pools = [out[0] for kind, _, out, _ in self._operations if kind == "MAX_POOL_2D"]
        """Indices of the pooled activations, from fine to coarse: features of a picture."""

    def _arrange(self, kind: str, inputs: list[int]) -> None:
        """Converts an operation's weights to torch's layout."""
        orders = {
            "CONV_2D": (0, 3, 1, 2),
            "DEPTHWISE_CONV_2D": (3, 0, 1, 2),
            "Convolution2DTransposeBias": (3, 0, 1, 2),
        }
        if kind in orders:
            name = f"weight{inputs[1]}"
            setattr(self, name, getattr(self, name).permute(orders[kind]).contiguous())

    def forward(self, x: Tensor, taps: Sequence[int] = ()) -> list[Tensor]:
        """Runs the network.

        Args:
            x: pictures [N, 3, H, W] of the network's size and range.
            taps: indices of further activations to return, see `pools`.

        Returns:
            the outputs, [N, ...] with channels last as in TensorFlow, then the activations
            [N, C, h, w].
        """
        if taps or torch.is_grad_enabled() or x.device.type != "cpu":
            return self.run(x, taps)
        return self._quick.setdefault(x.shape, _Quick(self))(x)

    def run(self, x: Tensor, taps: Sequence[int] = ()) -> list[Tensor]:
        """Runs the network operation by operation; see `forward`."""
        # With channels last, a processor runs these small networks in two thirds of the time.
        x = x.contiguous(memory_format=torch.channels_last)
        values: dict[int, Tensor] = {self._input: x}

        def value(number: int) -> Tensor:
            return values[number] if number in values else getattr(self, f"weight{number}")

        for kind, inputs, outputs, attributes in self._operations:
            numbers = self._numbers.get(inputs[1], []) if len(inputs) > 1 else []
            tensors = [value(k) for k in inputs if k >= 0 and k not in self._numbers]
            values[outputs[0]] = _OPERATIONS[kind](tensors, attributes, numbers)
        outputs = [values[k] for k in self._outputs]
        return [_channels_last(y) for y in outputs] + [values[k] for k in taps]


class _Quick:
    """A network for many pictures of one size, such as a camera's: TorchScript runs it in two
    thirds of the time, once it is traced."""

    def __init__(self, net: FaceNet) -> None:
        self._net, self._calls = net, 0
        self._traced: Callable[[Tensor], list[Tensor]] | None = None

    def __call__(self, x: Tensor) -> list[Tensor]:
        self._calls += 1
        if self._calls == _OFTEN:
            self._traced = self._trace(x)
        return self._net.run(x) if self._traced is None else self._traced(x)

    def _trace(self, x: Tensor) -> Callable[[Tensor], list[Tensor]]:
        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes become constants, as they are
            plain: Any = _Plain(self._net).eval()
            traced: Any = torch.jit.trace(plain, torch.zeros(x.shape), check_trace=False)
            return torch.jit.freeze(traced)


class _Plain(nn.Module):
    """A network as a function of the picture alone, which can be traced."""

    def __init__(self, net: FaceNet) -> None:
        super().__init__()
        self._net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self._net.run(x))


@lru_cache(maxsize=16)
def face_net(name: Name, device: torch.device | str = "cpu") -> FaceNet:
    """The network of that name, read once per device."""
    # otherwise its weights could not take part in gradients later
    with torch.inference_mode(False):
        return FaceNet(name).eval().to(device)


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def _padded(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int] = (1, 1),
    value: float = 0.0,
) -> Tensor:
    """TensorFlow's padding "same", which may be larger below and at the right."""
    sides: list[int] = []
    for axis in (1, 0):  # torch wants the width first
        size = x.shape[2 + axis]
        reach = (kernel[axis] - 1) * dilation[axis] + 1
        missing = max((-(-size // stride[axis]) - 1) * stride[axis] + reach - size, 0)
        sides += [missing // 2, missing - missing // 2]
    return F.pad(x, sides, value=value) if any(sides) else x


def _convolution(tensors: list[Tensor], a: Attributes, groups: int) -> Tensor:
    x, weight, *rest = tensors
    stride = (a["strideH"], a["strideW"])
    dilation = (a["dilationHFactor"], a["dilationWFactor"])
    if a["padding"] == _SAME:
        x = _padded(x, weight.shape[2:], stride, dilation)
    bias = rest[0] if rest else None
    y = F.conv2d(x, weight, bias, stride, 0, dilation, groups)
    return _ACTIVATIONS[a["fusedActivationFunction"]](y)


def _add(tensors: list[Tensor], a: Attributes) -> Tensor:
    x, y = tensors
    y = y.view(1, -1, 1, 1) if y.ndim == 1 else y
    return _ACTIVATIONS[a["fusedActivationFunction"]](x + y)


def _pad(x: Tensor, numbers: list[int]) -> Tensor:
    """`numbers`: before and after batch, height, width and channels."""
    _, _, top, bottom, left, right, first, last = numbers
    return F.pad(x, (left, right, top, bottom, first, last))


def _max_pool(x: Tensor, a: Attributes) -> Tensor:
    kernel, stride = (a["filterHeight"], a["filterWidth"]), (a["strideH"], a["strideW"])
    if a["padding"] == _SAME:
        x = _padded(x, kernel, stride, value=float("-inf"))
    return F.max_pool2d(x, kernel, stride)


def _resize(x: Tensor, a: Attributes, size: list[int]) -> Tensor:
    if a["halfPixelCenters"]:
        return F.interpolate(x, size, mode="bilinear", align_corners=False)
    # The first pixels' corners coincide, as in TensorFlow's legacy resizing.
    axes = [
        torch.arange(n, device=x.device) * (old / n) / max(old - 1, 1) * 2 - 1
        for n, old in zip(size, x.shape[-2:], strict=True)
    ]
    v, u = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([u, v], dim=-1).to(x.dtype).expand(x.shape[0], -1, -1, -1)
    return F.grid_sample(x, grid, align_corners=True, padding_mode="border")


def _reshape(x: Tensor, a: Attributes) -> Tensor:
    return _channels_last(x).reshape(x.shape[0], *a["shape"][1:])


def _concatenate(tensors: list[Tensor], a: Attributes) -> Tensor:
    axis = 1 if tensors[0].ndim == 3 else {1: 2, 2: 3, 3: 1}[a["axis"] % 4]
    return torch.cat(tensors, dim=axis)


_OPERATIONS: dict[str, Callable[[list[Tensor], Attributes, list[int]], Tensor]] = {
    "CONV_2D": lambda t, a, n: _convolution(t, a, 1),
    "DEPTHWISE_CONV_2D": lambda t, a, n: _convolution(t, a, t[0].shape[1]),
    "Convolution2DTransposeBias": lambda t, a, n: F.conv_transpose2d(t[0], t[1], t[2], 2),
    "PRELU": lambda t, a, n: F.prelu(t[0], t[1].reshape(-1)),
    "ADD": lambda t, a, n: _add(t, a),
    "MUL": lambda t, a, n: t[0] * t[1],
    "RELU": lambda t, a, n: F.relu(t[0]),
    "HARD_SWISH": lambda t, a, n: F.hardswish(t[0]),
    "LOGISTIC": lambda t, a, n: torch.sigmoid(t[0]),
    "PAD": lambda t, a, n: _pad(t[0], n),
    "MAX_POOL_2D": lambda t, a, n: _max_pool(t[0], a),
    "AVERAGE_POOL_2D": lambda t, a, n: F.avg_pool2d(t[0], (a["filterHeight"], a["filterWidth"])),
    "RESIZE_BILINEAR": lambda t, a, n: _resize(t[0], a, n),
    "RESHAPE": lambda t, a, n: _reshape(t[0], a),
    "CONCATENATION": lambda t, a, n: _concatenate(t, a),
}
