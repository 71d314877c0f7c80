"""What a user can choose about exported geometry. No torch here: panels and the command line are
made of these."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from viz.exports.options import Estimate, Occasion, Options
from viz.state.person import Seed
from viz.state.settings import Range
from viz.state.types import FRAMES, ClipTime, Coordinate

Texture = Literal["vertex", "atlas"]
MeshFormat = Literal["glb", "ply", "obj", "stl"]
MESH_FORMATS: dict[MeshFormat, str] = {
    "glb": "GLB: Blender, browsers, slides",
    "ply": "PLY: MeshLab, research code",
    "obj": "OBJ: nearly everything",
    "stl": "STL: 3D printing, no colours",
}
Quantity = Literal["density", "sigma"]
QUANTITIES: dict[Quantity, str] = {
    "density": "Density, 1 / world units",
    "sigma": "Sigma, the network's value before its softplus",
}
Box = tuple[Coordinate, Coordinate, Coordinate, Coordinate, Coordinate, Coordinate]
"""Corners of a box: x, y, z of the low one, then of the high one, world units."""
Grid = Annotated[int, Range(64, 1024)]
"""Points along each side of an exported grid."""
Level = Annotated[float, Range(1e-6, 1_000_000)]
"""Density, 1 / world units."""


@dataclass(frozen=True)
class SurfaceOptions(Options):
    """Which surface is exported."""

    resolution: Grid = 256
    """Points along each side of the grid over the model's box; only those near the surface are
    computed."""
    level: Level | None = None
    """Density on the surface, in 1 / world units.

    By default the session's.
    """
    largest: bool = True
    """Keeps only the largest piece, without floating specks."""
    crop: Box | None = None
    """Keeps what lies in a box: x, y, z of the low corner, then of the high one, in world units.

    By default the model's whole box is kept.
    """

    def conflicts(self) -> list[str]:
        box = self.crop
        if box is not None and not all(a < b for a, b in zip(box[:3], box[3:], strict=True)):
            return ["The crop box is empty: its low corner must lie below its high corner."]
        return []


@dataclass(frozen=True)
class MeshOptions(SurfaceOptions):
    """How a surface becomes a mesh file. The format is the file name's ending."""

    suffixes: ClassVar[tuple[str, ...]] = tuple(f".{name}" for name in MESH_FORMATS)
    texture: Texture = "vertex"
    """Colours at the vertices, as in the raw picture; or a texture painted from pictures taken
    around the head, with their detail (GLB and OBJ)."""
    texture_size: Annotated[int, Range(64, 4096, "px")] = 2048
    """Side of the texture."""
    texture_spread: Annotated[float, Range(0, 90, "°", step=1)] = 45.0
    """Angle from the front to the outermost picture that the texture is painted from. A model looks
    best where it was trained."""
    triangles: (
        Annotated[int, Range(100, 10**9, slider=(1000, 1_000_000), logarithmic=True)] | None
    ) = None
    """Most triangles of the mesh, which is simplified to them.

    By default all are kept, or 100,000 under a texture, which holds the fine detail.
    """
    fill_holes: bool = True
    """Fills closed cavities, and the holes left by simplifying."""
    unlit: bool = True
    """Lets viewers show the colours without lighting (GLB)."""
    normals: bool = True
    """Writes smooth normals, from the density's gradient; without them viewers shade each triangle
    flat."""
    stl_size: Annotated[float, Range(1, 10_000, "mm", slider=(10, 1000), logarithmic=True)] = 100.0
    """Longest side of an STL when printed: slicers read its numbers as millimetres."""

    def for_files(self, suffix: str) -> MeshOptions:
        return self if suffix in (".glb", ".obj") else replace(self, texture="vertex")

    def misfits(self, path: Path) -> list[str]:
        suffix = path.suffix.lower()
        if self.texture == "atlas" and suffix in (".ply", ".stl"):
            return [
                f"A texture cannot go into {suffix} files: choose .glb or .obj, or colours at the "
                "vertices."
            ]
        return super().misfits(path)


@dataclass(frozen=True)
class PointOptions(SurfaceOptions):
    """How a surface becomes a cloud of coloured points (.ply)."""

    suffixes: ClassVar[tuple[str, ...]] = (".ply",)
    count: Annotated[int, Range(1, 20_000_000, slider=(1000, 5_000_000), logarithmic=True)] = (
        200_000
    )
    """Points, evenly spread over the surface."""
    seed: Seed = 0
    """Seed of the points' random places."""


@dataclass(frozen=True)
class VolumeOptions(Options):
    """How the density field becomes an array (.npy, with a .json that says where in the world it
    is)."""

    suffixes: ClassVar[tuple[str, ...]] = (".npy",)
    resolution: Grid = 256
    """Points along each side of the model's box; 1024 take 4 GB on the disk."""
    quantity: Quantity = "density"
    """The density, in 1 / world units; or sigma, the network's value before its softplus."""
    half: bool = False
    """Stores 16-bit numbers, half the size."""


@dataclass(frozen=True)
class SequenceOptions(Options):
    """Which moments of the clip a sequence of meshes shows.

    A file name that ends in .glb makes one animated file; any other name, a folder of numbered
    files.
    """

    frames: Annotated[int, Range(1, 1000, slider=(1, 120))] = FRAMES
    """Number of meshes, evenly spread over the times."""
    start: ClipTime = 0.0
    """Time of the first mesh in the clip; 0 is the rest pose."""
    end: ClipTime = 1.0
    """Time of the last mesh in the clip; 1 is its end as trained."""
    format: MeshFormat = "ply"
    """Format of the numbered files."""

    def times(self) -> list[float]:
        """t of each mesh."""
        if self.frames == 1:
            return [self.start]
        step = (self.end - self.start) / (self.frames - 1)
        return [self.start + k * step for k in range(self.frames)]


@dataclass(frozen=True)
class MeshSequenceOptions(Options):
    """How a clip becomes an animated .glb or a folder of numbered meshes."""

    suffixes: ClassVar[tuple[str, ...]] = (".glb", "")
    sequence: SequenceOptions = field(default_factory=SequenceOptions)
    mesh: MeshOptions = field(default_factory=MeshOptions)

    def for_files(self, suffix: str) -> MeshSequenceOptions:
        mesh = self.mesh.for_files(suffix or f".{self.sequence.format}")
        return MeshSequenceOptions(self.sequence, mesh)

    def misfits(self, path: Path) -> list[str]:
        if path.suffix.lower() in {*MeshOptions.suffixes} - {".glb"}:
            return [
                f"{path.name} would hold one mesh: name a folder, or a .glb for an animated one."
            ]
        return []


def estimate_grid(options: SurfaceOptions, occasion: Occasion) -> Estimate:
    """The grid that a surface is found on."""
    del occasion
    return Estimate((f"{options.resolution}\u00b3 grid",))


def estimate_sequence(options: MeshSequenceOptions, occasion: Occasion) -> Estimate:
    """Number of meshes, and the grid of each."""
    facts = estimate_grid(options.mesh, occasion).facts
    return Estimate((f"{options.sequence.frames:,} meshes", *facts))


def estimate_volume(options: VolumeOptions, occasion: Occasion) -> Estimate:
    """The grid, and the size of its numbers."""
    del occasion
    file_bytes = options.resolution**3 * (2 if options.half else 4)
    return Estimate((f"{options.resolution}\u00b3 grid",), file_bytes=file_bytes)
