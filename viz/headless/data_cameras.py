"""Cameras of a data set's clips, as the published protocol renders generated clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from training.camera import Camera
from training.data.sampling import open_source
from training.data.source import DatasetError
from training.metrics.clip_windows import Windows
from training.reasons import reason
from viz.state.errors import UserError
from viz.state.types import FRAME_RATE, FRAMES, Keyframe, Orbit, PathOptions, SessionState

_TOLERANCE = 1e-4
"""Largest difference allowed between a camera and the orbit that represents it."""


class DataCameras:
    """The windows of a data set, in the order that the metrics use.

    Args:
        path: the data set.

    Raises:
        UserError: when it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._windows = Windows(open_source(path))
        except DatasetError as e:
            raise UserError(str(e)) from e
        except OSError as e:
            raise UserError(f"The data set {path} could not be read: {reason(e)}.") from e

    def filmed(self, state: SessionState, number: int) -> SessionState:
        """The state with a path of one key per frame of the clip: the cameras of a window, with t
        from 0 to 1. The first camera conditions the mapping network for the whole clip, as in
        training.

        Raises:
            UserError: when the data set has no such cameras.
        """
        try:
            cameras = self._windows.cameras(number)
        except DatasetError as e:
            raise UserError(str(e)) from e
        orbits = [_orbit(Camera.from_numbers(numbers)) for numbers in cameras]
        keys = tuple(
            Keyframe(
                time=k / FRAME_RATE,
                latent=state.latent,
                motion=state.motion,
                t=k / (FRAMES - 1),
                orbit=orbit,
                ease="linear",
            )
            for k, orbit in enumerate(orbits)
        )
        return replace(
            state,
            keyframes=keys,
            path=PathOptions(),
            conditioning="set",
            conditioning_orbit=orbits[0],
            orbit=orbits[0],
        )


def _orbit(camera: Camera) -> Orbit:
    orbit = Orbit.from_camera(camera)
    if np.abs(orbit.camera().numbers() - camera.numbers()).max() > _TOLERANCE:
        raise UserError(
            "The data set has cameras with an off-centre or oblong lens, which sessions do not "
            "know: leave out --cameras."
        )
    return orbit
