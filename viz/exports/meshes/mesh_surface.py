"""The surface of a state's moment, prepared for export."""

# trimesh's repairs are not typed.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch

from training.networks import generator as networks
from viz.exports.mesh_options import MeshOptions
from viz.exports.meshes import mesh_child
from viz.render import geometry
from viz.render.geometry.pieces import compact, tidy
from viz.render.renderer import Renderer
from viz.state.errors import UserError
from viz.state.jobs import Steps, with_progress
from viz.state.types import SessionState

T = TypeVar("T")

MOST_UNWRAPPED = 100_000
"""Triangles of a mesh with a texture where no number is chosen; finer shape is in the texture."""
_GRID_SHARE = 0.7  # of the work without a texture


@dataclass(frozen=True)
class Surface:
    """A triangle mesh with the attributes that files can hold."""

    vertices: np.ndarray
    """World coordinates, float32 [V, 3]."""
    faces: np.ndarray
    """int32 [F, 3], counter-clockwise seen from outside."""
    normals: np.ndarray | None = None
    """Unit vectors, float32 [V, 3]."""
    colors: np.ndarray | None = None
    """sRGB colours, uint8 [V, 3]."""
    uv: np.ndarray | None = None
    """Texture coordinates, 0..1 from the upper left corner, float32 [V, 2]."""
    texture: np.ndarray | None = None
    """uint8 [S, S, 3], top row first."""

    @property
    def corners(self) -> np.ndarray:
        """float32 [F, 3, 3]."""
        return self.vertices[self.faces]


@dataclass(frozen=True)
class Moment:
    """A renderer's data for one moment."""

    G: networks.Generator
    """The model with the weights of the people shown."""
    planes: torch.Tensor
    """[1, 3, C, P, P]."""
    ws: torch.Tensor
    """[1, num_ws, w_dim]."""
    field: geometry.DensityField

    @classmethod
    def of(cls, renderer: Renderer, state: SessionState) -> Moment:
        """The moment that a state shows."""
        shot = state.shot()
        planes = renderer.planes(shot, state.quality)
        G = renderer.generator(shot, own=True)
        return cls(G, planes, renderer.ws(shot), geometry.DensityField(G, planes))


def surface_of(state: SessionState, options: MeshOptions, moment: Moment) -> Steps[Surface]:
    """Steps of finding the surface of a state's moment, with normals and colours at its vertices
    and no texture yet.

    Raises:
        UserError: when nothing is that dense, or the crop box holds nothing.
    """
    yield "Preparing", None
    field = moment.field
    grid = geometry.Grid.cropped(field.box, options.resolution, options.crop)
    if grid is None:
        half = field.box / 2
        raise UserError(f"The crop box lies outside the model, which is within ±{half:g}.")
    level = geometry.sigma_level(options.level or state.quality.mesh_level)
    steps = geometry.surface_steps(field, grid, level)
    vertices, faces = yield from told("Finding the surface", steps, 0.0, _GRID_SHARE)
    yield "Sorting out pieces", _GRID_SHARE
    vertices, faces = tidy(vertices, faces, largest=options.largest, fill=options.fill_holes)
    if not len(faces):
        raise UserError("Nothing is left of this surface: keep more than its largest piece.")
    budget = options.triangles
    if budget is None and options.texture == "atlas":
        budget = MOST_UNWRAPPED
    if budget is not None and len(faces) > budget:
        vertices, faces = yield from decimated(vertices, faces, budget, fill=options.fill_holes)
    step = geometry.normal_step(field, grid)
    steps = geometry.attributes(moment.G, moment.planes, moment.ws, field, vertices, step)
    normals, colors = yield from told("Colours and normals", steps, _GRID_SHARE, 1.0)
    normals = geometry.close_normals(grid, vertices, faces, normals)
    return Surface(vertices, faces, normals if options.normals else None, colors)


def told(
    detail: str, steps: Generator[float, None, T], start: float = 0.0, end: float = 1.0
) -> Steps[T]:
    """Turns steps that yield fractions into ones that yield a text and a fraction between two
    others."""
    return with_progress(steps, lambda done: (detail, start + (end - start) * done))


def decimated(
    vertices: np.ndarray, faces: np.ndarray, triangles: int, *, fill: bool
) -> Steps[tuple[np.ndarray, np.ndarray]]:
    """Steps of simplifying a mesh, vertices float32 [V, 3] and faces int32 [F, 3], to at most
    `triangles` faces; `fill` closes the holes that edge collapses leave."""
    task = {"vertices": vertices, "faces": faces, "triangles": np.array(triangles)}
    steps = mesh_child.run("simplify", task)
    detail = f"Down to {triangles:,} triangles"
    found = yield from with_progress(steps, lambda _: (detail, None))
    import trimesh  # only here, as in `mesh_files`

    mesh = trimesh.Trimesh(found["vertices"], without_folds(found["faces"]), process=False)
    if fill and not mesh.is_watertight:
        trimesh.repair.fill_holes(mesh)
    return compact(mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))


def without_folds(faces: np.ndarray) -> np.ndarray:
    """Faces [F, 3] without those that collapses have folded onto one another: two with the same
    corners, seen from opposite sides, enclose nothing, and what is around them closes without."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    _, place, counts = np.unique(
        np.sort(faces, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return faces[(counts != 2)[place.reshape(-1)]]


def unwrapped(surface: Surface, size: int) -> Steps[Surface]:
    """Steps of giving a surface texture coordinates in an atlas of `size` pixels a side; vertices
    on seams are duplicated."""
    padding = max(2, size // 512)
    task = {"vertices": surface.vertices, "faces": surface.faces}
    task |= {"size": np.array(size), "padding": np.array(padding)}
    steps = mesh_child.run("unwrap", task)
    found = yield from with_progress(steps, lambda _: ("Unwrapping", None))
    origin = found["origin"]
    return replace(
        surface,
        vertices=surface.vertices[origin],
        faces=found["faces"].astype(np.int32),
        normals=None if surface.normals is None else surface.normals[origin],
        colors=None if surface.colors is None else surface.colors[origin],
        uv=found["uv"].astype(np.float32),
    )
