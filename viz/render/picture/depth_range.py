"""The distances between which a camera sees the surface: the ends of the depth colours.

They are found once for a model, on its average person at rest, and then depend only on the camera's
position. So they are constant while a clip plays or people change, vary smoothly while the camera
moves, and are the same in the window, headless and in exports.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from training.camera import Camera, rays
from training.networks.generator import Generator

_ROUND = [(yaw, 0) for yaw in range(0, 360, 30)]
_VIEWS = [*_ROUND, (0, 40), (0, -40), (60, 30), (-60, 30), (60, -30), (-60, -30)]
"""Yaw and pitch of the cameras that look for the surface, degrees."""
_SIDE = 24
"""Side of their pictures, pixels."""
_SOLID = 0.9
"""Opacity above which a pixel counts as surface."""
_LEAST_POINTS = 16
_ENDS = (0.005, 0.98)
"""Fractions of the surface that are nearer than each end: hair and clothes may reach far back."""
_MARGIN = 0.06
"""Fraction of the range added at each end, for people larger than the average."""


@dataclass(frozen=True)
class SurfacePoints:
    """Points on the surface of a model's average person."""

    points: np.ndarray
    """[P, 3], world coordinates."""
    seen_from: np.ndarray
    """Unit vectors [P, 3] towards the cameras that saw them."""

    def distances(self, camera: Camera) -> tuple[float, float] | None:
        """Distances from a camera to the nearest and the farthest visible point, with a margin,
        world units; None if there is no surface."""
        if len(self.points) < _LEAST_POINTS:
            return None
        ways = camera.position - self.points
        lengths = np.linalg.norm(ways, axis=1)
        # Points count by how far they face the camera, so that nothing jumps as it turns.
        facing = np.einsum("pk,pk->p", ways, self.seen_from) / np.maximum(lengths, 1e-9)
        weights = np.maximum(facing, 0.0) ** 2
        if weights.sum() < 1e-6:  # for instance from within the head
            return None
        order = np.argsort(lengths)
        shares = np.cumsum(weights[order]) / weights.sum()
        near, far = np.interp(_ENDS, shares, lengths[order])
        margin = _MARGIN * (far - near)
        return max(float(near - margin), 1e-3), max(float(far + margin), 2e-3)


def find_surface(G: Generator) -> SurfacePoints:
    """Looks at a model's average person from all sides."""
    cameras = [Camera.orbit(yaw, pitch) for yaw, pitch in _VIEWS]
    c = torch.from_numpy(np.stack([camera.numbers() for camera in cameras])).float().to(G.device)
    raw = G.render(G.average_planes(), G.average_ws, c, resolution=_SIDE)
    origins, directions = (x.cpu().numpy() for x in rays(c, _SIDE))
    depth = raw.depth.reshape(len(cameras), -1, 1).cpu().numpy()
    points = origins[:, None] + depth * directions
    solid = raw.opacity.reshape(len(cameras), -1).cpu().numpy() > _SOLID
    solid &= (np.abs(points) < G.config.rendering.box_warp / 2).all(axis=-1)
    return SurfacePoints(points[solid], -directions[solid])
