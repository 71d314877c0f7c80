"""Expressions as displacements of a face's points in the generator's world, independent of head
pose."""

from __future__ import annotations

import numpy as np

from training.camera import FOCAL_LENGTH
from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.faces.face import LEFT_EYE, LEFT_LIDS, RIGHT_EYE, RIGHT_LIDS, Face

POINTS = 478
"""468 landmarks, then five points of the right and five of the left iris."""
LIDS = (*RIGHT_LIDS, *LEFT_LIDS)
"""Landmarks of the lids' borders."""
EYES = ((159, 145, *RIGHT_EYE), (386, 374, *LEFT_EYE))
"""For each eye the middle of the upper and the lower lid, then its corners."""
MOUTH = (13, 14, 78, 308)
"""Inner upper lip, inner lower lip, and the inner corners of the mouth."""


def face_points(face: Face) -> np.ndarray:
    """Landmarks, with the lids' borders as found by the iris network, and irises, in the picture's
    pixels, float32 [478, 2]."""
    landmarks = face.landmarks[:, :2].copy()
    landmarks[list(LIDS)] = face.lids.reshape(-1, 2)
    return np.concatenate([landmarks, face.irises.reshape(10, 2)])


def lifted(points: np.ndarray, fit: CameraFit, template: FaceTemplate) -> np.ndarray:
    """The positions of a face's points in the generator's world, at the template's depths.

    Args:
        points: [478, 2] in the picture's pixels.
        fit: camera and crop of the picture.
        template: provides the depths; irises get that of their eye.

    Returns:
        world coordinates [478, 3].
    """
    eyes = [template.points[list(lids)].mean(0) for lids in EYES]
    known = np.concatenate([template.points, np.repeat(eyes, 5, axis=0)])
    camera = fit.camera
    depth = ((known - camera.position) @ camera.rotation)[:, 2]
    seen = (fit.square.from_picture(points.astype(np.float64)) - 0.5) / FOCAL_LENGTH
    rays = np.concatenate([seen, np.ones((POINTS, 1))], axis=1) * depth[:, None]
    return camera.position + rays @ camera.rotation.T


def eye_opening(points: np.ndarray) -> np.ndarray:
    """Mean distance of the eyelids relative to the width of the eye [...], of points [..., 468 or
    478, 2 or 3]."""
    return np.mean([_opening(points, lids) for lids in EYES], axis=0)


def mouth_opening(points: np.ndarray) -> np.ndarray:
    """Distance of the lips' inner borders relative to the width of the mouth [...], of the same
    points."""
    return _opening(points, MOUTH)


def _opening(points: np.ndarray, four: tuple[int, int, int, int]) -> np.ndarray:
    upper, lower, first, second = (points[..., k, :] for k in four)
    width = np.linalg.norm(first - second, axis=-1)
    return np.linalg.norm(upper - lower, axis=-1) / np.maximum(width, 1e-9)


def neutral_points(lifted_frames: np.ndarray) -> np.ndarray:
    """The face at rest, of a video's lifted points [F, 478, 3]: the median of the frames in which
    the mouth is nearly closed and the eyes are open."""
    mouth, eyes = mouth_opening(lifted_frames), eye_opening(lifted_frames)
    calm = (mouth <= np.quantile(mouth, 0.4)) & (eyes >= np.quantile(eyes, 0.3))
    return np.median(lifted_frames[calm] if calm.any() else lifted_frames, axis=0)
