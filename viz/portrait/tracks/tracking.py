"""A video to a motion track, step by step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from training.checkpoint import weights_mark
from training.networks.generator import Generator
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.camera.self_calibration import find_template
from viz.portrait.tracks.expressions import lifted, neutral_points
from viz.portrait.tracks.film import open_film
from viz.portrait.tracks.following import FollowedFace, follow, smoothed
from viz.portrait.tracks.motion_map import MotionMap, find_motion_map
from viz.portrait.tracks.track_options import TrackOptions
from viz.state.driving.motion_track import MotionTrack
from viz.state.jobs import Steps

_USUAL_FPS = 25.0


def track_video(G: Generator, path: Path, options: TrackOptions) -> Steps[MotionTrack]:
    """Steps of making a motion track.

    What the generator has to teach (its template and motion map) is learnt at the first track and
    kept.

    Args:
        G: whose motion codes are made.
        path: a video, or a folder of frames.
        options: how.

    Raises:
        UserError: when it cannot be read, shows no face, or the generator does not move.
    """
    with open_film(path, options.first, options.frames or None) as film:
        template = yield from find_template(G)
        known = yield from find_motion_map(G, template)
        followed = yield from follow(film, template, options.face)
    return track_of(
        followed,
        template,
        known,
        options,
        fps=options.fps or film.fps or _USUAL_FPS,
        source=film.name,
        weights=weights_mark(G.state_dict()),
    )


def track_of(
    followed: FollowedFace,
    template: FaceTemplate,
    known: MotionMap,
    options: TrackOptions,
    *,
    fps: float,
    source: str,
    weights: str,
) -> MotionTrack:
    """The track of a face that was followed; see `MotionTrack` for the arguments."""
    fits = smoothed(followed.fits, options.camera_smoothing)
    pairs = list(zip(followed.points, fits, strict=True))
    # Landmarks tremble together with the camera that was fitted to them, so that the expression is
    # measured from the frame's own fit; the smoothed one is for the picture.
    own = zip(followed.points, followed.fits, strict=True)
    points = np.stack([lifted(p, fit, template) for p, fit in own])
    codes = known.codes(points, neutral_points(points))
    if options.motion_smoothing > 0:
        codes = gaussian_filter1d(codes, options.motion_smoothing, axis=0, mode="nearest")
    return MotionTrack(
        codes=codes.astype(np.float32),
        rest=known.rest,
        cameras=np.array([(f.yaw, f.pitch) for f in fits], np.float32),
        crops=np.array([(*f.centre, f.side, f.angle) for f in fits], np.float32),
        points=np.stack([f.square.from_picture(p) for p, f in pairs]).astype(np.float32),
        found=followed.found,
        fps=fps,
        size=followed.size,
        source=source,
        first=options.first,
        weights=weights,
    )
