"""Pictures and cameras that tell which clip and frame they are."""

from __future__ import annotations

import numpy as np

from training.camera import Camera

SIDE = 16


def frame_picture(clip: int, frame: int, side: int = SIDE) -> np.ndarray:
    """uint8 [side, side, 3]: red is the clip, green the frame, blue rises from left to right."""
    picture = np.zeros((side, side, 3), np.uint8)
    picture[..., 0], picture[..., 1] = clip, frame
    picture[..., 2] = np.arange(side) * (256 // side)
    return picture


def frame_camera(clip: int, frame: int) -> Camera:
    """A camera that no other frame has."""
    return Camera.orbit(yaw=3 * clip - 10, pitch=0.5 * frame, roll=2)


def grey_number(picture: np.ndarray) -> float:
    """The number of a frame of `write_video`, from its mean colour."""
    return (float(picture.mean()) - 12) / 5
