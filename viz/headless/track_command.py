"""`track`: a video becomes a motion track. No torch here, so that --help is quick."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from viz.portrait.tracks.track_options import TrackOptions


@dataclass(frozen=True)
class TrackCommandOptions:
    """Follow a face through a video: the head's cameras, the crops and a motion code for each frame
    become a motion track, a file without pictures.

    The first track of a model takes a minute longer, as the model shows how its own faces move.
    """

    video: Annotated[Path, tyro.conf.Positional]
    """A video, or a folder of pictures in the order of their names."""
    output: Path | None = None
    """The track's file. Without it, beside the video: NAME.track."""
    checkpoint: str = ""
    """Model whose motion codes are made. Without one, the model that comes with the program."""
    device: str = "auto"
    """Where the model runs: auto, cpu, cuda, cuda:1 or mps."""
    overwrite: bool = False
    """Whether an existing track may be replaced."""
    track: tyro.conf.OmitArgPrefixes[TrackOptions] = field(default_factory=TrackOptions)
    """How the face is followed."""
