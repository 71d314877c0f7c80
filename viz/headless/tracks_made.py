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
from viz.state.driving.motion_track import MotionTrack, read_track


def make_track(options: TrackCommandOptions) -> tuple[Path, str]:
    """Makes and saves a track, with options that `TrackCommandOptions.check` accepts.

    Returns:
        the track's path, and a sentence on the frames and faces found.

    Raises:
        UserError: when something cannot be read, shows no face, or cannot be written.
    """
    video, path = expanded(options.video), options.path
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
