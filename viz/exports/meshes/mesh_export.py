"""Geometry of a session as files: meshes, mesh sequences, point clouds and volumes.

Each export is a generator of steps, as `viz.render.worker` runs them: it yields progress as
(detail, fraction 0..1 or None) and returns the path written. Closing it leaves no partial file.
World units, y up, the face towards +z; for STL see `mesh_files.for_printing`.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from training.rendering import density
from training.replacing import part_beside
from viz.exports import writing
from viz.exports.embedding import FOLDER_SIDECAR, MESH_FRAME, SIDECAR_SUFFIX
from viz.exports.mesh_options import (
    MeshOptions,
    MeshSequenceOptions,
    PointOptions,
    VolumeOptions,
)
from viz.exports.meshes import mesh_surface, mesh_texture
from viz.exports.meshes.mesh_files import (
    files_of,
    for_printing,
    new_files,
    new_glb,
    point_cloud,
    printing_scale,
    write_mesh,
)
from viz.exports.meshes.mesh_surface import Moment, Surface
from viz.exports.recipes import Recipe
from viz.render import geometry
from viz.render.renderer import Renderer
from viz.state.errors import UserError, require_none
from viz.state.files import unsaved
from viz.state.jobs import Progress, Steps, with_progress
from viz.state.types import CLIP_SECONDS, FRAME_RATE, SessionState

T = TypeVar("T")

_SLAB_POINTS = 2**22


def export_mesh(
    renderer: Renderer,
    state: SessionState,
    options: MeshOptions,
    path: Path,
    *,
    overwrite: bool = False,
) -> Steps[Path]:
    """Steps of writing the surface of a state's moment.

    Args:
        state: which moment; its camera does not matter.
        path: .glb, .ply, .obj (with .mtl and .png beside it for a texture) or .stl.
        overwrite: whether existing files may be replaced.

    Returns:
        the path.

    Raises:
        UserError: when there is no such surface, or it cannot be written.
    """
    _check(options, path, overwrite)
    recipe = Recipe.of(renderer, state, "mesh", options).text(state, path.parent)
    surface = yield from _between(_surface(renderer, state, options), 0.0, 0.95)
    if path.suffix.lower() == ".stl":
        surface = for_printing(surface, printing_scale(surface, options.stl_size))
    steps = write_mesh(surface, path, recipe, unlit=options.unlit)
    yield from mesh_surface.told("Writing", steps, 0.95, 1.0)
    return path


def export_points(
    renderer: Renderer,
    state: SessionState,
    options: PointOptions,
    path: Path,
    *,
    overwrite: bool = False,
) -> Steps[Path]:
    """Steps of writing points of the surface with colours and normals (.ply); as `export_mesh`."""
    _check(options, path, overwrite)
    recipe = Recipe.of(renderer, state, "points", options).text(state, path.parent)
    mesh = MeshOptions(
        resolution=options.resolution,
        level=options.level,
        largest=options.largest,
        crop=options.crop,
    )
    moment = Moment.of(renderer, state)
    steps = mesh_surface.surface_of(state, mesh, moment)
    surface = yield from _between(steps, 0.0, 0.7)
    yield "Spreading points", 0.7
    draws = np.random.default_rng(options.seed)
    points = _on_surface(surface, options.count, draws)
    steps = geometry.attributes(
        moment.G,
        moment.planes,
        moment.ws,
        moment.field,
        points,
        moment.field.box / options.resolution,
    )
    normals, colors = yield from _between(mesh_surface.told("Colours", steps), 0.7, 0.95)
    yield "Writing", 0.95
    with new_files(files_of(path)) as parts:
        parts[0].write_bytes(point_cloud(points, normals, colors))
        parts[1].write_text(recipe, "utf-8")
    return path


def _on_surface(surface: Surface, count: int, draws: np.random.Generator) -> np.ndarray:
    """Points spread evenly over the triangles, float32 [count, 3]."""
    a, b, c = np.moveaxis(surface.corners.astype(np.float64), 1, 0)
    areas: np.ndarray = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
    # Even steps through the cumulative areas (stratified): independent draws would form clumps.
    places = (np.arange(count) + draws.random(count)) / count * float(areas[-1])
    chosen = np.minimum(np.searchsorted(areas, places), len(areas) - 1)
    u, v = draws.random(count), draws.random(count)
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    weights = np.stack([1 - u - v, u, v], axis=1)[..., None]
    return (surface.corners[chosen] * weights).sum(axis=1).astype(np.float32)


def export_volume(
    renderer: Renderer,
    state: SessionState,
    options: VolumeOptions,
    path: Path,
    *,
    overwrite: bool = False,
) -> Steps[Path]:
    """Steps of writing the density at the points of a grid, indexed x, y, z; as `export_mesh`.

    NAME.json beside NAME.npy says what the numbers are and has the 4x4 matrix from index to world
    coordinates.
    """
    _check(options, path, overwrite)
    about = path.with_suffix(".json")
    writing.require_free([about], overwrite)
    recipe = Recipe.of(renderer, state, "volume", options).text(state, path.parent)
    yield "Preparing", None
    field = Moment.of(renderer, state).field
    grid = geometry.Grid.cube(field.box, options.resolution)
    axes = [torch.as_tensor(grid.axis(k)).to(field.device, torch.float32) for k in range(3)]
    number = np.dtype(np.float16 if options.half else np.float32)
    with new_files([path, about, *files_of(path)[1:]]) as parts:
        with parts[0].open("wb") as file:
            shape = {"descr": number.str, "fortran_order": False, "shape": grid.counts}
            np.lib.format.write_array_header_1_0(file, shape)
            step = max(1, _SLAB_POINTS // options.resolution**2)
            for start in range(0, options.resolution, step):
                yield "Writing the volume", start / options.resolution
                sigma = field.over(axes[0][start : start + step], axes[1], axes[2])
                values = density(sigma) if options.quantity == "density" else sigma
                limit = float(np.finfo(number).max)
                values = values.clamp(-limit, limit).cpu().numpy()
                file.write(values.astype(number).tobytes())
        facts = {
            "quantity": options.quantity,
            "axes": ["x", "y", "z"],
            "index_to_world": grid.transform().tolist(),
            "surface": geometry.sigma_level(state.quality.mesh_level)
            if options.quantity == "sigma"
            else state.quality.mesh_level,
        }
        parts[1].write_text(json.dumps(facts, indent=2), "utf-8")
        parts[2].write_text(recipe, "utf-8")
    return path


def export_mesh_sequence(
    renderer: Renderer,
    state: SessionState,
    options: MeshSequenceOptions,
    path: Path,
    *,
    overwrite: bool = False,
) -> Steps[Path]:
    """Steps of writing the surface over a clip, whatever the state's own time; as `export_mesh`.

    Args:
        path: a .glb for one animated file, or a folder of numbered files. Other files in the folder
            are kept.
    """
    animated = path.suffix.lower() == ".glb"
    name = path if animated else Path(f"{path.name}.{options.sequence.format}")
    require_none([*options.problems_with(path), *options.mesh.problems_with(name)])
    _check_free(path, overwrite)
    folder = path.parent if animated else path
    recipe = Recipe.of(renderer, state, "mesh sequence", options).text(state, folder)
    write = _animation if animated else _numbered
    return (yield from write(renderer, state, options, path, recipe))


def _moment_of_clip(
    renderer: Renderer, state: SessionState, options: MeshOptions, times: list[float], k: int
) -> Steps[Surface]:
    """Steps of finding the surface at the k-th of a clip's times."""
    steps = _surface(renderer, replace(state, t=times[k]), options)
    inner = _between(steps, k / len(times), (k + 1) / len(times))
    return with_progress(inner, lambda step: (f"Mesh {k + 1} of {len(times)}: {step[0]}", step[1]))


