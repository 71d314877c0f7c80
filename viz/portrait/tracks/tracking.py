"""Turns a video into a motion track, step by step."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from training.checkpoint import weights_mark
from training.networks.generator import Generator
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.camera.self_calibration import find_template
from viz.portrait.tracks import kept_trail
from viz.portrait.tracks.expressions import (
    eye_opening,
    lifted,
    mouth_opening,
    neutral_points,
)
from viz.portrait.tracks.film import open_film
from viz.portrait.tracks.following import FollowedFace, Trail, follow, smoothed
from viz.portrait.tracks.motion_map import MotionMap, find_motion_map
from viz.portrait.tracks.opening_controls import OpeningControls, find_controls
from viz.portrait.tracks.track_options import TrackOptions
from viz.state.driving.motion_track import MotionTrack, write_track
from viz.state.errors import UserError
from viz.state.files import file_stamp
from viz.state.jobs import Steps
from viz.state.person import unfinished
from viz.state.types import FRAME_RATE


def make_track(G: Generator, video: Path, options: TrackOptions, path: Path) -> Steps[Path]:
    """Steps of making a motion track and saving it. If they are stopped early, the results so far
    are stored beside it with the ending .unfinished, and the same call resumes from there.

    Args:
        G: the generator whose motion codes are made.
        video: a video, or a folder of frames.
        path: the track; an existing one is replaced.

    Raises:
        UserError: as `track_video`, and when the track cannot be written.
    """
    kept_path = unfinished(path)
    about = {
        "video": str(video.absolute()),
        "stamp": str(file_stamp(str(video))),
        "weights": weights_mark(G.state_dict()),
        "options": repr(options),
    }
    kept = kept_trail.kept(kept_path, about)
    trail = kept or Trail()
    before, whole, hopeless = len(trail.faces), False, False
    try:
        track = yield from track_video(G, video, options, trail)
        write_track(path, track)
        whole = True
    except UserError:
        # Without any face, the same call would end the same way.
        hopeless = not any(face is not None for face in trail.faces)
        raise
    finally:
        with contextlib.suppress(OSError):
            if whole or (hopeless and kept is not None):
                kept_path.unlink(missing_ok=True)
            elif not hopeless and len(trail.faces) > before:
                kept_trail.keep(kept_path, trail, about)
    return path


def learn(G: Generator) -> Steps[str]:
    """Steps of learning everything about a generator's faces; returns the fingerprint of its
    weights, under which it is stored.

    Raises:
        UserError: when the generator does not move, or no faces are found on its people.
    """
    yield from _taught(G)
    return weights_mark(G.state_dict())


def _taught(G: Generator) -> Steps[tuple[FaceTemplate, MotionMap, OpeningControls]]:
    template = yield from find_template(G)
    known = yield from find_motion_map(G, template)
    controls = yield from find_controls(G, template, known.rest)
    return template, known, controls


def track_video(
    G: Generator, path: Path, options: TrackOptions, trail: Trail | None = None
) -> Steps[MotionTrack]:
    """Steps of making a motion track of a video, or of a folder of frames. What has to be learnt
    about the generator is learnt for its first track and stored.

    Args:
        trail: earlier results for its first frames; extended in place.

    Raises:
        UserError: when it cannot be read, shows no face, or the generator does not move.
    """
    with open_film(path, options.first, options.frames or None) as film:
        template, known, controls = yield from _taught(G)
        followed = yield from follow(film, template, options.face, trail)
    return track_of(
        followed,
        template,
        known,
        controls,
        options,
        fps=options.fps or film.fps or FRAME_RATE,
        source=film.name,
        weights=weights_mark(G.state_dict()),
    )


def track_of(
    followed: FollowedFace,
    template: FaceTemplate,
    known: MotionMap,
    controls: OpeningControls,
    options: TrackOptions,
    *,
    fps: float,
    source: str,
    weights: str,
) -> MotionTrack:
    """The track of a tracked face; see `MotionTrack` for the arguments."""
    fits = smoothed(followed.fits, options.camera_smoothing)
    places = np.array([fit.numbers for fit in fits], np.float32)
    pairs = list(zip(followed.points, fits, strict=True))
    # Landmarks jitter together with the camera that was fitted to them, so the expression is
    # measured with the frame's own fit; the smoothed fit is for the picture.
    own = zip(followed.points, followed.fits, strict=True)
    points = np.stack([lifted(p, fit, template) for p, fit in own])
    neutral = neutral_points(points)
    codes = controls.beside(known.codes(points, neutral) - known.rest)
    if options.motion_smoothing > 0:
        codes = gaussian_filter1d(codes, options.motion_smoothing, axis=0, mode="nearest")
    # Blinks are too short to be smoothed.
    openings = np.stack([eye_opening(points), mouth_opening(points)], axis=1)
    eyes = openings[:, 0] / max(float(eye_opening(neutral)), 1e-6)
    amounts = controls.amounts(eyes, openings[:, 1] - float(mouth_opening(neutral)))
    codes = known.rest + codes + amounts @ controls.directions
    return MotionTrack(
        codes=codes.astype(np.float32),
        rest=known.rest,
        cameras=places[:, :2],
        crops=places[:, 2:],
        points=np.stack([f.square.from_picture(p) for p, f in pairs]).astype(np.float32),
        openings=openings.astype(np.float32),
        controls=controls.directions,
        amounts=amounts,
        found=followed.found,
        fps=fps,
        size=followed.size,
        source=source,
        first=options.first,
        weights=weights,
    )
