"""The camera convention of the whole project, and everything that depends on it.

Convention: OpenCV cam2world (x right, y down, z forward), world y up, the face looks along +z.
Intrinsics are normalised by the picture's size, so that they hold at any resolution. The published
models store a camera as 25 numbers: the 4x4 cam2world matrix, then the 3x3 intrinsics, row-major.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

FOCAL_LENGTH = 4.2647
"""Focal length of the published face models, in picture widths: a view of 13.37 degrees."""
RADIUS = 2.7
"""Distance of the published cameras from the origin, in world units."""
PIVOT = (0.0, 0.0, 0.2)
"""The point that the published cameras look at, in world units."""

Vector = tuple[float, float, float]


def focal_from_fov(fov: float) -> float:
    """Focal length in picture widths for a field of view in degrees (0 to 180, exclusive)."""
    if not 0 < fov < 180:
        raise ValueError(f"The field of view is {fov} degrees; it must lie between 0 and 180.")
    return 0.5 / math.tan(math.radians(fov) / 2)


def fov_from_focal(focal: float) -> float:
    """Field of view in degrees for a focal length in picture widths."""
    return math.degrees(2 * math.atan(0.5 / focal))


def wrapped(degrees: float) -> float:
    """The same angle from -180 up to 180 degrees."""
    return (degrees + 180) % 360 - 180


def _look_at(position: np.ndarray, target: np.ndarray, side: Vector) -> np.ndarray:
    """Rotation [3, 3] of a level camera; `side` is its right axis where it looks along y."""
    forward = target - position
    length = np.linalg.norm(forward)
    if length < 1e-9:
        raise ValueError("The camera stands on the point it looks at; choose a larger radius.")
    forward = forward / length
    right = _cross(forward, np.array((0.0, 1.0, 0.0)))
    if np.linalg.norm(right) < 1e-6:
        right = np.asarray(side)
    right = right / np.linalg.norm(right)
    return np.stack([right, _cross(forward, right), forward], axis=1)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`np.cross` of two vectors [3], which takes five times as long."""
    ax, ay, az = a.tolist()
    bx, by, bz = b.tolist()
    return np.array((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: where it is, where it looks, and its lens. Immutable and hashable."""

    cam2world: tuple[float, ...]
    """4x4 matrix from camera to world coordinates, row-major (16 numbers), in world units."""
    intrinsics: tuple[float, ...] = (FOCAL_LENGTH, 0, 0.5, 0, FOCAL_LENGTH, 0.5, 0, 0, 1)
    """3x3 matrix, row-major (9 numbers), in picture widths and heights."""

    def __post_init__(self) -> None:
        pose = np.asarray(self.cam2world, np.float64)
        lens = np.asarray(self.intrinsics, np.float64)
        if pose.shape != (16,) or lens.shape != (9,):
            raise ValueError("A camera needs 16 numbers of cam2world and 9 of intrinsics.")
        if not (np.isfinite(pose).all() and np.isfinite(lens).all()):
            raise ValueError("The camera has numbers that are not finite.")
        rotation = pose.reshape(4, 4)[:3, :3]
        orthonormal = np.abs(rotation.T @ rotation - np.eye(3)).max() < 1e-2
        if not orthonormal or np.linalg.det(rotation) < 0:
            raise ValueError(
                "The upper left 3x3 of the camera's cam2world matrix is not a rotation."
            )
        if not (lens[0] > 0 and lens[4] > 0):
            raise ValueError("The camera's focal lengths must be positive.")

    @classmethod
    def orbit(
        cls,
        yaw: float = 0.0,
        pitch: float = 0.0,
        *,
        roll: float = 0.0,
        radius: float = RADIUS,
        pivot: Sequence[float] = PIVOT,
        lead: float = PIVOT[2],
        fov: float | None = None,
    ) -> Camera:
        """Camera on a sphere around the head, looking at `pivot`.

        The published cameras circle the origin at `radius` 2.7 while they look at a pivot 0.2 in
        front of it. So does this one; moving the pivot moves the whole orbit along. With no `lead`
        the camera circles the pivot itself.

        Args:
            yaw: degrees around the vertical; positive moves the camera to world +x.
            pitch: degrees above the horizon; positive moves the camera up.
            roll: degrees around the viewing direction; positive turns the camera clockwise.
            radius: distance from the centre of the orbit, in world units.
            pivot: the point in the middle of the picture, in world units.
            lead: how far the pivot lies in front (+z) of the centre of the orbit, in world units.
            fov: field of view in degrees; None for the published lens.
        """
        yaw_, pitch_, roll_ = math.radians(yaw), math.radians(pitch), math.radians(roll)
        target = np.asarray(pivot, np.float64)
        offset = np.array(
            [
                math.sin(yaw_) * math.cos(pitch_),
                math.sin(pitch_),
                math.cos(yaw_) * math.cos(pitch_),
            ]
        )
        position = target - np.array((0.0, 0.0, lead)) + radius * offset
        side = (math.cos(yaw_), 0.0, -math.sin(yaw_))
        rotation = _look_at(position, target, side)
        cos, sin = math.cos(roll_), math.sin(roll_)
        rotation = rotation @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        focal = FOCAL_LENGTH if fov is None else focal_from_fov(fov)
        return cls.from_parts(position, rotation, focal)

    @classmethod
    def from_parts(
        cls, position: np.ndarray, rotation: np.ndarray, focal: float = FOCAL_LENGTH
    ) -> Camera:
        """Camera at `position` [3] whose axes (right, down, forward) are `rotation`'s columns."""
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, position
        lens = (focal, 0.0, 0.5, 0.0, focal, 0.5, 0.0, 0.0, 1.0)
        return cls(tuple(pose.ravel().tolist()), lens)

    @classmethod
    def from_numbers(cls, numbers: Sequence[float] | np.ndarray) -> Camera:
        """Camera from the 25 numbers of the data sets and networks.

        Raises:
            ValueError: when they are not 25 finite numbers that make a camera.
        """
        values = np.asarray(numbers, np.float64).ravel()
        if values.size != 25:
            raise ValueError(f"A camera is 25 numbers; these are {values.size}.")
        return cls(tuple(values[:16].tolist()), tuple(values[16:].tolist()))

    def numbers(self) -> np.ndarray:
        """The 25 numbers, float32 [25]; `from_numbers` gives the camera back."""
        return np.array(self.cam2world + self.intrinsics, np.float32)

    @property
    def matrix(self) -> np.ndarray:
        """cam2world, float64 [4, 4]."""
        return np.array(self.cam2world, np.float64).reshape(4, 4)

    @property
    def rotation(self) -> np.ndarray:
        """Columns are the camera's right, down and forward axes in the world, float64 [3, 3]."""
        return self.matrix[:3, :3]

    @property
    def position(self) -> np.ndarray:
        """World coordinates, float64 [3]."""
        return self.matrix[:3, 3]

    @property
    def fov(self) -> float:
        """Horizontal field of view in degrees."""
        return fov_from_focal(self.intrinsics[0])

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Projects points in world coordinates [P, 3].

        Returns:
            (x, y) in picture widths and heights from the upper left corner, float64 [P, 2]; depths
            along the viewing direction, world units [P]. Points at depth 0 are not finite.
        """
        local = (points.astype(np.float64) - self.position) @ self.rotation
        depth = local[:, 2]
        lens = np.array(self.intrinsics).reshape(3, 3)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (local @ lens.T)[:, :2] / depth[:, None], depth

    def projection(self, near: float = 0.1, far: float = 100.0) -> np.ndarray:
        """OpenGL view-projection matrix, float32 [4, 4]: clip = matrix @ (x, y, z, 1).

        Draws a mesh exactly where the volume renderer sees it. `near` and `far` are world units.
        """
        fx, skew, cx, _, fy, cy = self.intrinsics[:6]
        depth = far - near
        project = np.array(
            [
                [2 * fx, 2 * skew, 2 * cx - 1, 0],
                [0, -2 * fy, 1 - 2 * cy, 0],
                [0, 0, (far + near) / depth, -2 * far * near / depth],
                [0, 0, 1, 0],
            ]
        )
        return (project @ np.linalg.inv(self.matrix)).astype(np.float32)

    def ray_range(self, start: float, end: float) -> tuple[float, float]:
        """Depth range that covers the same space for this camera as (start, end) does from RADIUS.

        A model is trained with cameras at RADIUS from the origin. Nearer and farther ones need
        their rays shifted, or the head falls out of the range. Never starts behind the camera.
        """
        shift = float(np.linalg.norm(self.position)) - RADIUS
        if abs(shift) < 1e-3:  # as trained: data set cameras differ in the last digits
            return start, end
        return max(start + shift, 0.01), max(end + shift, 0.02)


FRONTAL = Camera.orbit()
"""The canonical camera: at (0, 0, 2.7), looking straight at the face."""


_MIRRORED_SIGNS = (1, 2, 3, 4, 8, 17)
"""Indices into the 25 numbers of those that change sign: x against y and z in the rotation, x of
the position, and the skew."""
_CENTRE_X = 18


def mirrored(cameras: np.ndarray) -> np.ndarray:
    """Cameras that see the world's mirror image (x to -x) in the mirrored picture.

    With M = diag(-1, 1, 1) the ray d of a pixel becomes M d in the world. The camera's own x turns
    too, so that the rotation M R M stays a rotation; what is left of the mirror lies in the lens:
    u becomes 1 - u, hence cx becomes 1 - cx and the skew changes sign. Cameras are float [..., 25];
    mirroring twice gives them back.
    """
    result = cameras.copy()
    result[..., _MIRRORED_SIGNS] *= -1
    result[..., _CENTRE_X] = 1 - cameras[..., _CENTRE_X]
    return result


def cropped(
    cameras: np.ndarray, left: float, top: float, width: float, height: float
) -> np.ndarray:
    """Cameras float [..., 25] of a part of the picture, whose corner and size are given as
    fractions of the picture's width and height, 0 to 1."""
    result = cameras.copy()
    lens = result[..., 16:]
    lens[..., 2] -= left
    lens[..., 5] -= top
    lens[..., 0:3] /= width
    lens[..., 3:6] /= height
    return result


def orbits(angles: Tensor) -> Tensor:
    """The numbers of `Camera.orbit` at the published radius, pivot and lens, with gradients.

    Args:
        angles: yaw, pitch and roll of each camera in degrees [M, 3]; pitch within ±89.

    Returns:
        [M, 25].
    """
    import torch  # as in `rays`

    yaw, pitch, roll = torch.deg2rad(angles).unbind(1)
    level = torch.cos(pitch)
    offset = torch.stack([torch.sin(yaw) * level, torch.sin(pitch), torch.cos(yaw) * level], dim=1)
    position = RADIUS * offset
    forward = torch.nn.functional.normalize(angles.new_tensor(PIVOT) - position, dim=1)
    up = angles.new_tensor([0.0, 1.0, 0.0]).expand_as(forward)
    right = torch.nn.functional.normalize(torch.cross(forward, up, dim=1), dim=1)
    down = torch.cross(forward, right, dim=1)
    cos, sin = torch.cos(roll)[:, None], torch.sin(roll)[:, None]
    axes = (cos * right + sin * down, cos * down - sin * right, forward, position)
    pose = torch.stack(axes, dim=2)  # [M, 3, 4]
    last = angles.new_tensor([0.0, 0, 0, 1]).expand(len(angles), 1, 4)
    lens = angles.new_tensor([FOCAL_LENGTH, 0, 0.5, 0, FOCAL_LENGTH, 0.5, 0, 0, 1])
    pose = torch.cat([pose, last], dim=1).flatten(1)
    return torch.cat([pose, lens.expand(len(angles), -1)], dim=1)


def rays(c: Tensor, resolution: int | tuple[int, int]) -> tuple[Tensor, Tensor]:
    """One ray through every pixel centre.

    Args:
        c: cameras [M, 25].
        resolution: (height, width) in pixels, or the side of a square picture.

    Returns:
        origins [M, 3] and unit directions [M, height * width, 3], rows of the picture first.
    """
    import torch  # imported here so that the interface can use cameras without loading torch

    height, width = (resolution, resolution) if isinstance(resolution, int) else resolution
    count = c.shape[0]
    pose = c[:, :16].reshape(count, 4, 4)
    lens = c[:, 16:].reshape(count, 3, 3)
    v = (torch.arange(height, dtype=c.dtype, device=c.device) + 0.5) / height
    u = (torch.arange(width, dtype=c.dtype, device=c.device) + 0.5) / width
    v, u = (a.reshape(1, -1) for a in torch.meshgrid(v, u, indexing="ij"))  # [1, h * w]
    fx, skew, cx = (lens[:, 0, k, None] for k in range(3))
    fy, cy = lens[:, 1, 1, None], lens[:, 1, 2, None]
    y = (v - cy) / fy
    x = (u - cx - skew * y) / fx
    directions = torch.stack([x, y, torch.ones_like(x)], dim=-1)  # [M, h * w, 3], camera space
    directions = torch.nn.functional.normalize(directions, dim=-1)
    return pose[:, :3, 3], directions @ pose[:, :3, :3].transpose(1, 2)
