"""All that the program can export. No torch here: the interface and the command line read this
table; an exporter imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viz.exports import frame_layout
from viz.exports.frame_options import FrameOptions, PictureOptions, VideoOptions
from viz.exports.mesh_options import (
    MESH_FORMATS,
    MeshOptions,
    MeshSequenceOptions,
    PointOptions,
    VolumeOptions,
    estimate_grid,
    estimate_sequence,
    estimate_volume,
)
from viz.exports.options import Estimate, Occasion, Options
from viz.exports.shows import cue_takes, show_options

if TYPE_CHECKING:
    from viz.render.renderer import Renderer
    from viz.state.jobs import Steps
    from viz.state.types import SessionState


Run = Callable[..., "Steps[Path]"]
"""run(renderer, state, options, path, *, overwrite=False)."""


@dataclass(frozen=True)
class Exporter:
    """One kind of export."""

    name: str
    label: str
    """For buttons: "Video"."""
    help: str
    """A sentence on the result."""
    suffixes: tuple[str, ...]
    """Suffixes of the files, the default first; "" stands for a folder."""
    options: type[Options]
    """Frozen dataclass of the options; its defaults suit most users."""
    run: Run
    """run(renderer, state, options, path, *, overwrite=False): steps of the worker. They yield
    (detail, fraction 0..1 or None) and return the path written; closing them leaves no partial
    file. A UserError says what the user can do."""
    estimate: Callable[[Any, Occasion], Estimate]
    """Expected size and duration of an export with these options."""
    problems: Callable[[Any, Occasion], list[str]] = lambda options, occasion: []
    """Sentences on why a session cannot be exported, besides problems with the options."""
    command: str = ""
    """Name on the command line; empty for the exporter's own name, with hyphens."""
    examples: tuple[str, ...] = ()
    """Arguments of the command, the simplest first."""
    moment: bool = False
    """Whether it shows a single moment of the clip."""
    splits: bool = False
    """Whether an export consists of parts that several processes can share, and that are kept if it
    is stopped. `run` then takes share=(number, count): which of how many processes this is."""


def _picture(*args: Any, **options: Any) -> Steps[Path]:
    from viz.exports.pictures import frames

    return frames.export_picture(*args, **options)


def _frames(*args: Any, **options: Any) -> Steps[Path]:
    from viz.exports.pictures import frames

    return frames.export_frames(*args, **options)


def _video(*args: Any, **options: Any) -> Steps[Path]:
    from viz.exports.video import video_export

    return video_export.export_video(*args, **options)


def _mesh(*args: Any, **options: Any) -> Steps[Path]:
    from viz.exports.meshes import mesh_export

    return mesh_export.export_mesh(*args, **options)


def _mesh_sequence(
    renderer: Renderer,
    state: SessionState,
    options: MeshSequenceOptions,
    path: Path,
    *,
    overwrite: bool = False,
) -> Steps[Path]:
    from viz.exports.meshes import mesh_export

    return mesh_export.export_mesh_sequence(
        renderer, state, options.mesh, options.sequence, path, overwrite=overwrite
    )


def _points(*args: Any, **options: Any) -> Steps[Path]:
    from viz.exports.meshes import mesh_export

    return mesh_export.export_points(*args, **options)


def _volume(*args: Any, **options: Any) -> Steps[Path]:
    from viz.exports.meshes import mesh_export

    return mesh_export.export_volume(*args, **options)


def _show(*args: Any, **options: Any) -> Steps[Path]:
    from viz.exports.shows import show_export

    return show_export.export_show(*args, **options)


EXPORTERS: dict[str, Exporter] = {
    exporter.name: exporter
    for exporter in (
        Exporter(
            "picture",
            "Picture",
            "The moment shown, as a PNG.",
            (".png",),
            PictureOptions,
            _picture,
            frame_layout.estimate_picture,
            frame_layout.problems_of_picture,
            command="render",
            examples=(
                "--output head.png",
                "--session session.json --output head.png",
                "--checkpoint model.ckpt --seeds 0-31 --output pictures",
                "--people 1 2 3 4 --views image depth --height 1024 --output people.png",
            ),
            moment=True,
        ),
        Exporter(
            "frames",
            "Frames",
            "A movement as a folder of numbered PNGs.",
            ("",),
            FrameOptions,
            _frames,
            frame_layout.estimate_movement,
            frame_layout.problems_of_movement,
            examples=(
                "--output clip",
                "--moving orbit --seconds 4 --background transparent --output orbit",
                "--checkpoint model.ckpt --seeds 0-31 --motion-seeds 0-3 --output clips",
            ),
            splits=True,
        ),
        Exporter(
            "video",
            "Video",
            "A movement as MP4, MOV, GIF or WebP.",
            (".mp4", ".mov", ".gif", ".webp"),
            VideoOptions,
            _video,
            frame_layout.estimate_movement,
            frame_layout.problems_of_movement,
            examples=(
                "--output clip.mp4",
                "--moving orbit --clip-plays --output orbit.webp",
                "--session session.json --moving path --codec prores --output path.mov",
            ),
        ),
        Exporter(
            "mesh",
            "Mesh",
            "The surface of the moment shown.",
            tuple(f".{name}" for name in MESH_FORMATS),
            MeshOptions,
            _mesh,
            estimate_grid,
            examples=(
                "--output head.glb",
                "--texture atlas --output head.obj",
                "--stl-size 80 --output head.stl",
            ),
            moment=True,
        ),
        Exporter(
            "mesh sequence",
            "Mesh sequence",
            "The surface over the clip: an animated GLB, or a folder of numbered meshes.",
            (".glb", ""),
            MeshSequenceOptions,
            _mesh_sequence,
            estimate_sequence,
            examples=("--output head.glb", "--format obj --frames 8 --output heads"),
        ),
        Exporter(
            "points",
            "Point cloud",
            "Coloured points on the surface.",
            (".ply",),
            PointOptions,
            _points,
            estimate_grid,
            examples=("--output head.ply", "--count 50000 --output head.ply"),
            moment=True,
        ),
        Exporter(
            "volume",
            "Density volume",
            "The density at each point of a grid.",
            (".npy",),
            VolumeOptions,
            _volume,
            estimate_volume,
            examples=("--output head.npy", "--resolution 512 --half --output head.npy"),
            moment=True,
        ),
        Exporter(
            "show",
            "Show",
            "The cues, one after the other, as a web page or as a video.",
            show_options.SUFFIXES,
            show_options.ShowOptions,
            _show,
            cue_takes.estimate,
            show_options.problems,
            examples=(
                "--session talk.json --output talk.html",
                "--session talk.json --output talk.mp4",
            ),
        ),
    )
}
"""All exports, in the order in which the interface offers them."""
