"""Controls for the options of exported meshes, points and volumes: those that matter."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.setting_controls import choice, optional, segmented, slider, toggle
from viz.app.panels.widgets import Button, button_row, fold, heading
from viz.exports.mesh_options import (
    MESH_FORMATS,
    QUANTITIES,
    MeshOptions,
    MeshSequenceOptions,
    PointOptions,
    VolumeOptions,
)
from viz.state.settings import setting
from viz.state.types import SessionState

_Gridded = TypeVar("_Gridded", MeshOptions, PointOptions, VolumeOptions)
_GRIDS = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
_TEXTURES = (512, 1024, 2048, 4096)
_THINNED = 50_000
_FULL_BOX = (-0.5, -0.5, -0.5, 0.5, 0.5, 0.5)


def draw_mesh(commands: Commands, options: MeshOptions, suffix: str) -> MeshOptions:
    _surface(commands)
    options = replace(_grid(options), level=None)
    if suffix in (".glb", ".obj"):
        options = _texture(options)
    options = toggle("Largest piece", _triangles(options, suffix), "largest")
    if suffix == ".stl":
        options = slider("Size", options, "stl_size")
    if fold("More"):
        options = toggle("Fill holes", options, "fill_holes")
        options = _crop(toggle("Normals", options, "normals"))
    return options


def _surface(commands: Commands) -> None:
    """The density level, with a button that shows the mesh in the viewport."""
    state = commands.state
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
    state.quality = slider("Level", state.quality, "mesh_level")


def _toggle_mesh(state: SessionState, shown: bool) -> None:
    view = "image" if shown else "mesh"
    state.display = replace(state.display, layout="single", view=view)


def _grid(options: _Gridded) -> _Gridded:
    grids = sorted({*_GRIDS, options.resolution})
    captions = {side: f"{side}\u00b3" for side in grids}
    return choice("Resolution", options, "resolution", captions)


def _texture(options: MeshOptions) -> MeshOptions:
    options = segmented("Colours", options, "texture", {"vertex": "Vertices", "atlas": "Texture"})
    if options.texture == "vertex":
        return options
    sizes = sorted({*_TEXTURES, options.texture_size})
    captions = {side: f"{side} \u00d7 {side}" for side in sizes}
    options = choice("Texture", options, "texture_size", captions)
    return slider("Spread", options, "texture_spread")


def _triangles(options: MeshOptions, suffix: str) -> MeshOptions:
    about = "Simplifies the mesh to fewer triangles and keeps its shape."
    if options.for_files(suffix).texture == "atlas":
        about += " With a texture, which holds the fine detail, All is at most 100,000."
    options = optional("Triangles", options, "triangles", ("All", "At most"), about, _THINNED)
    if options.triangles is None:
        return options
    return slider("At most", options, "triangles", default=_THINNED)


def _crop(options: MeshOptions) -> MeshOptions:
    about = setting(MeshOptions, "crop").sentence
    _, cropped = controls.toggle("Crop", options.crop is not None, default=False, tooltip=about)
    if not cropped:
        return replace(options, crop=None)
    box = options.crop or _FULL_BOX
    lo, hi = setting(MeshOptions, "crop").range.lo, setting(MeshOptions, "crop").range.hi
    corner = "Corner of the box: x, y, z."
    _, low = controls.vector("From", box[:3], lo=lo, hi=hi, default=_FULL_BOX[:3], tooltip=corner)
    _, high = controls.vector(
        "To##corner", box[3:], lo=lo, hi=hi, default=_FULL_BOX[3:], tooltip=corner
    )
    return replace(options, crop=(*low, *high))


def draw_sequence(
    commands: Commands, options: MeshSequenceOptions, suffix: str
) -> MeshSequenceOptions:
    sequence = slider("Meshes", options.sequence, "frames")
    sequence = slider("From t", sequence, "start")
    sequence = slider("To t", sequence, "end")
    if not suffix:
        captions = {name: name.upper() for name in MESH_FORMATS}
        sequence = segmented("Files", sequence, "format", captions)
    heading("Mesh")
    mesh = draw_mesh(commands, options.mesh, suffix or f".{sequence.format}")
    return MeshSequenceOptions(sequence, mesh)


def draw_points(commands: Commands, options: PointOptions, suffix: str) -> PointOptions:
    del suffix
    _surface(commands)
    options = _grid(slider("Points", options, "count"))
    return replace(toggle("Largest piece", options, "largest"), level=None)


def draw_volume(commands: Commands, options: VolumeOptions, suffix: str) -> VolumeOptions:
    del commands, suffix
    captions = {name: name.capitalize() for name in QUANTITIES}
    options = segmented("Values", _grid(options), "quantity", captions)
    return toggle("16 bits", options, "half")
