"""Files of inversions and tracks that were stopped, from which they resume."""

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
    """Writes what the next steps depend on.

    Args:
        path: safetensors file; replaced once the new one is complete.
        state: the results so far.
        about: what must be the same on resuming: the photo or video, the model, the options.

    Raises:
        OSError: when it cannot be written.
    """
    tensors = {name: value.contiguous() for name, value in state.items()}
    with replacing(path) as part:
        save_file(tensors, part, dict(about))


def kept(path: Path, about: Mapping[str, str]) -> dict[str, Tensor] | None:
    """What `keep` has stored; None if there is nothing about the same, or nothing that can be
    read."""
    with contextlib.suppress(OSError, SafetensorError), safe_open(path, "pt") as file:
        if file.metadata() == dict(about):
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if all(bool(torch.isfinite(value).all()) for value in found.values()):
                return found
    return None
