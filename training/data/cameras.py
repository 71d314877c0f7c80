"""How a camera changes with its picture, and whether 25 numbers are a camera."""

from __future__ import annotations

import numpy as np

from training.camera import Camera
from training.data.source import ClipError

_MIRRORED_SIGNS = (1, 2, 3, 4, 8, 17)
"""Of the 25 numbers, those that change sign: x against y and z in the rotation, x of the position,
and the skew."""
_CENTRE_X = 18


def mirrored(cameras: np.ndarray) -> np.ndarray:
    """Cameras that see the world's mirror image (x to -x) in the mirrored picture.

    With M = diag(-1, 1, 1) the ray d of a pixel becomes M d in the world. The camera's own x turns
    too, so that the rotation M R M stays a rotation; what is left of the mirror lies in the lens:
    u becomes 1 - u, hence cx becomes 1 - cx and the skew changes sign.

    Args:
        cameras: float [..., 25].

    Returns:
        The same shape and type; mirroring twice gives the cameras back.
    """
    result = cameras.copy()
    result[..., _MIRRORED_SIGNS] *= -1
    result[..., _CENTRE_X] = 1 - cameras[..., _CENTRE_X]
    return result


def cropped(
    cameras: np.ndarray, left: float, top: float, width: float, height: float
) -> np.ndarray:
    """Cameras of a part of the picture, given as fractions of its width and height.

    Args:
        cameras: float [..., 25].
        left, top, width, height: the part's corner and size, 0 to 1.

    Returns:
        The same shape and type.
    """
    result = cameras.copy()
    lens = result[..., 16:]
    lens[..., 2] -= left
    lens[..., 5] -= top
    lens[..., 0:3] /= width
    lens[..., 3:6] /= height
    return result


def require_cameras(cameras: np.ndarray, first_frame: int = 0) -> None:
    """Nothing, when every row of float [n, 25] is a camera.

    Raises:
        ClipError: naming the first frame whose numbers are none.
    """
    for k, numbers in enumerate(cameras):
        try:
            Camera.from_numbers(numbers)
        except ValueError as error:
            raise ClipError(f"frame {first_frame + k}: {_lowered(str(error))}") from error


def _lowered(sentence: str) -> str:
    """A sentence to stand after a colon, without its capital and full stop."""
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")
