"""Makes motion tracks without a window."""

from __future__ import annotations

import sys
from pathlib import Path

from training.user_folders import expanded
from viz.headless.export_runs import load
from viz.headless.export_source import named_model
from viz.headless.progress_bar import shown
from viz.headless.track_command import TrackCommandOptions
from viz.portrait.tracks import tracking
from viz.render import models
from viz.state.driving.motion_track import TRACK_SUFFIX, MotionTrack, read_track
from viz.state.errors import UserError


def make_track(options: TrackCommandOptions) -> tuple[Path, str]:
    """Makes and saves a track.

    Returns:
        the track's path, and a sentence on the frames and faces found.

    Raises:
        UserError: when something cannot be read, shows no face, or cannot be written.
    """
    video = expanded(options.video)
    path = (
        expanded(options.output) if options.output else video.with_name(video.stem + TRACK_SUFFIX)
    )
    if path.exists() and not options.overwrite:
        raise UserError(f"{path} exists: add --overwrite to replace it, or choose another name.")
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent}: make it first.")
    if not video.exists():
        raise UserError(f"There is no file {video}.")
    device = models.pick_device(options.device)
    model = load(named_model(options.checkpoint), device)
    steps = tracking.make_track(model.G, video, options.track, path)
    shown(steps, video.name, show=sys.stderr.isatty())
    return path, _sentence(read_track(path))


def _sentence(track: MotionTrack) -> str:
    lost = int((~track.found).sum())
    missing = f"the face was missing in {lost} of them" if lost else "the face was found in all"
    frames = "1 frame" if len(track) == 1 else f"{len(track)} frames"
    return f"{frames}, {track.fps:g} a second; {missing}."
