"""Checkpoints: `load_generator` reads any known format, `save` writes this program's own.

Nothing in a checkpoint is ever executed, and an unusable file raises one `CheckpointError` that
lists everything that is wrong with it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from training.checkpoint import native
from training.checkpoint.checkpoint_errors import CheckpointError
from training.checkpoint.containers import (
    is_pickle,
    is_torch_save,
    read_pickle,
    read_torch_save,
)
from training.checkpoint.contents import Checkpoint, Format, Weights, build, mark_of, weights_mark
from training.checkpoint.found_generators import reader_of
from training.checkpoint.native import annotate, save
from training.checkpoint.stored import NotAFileError, OpenFile
from training.checkpoint.unknown import describe
from training.networks.generator import Generator
from training.reasons import reason

__all__ = [
    "READERS",
    "Checkpoint",
    "CheckpointError",
    "Reader",
    "annotate",
    "build",
    "load_generator",
    "mark_of",
    "read",
    "read_metadata",
    "save",
    "start_from",
    "weights_mark",
]

log = logging.getLogger(__name__)

T = TypeVar("T")

_HEAD_SIZE = 512


@dataclass(frozen=True)
class Reader:
    """One format of checkpoints."""

    format: Format
    description: str
    """Its name in file dialogs."""
    suffixes: tuple[str, ...]
    """Usual file name extensions, for file dialogs; files are recognised by content."""
    sniff: Callable[[bytes], bool]
    """Whether a file that starts with these bytes (up to 512) is of this format."""
    read: Callable[[Path, OpenFile, Weights], Checkpoint]
    """Reads it from its path and the open file; raises CheckpointError or OSError."""


READERS: tuple[Reader, ...] = (
    Reader("native", "PV3D visualizer", (".safetensors",), native.sniff, native.read),
    Reader(
        "pv3d",
        "PV3D training checkpoint",
        (".ckpt", ".pt", ".pth"),
        is_torch_save,
        reader_of(read_torch_save),
    ),
    Reader("eg3d", "EG3D network pickle", (".pkl",), is_pickle, reader_of(read_pickle)),
)
"""Every readable format; the first whose `sniff` recognises a file reads it."""


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata of a checkpoint in this program's format, without reading its tensors; empty for
    other formats.

    Raises:
        CheckpointError: when the file cannot be read.
    """
    return _opened(Path(path), _metadata_of)


def _metadata_of(path: Path, file: OpenFile) -> dict[str, str]:
    is_native = native.sniff(file.read(_HEAD_SIZE))
    file.seek(0)
    return native.read_metadata(path, file) if is_native else {}


def read(path: str | os.PathLike[str], weights: Weights = "ema") -> Checkpoint:
    """Reads a checkpoint of any known format and validates it.

    Args:
        path: the file.
        weights: which generator, if a file has two: "ema" for the averaged one, which looks better,
            or "raw" for the one being trained. If only the other exists, it is used, with a note.

    Raises:
        CheckpointError: saying everything that is wrong with the file.
    """
    return _opened(Path(path), lambda path, file: _read_open(path, file, weights))


def _opened(path: Path, use: Callable[[Path, OpenFile], T]) -> T:
    try:
        with OpenFile(path) as file:
            return use(path, file)
    except FileNotFoundError as error:
        raise CheckpointError(path, ["there is no such file"]) from error
    except NotAFileError as error:  # a pipe or a device
        raise CheckpointError(path, ["it is not a file"]) from error
    except IsADirectoryError as error:
        raise CheckpointError(path, ["it is a folder; choose a file in it"]) from error
    except OSError as error:
        raise CheckpointError(path, [f"it cannot be read: {reason(error)}"]) from error
    except MemoryError as error:
        raise CheckpointError(path, ["there is not enough memory for it"]) from error


def _read_open(path: Path, file: OpenFile, weights: Weights) -> Checkpoint:
    before = file.stamp
    head = file.read(_HEAD_SIZE)
    reader = next((reader for reader in READERS if reader.sniff(head)), None)
    file.seek(0)
    found = None
    try:
        if reader is None:
            raise CheckpointError(path, [describe(head)])
        found = reader.read(path, file, weights)
    except (CheckpointError, OSError):
        if file.stamp == before:
            raise
    if found is None or file.stamp != before:  # partly the old file, partly the new one
        problem = "it was written to while it was read: open it again once it is complete"
        raise CheckpointError(path, [problem])
    return found


def load_generator(
    path: str | os.PathLike[str],
    device: torch.device | str = "cpu",
    weights: Weights = "ema",
) -> Generator:
    """The generator of a checkpoint of any known format: eval mode, float32, no gradients. For
    `weights` see `read`.

    Raises:
        CheckpointError: saying everything that is wrong with the file.
    """
    return build(read(path, weights), device)


def start_from(G: Generator, path: str | os.PathLike[str]) -> list[str]:
    """Initialises a generator with the matching weights of a checkpoint of any readable format: all
    of a PV3D model of the same size, everything but motion layers from an EG3D one.

    Returns:
        names of the tensors that keep their initial values.

    Raises:
        CheckpointError: when it cannot be read, or nothing in it matches.
    """
    found = read(path).tensors
    own = G.state_dict()
    fits = {k: v for k, v in found.items() if k in own and v.shape == own[k].shape}
    if not any(name.endswith(".conv1.weight") for name in fits):
        sizes = "its layers have different sizes from those of the run's generator"
        raise CheckpointError(path, [sizes], "start from")
    G.load_state_dict(fits, strict=False)
    new = sorted(own.keys() - fits.keys())
    log.info("Started from %s: %d tensors loaded, %d new.", path, len(fits), len(new))
    return new
