"""Writing geometry files: whole or not at all, several at once where a mesh takes several."""

# trimesh's exporters are not typed.
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from viz.exports.embedding import SIDECAR_SUFFIX
from viz.exports.meshes.mesh_glb import GlbWriter
from viz.exports.meshes.mesh_surface import Surface
from viz.exports.pictures import png
from viz.state.files import new_file

_ROWS_AT_ONCE = 2**15


def files_of(path: Path) -> list[Path]:
    """A mesh file and what can belong to it: its material, its texture and its session."""
    suffix = path.suffix.lower()
    if suffix == ".glb":
        return [path]
    found = [path, path.with_name(path.name + SIDECAR_SUFFIX)]
    if suffix == ".obj":
        found += [path.with_name(f"{_companion(path)}{ending}") for ending in (".mtl", ".png")]
    return found


def _companion(path: Path) -> str:
    """Name, without its ending, of an OBJ's material and texture. Readers end a name at a space."""
    return "_".join(path.stem.split()) or "mesh"


def printing_scale(surface: Surface, size: float) -> float:
    """Millimetres per world unit that make a surface's longest side `size` mm long."""
    return size / float(np.ptp(surface.vertices, axis=0).max())


def for_printing(surface: Surface, scale: float) -> Surface:
    """A surface as slicers expect it: in millimetres, z up, the face towards -y."""
    turned = surface.vertices[:, (0, 2, 1)] * np.array((1, -1, 1), np.float32) * np.float32(scale)
    return Surface(turned, surface.faces)


@contextmanager
def new_files(paths: Sequence[Path]) -> Generator[list[Path]]:
    """Temporary files to fill; once all are complete they are renamed, the first one last."""
    with ExitStack() as stack:
        yield [stack.enter_context(new_file(path)) for path in paths]


def write_mesh(
    surface: Surface, path: Path, recipe: str, *, unlit: bool = True
) -> Generator[float, None, None]:
    """Steps of writing a mesh file in the format of its ending, with its companion files.

    Raises:
        UserError: when it cannot be written; nothing is left of it.
    """
    suffix = path.suffix.lower()
    yield 0.0
    if suffix == ".glb":
        with new_glb(path, recipe, unlit=unlit) as writer:
            writer.add(surface, path.stem)
        return
    textured = suffix == ".obj" and surface.texture is not None
    paths = files_of(path) if textured else files_of(path)[:2]
    with new_files(paths) as parts:
        parts[1].write_text(recipe, "utf-8")
        if suffix == ".obj":
            with parts[0].open("wb") as file:
                yield from _write_obj(file, surface, _companion(path))
        else:
            parts[0].write_bytes(_by_trimesh(surface, suffix))
        if textured and surface.texture is not None:
            parts[2].write_text(_material(_companion(path)), "utf-8")
            parts[3].write_bytes(png.to_bytes(surface.texture))


@contextmanager
def new_glb(path: Path, recipe: str, *, unlit: bool = True) -> Generator[GlbWriter]:
    """A GLB to add meshes to, renamed to `path` once it is complete.

    Raises:
        UserError: when it cannot be written; nothing is left of it.
    """
    with new_file(path) as part, tempfile.TemporaryFile(dir=path.parent) as spool:
        writer = GlbWriter(spool, unlit=unlit)
        yield writer
        with part.open("wb") as file:
            writer.write(file, recipe)


def _by_trimesh(surface: Surface, suffix: str) -> bytes:
    """A .ply or .stl file."""
    # Only these need it, and loading it takes a second and 40 MB.
    from trimesh import Trimesh
    from trimesh.exchange.ply import export_ply
    from trimesh.exchange.stl import export_stl

    mesh = Trimesh(
        surface.vertices,
        surface.faces,
        vertex_normals=surface.normals,
        vertex_colors=surface.colors,
        process=False,
    )
    if suffix == ".stl":
        return export_stl(mesh)
    return export_ply(mesh, vertex_normal=surface.normals is not None)


def _write_obj(file: IO[bytes], surface: Surface, companion: str) -> Generator[float, None, None]:
    """trimesh formats a whole mesh in one piece, which blocks everything else for seconds, and
    calls every texture material_0.png, so that two meshes in a folder would share one."""
    file.write(b"# y up, the face looks along +z\n")
    columns = [("v", surface.vertices)]
    if surface.texture is not None and surface.uv is not None:
        file.write(f"mtllib {companion}.mtl\nusemtl surface\n".encode())
        columns.append(("vt", surface.uv * (1, -1) + (0, 1)))  # OBJ's v runs upwards
    elif surface.colors is not None:
        columns = [("v", np.hstack([surface.vertices, surface.colors / 255]))]
    if surface.normals is not None:
        columns.append(("vn", surface.normals))
    slots = "/".join("%d" if n in [c[0] for c in columns] else "" for n in ("v", "vt", "vn"))
    slots = slots.rstrip("/")
    corners = np.repeat(surface.faces + 1, slots.count("%d"), axis=1)
    lines = [(f"{name} " + " ".join(["%.7g"] * rows.shape[1]), rows) for name, rows in columns]
    lines.append(("f " + " ".join([slots] * 3), corners))
    total, done = sum(len(rows) for _, rows in lines), 0
    for line, rows in lines:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            file.write(((line + "\n") * len(part) % tuple(part.ravel().tolist())).encode())
            done += len(part)
            yield done / total


def _material(companion: str) -> str:
    """A textured OBJ's material: the texture alone, without gloss."""
    lines = (
        "newmtl surface",
        "Ka 1 1 1",
        "Kd 1 1 1",
        "Ks 0 0 0",
        "illum 1",
        f"map_Kd {companion}.png",
    )
    return "\n".join(lines) + "\n"


def point_cloud(points: np.ndarray, normals: np.ndarray, colors: np.ndarray) -> bytes:
    """A binary PLY of points, normals and colours; trimesh writes clouds without normals.

    Args:
        points: float32 [P, 3].
        normals: float32 [P, 3].
        colors: uint8 [P, 3].
    """
    names = [("<f4", name) for name in ("x", "y", "z", "nx", "ny", "nz")]
    names += [("u1", name) for name in ("red", "green", "blue")]
    rows = np.empty(len(points), [(name, kind) for kind, name in names])
    for values, start in ((points, 0), (normals, 3), (colors, 6)):
        for k in range(3):
            rows[names[start + k][1]] = values[:, k]
    kinds = {"<f4": "float", "u1": "uchar"}
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [f"property {kinds[kind]} {name}" for kind, name in names] + ["end_header\n"]
    return "\n".join(header).encode() + rows.tobytes()
