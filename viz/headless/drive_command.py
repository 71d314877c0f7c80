"""`drive`: a motion track moves a person. No torch here, so that --help is quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from viz.exports.frame_options import FrameOptions, VideoOptions
from viz.headless.export_source import Device, Source
from viz.state import named_files, settings
from viz.state.driving import driven
from viz.state.driving.drive import Drive, Turn
from viz.state.errors import UserError, require_none
from viz.state.person import LAST_SEED
from viz.state.settings import Fraction, Range


@dataclass(frozen=True)
class DriveOptions:
    """Move a person by a motion track: a video with the sound of the track's own video, or a folder
    of frames.

    The pictures are those that the window shows. With `--into-video` the head is put back into the
    frames of the video.
    """

    track: Path
    """The motion track (.track)."""
    output: Path
    """The video (.mp4, .mov, .gif, .webp), or a folder for numbered frames."""
    person: str = ""
    """Person file (.person), or ws (.npy, .npz), to move. Without one, the session's person, or the
    model's first recommended one."""
    seed: Annotated[int, Range(0, LAST_SEED)] | None = None
    """Seed of the person instead."""
    session: Path | None = None
    """Session whose person, view and quality are taken: a .json, or anything that this program
    exported."""
    checkpoint: str = ""
    """Model to use. Without one, the session's, the person's, or the model that comes with the
    program."""
    strength: Annotated[float, Range(-10, 10, "\u00d7")] = 1.0
    """Strength of the expressions: 0 keeps the face neutral, 1 is as in the video."""
    blend: Fraction = 0.0
    """How much of the clip's own motion is in the blend: 0 is the track, 1 the clip."""
    smoothing: Annotated[float, Range(0, 30, "frames")] = 0.0
    """Frames over which the expressions are smoothed (standard deviation)."""
    turning: Annotated[float, Range(-10, 10, "\u00d7")] = 1.0
    """How far the camera follows the driver's head: 0 keeps it where it is."""
    yaw: Turn = 0.0
    """Degrees by which the camera is turned around the head in addition."""
    pitch: Annotated[float, Range(-89, 89, "°")] = 0.0
    """Degrees by which it is raised in addition."""
    fit: bool = False
    """First fits the track's cameras and expressions to this person, ideally the driver. It takes
    about two seconds for each frame, and may lose blinks; the new track is saved beside the
    output."""
    into_video: bool = False
    """Puts the head back into the frames of the track's video, with matched colours."""
    video: Path | None = None
    """The track's video, if it neither lies beside the track nor was opened before."""
    device: Device = "auto"
    overwrite: bool = False
    """Whether an existing export may be replaced."""

    def check(self) -> None:
        """Checks the options and the files that they name, before torch and the model are loaded.

        Raises:
            UserError: saying what is wrong.
        """
        require_none(settings.problems(self))
        if self.person and self.seed is not None:
            raise UserError("--seed and --person both choose who is shown: leave one out.")
        if self.video is not None and not self.into_video:
            raise UserError("--video is for --into-video: add that, or leave it out.")
        named_files.require_files(self.track, self.video)
        self.drive()
        self.source().require_files()

    def drive(self) -> Drive:
        """What drives the person.

        Raises:
            UserError: when the track cannot be read.
        """
        drive = Drive(
            strength=self.strength,
            blend=self.blend,
            smoothing=self.smoothing,
            turning=self.turning,
        )
        return driven.begin(str(self.track.absolute()), drive)

    def source(self) -> Source:
        """What is exported, and where to."""
        return Source(
            output=self.output,
            session=self.session,
            checkpoint=self.checkpoint,
            person=self.person,
            yaw=self.yaw if self.yaw or self.session is None else None,
            pitch=self.pitch if self.pitch or self.session is None else None,
            device=self.device,
            overwrite=self.overwrite,
        )

    def exporter(self) -> tuple[str, Any]:
        """Name of the exporter, and its options."""
        if self.output.suffix:
            return "video", VideoOptions()
        return "frames", FrameOptions()
