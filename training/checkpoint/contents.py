"""Builds generators from the tensors of files, with the checks that all formats share."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from training.checkpoint.checkpoint_errors import CheckpointError, listed, shown
from training.checkpoint.stored import TensorSource
from training.config import GeneratorConfig
from training.networks.generator import Generator
from training.networks.layers import resample_filter

Format = Literal["native", "pv3d", "eg3d"]
Weights = Literal["ema", "raw"]
_FILTER = "resample_filter"
_NUMBERS_A_TENSOR = 4096
_MARKS: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
_WRAPPERS = {"_orig_mod", "module", "_fsdp_wrapped_module"}
"""Names that torch.compile and parallel training insert between those of the networks."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory, complete and validated."""

    path: Path
    format: Format
    config: GeneratorConfig
    tensors: dict[str, Tensor]
    """State of the generator by name, float32 on the CPU, not memory-mapped."""
    notes: tuple[str, ...]
    """Notes on this file for the user, as sentences."""
    metadata: dict[str, str]
    """The rest of the file's metadata."""


def build(checkpoint: Checkpoint, device: torch.device | str = "cpu") -> Generator:
    """The generator of a checkpoint: eval mode, no gradients.

    On the CPU it uses the checkpoint's tensors without copying them.
    """
    # Tensors made in inference mode cannot be used in autograd, not even as constants.
    with torch.inference_mode(False):
        generator = _unfilled(checkpoint.config)
        generator.load_state_dict(checkpoint.tensors, assign=True)
        return generator.requires_grad_(False).eval().to(device)


def expected_shapes(config: GeneratorConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a generator's state."""
    return {name: tuple(t.shape) for name, t in _unfilled(config).state_dict().items()}


class _WithoutRandomNumbers(TorchFunctionMode):
    """Creates random tensors without memory, as a network's initial weights are not needed.

    Divisions of them are skipped, as torch would take a second to load its compiler first.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.randn:
            return torch.empty(*args, **{**kwargs, "device": "meta"})
        if func is Tensor.div and args[0].is_meta:
            return args[0]
        return func(*args, **kwargs)


def _unfilled(config: GeneratorConfig) -> Generator:
    """A generator whose weights have shapes but no values."""
    with _WithoutRandomNumbers():
        return Generator(config)


def plain_name(name: str) -> str:
    """A tensor's name without the prefixes of wrappers around the networks."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def check_kind(path: Path, names: Mapping[str, object]) -> None:
    """Distinguishes other models from damaged generators by the names of their tensors.

    Raises:
        CheckpointError: saying what kind of model it seems to be.
    """
    if any(name.startswith("backbone.synthesis.") for name in names):
        if any(name.startswith("decoder.") for name in names):
            return
        problem = "it has a StyleGAN2 backbone but no tri-plane decoder (decoder.net.*)"
    elif any(".synthesis.b4." in f".{name}" for name in names):
        problem = "it is a StyleGAN2 generator: it has no tri-plane decoder, so nothing in it is 3D"
    elif names:
        problem = (
            f"it is another model: its {len(names)} tensors ({listed(names, 3)}) are not named"
        )
        problem += " as a PV3D or EG3D generator's"
    else:
        problem = "there is no tensor in it"
    raise CheckpointError(path, [f"{problem}. Choose a PV3D or EG3D generator."])


def load_tensors(
    path: Path, config: GeneratorConfig, sources: Mapping[str, TensorSource]
) -> dict[str, Tensor]:
    """Checks the tensors of a file against those of the generator, and loads them.

    Missing filters are filled in, as they are the same in every generator.

    Raises:
        CheckpointError: naming every tensor that is missing, unexpected or not finite, or has a
            wrong shape or type.
    """
    expected = expected_shapes(config)
    # Some of EG3D's modules have unused filters.
    extra = [n for n in sources if n not in expected and not n.endswith(_FILTER)]
    problems = [
        f"{name} {list(shape)} is missing"
        for name, shape in expected.items()
        if name not in sources and not name.endswith(_FILTER)
    ]
    problems += [f"{shown(name)} is not part of this generator" for name in extra]
    present = {name: sources[name] for name in expected if name in sources}
    for name, source in present.items():
        if problem := source.problem():
            problems.append(f"{name} {problem}")
        elif source.shape != expected[name]:
            problems.append(
                f"{name} has shape {shown(source.shape)} instead of {list(expected[name])}"
            )
    # Overlapping tensors could make a small file exhaust memory.
    if sum(s.num_bytes for s in present.values()) > path.stat().st_size:
        problems.append("its tensors hold more values than the file has room for")
    if problems:
        raise CheckpointError(path, problems)
    with torch.inference_mode(False):
        return _copied(path, expected, present)


def _copied(
    path: Path, expected: Mapping[str, tuple[int, ...]], sources: Mapping[str, TensorSource]
) -> dict[str, Tensor]:
    usual = resample_filter()
    tensors, problems = {}, []
    for name in expected:
        if name not in sources:
            tensors[name] = usual.clone()
            continue
        tensor = tensors[name] = sources[name].load()
        if not is_finite(tensor):
            problems.append(f"{name} has values that are not finite (NaN or infinite)")
        elif name.endswith(_FILTER) and not torch.allclose(tensor, usual, atol=1e-4):
            problems.append(f"{name} is not the filter [1, 3, 3, 1] that this program uses")
    if problems:
        raise CheckpointError(path, problems)
    return tensors


def weights_mark(tensors: Mapping[str, Tensor]) -> str:
    """Sixteen hexadecimal digits that identify a model's weights: a digest of evenly spaced values
    of each tensor, which is fast."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(tensors.items()):
        flat = tensor.detach().reshape(-1)
        some = flat[:: max(1, flat.numel() // _NUMBERS_A_TENSOR)].float().cpu().numpy()
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(some.astype("<f4").tobytes())
    return digest.hexdigest()


def mark_of(G: nn.Module) -> str:
    """`weights_mark` of a generator whose weights no longer change: it is made once."""
    if G not in _MARKS:
        _MARKS[G] = weights_mark(G.state_dict())
    return _MARKS[G]


def is_finite(tensor: Tensor) -> bool:
    """Whether no value is NaN or infinite."""
    # A sum takes one pass and no temporary, and is finite unless values are not, or are huge.
    return math.isfinite(tensor.sum()) or bool(tensor.isfinite().all())
