"""Reads the morphable face model ICT-FaceKit from a checkout, or from the compact file of one.

The model (https://github.com/USC-ICT/ICT-FaceKit, MIT licence) consists of Wavefront meshes of one
topology: a neutral head, 100 identity modes and the expressions of ARKit, in centimetres. The
compact file keeps what the renderer shows, in about 10 MB.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.reasons import reason
from training.replacing import replacing
from training.user_folders import expanded, user_folder

IDENTITIES = 60
"""Number of identity modes kept; the later ones have no visible effect."""

VERTICES = 26719
"""Number of vertices read from a checkout; the meshes after them (tear lines and others) are not
needed."""

PARTS: dict[str, tuple[int, int]] = {
    "face": (0, 9409),
    "head": (9409, 11248),
    "mouth": (11248, 13294),
    "eyesock_L": (13294, 13678),
    "eyesock_R": (13678, 14062),
    "gums": (14062, 17039),
    "teeth": (17039, 21451),
    "sclera_L": (21451, 22221),
    "iris_L": (22221, 23021),
    "sclera_R": (23021, 23791),
    "iris_R": (23791, 24591),
    "lash_L": (25351, 26035),
    "lash_R": (26035, 26719),
}
"""Vertex ranges of a checkout's meshes. A part's label is its index in this table."""

_LAST_MOLARS = ((17039, 17416), (18861, 19247), (19247, 19602), (21096, 21451))

LABELS = {name: label for label, name in enumerate(PARTS)}

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done, 0 to 1."""


class ModelError(ValueError):
    """The morphable model is missing, damaged or another one; the message is for the user."""


@dataclass(frozen=True)
class MorphableModel:
    """Arrays of the morphable model. Lengths are in centimetres, y up, the face looks along +z."""

    vertices: np.ndarray
    """Neutral head, float32 [V, 3]."""
    triangles: np.ndarray
    """Vertex indices, counter-clockwise from outside, int32 [T, 3]."""
    labels: np.ndarray
    """Part of each vertex, an index in `PARTS`, uint8 [V]."""
    identities: np.ndarray
    """Displacements by one standard deviation of each identity mode, float32 [M, V, 3]."""
    expressions: dict[str, np.ndarray]
    """Displacements by each expression at full strength, by name, float32 [V, 3]."""
    landmarks: np.ndarray
    """Vertex indices of the 68 landmarks of Multi-PIE, int32 [68]."""

    def problems(self) -> list[str]:
        """Everything that is wrong with the arrays, as sentences; empty if nothing is."""
        count = len(self.vertices)
        found = [
            f"{name} has the shape {array.shape}, not {expected}"
            for name, array, expected in (
                ("v", self.vertices, (count, 3)),
                ("tri", self.triangles, (len(self.triangles), 3)),
                ("label", self.labels, (count,)),
                ("id_delta", self.identities, (len(self.identities), count, 3)),
                ("landmarks", self.landmarks, (68,)),
            )
            if array.shape != expected
        ]
        found += [
            f"ex_delta of {name} has the shape {delta.shape}, not {(count, 3)}"
            for name, delta in self.expressions.items()
            if delta.shape != (count, 3)
        ]
        for name, array in (("tri", self.triangles), ("landmarks", self.landmarks)):
            if array.size and not (array.min() >= 0 and array.max() < count):
                found.append(f"{name} names vertices that are not there")
        if self.labels.size and self.labels.max() >= len(PARTS):
            found.append("label names parts that are not there")
        if not np.isfinite(self.vertices).all():
            found.append("v has numbers that are not finite")
        return found


def load_model(path: str | Path, progress: Progress | None = None) -> MorphableModel:
    """Reads the morphable model from a checkout's folder, which takes half a minute, or from a
    compact file.

    Raises:
        ModelError: saying what is missing or wrong.
    """
    path = expanded(path)
    if not path.exists():
        raise ModelError(
            f"{path} does not exist. Give the folder of a checkout of "
            "https://github.com/USC-ICT/ICT-FaceKit, or the compact file made from one."
        )
    model = read_checkout(path, progress) if path.is_dir() else _read_compact(path)
    problems = model.problems()
    if problems:
        raise ModelError(f"{path} is not a usable face model: " + "; ".join(problems) + ".")
    return model


def _read_compact(path: Path) -> MorphableModel:
    names = ("v", "tri", "label", "part_names", "id_delta", "ex_delta", "ex_names", "landmarks")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise ModelError(
                    f"{path} is not a compact face model: it lacks {', '.join(missing)}."
                )
            data = {name: file[name] for name in names}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"{path} cannot be read as a compact face model: {reason(error)}."
        ) from error
    if list(data["part_names"]) != list(PARTS):
        raise ModelError(f"{path} has other parts than the compact face model of this program.")
    if len(data["ex_names"]) != len(data["ex_delta"]):
        raise ModelError(f"{path} has names for {len(data['ex_names'])} expressions only.")
    expressions = zip(data["ex_names"], data["ex_delta"].astype(np.float32), strict=True)
    return MorphableModel(
        vertices=data["v"].astype(np.float32),
        triangles=data["tri"].astype(np.int32),
        labels=data["label"].astype(np.uint8),
        identities=data["id_delta"].astype(np.float32),
        expressions={str(name): delta for name, delta in expressions},
        landmarks=data["landmarks"].astype(np.int32),
    )


