"""Frames of a video that together show a person: at rest, from several sides and in motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from viz.portrait.camera.camera_fit import fit_camera
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.inversion.photo_target import FacePhoto
from viz.portrait.tracks.pasted_video import fit_of, frame_of
from viz.state.driving.motion_track import MotionTrack

_COUNT = 5
"""Most key frames."""
_TURN = 8.0
"""Difference of yaw or pitch in degrees that counts as much as an open mouth against a closed
one."""
_LEAST_NEW = 0.1
"""Difference from all other key frames, in the same measure, below which a frame is not new."""


def key_frames(track: MotionTrack) -> list[int]:
    """Numbers of some frames of a track, the calmest first, each as different as possible from
    those before it."""
    features = np.concatenate([track.cameras / _TURN, track.amounts], axis=1)
    calm = np.linalg.norm(features, axis=1)
    usable = track.found if track.found.any() else np.ones(len(track), bool)
    chosen = [int(np.where(usable, calm, np.inf).argmin())]
    while len(chosen) < _COUNT:
        apart = np.linalg.norm(features[:, None] - features[chosen], axis=-1).min(axis=1)
        apart[~usable] = 0
        if apart.max() < _LEAST_NEW:
            break
        chosen.append(int(apart.argmax()))
    return chosen


def read_key_frames(track: MotionTrack, film: Path, template: FaceTemplate) -> list[FacePhoto]:
    """The key frames of a track, from its video `film`, for an inversion.

    Raises:
        UserError: when the video cannot be read, or is another one.
    """
    found = []
    for number in key_frames(track):
        with torch.inference_mode(False):  # otherwise no gradient could flow through it
            pixels = frame_of(film, track, number)
        seen = fit_of(track, number).square.to_picture(track.points[number].astype(np.float64))
        landmarks = seen[:468].astype(np.float32)
        fit = fit_camera(template, landmarks, start=fit_of(track, number))
        found.append(FacePhoto(pixels, landmarks, fit, track.codes[number]))
    return found