def _animation(
    renderer: Renderer,
    state: SessionState,
    options: MeshSequenceOptions,
    path: Path,
    recipe: str,
) -> Steps[Path]:
    times = options.sequence.times()
    with new_glb(path, recipe, unlit=options.mesh.unlit) as writer:
        for k in range(len(times)):
            surface = yield from _moment_of_clip(renderer, state, options.mesh, times, k)
            writer.add(surface, f"frame_{k:04d}")
        writer.animate(frame_seconds(times))
    return path


def frame_seconds(times: list[float]) -> float:
    """Seconds that each mesh of a clip is shown, so that the clip plays at its own speed."""
    span = abs(times[-1] - times[0])
    return span * CLIP_SECONDS / (len(times) - 1) if span else 1 / FRAME_RATE


def _numbered(
    renderer: Renderer,
    state: SessionState,
    options: MeshSequenceOptions,
    path: Path,
    recipe: str,
) -> Steps[Path]:
    mesh, ending = options.mesh, options.sequence.format
    with _new_folder(path) as folder:
        times, scale = options.sequence.times(), None
        for k in range(len(times)):
            surface = yield from _moment_of_clip(renderer, state, mesh, times, k)
            if ending == "stl":  # all with the scale of the first one
                scale = scale or printing_scale(surface, mesh.stl_size)
                surface = for_printing(surface, scale)
            file = folder / f"frame_{k:04d}.{ending}"
            writing_steps = write_mesh(surface, file, recipe, unlit=mesh.unlit)
            yield from with_progress(writing_steps, lambda _: ("Writing", None))
            # One session for the whole folder will do.
            file.with_name(file.name + SIDECAR_SUFFIX).unlink(missing_ok=True)
        (folder / FOLDER_SIDECAR).write_text(recipe, "utf-8")
    return path


