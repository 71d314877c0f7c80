"""Controls for the options of exported meshes, points and volumes: those that matter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.widgets import Button, button_row, fold, heading
from viz.exports.mesh_options import (
    MESH_FORMATS,
    QUANTITIES,
    MeshFormat,
    MeshOptions,
    PointOptions,
    Quantity,
    SequenceOptions,
    VolumeOptions,
)
from viz.exports.table import MeshSequenceOptions
from viz.state.types import Quality, SessionState

_GRIDS = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
_TEXTURES = (512, 1024, 2048, 4096, 8192)
_FULL_BOX = (-0.5, -0.5, -0.5, 0.5, 0.5, 0.5)


def draw_mesh(
    state: SessionState, commands: Commands, options: MeshOptions, suffix: str
) -> MeshOptions:
    _surface(state, commands)
    options = replace(options, resolution=_grid(options.resolution), level=None)
    kind = suffix.removeprefix(".")
    if kind in ("glb", "obj"):
        options = _texture(options)
    elif options.texture != "vertex":
        options = replace(options, texture="vertex")
    options = replace(_triangles(options), largest=_largest(options.largest))
    if fold("More"):
        _, fill = controls.toggle(
            "Fill holes",
            options.fill_holes,
            default=True,
            tooltip="Fills cavities that are closed on all sides, and small holes.",
        )
        _, normals = controls.toggle(
            "Normals",
            options.normals,
            default=True,
            tooltip="Writes smooth normals; without them viewers shade each triangle flat.",
        )
        options = replace(options, fill_holes=fill, normals=normals, crop=_crop(options.crop))
    return options


def _surface(state: SessionState, commands: Commands) -> None:
    """The level, with the mesh beside it for all to see."""
    shown = state.display.view == "mesh" and state.display.layout == "single"
    button_row(
        Button(
            "Show the picture" if shown else "Show the mesh",
            lambda: _toggle_mesh(state, shown),
            "Shows the surface at the level below, at the preview's resolution; press again for "
            "the picture.",
            icon=icons.ICON_FA_CUBE,
            lit=shown,
            enabled=commands.model is not None,
        )
    )
    _, level = controls.slider(
        "Level",
        state.quality.mesh_level,
        0.1,
        200.0,
        default=Quality().mesh_level,
        fmt="%.1f",
        log=True,
        tooltip="Density on the surface, in 1 / world units; higher lies deeper.",
    )
    state.quality = replace(state.quality, mesh_level=level)


def _toggle_mesh(state: SessionState, shown: bool) -> None:
    view = "image" if shown else "mesh"
    state.display = replace(state.display, layout="single", view=view)


def _grid(resolution: int) -> int:
    grids = sorted({*_GRIDS, resolution})
    _, resolution = controls.combo(
        "Resolution",
        resolution,
        {side: f"{side}\u00b3" for side in grids},
        default=256,
        tooltip="Points along each side of the grid; only those near the surface are computed.",
    )
    return resolution


def _texture(options: MeshOptions) -> MeshOptions:
    _, texture = controls.segmented(
        "Colours",
        options.texture,
        {"vertex": "Vertices", "atlas": "Texture"},
        default="vertex",
        tooltip="At the vertices, as the raw picture; or a texture painted from pictures around "
        "the head, which looks like them.",
    )
    options = replace(options, texture=texture)
    if texture == "vertex":
        return options
    sizes = sorted({*_TEXTURES, options.texture_size})
    _, size = controls.combo(
        "Texture",
        options.texture_size,
        {side: f"{side} \u00d7 {side}" for side in sizes},
        default=2048,
        tooltip="Size of the texture, pixels.",
    )
    _, spread = controls.slider(
        "Spread",
        options.texture_spread,
        0.0,
        90.0,
        default=45.0,
        unit="°",
        fmt="%.0f",
        tooltip="Degrees from the front to the outermost picture that it is painted from.",
    )
    return replace(options, texture_size=size, texture_spread=spread)


def _triangles(options: MeshOptions) -> MeshOptions:
    _, limited = controls.segmented(
        "Triangles",
        options.triangles is not None,
        {False: "All", True: "At most"},
        default=False,
        tooltip="Whether the mesh is thinned out to fewer triangles, which keeps its shape.",
    )
    if not limited:
        return replace(options, triangles=None)
    _, most = controls.slider(
        "At most",
        float(options.triangles or 50_000),
        1000.0,
        1_000_000.0,
        default=50_000.0,
        fmt="%.0f",
        log=True,
        tooltip="Most triangles of the mesh.",
    )
    return replace(options, triangles=max(round(most), 100))


def _largest(largest: bool) -> bool:
    _, largest = controls.toggle(
        "Largest piece",
        largest,
        default=True,
        tooltip="Keeps the largest piece alone, without floating crumbs.",
    )
    return largest


def _crop(crop: Any) -> Any:
    _, cropped = controls.toggle(
        "Crop",
        crop is not None,
        default=False,
        tooltip="Keeps what lies in a box, in world units.",
    )
    if not cropped:
        return None
    box = crop or _FULL_BOX
    about = "Corner of the box: x, y, z."
    _, low = controls.vector("From", box[:3], default=_FULL_BOX[:3], tooltip=about)
    _, high = controls.vector("To##corner", box[3:], default=_FULL_BOX[3:], tooltip=about)
    return (*low, *high)


def draw_sequence(
    state: SessionState, commands: Commands, options: MeshSequenceOptions, suffix: str
) -> MeshSequenceOptions:
    sequence, default = options.sequence, SequenceOptions()
    _, frames = controls.slider_int(
        "Meshes",
        sequence.frames,
        1,
        120,
        default=default.frames,
        tooltip="Number of meshes, evenly spread over the times below.",
    )
    _, start = controls.slider(
        "From t", sequence.start, -0.25, 1.25, default=0.0, tooltip="Time of the first mesh."
    )
    _, end = controls.slider(
        "To t", sequence.end, -0.25, 1.25, default=1.0, tooltip="Time of the last mesh."
    )
    kind = sequence.format
    if not suffix:
        picked: tuple[bool, MeshFormat] = controls.segmented(
            "Files",
            kind,
            {name: name.upper() for name in MESH_FORMATS},
            default=default.format,
            tooltip="Format of the numbered files.",
        )
        kind = picked[1]
    heading("Mesh")
    mesh = draw_mesh(state, commands, options.mesh, suffix or f".{kind}")
    return MeshSequenceOptions(SequenceOptions(frames, start, end, kind), mesh)


def draw_points(
    state: SessionState, commands: Commands, options: PointOptions, suffix: str
) -> PointOptions:
    del suffix
    _surface(state, commands)
    _, count = controls.slider(
        "Points",
        float(options.count),
        1000.0,
        5_000_000.0,
        default=200_000.0,
        fmt="%.0f",
        log=True,
        tooltip="Points, evenly spread over the surface.",
    )
    grid, largest = _grid(options.resolution), _largest(options.largest)
    return replace(options, count=round(count), resolution=grid, largest=largest, level=None)


def draw_volume(
    state: SessionState, commands: Commands, options: VolumeOptions, suffix: str
) -> VolumeOptions:
    del state, commands, suffix
    resolution = _grid(options.resolution)
    picked: tuple[bool, Quantity] = controls.segmented(
        "Values",
        options.quantity,
        {name: name.capitalize() for name in QUANTITIES},
        default="density",
        tooltip="The density, 1 / world units; or sigma, the network's value before its softplus.",
    )
    _, half = controls.toggle(
        "16 bits", options.half, default=False, tooltip="Stores 16-bit numbers, half the size."
    )
    return VolumeOptions(resolution, picked[1], half)
