"""Writes any readable checkpoint in this program's own format."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from training.checkpoint import CheckpointError, build, read, save
from training.checkpoint.contents import Weights
from training.reasons import reason
from training.terminal import OPTIONAL, parsed, run_command, with_lists


@dataclass(frozen=True)
class ConvertConfig:
    """Convert a checkpoint of any known format to this program's own: small, quick to load, and
    nothing in it is ever executed."""

    source: Annotated[Path, tyro.conf.Positional]
    """PV3D's .ckpt, EG3D's .pkl, or .safetensors of this program."""
    target: Annotated[Path, tyro.conf.Positional]
    """The .safetensors file to write."""
    weights: Weights = "ema"
    """Which generator, if the source has two: the averaged one or the one being trained."""
    half: bool = False
    """Store float16, half the size."""
    notes: Annotated[tuple[str, ...], OPTIONAL] = ()
    """Notes for whoever opens the model, as sentences; by default the source's."""
    people: Annotated[tuple[int, ...], OPTIONAL] = ()
    """Seeds of people to recommend; by default the source's."""
    motions: Annotated[tuple[int, ...], OPTIONAL] = ()
    """Seeds of motions to recommend; by default the source's."""
    people_words: Annotated[tuple[str, ...], OPTIONAL] = ()
    """A word for each of these people, in the same order; by default the source's."""
    motions_words: Annotated[tuple[str, ...], OPTIONAL] = ()
    """A word for each of these motions, likewise."""
    overwrite: bool = False
    """Whether an existing file may be replaced."""


_PROG = "python -m training.checkpoint"
_LISTS = ("--people", "--motions")


def convert(config: ConvertConfig) -> None:
    """Converts as the settings say.

    Raises:
        CheckpointError: when the source cannot be read or the target cannot be written.
    """
    try:
        exists = config.target.exists()
    except OSError as error:
        raise CheckpointError(config.target, [reason(error)], action="save") from error
    if exists and not config.overwrite:
        problem = "it exists: choose another name, or add --overwrite"
        raise CheckpointError(config.target, [problem], action="save")
    checkpoint = read(config.source, config.weights)
    metadata = dict(checkpoint.metadata)
    for name in ("people", "motions", "people_words", "motions_words"):
        if entries := getattr(config, name):
            metadata[name] = ", ".join(str(entry).replace(",", " ") for entry in entries)
    save(
        config.target,
        build(checkpoint),
        notes="\n".join(config.notes or checkpoint.notes),
        half=config.half,
        metadata=metadata,
    )


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status is 1 if there is something that the user must fix."""
    typed = with_lists(sys.argv[1:] if arguments is None else arguments, _LISTS)
    config = parsed(ConvertConfig, _PROG, typed, "snapshot.ckpt model.safetensors --half")
    try:
        convert(config)
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Saved {config.target}, {config.target.stat().st_size / 1e6:.1f} MB.")
    return 0


if __name__ == "__main__":
    run_command(main)
