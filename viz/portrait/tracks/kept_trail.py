"""Stored results of tracking a part of a video, from which tracking resumes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from training.replacing import replacing
from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.faces.face import Face
from viz.portrait.tracks.following import Trail


def keep(path: Path, trail: Trail, about: Mapping[str, str]) -> None:
    """Writes a trail.

    Args:
        path: the file; it is replaced once the new one is complete.
        trail: the results so far.
        about: what must be the same on resuming: the video, the model, the options.

    Raises:
        OSError: when it cannot be written.
    """
    faces = [face for face in trail.faces if face is not None]
    fits = [_numbers(fit) for fit in trail.fits if fit is not None]
    tensors = {
        "found": np.array([face is not None for face in trail.faces]),
        "landmarks": np.array([face.landmarks for face in faces], np.float32),
        "irises": np.array([face.irises for face in faces], np.float32),
        "lids": np.array([face.lids for face in faces], np.float32),
        "logits": np.array([face.logit for face in faces], np.float64),
        "fits": np.array(fits, np.float64),
    }
    with replacing(path) as part:
        save_file(tensors, part, dict(about) | {"size": json.dumps(trail.size)})


def kept(path: Path, about: Mapping[str, str]) -> Trail | None:
    """The stored trail; None if there is none for the same video, model and options, or none that
    can be read."""
    with contextlib.suppress(OSError, SafetensorError, ValueError, TypeError, IndexError, KeyError):
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            if {name: metadata.get(name) for name in about} != dict(about):
                return None
            parts = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        width, height = json.loads(metadata["size"])
        trail = Trail(size=(int(width), int(height)))
        number = 0
        for is_found in parts["found"]:
            trail.faces.append(_face(parts, number, trail.size) if is_found else None)
            trail.fits.append(_fit(parts["fits"][number]) if is_found else None)
            number += int(is_found)
        return trail
    return None


def _numbers(fit: CameraFit) -> list[float]:
    return [fit.yaw, fit.pitch, *fit.centre, fit.side, fit.angle, fit.residual]


def _fit(row: np.ndarray) -> CameraFit:
    yaw, pitch, x, y, side, angle, residual = map(float, row)
    return CameraFit(yaw, pitch, (x, y), side, angle, residual)


def _face(parts: Mapping[str, np.ndarray], number: int, size: tuple[int, int]) -> Face:
    return Face(
        landmarks=parts["landmarks"][number],
        irises=parts["irises"][number],
        lids=parts["lids"][number],
        logit=float(parts["logits"][number]),
        picture_size=size,
    )
