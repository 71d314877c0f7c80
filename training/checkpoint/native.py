"""This program's own format: safetensors with the configuration in the header.

Metadata: format "pv3d-visualizer", version "1", config (JSON of `GeneratorConfig.to_dict()`), notes
(sentences, one a line), and any further texts.

A saved training state (`training.train.run_folder`) can be read as well: its averaged generator,
with the header of the generator in the run's folder.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from training.checkpoint.checkpoint_errors import CheckpointError, listed, shown
from training.checkpoint.contents import (
    Checkpoint,
    Weights,
    check_kind,
    is_finite,
    load_tensors,
    plain_name,
)
from training.checkpoint.infer import disagreements, infer
from training.checkpoint.stored import (
    ITEM_SIZES,
    FilePart,
    OpenFile,
    Storage,
    TensorSource,
    UnreadableTensor,
    strided_tensor,
)
from training.config import GeneratorConfig
from training.networks.generator import Generator
from training.reasons import reason
from training.replacing import replacing
from training.train.run_generators import AVERAGED

FORMAT = "pv3d-visualizer"
VERSION = 1
_DTYPES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"},
    **{"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8"},
    "BOOL": "bool",
}
_AVERAGED_PART = "G_ema"
"""Name of the averaged generator in a training state."""
_LARGEST_HEADER = 100_000_000
"""Largest header in bytes; the format's own limit."""


def sniff(head: bytes) -> bool:
    """Whether a file that starts with `head` is a safetensors file."""
    return len(head) > 8 and head[8:9] == b"{"


def read(path: Path, file: OpenFile, weights: Weights) -> Checkpoint:
    """Reads a checkpoint of this program; `weights` has no effect, as there is one generator.

    Raises:
        CheckpointError: listing what is wrong.
        OSError: if the file cannot be read.
    """
    return _read_tensors(path, *_described(path, file))


def read_metadata(path: Path, file: OpenFile) -> dict[str, str]:
    """The metadata of a file of this program; errors as in `read`."""
    return _described(path, file)[0]


def _described(path: Path, file: OpenFile) -> tuple[dict[str, str], dict[str, TensorSource]]:
    metadata, sources = _header_of(path, file)
    if "update" in metadata and metadata.get("format") != FORMAT:
        return _of_state(path, metadata["update"], sources)
    return metadata, sources


def _header_of(path: Path, file: OpenFile) -> tuple[dict[str, str], dict[str, TensorSource]]:
    try:
        return _read_header(file)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        problem = shown(error) if isinstance(error, _HeaderError) else "its header is damaged"
        raise CheckpointError(path, [f"{problem}. Copy or download it again."]) from error


def _of_state(
    path: Path, update: str, sources: Mapping[str, TensorSource]
) -> tuple[dict[str, str], dict[str, TensorSource]]:
    """The averaged generator in a training state, with the metadata of the run's generator."""
    generator = path.absolute().parent.parent / AVERAGED
    try:
        with OpenFile(generator) as file:
            metadata, _ = _header_of(generator, file)
    except OSError as error:
        problem = (
            f"it is a saved training state: {AVERAGED}, which has the configuration of its "
            "networks, is not in the folder above it"
        )
        raise CheckpointError(path, [problem]) from error
    notes = metadata.get("notes", "")
    metadata["notes"] = f"The training's state after update {shown(update)}.\n{notes}"
    prefix = f"{_AVERAGED_PART}/"
    found = {name.removeprefix(prefix): x for name, x in sources.items() if name.startswith(prefix)}
    return metadata, found


class _HeaderError(ValueError):
    """An unusable header; the message says why and is for the user."""


