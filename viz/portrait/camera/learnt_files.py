"""What was learnt from generators about their faces, stored under the fingerprint of their weights:
in the user's cache or, for the bundled model, with the program."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from training.replacing import replacing
from training.user_folders import user_folder
from viz.state.files import CHECKPOINTS

BROUGHT = CHECKPOINTS / "learnt"
"""Folder of the files that come with the program."""


def read(kind: str, mark: str, version: int) -> dict[str, np.ndarray] | None:
    """Arrays by name as stored by `keep`; None if there are none, or they are damaged.

    Args:
        kind: what was learnt: "face_template", "motion_map" or "opening_controls".
        mark: fingerprint of the generator's weights, see `training.checkpoint.weights_mark`.
        version: version of the learning method.
    """
    for folder in (user_folder("cache"), BROUGHT):
        with contextlib.suppress(OSError, SafetensorError):
            found = load_file(_place(folder, kind, mark, version))
            if all(np.isfinite(values).all() for values in found.values()):
                return found
    return None


def keep(kind: str, mark: str, version: int, arrays: dict[str, np.ndarray]) -> None:
    """Stores arrays in the user's cache; if that cannot be written, they are learnt again next
    time."""
    path = _place(user_folder("cache"), kind, mark, version)
    with contextlib.suppress(OSError), replacing(path) as part:
        part.write_bytes(save(arrays))


def _place(folder: Path, kind: str, mark: str, version: int) -> Path:
    return folder / kind / f"{mark}-{version}.safetensors"
