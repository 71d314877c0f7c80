"""`track`: a video becomes a motion track. No torch here, so that --help is quick."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from training.user_folders import expanded
from viz.headless.export_source import Device
from viz.portrait.tracks.track_options import TrackOptions
from viz.state import files, named_files
from viz.state.driving.motion_track import TRACK_SUFFIX
from viz.state.errors import UserError


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
    device: Device = "auto"
    overwrite: bool = False
    """Whether an existing track may be replaced."""
    track: tyro.conf.OmitArgPrefixes[TrackOptions] = field(default_factory=TrackOptions)
    """How the face is followed."""

    @property
    def path(self) -> Path:
        """Where the track is saved."""
        video = expanded(self.video)
        return expanded(self.output) if self.output else video.with_name(video.stem + TRACK_SUFFIX)

    def check(self) -> None:
        """Checks the files that are named, before torch and the model are loaded.

        Raises:
            UserError: saying what is wrong.
        """
        if self.path.exists() and not self.overwrite:
            raise UserError(
                f"{self.path} exists: add --overwrite to replace it, or choose another name."
            )
        if not self.path.parent.is_dir():
            raise UserError(f"There is no folder {self.path.parent}: make it first.")
        if not expanded(self.video).exists():
            raise UserError(f"There is no file {self.video}.")
        named_files.require_files(files.model_file(self.checkpoint))
