"""This program's own format: safetensors with the configuration in the header.

Metadata: format "pv3d-visualizer", version "1", config (JSON of `GeneratorConfig.to_dict()`),
notes (sentences, one a line), and whatever else was given.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.checkpoint.checkpoint_errors import CheckpointError, listed, shown
from training.checkpoint.contents import Checkpoint, Weights, check_kind, is_finite, load_tensors
from training.checkpoint.infer import disagreements, infer
from training.checkpoint.stored import FLOAT_TYPES, ITEM_SIZES
from training.config import GeneratorConfig
from training.networks.generator import Generator
from training.replacing import replacing

FORMAT = "pv3d-visualizer"
VERSION = 1
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def sniff(head: bytes) -> bool:
    """Whether a file that starts with `head` is a safetensors file."""
    return len(head) > 8 and head[8:9] == b"{"


@dataclass(frozen=True)
class _SafeTensor:
    """A tensor in a safetensors file; the library has checked its place and size."""

    file: Any
    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * ITEM_SIZES.get(self.dtype, 0)

    def problem(self) -> str | None:
        if self.dtype in FLOAT_TYPES:
            return None
        return f"is of type {shown(self.dtype)}; weights are floating point numbers"

    def load(self) -> Tensor:
        # The library's tensor lies in the mapped file, which must not outlive this call.
        return self.file.get_tensor(self.name).to(torch.float32, copy=True)


def read(path: Path, weights: Weights) -> Checkpoint:
    """Reads a checkpoint of this program; `weights` changes nothing, as it holds one set.

    Raises:
        CheckpointError: listing what is wrong.
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        header_size = int.from_bytes(file.read(8), "little")
    size = path.stat().st_size
    if header_size > size - 8:
        raise CheckpointError(
            path,
            [
                f"its header should be {header_size} bytes long, but the file has {size}: it is "
                "cut short or damaged. Copy or download it again."
            ],
        )
    try:
        with safe_open(path, framework="pt") as file:
            return _read_open(path, file)
    except SafetensorError as error:
        raise CheckpointError(
            path, [f"it is cut short or damaged ({shown(error)}). Copy or download it again."]
        ) from error


def _read_open(path: Path, file: Any) -> Checkpoint:
    metadata = dict(file.metadata() or {})
    sources = {}
    for name in file.keys():  # noqa: SIM118 (not a dict: it cannot be iterated)
        part = file.get_slice(name)
        dtype = str(part.get_dtype())
        sources[name] = _SafeTensor(file, name, tuple(part.get_shape()), _DTYPES.get(dtype, dtype))
    if metadata.pop("format", None) != FORMAT:
        names = f" ({listed(sources, 3)})" if sources else ""
        raise CheckpointError(
            path,
            [
                "it is a safetensors file of another program: no configuration of a generator is "
                f"in its header. It holds {len(sources)} tensors{names}."
            ],
        )
    _check_version(path, metadata.pop("version", ""))
    config = _read_config(path, metadata.pop("config", ""))
    check_kind(path, sources)
    found = infer({name: source.shape for name, source in sources.items()})
    problems = found.problems + disagreements(config, found)
    if problems:
        raise CheckpointError(path, problems)
    notes = tuple(line for line in metadata.pop("notes", "").splitlines() if line)
    tensors = load_tensors(path, config, sources)
    return Checkpoint(path, "native", config, tensors, notes, metadata)


def _check_version(path: Path, version: str) -> None:
    if version == str(VERSION):
        return
    newer = version.isdecimal() and len(version) < 9 and int(version) > VERSION
    advice = "Update the program." if newer else "The file is damaged."
    raise CheckpointError(
        path, [f"it has version {shown(version)!r}; this program reads {VERSION}. {advice}"]
    )


def _read_config(path: Path, text: str) -> GeneratorConfig:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            path, [f"the configuration in its header is damaged ({shown(error)})"]
        ) from error
    absurd = _absurd_numbers(data) if isinstance(data, dict) else []
    if absurd:
        raise CheckpointError(path, absurd)
    try:
        return GeneratorConfig.from_dict(data)
    except ValueError as error:
        problems = [f"in its configuration, {shown(part, 200)}" for part in str(error).split("; ")]
        raise CheckpointError(path, problems) from error


def _absurd_numbers(data: Mapping[str, Any]) -> list[str]:
    """Numbers that no configuration has and that arithmetic might stumble over."""
    rendering = data.get("rendering")
    items = [*data.items(), *(rendering.items() if isinstance(rendering, dict) else ())]
    return [
        f"in its configuration, {shown(name)} is an impossible number"
        for name, value in items
        if isinstance(value, int | float) and not abs(value) < 1e9
    ]


def save(
    path: str | os.PathLike[str],
    generator: Generator,
    *,
    notes: str = "",
    half: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Saves a generator. The file is complete or, if anything fails, as it was before.

    Args:
        path: the file, conventionally *.safetensors; its folder must exist.
        generator: on any device.
        notes: sentences for whoever loads it, one a line.
        half: whether to store float16, half the size; loading gives float32 again.
        metadata: further texts to keep with it, by name.

    Raises:
        CheckpointError: if it cannot be written, or its weights could not be read back.
    """
    path = Path(path)
    tensors, problems = {}, []
    for name, tensor in generator.state_dict().items():
        stored = tensor.detach().to("cpu", torch.float16 if half else torch.float32).contiguous()
        if not is_finite(stored.float()):
            reason = "or too large for half precision" if half else "(NaN or infinite)"
            problems.append(f"{name} has values that are not finite {reason}")
        tensors[name] = stored
    if problems:
        raise CheckpointError(path, problems, action="save")
    header = {
        **(metadata or {}),
        "format": FORMAT,
        "version": str(VERSION),
        "config": json.dumps(generator.config.to_dict()),
        "notes": notes,
    }
    try:
        with replacing(path) as part:
            save_file(tensors, part, header)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(path, [f"it could not be written: {error}"], action="save") from error