def cache_folder(cache: str | Path | None) -> Path:
    """`cache`, or a folder in the user's cache if it is None."""
    if cache:
        return expanded(cache)
    return user_folder("cache") / "synthetic"


def cached_compact(
    path: str | Path, cache: str | Path | None = None, progress: Progress | None = None
) -> Path:
    """The compact file for `path`: itself, or one made from a checkout and kept in the cache.

    Raises:
        ModelError: as `load_model`.
    """
    path = expanded(path)
    if not path.is_dir():
        load_model(path)
        return path
    neutral = path / "FaceXModel" / "generic_neutral_mesh.obj"
    content = neutral.read_bytes() if neutral.is_file() else b""
    compact = cache_folder(cache) / f"ict-{hashlib.sha256(content).hexdigest()[:16]}.npz"
    if not compact.is_file():
        model = load_model(path, progress)
        with replacing(compact) as part:
            write_compact(model, part)
    return compact


def write_compact(model: MorphableModel, path: str | Path) -> None:
    """Writes the compact file of a model, with displacements in float16."""
    deltas = np.stack(list(model.expressions.values()))
    deltas[np.abs(deltas) < 2e-4] = 0  # rounding errors of the meshes' decimals only take space
    with Path(path).open("wb") as file:
        np.savez_compressed(
            file,
            v=model.vertices,
            tri=model.triangles,
            label=model.labels,
            part_names=np.array(list(PARTS)),
            id_delta=model.identities.astype(np.float16),
            ex_delta=deltas.astype(np.float16),
            ex_names=np.array(list(model.expressions)),
            landmarks=model.landmarks,
        )


def read_checkout(path: Path, progress: Progress | None = None) -> MorphableModel:
    """Reads the morphable model from the meshes of a checkout of ICT-FaceKit.

    Raises:
        ModelError: if a file is missing or has another topology.
    """
    folder = path / "FaceXModel"
    neutral = folder / "generic_neutral_mesh.obj"
    listing = folder / "vertex_indices.json"
    identities = [folder / f"identity{i:03d}.obj" for i in range(IDENTITIES)]
    missing = [str(f) for f in (neutral, listing, *identities) if not f.is_file()]
    if missing:
        more = f" and {len(missing) - 1} more files" if len(missing) > 1 else ""
        raise ModelError(f"{path} is not a checkout of ICT-FaceKit: {missing[0]}{more} missing.")
    vertices, faces = _read_mesh(neutral)
    if len(vertices) < VERTICES:
        raise ModelError(f"{neutral} has {len(vertices)} vertices, fewer than {VERTICES}.")
    expressions = sorted(
        p for p in folder.glob("*.obj") if not p.stem.startswith(("identity", "generic"))
    )
    keep, labels = _kept_vertices()
    deltas = []
    files = [*identities, *expressions]
    for i, file in enumerate(files):
        if progress:
            progress("Reading the face model", i / len(files))
        moved, _ = _read_mesh(file, faces=False)
        if moved.shape != vertices.shape:
            raise ModelError(f"{file} has {len(moved)} vertices, not {len(vertices)}.")
        deltas.append((moved - vertices)[:VERTICES][keep].astype(np.float32))
    places = np.full(len(vertices), -1, np.int32)
    places[np.nonzero(keep)[0]] = np.arange(keep.sum())
    try:
        marks = json.loads(listing.read_text())["idx_to_landmark_verts"]
    except (ValueError, KeyError) as error:
        raise ModelError(f"{listing} has no idx_to_landmark_verts: {error}") from error
    names = [p.stem for p in expressions]
    return MorphableModel(
        vertices=vertices[:VERTICES][keep].astype(np.float32),
        triangles=_triangulate(faces, places),
        labels=labels[keep],
        identities=np.stack(deltas[:IDENTITIES]),
        expressions=dict(zip(names, deltas[IDENTITIES:], strict=True)),
        landmarks=places[np.asarray(marks).ravel()],
    )


def _kept_vertices() -> tuple[np.ndarray, np.ndarray]:
    """Which of a checkout's vertices are kept, bool [VERTICES], and their labels, uint8."""
    keep = np.zeros(VERTICES, bool)
    labels = np.zeros(VERTICES, np.uint8)
    for name, (start, end) in PARTS.items():
        keep[start:end] = True
        labels[start:end] = LABELS[name]
    for start, end in _LAST_MOLARS:
        keep[start:end] = False  # no open mouth shows them
    return keep, labels


def _triangulate(faces: list[list[int]], places: np.ndarray) -> np.ndarray:
    """Triangle fans of the faces whose vertices are all kept, with the new indices, int32
    [T, 3]."""
    triangles = []
    for face in faces:
        corners = places[face]
        if corners.min() >= 0:
            triangles += [
                (corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1)
            ]
    return np.array(triangles, np.int32).reshape(-1, 3)


def _read_mesh(path: Path, faces: bool = True) -> tuple[np.ndarray, list[list[int]]]:
    """Vertices of an OBJ file, float64 [V, 3], and on request the vertex indices of its faces,
    which follow them."""
    positions: list[str] = []
    polygons: list[list[int]] = []
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("v "):
                    positions.append(line[2:])
                elif line.startswith("f "):
                    if not faces:
                        break
                    polygons.append([int(c.split("/")[0]) - 1 for c in line.split()[1:]])
        vertices = np.array(" ".join(positions).split(), np.float64).reshape(-1, 3)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as a mesh: {reason(error)}.") from error
    return vertices, polygons
