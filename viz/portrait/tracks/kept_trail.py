"""Stored results of tracking a part of a video, from which tracking resumes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from viz.portrait import unfinished_work
from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.faces.face import Face
from viz.portrait.tracks.following import Trail


def keep(path: Path, trail: Trail, about: Mapping[str, str]) -> None:
    """Writes a trail, as `unfinished_work.keep`."""
    faces = [face for face in trail.faces if face is not None]
    fits = [fit.numbers for fit in trail.fits if fit is not None]
    arrays = {
        "size": np.array(trail.size),
        "found": np.array([face is not None for face in trail.faces]),
        "landmarks": np.array([face.landmarks for face in faces], np.float32),
        "irises": np.array([face.irises for face in faces], np.float32),
        "lids": np.array([face.lids for face in faces], np.float32),
        "logits": np.array([face.logit for face in faces], np.float64),
        "fits": np.array(fits, np.float64),
    }
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    unfinished_work.keep(path, tensors, about)


def kept(path: Path, about: Mapping[str, str]) -> Trail | None:
    """The stored trail, as `unfinished_work.kept`; None if there is none that can be read."""
    stored = unfinished_work.kept(path, about) or {}
    with contextlib.suppress(ValueError, TypeError, IndexError, KeyError):
        parts = {name: tensor.numpy() for name, tensor in stored.items()}
        width, height = parts["size"].tolist()
        trail = Trail(size=(width, height))
        number = 0
        for is_found in parts["found"]:
            trail.faces.append(_face(parts, number, trail.size) if is_found else None)
            fit = CameraFit.from_numbers(parts["fits"][number]) if is_found else None
            trail.fits.append(fit)
            number += int(is_found)
        return trail
    return None


def _face(parts: Mapping[str, np.ndarray], number: int, size: tuple[int, int]) -> Face:
    return Face(
        landmarks=parts["landmarks"][number],
        irises=parts["irises"][number],
        lids=parts["lids"][number],
        logit=float(parts["logits"][number]),
        picture_size=size,
    )
