"""Makes motion tracks without a window."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from training.user_folders import expanded
from viz.headless.track_command import TrackCommandOptions
from viz.portrait.tracks import tracking
from viz.render import models
from viz.state.driving.motion_track import TRACK_SUFFIX, MotionTrack, read_track
from viz.state.errors import UserError
from viz.state.files import default_checkpoint, model_file
from viz.state.jobs import Steps, T, finish

_SCALE = 1000


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
    checkpoint = model_file(options.checkpoint) or default_checkpoint()
    model = finish(models.load_model(checkpoint, device))
    _shown(tracking.make_track(model.G, video, options.track, path), video.name)
    return path, _sentence(read_track(path))


def _sentence(track: MotionTrack) -> str:
    lost = int((~track.found).sum())
    missing = f"the face was missing in {lost} of them" if lost else "the face was found in all"
    frames = "1 frame" if len(track) == 1 else f"{len(track)} frames"
    return f"{frames}, {track.fps:g} a second; {missing}."


def _shown(steps: Steps[T], name: str) -> T:
    """Drives steps to their end and shows their progress on a terminal."""
    with closing(steps), tqdm(total=_SCALE, desc=name, disable=not sys.stderr.isatty()) as bar:
        while True:
            try:
                detail, fraction = next(steps)
            except StopIteration as end:
                return end.value
            bar.set_postfix_str(detail)
            bar.update(int((fraction or 0) * _SCALE) - bar.n)