@contextmanager
def _new_folder(path: Path) -> Generator[Path]:
    """A temporary folder to fill beside `path`. Once complete, its files are moved there and
    replace the numbered ones of an earlier sequence.

    Raises:
        UserError: when it cannot be written; nothing is left of it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part_beside(path) as part:
            part.mkdir()
            yield part
            _move(part, path)
    except OSError as e:
        raise unsaved(path, e) from e


def _move(part: Path, path: Path) -> None:
    if not path.exists():
        part.rename(path)
        return
    new = {file.name for file in part.iterdir()}
    for file in part.iterdir():
        file.replace(path / file.name)
    old = [f for f in path.iterdir() if MESH_FRAME.fullmatch(f.name) and f.name not in new]
    for file in old:
        file.unlink()
        texture = file.with_suffix(".png")  # a picture may have that name too
        if file.suffix == ".mtl" and texture.name not in new:
            texture.unlink(missing_ok=True)


def _surface(renderer: Renderer, state: SessionState, options: MeshOptions) -> Steps[Surface]:
    """Steps of finding a surface, with its texture where one is wanted."""
    moment = Moment.of(renderer, state)
    steps = mesh_surface.surface_of(state, options, moment)
    if options.texture != "atlas":
        return (yield from steps)
    surface = yield from _between(steps, 0.0, 0.3)
    steps = mesh_texture.painted(renderer, state, moment, surface, options)
    return (yield from _between(steps, 0.3, 1.0))


def _between(steps: Steps[T], start: float, end: float) -> Steps[T]:
    """Steps whose progress is mapped to start..end of a longer work."""

    def progress(step: Progress) -> Progress:
        detail, fraction = step
        return detail, None if fraction is None else start + (end - start) * fraction

    return with_progress(steps, progress)


def _check(
    options: MeshOptions | PointOptions | VolumeOptions, path: Path, overwrite: bool
) -> None:
    writing.check(options, path, overwrite)
    _check_free(path, overwrite)


def _check_free(path: Path, overwrite: bool) -> None:
    """Refuses a target that exists, or whose companions do, unless it may be replaced."""
    empty = writing.exists(path) and path.is_dir() and not any(path.iterdir())
    writing.require_free(files_of(path), overwrite or empty)
    if path.is_file() and not path.suffix:
        raise UserError(f"{path} is a file, not a folder: choose another name.")
