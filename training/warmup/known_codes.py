"""Gaussian codes that contain the numbers by which a data set describes its people and motions.

The codes are still Gaussian in all dimensions: the known numbers are a projection of them, and the
rest is noise to be ignored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.networks.backbone import MotionTimeFuser
from training.networks.generator import Generator
from training.networks.layers import FullyConnected, SynthesisLayer
from training.replacing import replacing

_STRAY = 0.02
"""Largest fraction of the norm of the weights that read a code that its random part may have, from
rounding."""
_STEP, _STEEP = 0.04, 4.0
"""Distance of the kinks of units from a change, and their gain."""


def projection(rows: int, columns: int, seed: int) -> Tensor:
    """Orthonormal rows [rows, columns], the same on every machine."""
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(columns, rows, generator=generator, dtype=torch.float64)
    basis, triangle = torch.linalg.qr(draws)
    # The signs of a QR decomposition's columns depend on the library; this makes them unique.
    return (basis * torch.diagonal(triangle).sign()).t().float()


@dataclass(frozen=True)
class Codes:
    """Gaussian codes whose projections are the data set's numbers."""

    identity: Tensor
    """Orthonormal rows [I, z_dim]: z @ identity.T are a person's numbers."""
    motion: Tensor
    """Orthonormal rows [M, motion_dim]: likewise for z_motion and a motion's numbers."""

    @classmethod
    def draw(cls, identity_dim: int, motion_dim: int, G: Generator) -> Codes:
        """Bases for a generator's codes, always the same ones, for I numbers that describe a person
        and M that describe a motion.

        Raises:
            ValueError: when the generator's codes are too short.
        """
        config = G.config
        if identity_dim > config.z_dim or motion_dim > config.motion_dim:
            raise ValueError(
                f"{identity_dim} identity and {motion_dim} motion numbers do not fit into codes of "
                f"{config.z_dim} and {config.motion_dim}."
            )
        return cls(
            projection(identity_dim, config.z_dim, seed=1).to(G.device),
            projection(motion_dim, config.motion_dim, seed=2).to(G.device),
        )

    @classmethod
    def load(cls, path: Path, G: Generator) -> Codes:
        """Bases saved by `save`, on the generator's device.

        Raises:
            ValueError: when they are unreadable, or belong to a different generator.
        """
        try:
            state = load_file(path)
            identity, motion = state["identity"].float(), state["motion"].float()
        except (OSError, SafetensorError, KeyError) as error:
            raise ValueError(f"{path} holds no bases of codes ({error}).") from error
        dims = G.config.z_dim, G.config.motion_dim
        if identity.ndim != 2 or motion.ndim != 2 or (identity.shape[1], motion.shape[1]) != dims:
            raise ValueError(
                f"{path} belongs to another generator: its bases are {list(identity.shape)} and "
                f"{list(motion.shape)}, and this one's codes have {dims[0]} and {dims[1]} numbers."
            )
        return cls(identity.to(G.device), motion.to(G.device))

    def save(self, path: Path) -> None:
        """Saves the bases for `load` and `python -m training.metrics --codes`."""
        tensors = {"identity": self.identity.cpu(), "motion": self.motion.cpu()}
        with replacing(path) as part:
            save_file(tensors, part)

    def z(self, identity: Tensor, noise: Tensor) -> Tensor:
        """identity [n, I], N(0, 1), and noise [n, z_dim] -> z [n, z_dim], N(0, 1)."""
        return _with_numbers(identity, noise, self.identity)

    def z_motion(self, motion: Tensor, noise: Tensor) -> Tensor:
        """motion [n, M], N(0, 1), and noise [n, motion_dim] -> z_motion [n, motion_dim]."""
        return _with_numbers(motion, noise, self.motion)

    @torch.no_grad()
    def confine(self, G: Generator) -> None:
        """Projects the weights that read the codes onto the codes' known part.

        The random part carries no information, but its hundreds of numbers would drown the few
        dozen known ones for thousands of updates, especially as Adam takes equally large steps
        along directions whose gradients are noise.
        """
        for weight, basis in self._readers(G):
            weight.copy_(weight @ basis.t() @ basis)

    @torch.no_grad()
    def are_read_by(self, G: Generator) -> bool:
        """Whether a generator reads only the known part of these codes, up to rounding."""
        return all(
            float((weight - weight @ basis.t() @ basis).norm() / weight.norm()) < _STRAY
            for weight, basis in self._readers(G)
        )

    @torch.no_grad()
    def begin(self, G: Generator, changes: Iterable[tuple[int, float]] = ()) -> None:
        """Initialises a new generator to read only the known part of its codes.

        In the first layers of the mapping and of each motion layer, half of the units mix the
        numbers, as usual. The others read a single number each, with their kinks at different
        values: a trait may be any function of one number, such as the colour of clothes or a blink,
        which mixtures learn late. Two more units for each discontinuity have their kinks just
        before and after it, so that their difference is a step; without them, people near one have
        two hair styles at once. After 500 steps of lessons on synthetic heads, a linear map of w
        predicted the style of 90 % of the people rather than 52 %.

        Args:
            G: the generator.
            changes: indices of numbers of a person, and values at which a trait changes abruptly.
        """
        self.confine(G)
        for weight, basis in self._readers(G):  # restores the scale of the outputs
            weight.mul_(math.sqrt(basis.shape[1] / basis.shape[0]))
        fc0 = G.backbone.mapping.get_submodule("fc0")
        assert isinstance(fc0, FullyConnected)
        _read_singly(fc0, self.identity)
        _see_changes(fc0, self.identity, changes)
        for fuser in fusers(G):
            _read_singly(fuser.affine, self.motion)

    def _readers(self, G: Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Weights [w_dim, D] of the layers that read a code, with the basis [K, D] of its known
        part."""
        fc0 = G.backbone.mapping.get_parameter("fc0.weight")
        yield fc0[:, : self.identity.shape[1]], self.identity
        for fuser in fusers(G):
            yield fuser.affine.weight, self.motion


def fusers(G: Generator) -> Iterator[MotionTimeFuser]:
    """The motion layers, from coarse to fine."""
    return (module for module in G.modules() if isinstance(module, MotionTimeFuser))


def _read_singly(layer: FullyConnected, basis: Tensor) -> None:
    """Makes the second half of a layer's units read one number of the basis [K, D] each."""
    numbers, mixing = len(basis), len(layer.bias) // 2
    unit = torch.arange(len(layer.bias) - mixing, device=layer.bias.device)
    number, turn = unit % numbers, unit // numbers
    of_number = (len(unit) - 1 - number) // numbers + 1  # units that read the same one
    sign = 1.0 - 2 * (turn % 2)
    bend = torch.special.ndtri((turn + 0.5) / of_number)
    layer.weight[mixing:] = 0
    layer.weight[mixing:, : basis.shape[1]] = sign[:, None] * basis[number] / layer.gain
    layer.bias[mixing:] = -sign * bend / layer.lr_mul


def _see_changes(
    layer: FullyConnected, basis: Tensor, changes: Iterable[tuple[int, float]]
) -> None:
    """Puts the kinks of a layer's last units on both sides of discontinuities in numbers of the
    basis [K, D]."""
    ends = [(number, at + side) for number, at in changes for side in (-_STEP, _STEP)]
    few = ends[: len(layer.bias) // 8 * 2]  # a small layer needs its units for other things
    for unit, (number, bend) in enumerate(few, start=1):
        layer.weight[-unit] = 0
        layer.weight[-unit, : basis.shape[1]] = _STEEP * basis[number] / layer.gain
        layer.bias[-unit] = -_STEEP * bend / layer.lr_mul


def _with_numbers(numbers: Tensor, noise: Tensor, basis: Tensor) -> Tensor:
    """Noise [n, D] whose projection on the basis [K, D] is replaced by the numbers [n, K]."""
    return noise + (numbers - noise @ basis.t()) @ basis


def prepare(G: Generator, codes: Codes, changes: Iterable[tuple[int, float]] = ()) -> None:
    """Initialises a new generator for the warm-up.

    Density starts low with a strong slope, and motion small; the codes' random parts are not read;
    the super-resolution starts by enlarging the raw picture. The layers' stored noise maps are
    trained like weights, as otherwise few updates learn only coarse shapes.
    """
    codes.begin(G, changes)
    with torch.no_grad():
        for name, parameter in G.named_parameters():
            if name.startswith("superresolution.") and name.endswith(
                (".torgb.weight", ".torgb.bias")
            ):
                parameter.zero_()
        G.get_parameter("decoder.net.2.weight")[0] *= 8
        G.get_parameter("decoder.net.2.bias")[0] = -5
        for name, module in G.named_modules():
            if name.endswith("motion_time_fuser.conv") and isinstance(module, SynthesisLayer):
                module.affine.weight.mul_(0.3)
    train_noise_maps(G, strength=0.2)


def train_noise_maps(G: Generator, strength: float | None = None) -> None:
    """Makes the backbone's stored noise maps trainable, with the same names and values, and sets
    their strength if one is given."""
    for module in G.backbone.synthesis.modules():
        if isinstance(module, SynthesisLayer) and "noise_const" in module._buffers:
            noise = module._buffers.pop("noise_const")
            assert noise is not None
            module.register_parameter("noise_const", nn.Parameter(noise))
            if strength is not None:
                nn.init.constant_(module.noise_strength, strength)
