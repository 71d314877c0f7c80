"""Directions in the spaces of a model's codes, as files of this program and of others. No torch."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from viz.state.errors import UserError
from viz.state.files import write_beside
from viz.state.named_files import LARGEST_WS, problem_of


@dataclass(frozen=True)
class Directions:
    """Directions of a model, each as long as one standard deviation."""

    components: np.ndarray
    """Principal components of w over people, the largest first: float32 [K, w_dim]."""
    explained: np.ndarray
    """Share of w's variance along each of them: float32 [K]."""
    factors: np.ndarray
    """Directions of w that change the styles most, the strongest first: float32 [K, w_dim]."""
    motions: np.ndarray
    """Directions of the motion code that change the planes most, the strongest first: float32
    [M, motion_dim]; M is 0 for still models."""
    moved: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """Root mean square change of the planes along each of them, in parts of the first's."""


def save(path: Path, directions: Directions) -> None:
    """Writes a .npz file with one array a field.

    Raises:
        UserError: when it cannot be written.
    """
    arrays = {name: np.asarray(value, np.float32) for name, value in vars(directions).items()}
    write_beside(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def load(path: Path) -> Directions:
    """Directions from a file that `save` wrote.

    Raises:
        UserError: naming the file, when it holds none.
    """
    problem = problem_of(path, LARGEST_WS)
    if problem:
        raise UserError(f"{path.name} cannot be read: {problem}.")
    try:
        with np.load(path, allow_pickle=False) as data:
            found = Directions(**{name: data[name] for name in _DIMENSIONS})
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path.name} holds no directions of this program.") from error
    for name, dimensions in _DIMENSIONS.items():
        array = getattr(found, name)
        if array.dtype != np.float32 or array.ndim != dimensions or not np.isfinite(array).all():
            raise UserError(f"{path.name} holds no directions of this program: {name} is damaged.")
    return found


def load_vector(path: Path, dim: int) -> np.ndarray:
    """A direction float32 [dim] from a .npy file, as InterFaceGAN and others write them; leading
    axes of length 1 are dropped.

    Raises:
        UserError: naming the file and what does not fit.
    """
    problem = problem_of(path, LARGEST_WS)
    if problem:
        raise UserError(f"{path.name} cannot be read: {problem}.")
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise UserError(f"{path.name} is no .npy file that NumPy can read.") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f" or found.size != dim:
        raise UserError(f"{path.name} must hold {dim} floating-point numbers, as w has here.")
    if not np.isfinite(found).all() or not found.any():
        raise UserError(f"{path.name} must hold finite numbers that are not all 0.")
    return np.ascontiguousarray(found.reshape(dim), np.float32)


_DIMENSIONS = {"components": 2, "explained": 1, "factors": 2, "motions": 2, "moved": 1}
"""Number of axes of each array."""
