"""What is asked of the renderer, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np

from training.camera import Camera
from viz.state.driving.drive import Driven
from viz.state.maps.colormaps import ColorMap
from viz.state.maps.map_settings import MapSettings
from viz.state.person import Latent, Motion
from viz.state.settings import Fraction, Range
from viz.state.types.clip import ClipTime

Value = Annotated[float, Range(-1e9, 1e9, slider=(-10, 10))]
"""A number of a layer's activation."""

View = Literal["image", "raw", "depth", "normals", "opacity", "mesh"]
VIEWS: dict[View, str] = {
    "image": "Image",
    "raw": "Raw picture",
    "depth": "Depth",
    "normals": "Normals",
    "opacity": "Opacity",
    "mesh": "Mesh",
}
Precision = Literal["auto", "float32", "bfloat16", "float16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Quality:
    """How carefully pictures are computed."""

    raw_resolution: Annotated[int, Range(4, 1024, "px")] | None = None
    """Side of the volume-rendered picture in pixels. Sizes other than the trained one cost time or
    detail.

    None is as trained.
    """
    depth_samples: Annotated[int, Range(2, 1024, slider=(4, 192))] | None = None
    """Samples spread evenly along each ray.

    None is as trained.
    """
    importance_samples: Annotated[int, Range(0, 1024, slider=(0, 192))] | None = None
    """Importance samples: further samples along each ray where the first ones met something; 0
    leaves them out.

    None is as trained.
    """
    superresolution: bool = True
    """Super-resolution: the network that enlarges the raw picture and adds detail. Off, the image
    view shows the raw picture."""
    precision: Precision = "auto"
    """Number format of the convolutions: float32 is exact; bfloat16 is faster on a GPU and on newer
    processors, float16 on a GPU. Auto uses what was measured to be fastest on this machine without
    a visible difference."""
    mesh_resolution: Annotated[int, Range(8, 1024, "cells", slider=(32, 512))] = 128
    """Cells along each side of the grid on which the mesh is extracted; twice as many take eight
    times as long."""
    mesh_level: Annotated[
        float, Range(1e-6, 1_000_000, slider=(0.1, 200), step=0.1, logarithmic=True)
    ] = 10.0
    """Density on the mesh's surface, in 1 / world units; a higher one lies deeper."""


@dataclass(frozen=True)
class Preview:
    """How much cheaper than `Quality` a picture may be while something moves."""

    scale: Fraction = 1.0
    """Factor on the raw resolution."""
    samples: Fraction = 1.0
    """Factor on the samples of a ray. Below 1, neighbouring rays share the first of their two
    passes where the renderer can do that."""
    final_scale: Fraction = 1.0
    """Factor on the side of the picture that the super-resolution makes; what it makes is enlarged
    to the usual size."""
    int8: bool = False
    """Whether the super-resolution may compute in 8-bit integers, where the processor is much
    faster with them."""
    coarse_mesh: bool = False
    """Whether meshes come from a coarser grid."""


@dataclass(frozen=True)
class Shot:
    """What one picture shows: person, motion, time, camera and view."""

    latent: Latent
    motion: Motion
    t: ClipTime
    """Time in the clip: 0 is the rest pose, 1 the last frame; beyond, the model extrapolates."""
    camera: Camera
    conditioning: Camera
    """The mapping network's camera."""
    view: View = "image"
    """Which of the model's outputs the picture shows."""
    driven: Driven | None = None
    """The driver's motion, which takes the place of the clip's or is blended with it."""
    model: str = ""
    """Fingerprint of the weights of the second model that renders it; empty for the first."""


@dataclass(frozen=True)
class Probe:
    """A request to show one layer's activation."""

    layer: str
    """Name of a module of the generator."""
    channel: Annotated[int, Range(-1, 65_535)] = 0
    """Which channel of the activation is shown; -1 shows the mean of all."""
    spectrum: bool = False
    """Shows the power spectrum instead: low frequencies in the middle, on a logarithmic scale."""
    colors: ColorMap = "viridis"
    """Colours of the activation: high is bright."""
    range: tuple[Value, Value] | None = None
    """Values at the two ends of the colours.

    None takes the smallest and the largest one of the picture, and keeps them while something
    moves.
    """
    held: tuple[Value, Value] | None = None
    """The ends that are kept while something moves."""


@dataclass(frozen=True)
class RenderRequest:
    """What the worker is asked to show."""

    shots: tuple[Shot, ...]
    quality: Quality = Quality()
    preview: Preview | None = None
    """None for the full picture."""
    maps: MapSettings = field(default_factory=MapSettings)
    """How maps are coloured, and what lies behind the head."""
    probe: Probe | None = None
    """Layer of the first shot to look into."""
    values: bool = False
    """Whether the numbers behind the pictures come with them."""


@dataclass(frozen=True)
class MeshData:
    """A triangle mesh in world coordinates, outward faces counter-clockwise."""

    vertices: np.ndarray
    """float32 [V, 3]."""
    faces: np.ndarray
    """int32 [F, 3]."""
    normals: np.ndarray
    """Unit vectors, float32 [V, 3]."""
    colors: np.ndarray
    """uint8 [V, 3]."""


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found."""

    probe: Probe
    picture: np.ndarray
    """uint8 [h, w, 3]."""
    shape: tuple[int, ...]
    """Shape of the activation, [C, h, w]."""
    lo: float
    """Value of the darkest colour."""
    hi: float
    """Value of the brightest colour."""
    least: float
    """The smallest value."""
    most: float
    """The largest value."""
    mean: float
    std: float


@dataclass(frozen=True)
class PixelValues:
    """What the rays of a picture met, at the raw picture's resolution."""

    depth: np.ndarray
    """Distance from the camera along each ray, world units, float32 [h, w]."""
    opacity: np.ndarray
    """0..1, float32 [h, w]."""
    normals: np.ndarray
    """Unit vectors in world coordinates, float32 [h, w, 3]."""


@dataclass(frozen=True)
class RenderResult:
    """The worker's answer to a request."""

    request: RenderRequest
    pictures: tuple[np.ndarray | None, ...]
    """One per shot, uint8 [H, W, 3], top row first; None where the view is a mesh."""
    meshes: tuple[MeshData | None, ...] = ()
    """One per shot; None where the view is a picture."""
    problems: tuple[str, ...] = ()
    """Sentences on what could not be shown, such as a mesh at a density that nothing reaches."""
    map_ranges: tuple[tuple[float, float] | None, ...] = ()
    """Numbers at the two ends of the colours, one pair per shot: world distances of a depth,
    opacities; None where the view is no such map."""
    probe: ProbeResult | None = None
    values: tuple[PixelValues | None, ...] = ()
    """One per shot if they were requested; None where the view is a mesh."""
    stage_ms: dict[str, float] = field(default_factory=dict[str, float])
    """Milliseconds by stage; a stage that was not run is absent."""
    total_ms: float = 0.0
    precision: str = "float32"
    """Number format in which the convolutions ran."""
    makeshift: bool = False
    """Whether functions were still compiling, so that others took their place and `stage_ms` says
    nothing about later pictures."""