def _read_header(file: OpenFile) -> tuple[dict[str, str], dict[str, TensorSource]]:
    """Metadata and tensors that a safetensors file declares. The safetensors library is not used,
    as it memory-maps the file.

    Raises:
        ValueError, TypeError, KeyError, AttributeError, RecursionError: when it is damaged.
    """
    size = int.from_bytes(file.read(8), "little")
    start, end = 8 + size, file.num_bytes
    if start > end:
        raise _HeaderError(
            f"its header should be {size} bytes long, but the file has {end}: it is cut short or "
            "damaged"
        )
    if size > _LARGEST_HEADER:
        raise _HeaderError(f"its header is {size} bytes long, longer than any checkpoint's")
    table = json.loads(file.read(size).decode())
    metadata = table.pop("__metadata__", None) or {}
    if not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("metadata that is not text")
    sources: dict[str, TensorSource] = {}
    for name, entry in table.items():
        dtype, shape = _DTYPES.get(entry["dtype"], entry["dtype"]), tuple(entry["shape"])
        first, last = entry["data_offsets"]
        if not 0 <= first <= last:
            raise ValueError("a tensor that ends before it begins")
        if start + last > end:
            raise _HeaderError("the file is cut short: it ends before its tensors do")
        if dtype not in ITEM_SIZES:
            sources[plain_name(name)] = UnreadableTensor(str(dtype))
            continue
        part = FilePart(file, start + first, last - first)
        storage = Storage(dtype, part.num_bytes // ITEM_SIZES[dtype], part)
        strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
        sources[plain_name(name)] = strided_tensor(storage, 0, shape, strides)
    return metadata, sources


def _read_tensors(
    path: Path, metadata: dict[str, str], sources: dict[str, TensorSource]
) -> Checkpoint:
    if metadata.pop("format", None) != FORMAT:
        names = f" ({listed(sources, 3)})" if sources else ""
        raise CheckpointError(
            path,
            [
                "it is another program's safetensors file: its header has no generator "
                f"configuration. It holds {len(sources)} tensors{names}."
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
    """Numbers beyond any real configuration, which could break arithmetic."""
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
    """Saves a generator. If anything fails, an existing file is left as it was.

    Args:
        path: the file, conventionally *.safetensors; its folder must exist.
        generator: on any device.
        notes: sentences for whoever loads it, one a line.
        half: whether to store float16, half the size; loading gives float32 again.
        metadata: further metadata, by name.

    Raises:
        CheckpointError: if it cannot be written, or a weight is not finite.
    """
    path = Path(path)
    tensors, problems = {}, []
    for name, tensor in generator.state_dict().items():
        stored = tensor.detach().to("cpu", torch.float16 if half else torch.float32).contiguous()
        if not is_finite(stored.float()):
            kind = "or too large for half precision" if half else "(NaN or infinite)"
            problems.append(f"{name} has values that are not finite {kind}")
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
        problem = f"it could not be written: {reason(error)}"
        raise CheckpointError(path, [problem], action="save") from error


def annotate(path: str | os.PathLike[str], metadata: Mapping[str, str]) -> None:
    """Adds metadata to a file of this format, without changing its tensors.

    Args:
        path: the file.
        metadata: texts by name; existing ones of the same name are replaced.

    Raises:
        CheckpointError: when it is not in this format, or cannot be written.
    """
    path = Path(path)
    try:
        # Both files are closed before one replaces the other, as Windows requires.
        with replacing(path) as part, path.open("rb") as source, part.open("wb") as target:
            size = int.from_bytes(source.read(8), "little")
            table = json.loads(source.read(min(size, _LARGEST_HEADER)))
            table["__metadata__"] = {**table["__metadata__"], **metadata}
            header = json.dumps(table).encode()
            header += b" " * (-len(header) % 8)  # the tensors stay aligned
            target.write(len(header).to_bytes(8, "little") + header)
            shutil.copyfileobj(source, target)
    except (ValueError, TypeError, KeyError) as error:
        problem = "it is not a model in this program's format"
        raise CheckpointError(path, [problem], action="annotate") from error
    except OSError as error:
        raise CheckpointError(path, [reason(error)], action="annotate") from error
