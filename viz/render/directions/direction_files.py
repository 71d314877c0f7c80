"""Reads and writes directions in the spaces of a model's codes, in the formats of this program and
of others. No torch here."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from training.named_directions import NamedDirection, checked, decoded, encoded
from viz.state.errors import UserError
from viz.state.files import write_beside
from viz.state.named_files import LARGEST_WS, problem_of


@dataclass(frozen=True)
class Directions:
    """Directions of a model, each scaled to one standard deviation."""

    components: np.ndarray
    """Principal components of w over people, the largest first, float32 [K, w_dim]."""
    explained: np.ndarray
    """Fraction of w's variance along each of them, float32 [K]."""
    factors: np.ndarray
    """Directions of w that change the styles most, the strongest first, float32 [K, w_dim]."""
    motions: np.ndarray
    """Directions of the motion code that change the planes most, the strongest first, float32
    [M, motion_dim]; M is 0 for still models."""
    moved: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """Root mean square change of the planes along each of them, relative to the first's."""

    def about(self, kind: str, index: int) -> str:
        """A sentence about one direction; `kind` is the name of its field."""
        if kind == "components":
            return (
                f"Principal component of w over people: {100 * self.explained[index]:.1f}% of "
                "their variance lies along it."
            )
        if kind == "factors":
            return (
                "Direction of w that the style layers' weights amplify most, in order of strength."
            )
        much = f"{100 * self.moved[index]:.0f}%"
        return f"Direction of the motion code: it changes the planes {much} as much as the first."


def save(path: Path, directions: Directions) -> None:
    """Writes a .npz file with one array per field.

    Raises:
        UserError: when it cannot be written.
    """
    arrays = {name: np.asarray(value, np.float32) for name, value in vars(directions).items()}
    write_beside(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def load(path: Path) -> Directions:
    """Directions from a file that `save` wrote.

    Raises:
        UserError: naming the file, if it contains none.
    """
    _check_readable(path)
    try:
        with np.load(path, allow_pickle=False) as data:
            found = Directions(**{name: data[name] for name in _DIMENSIONS})
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path.name} contains no directions of this program.") from error
    for name, dimensions in _DIMENSIONS.items():
        array = getattr(found, name)
        if array.dtype != np.float32 or array.ndim != dimensions or not np.isfinite(array).all():
            raise UserError(
                f"{path.name} contains no directions of this program: {name} is damaged."
            )
    return found


def load_vector(path: Path, dim: int) -> np.ndarray:
    """A direction float32 [dim] from a .npy file, as InterFaceGAN and others write them; leading
    axes of length 1 are dropped.

    Raises:
        UserError: naming the file and what does not fit.
    """
    _check_readable(path)
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise UserError(f"{path.name} is not an .npy file that NumPy can read.") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f" or found.size != dim:
        raise UserError(f"{path.name} must hold {dim} floating-point numbers, as w has here.")
    if not np.isfinite(found).all() or not found.any():
        raise UserError(f"{path.name} must hold finite numbers that are not all 0.")
    return np.ascontiguousarray(found.reshape(dim), np.float32)


def save_named(path: Path, directions: Sequence[NamedDirection]) -> None:
    """Writes directions as a .npz file: `person` float32 [K, w_dim] and `person_names` [K],
    `motion` float32 [M, motion_dim] and `motion_names` [M]; and `motion_bases` float32 [M,
    motion_dim], NaN for motions whose steps are added to the code as it is.

    Raises:
        UserError: when it cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    for code in _CODES:
        some = [direction for direction in directions if direction.code == code]
        if some:
            arrays[code] = np.stack([decoded(direction.vector) for direction in some])
            arrays[f"{code}_names"] = np.array([direction.name for direction in some])
    if "motion" in arrays:
        none = np.full_like(arrays["motion"][0], np.nan)
        bases = [decoded(d.base) if d.base else none for d in directions if d.code == "motion"]
        arrays["motion_bases"] = np.stack(bases)
    write_beside(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def load_named(path: Path, dims: Mapping[str, int]) -> list[NamedDirection]:
    """Directions from a .npz file in the format of `save_named`.

    Args:
        path: the file.
        dims: lengths of w ("person") and of a motion code ("motion").

    Raises:
        UserError: naming the file, and what it must contain.
    """
    arrays = _arrays(path)
    found: list[NamedDirection] = []
    for code in _CODES:
        vectors = arrays.get(code)
        if vectors is None or not len(vectors):
            continue
        names = arrays.get(
            f"{code}_names", np.array([f"{path.stem} {k + 1}" for k in range(len(vectors))])
        )
        bases = arrays.get(f"{code}_bases", np.full_like(vectors, np.nan))
        if vectors.shape != bases.shape or len(names) != len(vectors):
            raise UserError(f"{path.name} must hold a name and a base for each {code} direction.")
        for vector, name, base in zip(vectors, names.tolist(), bases, strict=True):
            entry = {"name": str(name), "code": code, "vector": encoded(vector)}
            if np.isfinite(base).all():
                entry["base"] = encoded(base)
            try:
                found.append(checked(entry, dims))
            except ValueError as error:
                raise UserError(
                    f"{path.name} cannot be used: of {code} {name!r}, {error}"
                ) from error
    if not found:
        raise UserError(
            f"{path.name} contains no directions: it needs an array "
            f"`person` [K, {dims['person']}] or "
            "`motion`, with `person_names` or `motion_names`."
        )
    return found


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file that hold directions, of bounded size."""
    _check_readable(path)
    wanted = [name for code in _CODES for name in (code, f"{code}_names", f"{code}_bases")]
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
        if any(sizes.get(f"{name}.npy", 0) > LARGEST_WS for name in wanted):
            raise UserError(
                f"{path.name} cannot be read: it unpacks to more data than directions can have."
            )
        with np.load(path, allow_pickle=False) as data:
            found = {name: data[name] for name in wanted if name in data}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path.name} is not an .npz file that NumPy can read.") from error
    for name, array in found.items():
        kinds, axes = ("U", 1) if name.endswith("_names") else ("f", 2)
        if array.dtype.kind not in kinds or array.ndim != axes:
            what = "texts [K]" if kinds == "U" else "floating-point numbers [K, N]"
            raise UserError(f"{path.name} cannot be used: {name} must be {what}.")
    return found


def _check_readable(path: Path) -> None:
    problem = problem_of(path, LARGEST_WS)
    if problem:
        raise UserError(f"{path.name} cannot be read: {problem}.")


_CODES: tuple[Literal["person", "motion"], ...] = ("person", "motion")
_DIMENSIONS = {"components": 2, "explained": 1, "factors": 2, "motions": 2, "moved": 1}
"""Number of dimensions of each array."""
