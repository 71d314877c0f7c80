"""The session: all that defines what is shown, and its parts."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from viz.state.comparing.comparison import Comparison
from viz.state.comparing.differences import DifferenceKind
from viz.state.driving.drive import Drive
from viz.state.kept.favourites import Favourite
from viz.state.maps.map_settings import MapSettings
from viz.state.person import Latent, Motion
from viz.state.settings import Range
from viz.state.types.clip import ClipTime, Playback
from viz.state.types.orbit import Orbit
from viz.state.types.pictures import Quality, Shot, View

Inset = Literal["none", "raw", "depth", "normals", "mesh"]
INSETS: dict[Inset, str] = {
    "none": "None",
    "raw": "Raw picture",
    "depth": "Depth",
    "normals": "Normals",
    "mesh": "Mesh",
}
Layout = Literal["single", "grid", "yaws", "times", "split", "models"]
LAYOUTS: dict[Layout, str] = {
    "single": "One view",
    "grid": "Four views",
    "yaws": "Several yaws",
    "times": "Several times",
    "split": "Before / after",
    "models": "Two models",
}
ModelsMode = Literal["split", "beside", "difference"]
MODELS_MODES: dict[ModelsMode, str] = {
    "split": "Divider",
    "beside": "Side by side",
    "difference": "Difference",
}
DIFFERENCES: dict[DifferenceKind, str] = {"absolute": "Absolute", "signed": "Signed"}
Conditioning = Literal["frontal", "follow", "set"]
CONDITIONINGS: dict[Conditioning, str] = {
    "frontal": "Frontal",
    "follow": "Follow the view",
    "set": "Keep as set",
}
MeshStyle = Literal["shaded", "colored", "wireframe", "normals"]
MESH_STYLES: dict[MeshStyle, str] = {
    "shaded": "Shaded",
    "colored": "Coloured",
    "wireframe": "Wireframe",
    "normals": "Normals",
}


@dataclass(frozen=True)
class Display(MapSettings):
    """What the viewport shows."""

    layout: Layout = "single"
    """How many pictures are shown, and what differs between them."""
    view: View = "image"
    """Which of the model's outputs is shown.

    The grid layout has views of its own.
    """
    inset: Inset = "none"
    """Another view of the same moment as a small picture in the lower right corner; only with a
    single view."""
    grid: tuple[View, View, View, View] = ("image", "depth", "normals", "raw")
    """What this picture shows.

    Views of the grid layout, row by row.
    """
    columns: Annotated[int, Range(1, 16, slider=(2, 12))] = 5
    """Number of pictures side by side; they wrap into several rows where one is too narrow."""
    yaw_span: Annotated[float, Range(0, 360, "°", slider=(0, 180), step=1)] = 60.0
    """Angle between the first and the last picture."""
    split: Annotated[float, Range(0, 1, "%")] = 0.5
    """Where before ends and after begins, as a fraction of the picture's width."""
    models: ModelsMode = "split"
    """How two models are compared: on both sides of a divider that can be dragged, as two pictures,
    or by the difference of their pictures."""
    difference: DifferenceKind = "absolute"
    """Absolute is black where the pictures are equal; signed is grey there, brighter where the
    second model is brighter, and darker where it is darker."""
    gain: Annotated[float, Range(0.1, 1000, "\u00d7", slider=(1, 32), logarithmic=True)] = 4.0
    """Factor on the difference, so that small ones can be seen."""
    nearest: bool = False
    """How a picture is enlarged: bilinear blends neighbouring pixels, nearest shows them as
    squares."""
    mesh_style: MeshStyle = "shaded"
    """How the mesh view is drawn."""
    gizmo: bool = True
    """Draws the world axes in the corner of the picture: x, y up, z towards the viewer."""

    @property
    def maps(self) -> MapSettings:
        """How maps are coloured, and what lies behind the head. Where two models' difference is
        shown maps are grey, so that equal differences of colour are equal differences of depth."""
        maps = MapSettings(**{f.name: getattr(self, f.name) for f in fields(MapSettings)})
        if (self.layout, self.models) == ("models", "difference"):
            return replace(maps, depth_colors="grey", opacity_colors="grey")
        return maps


Ease = Literal["smooth", "linear", "hold"]
EASES: dict[Ease, str] = {"smooth": "Smooth", "linear": "Linear", "hold": "Hold"}
PathClip = Literal["keys", "plays"]
PATH_CLIPS: dict[PathClip, str] = {"keys": "By the keys", "plays": "Plays"}


@dataclass(frozen=True)
class Keyframe:
    """One point of a path: person, motion, time in the clip and camera."""

    time: Annotated[float, Range(0, 36_000, "s", slider=(0, 3600))]
    """When the path is at this keyframe, in seconds from its beginning."""
    latent: Latent = field(default_factory=Latent)
    motion: Motion = field(default_factory=Motion)
    t: ClipTime = 0.0
    """Time in the clip, as in `SessionState.t`."""
    orbit: Orbit = Orbit()
    ease: Ease = "smooth"
    """How the path reaches the next keyframe: smoothly, in a straight line with sharp corners, or
    by a jump after holding this one."""
    turns: Annotated[int, Range(-100, 100, slider=(-3, 3))] = 0
    """Whole turns of the camera on the way to the next keyframe, on top of the shortest turn; above
    0 to the right."""


