"""Files of torch.save (*.ckpt, *.pt, *.pth): PV3D's published checkpoints, which hold the state of
all networks, and networks of PV3D or EG3D that somebody kept alone."""

from __future__ import annotations

from pathlib import Path

from training.checkpoint.checkpoint_errors import CheckpointError
from training.checkpoint.containers import read_torch_save
from training.checkpoint.contents import Checkpoint, Weights
from training.checkpoint.found_generators import read_generator
from training.checkpoint.pickles import PickleError
from training.checkpoint.stored import OpenFile

_LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


def sniff(head: bytes) -> bool:
    """Whether a file that starts with `head` was written by torch.save."""
    return head.startswith((b"PK\x03\x04", _LEGACY_START))


def read(path: Path, file: OpenFile, weights: Weights) -> Checkpoint:
    """Reads a file of torch.save.

    Args:
        path: the file.
        file: the same, open.
        weights: "ema" for the averaged generator, or "raw" for the one being trained.

    Raises:
        CheckpointError: listing what is wrong.
        OSError: if the file cannot be read.
    """
    try:
        return read_generator(path, read_torch_save(file), weights)
    except PickleError as error:
        raise CheckpointError(path, [f"{error}. Copy or download it again."]) from error
