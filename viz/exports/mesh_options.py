"""What a user can choose about exported geometry. No torch here: panels and the command line are
made of these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from viz.state.types import FRAMES

Texture = Literal["vertex", "atlas"]
TEXTURES: dict[Texture, str] = {
    "vertex": "Colour at each vertex",
    "atlas": "Texture, painted from views",
}
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
Box = tuple[float, float, float, float, float, float]
"""Corners of a box: x, y, z of the low one, then of the high one, world units."""

RESOLUTIONS = (64, 1024)
"""Fewest and most points along each side of an exported grid."""
LEVELS = (1e-6, 1e6)
TEXTURE_SIZES = (64, 4096)
MOST_FRAMES = 1000


def _common_problems(resolution: int, level: float | None, crop: Box | None) -> list[str]:
    low, high = RESOLUTIONS
    found = []
    if not low <= resolution <= high:
        found.append(f"The resolution is {resolution}; it must lie within {low} and {high}.")
    if level is not None and not LEVELS[0] <= level <= LEVELS[1]:
        found.append(f"The density is {level:g}; it must lie within 1e-06 and 1e+06.")
    if crop is not None and not all(a < b for a, b in zip(crop[:3], crop[3:], strict=True)):
        found.append("The crop box is empty: its low corner must lie below its high corner.")
    return found


@dataclass(frozen=True)
class MeshOptions:
    """How a surface becomes a mesh file. The format is the file name's ending."""

    resolution: int = 256
    """Points along each side of the model's box, 64 to 1024."""
    level: float | None = None
    """Density on the surface, 1 / world units; None takes the session's."""
    texture: Texture = "vertex"
    """Colours at the vertices, by the model's raw layer; or an atlas painted from pictures of the
    model around the head, which looks like them (GLB and OBJ)."""
    texture_size: int = 2048
    """Side of the atlas, pixels, 64 to 4096."""
    texture_spread: float = 45.0
    """Degrees from the front to the outermost picture that the atlas is painted from, 0 to 90. A
    model looks best where it was trained."""
    triangles: int | None = None
    """Most triangles of the mesh, 100 or more; None keeps all, or 100,000 under an atlas, as fine
    shape is in its picture."""
    largest: bool = True
    """Keep the largest piece alone, without floating crumbs."""
    fill_holes: bool = True
    """Fill cavities that are closed on all sides, and holes that fewer triangles leave."""
    crop: Box | None = None
    """Keep what lies in this box: x, y, z of the low corner, then of the high one, world units.
    None keeps the model's whole box."""
    unlit: bool = True
    """Have viewers show the colours as they are, without light of their own (GLB)."""
    normals: bool = True
    """Write smooth normals, from the density's gradient. Without them, viewers shade each triangle
    flat."""

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        found = _common_problems(self.resolution, self.level, self.crop)
        low, high = TEXTURE_SIZES
        if not low <= self.texture_size <= high:
            found.append(
                f"The texture has {self.texture_size} pixels a side; it must have {low} to {high}."
            )
        if not 0 <= self.texture_spread <= 90:
            found.append(
                f"The pictures for the texture reach to {self.texture_spread:g} degrees; "
                "0 to 90 are possible."
            )
        if self.triangles is not None and self.triangles < 100:
            found.append(f"{self.triangles} triangles are too few; allow at least 100.")
        return found

    def problems_with(self, path: Path) -> list[str]:
        """Those, and what this file's format cannot hold."""
        found = self.problems()
        kind = path.suffix.lower().removeprefix(".")
        if kind not in MESH_FORMATS:
            known = ", ".join(f".{name}" for name in MESH_FORMATS)
            found.append(f"{path.name} does not end in one of {known}: choose a format by its end.")
        elif self.texture == "atlas" and kind in ("ply", "stl"):
            found.append(
                f"A texture cannot go into .{kind} files: choose .glb or .obj, or colours at the "
                "vertices."
            )
        return found


@dataclass(frozen=True)
class PointOptions:
    """How a surface becomes a cloud of coloured points (.ply)."""

    count: int = 200_000
    """Points, evenly spread over the surface, 1 to 20 million."""
    resolution: int = 256
    """Points along each side of the grid that finds the surface, 64 to 1024."""
    level: float | None = None
    """Density on the surface, 1 / world units; None takes the session's."""
    largest: bool = True
    """Keep the largest piece alone."""
    crop: Box | None = None
    """Keep what lies in this box: low corner, then high corner, world units."""
    seed: int = 0
    """Of the points' places."""

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        found = _common_problems(self.resolution, self.level, self.crop)
        if not 1 <= self.count <= 20_000_000:
            found.append(f"{self.count} points are not possible: choose 1 to 20 million.")
        if not 0 <= self.seed < 2**32:
            found.append(f"The seed is {self.seed}; it must lie within 0 and 2**32 - 1.")
        return found

    def problems_with(self, path: Path) -> list[str]:
        """Those, and what this file's format cannot hold."""
        found = self.problems()
        if path.suffix.lower() != ".ply":
            found.append(f"{path.name} must end in .ply: that is what point clouds are saved as.")
        return found


@dataclass(frozen=True)
class VolumeOptions:
    """How the density field becomes an array (.npy, and a .json that tells where it lies)."""

    resolution: int = 256
    """Points along each side of the model's box, 64 to 1024; 1024 take 4 GB on the disk."""
    quantity: Quantity = "density"
    """The density, or the network's value before its softplus."""
    half: bool = False
    """Store 16-bit numbers, half the size."""

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        return _common_problems(self.resolution, None, None)

    def problems_with(self, path: Path) -> list[str]:
        """Those, and what this file's format cannot hold."""
        found = self.problems()
        if path.suffix.lower() != ".npy":
            found.append(f"{path.name} must end in .npy: that is what volumes are saved as.")
        return found


@dataclass(frozen=True)
class SequenceOptions:
    """Which moments of the clip a sequence of meshes shows.

    A file name that ends in .glb makes one animated file; any other name, a folder of numbered
    files.
    """

    frames: int = FRAMES
    """Meshes, 1 to 1000."""
    start: float = 0.0
    """t of the first one; 0 is the rest pose."""
    end: float = 1.0
    """t of the last one; 1 is the end of the clip as trained."""
    format: MeshFormat = "ply"
    """Of the numbered files."""

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        found = []
        if not 1 <= self.frames <= MOST_FRAMES:
            found.append(f"{self.frames} frames are not possible: choose 1 to {MOST_FRAMES}.")
        if not (-10 <= self.start <= 10 and -10 <= self.end <= 10):
            found.append("The times must lie within -10 and 10; 0 to 1 is the clip as trained.")
        return found

    def times(self) -> list[float]:
        """t of each mesh."""
        if self.frames == 1:
            return [self.start]
        step = (self.end - self.start) / (self.frames - 1)
        return [self.start + k * step for k in range(self.frames)]
