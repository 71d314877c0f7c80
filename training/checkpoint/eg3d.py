"""EG3D's networks (*.pkl): pickles of a table of networks."""

from __future__ import annotations

from pathlib import Path

from training.checkpoint.checkpoint_errors import CheckpointError
from training.checkpoint.containers import read_pickle
from training.checkpoint.contents import Checkpoint, Weights
from training.checkpoint.found_generators import read_generator
from training.checkpoint.pickles import PickleError
from training.checkpoint.stored import OpenFile


def sniff(head: bytes) -> bool:
    """Whether a file that starts with `head` is a pickle."""
    return head[:1] == b"\x80"


def read(path: Path, file: OpenFile, weights: Weights) -> Checkpoint:
    """Reads an EG3D network pickle.

    Args:
        path: the file.
        file: the same, open.
        weights: "ema" for the averaged generator (G_ema), or "raw" for the one being trained (G).

    Raises:
        CheckpointError: listing what is wrong.
        OSError: if the file cannot be read.
    """
    try:
        return read_generator(path, read_pickle(file), weights)
    except PickleError as error:
        raise CheckpointError(path, [f"{error}. Copy or download it again."]) from error
