"""Checkpoints of each format, and what is wrong with a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.checkpoint.official_files import CONFIG, make_generator, pv3d_contents, still, write_eg3d
from training.checkpoint import CheckpointError, read, save

METADATA = {"format": "pv3d-visualizer", "version": "1", "config": json.dumps(CONFIG.to_dict())}


def write_native(path: Path) -> None:
    save(path, make_generator())


def write_pv3d(path: Path) -> None:
    torch.save(pv3d_contents(make_generator().state_dict()), path)


def write_legacy(path: Path) -> None:
    contents = pv3d_contents(make_generator().state_dict())
    torch.save(contents, path, _use_new_zipfile_serialization=False)


def write_still(path: Path) -> None:
    write_eg3d(path, make_generator(still()))


WRITERS: dict[str, Callable[[Path], None]] = {
    "native": write_native,
    "pv3d": write_pv3d,
    "legacy": write_legacy,
    "eg3d": write_still,
}


def problems_of(path: Path) -> list[str]:
    with pytest.raises(CheckpointError) as caught:
        read(path)
    error = caught.value
    assert error.path == path
    assert path.name in str(error)
    assert error.problems
    return error.problems


def state_of_small() -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in make_generator().state_dict().items()}
