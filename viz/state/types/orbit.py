"""The camera as its sliders describe it, and the head that it circles."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from training.camera import FOCAL_LENGTH, PIVOT, RADIUS, Camera, fov_from_focal, wrapped
from viz.state.settings import Range, setting

DEFAULT_FOV = fov_from_focal(FOCAL_LENGTH)
TRAINED_TURN = (40.0, 23.0)
"""Degrees of yaw and pitch to either side that the cameras of face videos reach: those of the
synthetic people, assumed for every model, as no checkpoint says its own."""

Angle = Annotated[float, Range(-3600, 3600, "°", slider=(-180, 180), step=0.1)]
"""Degrees; angles repeat every 360."""
Coordinate = Annotated[float, Range(-10, 10, slider=(-0.5, 0.5))]
"""World units; the box that the models fill is about 1 wide."""

_FRAME = 1.2
"""Half the picture's side where a head is framed, in radii of the head."""
_NEAREST = 3.0
"""Distance in radii of the head from which on it can be framed by the lens alone."""


@dataclass(frozen=True)
class Head:
    """Where the head lies in a model's box."""

    middle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """x, y, z in world units."""
    radius: float = 0.27
    """Radius of a ball around it, world units."""


@dataclass(frozen=True)
class Orbit:
    """A camera that orbits the head, as its sliders describe it."""

    yaw: Angle = 0.0
    """Turn around the vertical; above 0 the camera moves to the viewer's right."""
    pitch: Annotated[float, Range(-89, 89, "°", step=0.1)] = 0.0
    """Height above the horizon; below 0 the camera looks from below."""
    roll: Angle = 0.0
    """Turn around the viewing direction; above 0 the camera turns clockwise."""
    radius: Annotated[float, Range(0.25, 100, slider=(1.2, 8), logarithmic=True)] = RADIUS
    """Distance from the point that the camera circles, in world units; the box that the models fill
    is about 1 wide."""
    fov: Annotated[float, Range(0.1, 170, "°", slider=(4, 60), step=0.1, logarithmic=True)] = (
        DEFAULT_FOV
    )
    """Opening angle of the lens; a smaller one magnifies."""
    pivot: tuple[Coordinate, Coordinate, Coordinate] = PIVOT
    """Point in the middle of the picture: x, y, z in world units."""
    lead: Coordinate = PIVOT[2]
    """How far the pivot lies in front of the point that the camera circles, in world units: 0.2 in
    the published cameras, 0 where the camera circles the pivot itself."""

    @functools.lru_cache(256)  # noqa: B019 - orbits are small, and each frame needs some often
    def camera(self) -> Camera:
        """The camera at this place."""
        return Camera.orbit(
            self.yaw,
            self.pitch,
            roll=self.roll,
            radius=self.radius,
            pivot=self.pivot,
            lead=self.lead,
            fov=self.fov,
        )

    def turned(self, yaw: float, pitch: float = 0.0) -> Orbit:
        """The camera moved on by degrees; the pitch stays within its range."""
        limits = setting(Orbit, "pitch").range
        return replace(self, yaw=wrapped(self.yaw + yaw), pitch=limits.clamp(self.pitch + pitch))

    @classmethod
    def around(cls, head: Head) -> Orbit:
        """The frontal camera of the training pictures, on an orbit around the head's vertical axis
        rather than a point behind the nose: at all angles the head stays in the picture."""
        z = head.middle[2]
        return cls(radius=RADIUS - z, pivot=(0.0, 0.0, z), lead=0.0)

    def framing(self, head: Head) -> Orbit:
        """The same direction with the whole head in the picture."""
        orbit = replace(self, pivot=head.middle)
        distance = _distance(orbit)
        if distance < _NEAREST * head.radius:
            orbit = replace(orbit, radius=RADIUS)
            distance = _distance(orbit)
        half = math.asin(min(_FRAME * head.radius / distance, 0.9))
        return replace(orbit, fov=2 * math.degrees(half))

    @classmethod
    def from_camera(cls, camera: Camera, near: Orbit | None = None) -> Orbit:
        """The orbit whose `camera()` is that camera, for square pixels and a centred lens.

        Its pivot is the point of the viewing axis that lies nearest to that of `near`, whose lead
        it takes; to the published one for None.
        """
        near = near or cls()
        forward = camera.rotation[:, 2]
        distance = max(float((np.asarray(near.pivot) - camera.position) @ forward), 1e-3)
        pivot = camera.position + distance * forward
        offset = np.array((0.0, 0.0, near.lead)) - distance * forward
        radius = float(np.linalg.norm(offset))
        yaw = math.degrees(math.atan2(offset[0], offset[2]))
        pitch = math.degrees(math.asin(min(max(offset[1] / radius, -1.0), 1.0)))
        place = (float(pivot[0]), float(pivot[1]), float(pivot[2]))
        level = cls(yaw, pitch, 0.0, radius, camera.fov, place, near.lead)
        turn = level.camera().rotation.T @ camera.rotation
        return replace(level, roll=math.degrees(math.atan2(turn[1, 0], turn[0, 0])))


def _distance(orbit: Orbit) -> float:
    """From the camera to the pivot, world units."""
    return float(np.linalg.norm(np.asarray(orbit.pivot) - orbit.camera().position))
