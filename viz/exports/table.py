"""All that the program can export. No torch here: the interface and the command line read this
table; an exporter imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from viz.exports import frame_layout
from viz.exports.frame_options import FrameOptions, PictureOptions, VideoOptions
from viz.exports.mesh_options import (
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
from viz.state.jobs import Steps

Run = Callable[..., Steps[Path]]
"""run(renderer, state, options, path, *, overwrite=False)."""


@dataclass(frozen=True)
class Exporter:
    """One kind of export."""

    name: str
    label: str
    """For buttons: "Video"."""
    help: str
    """A sentence on the result."""
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

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the files, the default first; "" stands for a folder."""
        return self.options.suffixes


def deferred(place: str) -> Callable[..., Any]:
    """The function "module:name" of another file, which is imported when it is first called: what
    it needs, such as torch, takes seconds to import."""
    module, name = place.split(":")

    def run(*args: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*args, **options)

    return run


EXPORTERS: dict[str, Exporter] = {
    exporter.name: exporter
    for exporter in (
        Exporter(
            "picture",
            "Picture",
            "The moment shown, as a PNG.",
            PictureOptions,
            deferred("viz.exports.pictures.frames:export_picture"),
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
            FrameOptions,
            deferred("viz.exports.pictures.frames:export_frames"),
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
            VideoOptions,
            deferred("viz.exports.video.video_export:export_video"),
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
            MeshOptions,
            deferred("viz.exports.meshes.mesh_export:export_mesh"),
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
            MeshSequenceOptions,
            deferred("viz.exports.meshes.mesh_export:export_mesh_sequence"),
            estimate_sequence,
            examples=("--output head.glb", "--format obj --frames 8 --output heads"),
        ),
        Exporter(
            "points",
            "Point cloud",
            "Coloured points on the surface.",
            PointOptions,
            deferred("viz.exports.meshes.mesh_export:export_points"),
            estimate_grid,
            examples=("--output head.ply", "--count 50000 --output head.ply"),
            moment=True,
        ),
        Exporter(
            "volume",
            "Density volume",
            "The density at each point of a grid.",
            VolumeOptions,
            deferred("viz.exports.meshes.mesh_export:export_volume"),
            estimate_volume,
            examples=("--output head.npy", "--resolution 512 --half --output head.npy"),
            moment=True,
        ),
        Exporter(
            "show",
            "Show",
            "The cues, one after the other, as a web page or as a video.",
            show_options.ShowOptions,
            deferred("viz.exports.shows.show_export:export_show"),
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
