"""Inversions that were stopped, in files to go on from."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.replacing import replacing


def keep(path: Path, state: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Writes the state of an inversion.

    Args:
        path: safetensors file; it is replaced once the new one is whole.
        state: from `Inversion.state`.
        about: what has to be the same when it goes on: the photo, the model, the options.

    Raises:
        OSError: when it cannot be written.
    """
    tensors = {name: value.contiguous() for name, value in state.items()}
    with replacing(path) as part:
        save_file(tensors, part, dict(about))


def kept(path: Path, about: Mapping[str, str]) -> dict[str, Tensor] | None:
    """The state that was kept, or None where there is none of the same photo, model and options, or
    none that can be read."""
    with contextlib.suppress(OSError, SafetensorError), safe_open(path, "pt") as file:
        if file.metadata() == dict(about):
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if all(bool(torch.isfinite(value).all()) for value in found.values()):
                return found
    return None