@dataclass(frozen=True)
class PathOptions:
    """How the path runs through its keyframes."""

    closed: bool = False
    """Returns from the last keyframe to the first without a stop, for videos that loop."""
    closing: Annotated[float, Range(0, 36_000, "s", slider=(0.1, 60), logarithmic=True)] = 2.0
    """Time from the last keyframe back to the first."""
    clip: PathClip = "keys"
    """Whether the clip's time goes from keyframe to keyframe, or the clip plays by itself, as the
    timeline says, while the camera goes along the path."""


Transition = Literal["cut", "glide", "fade"]
TRANSITIONS: dict[Transition, str] = {"cut": "Cut", "glide": "Glide", "fade": "Fade"}
CuePlay = Literal["nothing", "clip", "path", "orbit", "wander"]
CUE_PLAYS: dict[CuePlay, str] = {
    "nothing": "Nothing",
    "clip": "The clip",
    "path": "The path",
    "orbit": "Orbit",
    "wander": "Wander",
}


@dataclass(frozen=True)
class Cue:
    """A step of a show: what is shown, the transition to it, and what moves while it is shown."""

    name: str = ""
    """Its name in the speaker's view."""
    checkpoint: str = ""
    """Path of its model; empty for the bundled one."""
    latent: Latent = field(default_factory=Latent)
    motion: Motion = field(default_factory=Motion)
    t: ClipTime = 0.0
    """Time in the clip, as in `SessionState.t`."""
    orbit: Orbit = Orbit()
    conditioning: Conditioning = "frontal"
    """Camera that the mapping network is given."""
    conditioning_orbit: Orbit = Orbit()
    """That camera where `conditioning` is "set"."""
    quality: Quality = Quality()
    display: Display = Display()
    playback: Playback = Playback()
    before: Shot | None = None
    """Left side of the before / after layout."""
    compare: Comparison | None = None
    """Second model that is shown beside the first one; None for none."""
    transition: Transition = "glide"
    """How the picture changes to this cue: at once, by gliding there, or by a cross-fade."""
    seconds: Annotated[float, Range(0, 60, "s", slider=(0, 5), step=0.1)] = 1.0
    """How long a glide or a cross-fade takes."""
    drive: Drive | None = None
    """What drives the person in place of the clip."""
    plays: CuePlay = "nothing"
    """What moves while the cue is shown."""
    title: str = ""
    """Caption for the audience, in large letters."""
    line: str = ""
    """Second, smaller line of the caption."""
    note: str = ""
    """Note that only the speaker sees."""
    planned: Annotated[float, Range(0, 7200, "s", slider=(0, 600), step=1)] = 0.0
    """Planned duration of the cue; 0 for none."""
    used: Annotated[float, Range(0, 86_400, "s")] = 0.0
    """Its duration in the last rehearsal."""

    @classmethod
    def of(cls, state: SessionState, **others: Any) -> Cue:
        """A cue that shows a state; `others` are the fields that a state does not have."""
        return cls(**{name: getattr(state, name) for name in _SHOWN}, **others)

    def applied_to(self, state: SessionState) -> SessionState:
        """The state as the cue shows it. What a cue does not set, such as the path, is kept."""
        return replace(state, **{name: getattr(self, name) for name in _SHOWN})


@dataclass
class SessionState:
    """All that defines what is shown: edited by panels, saved, undone and replayed."""

    checkpoint: str = ""
    """Path of the model; empty for the bundled one."""
    latent: Latent = field(default_factory=Latent)
    motion: Motion = field(default_factory=Motion)
    t: ClipTime = 0.0
    """Time in the clip: 0 is the rest pose, 1 the last frame; beyond, the model extrapolates."""
    orbit: Orbit = Orbit()
    conditioning: Conditioning = "frontal"
    """Camera that the mapping network is given: it changes the person a little, as people in the
    training pictures look different from different sides."""
    conditioning_orbit: Orbit = Orbit()
    """Camera of the mapping network when `conditioning` is "set"."""
    quality: Quality = Quality()
    display: Display = Display()
    playback: Playback = Playback()
    before: Shot | None = None
    """Left side of the before / after layout."""
    compare: Comparison | None = None
    """Second model that is shown beside the first one; None for none."""
    keyframes: tuple[Keyframe, ...] = ()
    """The camera and time path, by ascending time; see `viz.state.animation.camera_path`."""
    path: PathOptions = PathOptions()
    cues: tuple[Cue, ...] = ()
    """The steps of a show, in their order."""
    favourites: tuple[Favourite, ...] = ()
    """People and motions that the user has starred."""
    drive: Drive | None = None
    """What drives the person in place of the clip; None for the clip."""

    def snapshot(self) -> SessionState:
        """A copy that later edits do not change: all parts are frozen."""
        return replace(self)

    def shot(self, view: View | None = None) -> Shot:
        """The picture of the present state."""
        camera = self.seen_from.camera()
        conditioning = {
            "frontal": Orbit().camera,
            "follow": lambda: camera,
            "set": self.conditioning_orbit.camera,
        }[self.conditioning]()
        return Shot(
            self.latent,
            self.motion,
            self.t,
            camera,
            conditioning,
            view or self.display.view,
            self.drive.driven if self.drive else None,
        )

    @property
    def seen_from(self) -> Orbit:
        """The camera of the picture: the user's, turned as the driver's head turns."""
        drive = self.drive
        if drive is None or drive.driven is None or not (drive.yaw or drive.pitch):
            return self.orbit
        return self.orbit.turned(drive.yaw, drive.pitch)


_SHOWN = tuple(f.name for f in fields(Cue) if f.name in SessionState.__dataclass_fields__)
"""Fields of a state that a cue keeps."""
