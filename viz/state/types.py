"""Values that the parts of the application exchange. No torch and no interface code here.

Everything but `SessionState` is frozen, so a value can be kept, compared, hashed as a cache key and
handed to the worker thread without copying.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal

import numpy as np

from training.camera import FOCAL_LENGTH, PIVOT, RADIUS, Camera, fov_from_focal
from training.named_directions import NamedDirection
from viz.state.driving.drive import Drive, Driven
from viz.state.kept.favourites import Favourite
from viz.state.person import Latent, Motion
from viz.state.settings import Fraction, Range, setting

FRAMES = 16
"""Frames of a clip as trained; frame k is at t = k / 15."""
FRAME_RATE = 25.0
"""Frames a second of a clip."""
CLIP_SECONDS = (FRAMES - 1) / FRAME_RATE
"""Time between the first and the last frame of a clip."""
DEFAULT_FOV = fov_from_focal(FOCAL_LENGTH)
TRAINED_TURN = (40.0, 23.0)
"""Degrees of yaw and of pitch either way that cameras of face videos reach: those of the synthetic
people, and taken for any model, as no file tells its own."""

ClipTime = Annotated[float, Range(-10, 10, slider=(-0.25, 1.25))]
"""Time in a clip: 0 is the rest pose, 1 the last frame; beyond, the model extrapolates."""
Angle = Annotated[float, Range(-3600, 3600, "°", slider=(-180, 180), step=0.1)]
"""Degrees; angles repeat every 360."""
Coordinate = Annotated[float, Range(-10, 10, slider=(-0.5, 0.5))]
"""World units; the box that the models fill is about 1 wide."""
Distance = Annotated[float, Range(0, 1000, slider=(0.1, 12))]
"""World units."""

View = Literal["image", "raw", "depth", "normals", "opacity", "mesh"]
VIEWS: dict[View, str] = {
    "image": "Image",
    "raw": "Raw picture",
    "depth": "Depth",
    "normals": "Normals",
    "opacity": "Opacity",
    "mesh": "Mesh",
}
Inset = Literal["none", "raw", "depth", "normals", "mesh"]
INSETS: dict[Inset, str] = {
    "none": "None",
    "raw": "Raw picture",
    "depth": "Depth",
    "normals": "Normals",
    "mesh": "Mesh",
}
Layout = Literal["single", "grid", "yaws", "times", "split"]
LAYOUTS: dict[Layout, str] = {
    "single": "One view",
    "grid": "Four views",
    "yaws": "Several yaws",
    "times": "Several times",
    "split": "Before / after",
}
Precision = Literal["auto", "float32", "bfloat16", "float16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "float32", "bfloat16", "float16")
Conditioning = Literal["frontal", "follow", "set"]
CONDITIONINGS: dict[Conditioning, str] = {
    "frontal": "Frontal",
    "follow": "Follow the view",
    "set": "Keep as set",
}
LoopMode = Literal["loop", "ping-pong", "once"]
LOOP_MODES: dict[LoopMode, str] = {"loop": "Loop", "ping-pong": "Ping-pong", "once": "Once"}
MeshStyle = Literal["shaded", "colored", "wireframe", "normals"]
MESH_STYLES: dict[MeshStyle, str] = {
    "shaded": "Shaded",
    "colored": "Coloured",
    "wireframe": "Wireframe",
    "normals": "Normals",
}


_FRAME = 1.2
"""Half the picture's side where a head is framed, in radii of the head."""
_NEAREST = 3.0
"""Distance in radii of the head from which on it can be framed by the lens alone."""


@dataclass(frozen=True)
class Head:
    """Where the head lies in a model's box."""

    middle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """x, y, z in world units."""
    radius: float = 0.27
    """Of a ball around it, in world units."""


@dataclass(frozen=True)
class Orbit:
    """A camera that orbits the head, as its sliders describe it."""

    yaw: Angle = 0.0
    """Turn around the vertical; above 0 the camera moves to the viewer's right."""
    pitch: Annotated[float, Range(-89, 89, "°", step=0.1)] = 0.0
    """Height above the horizon; below 0 the camera looks from below."""
    roll: Angle = 0.0
    """Turn around the viewing direction; above 0 the camera turns clockwise."""
    radius: Annotated[float, Range(0.25, 100, slider=(1.2, 8), logarithmic=True)] = RADIUS
    """Distance from the point that the camera circles, in world units; the box that the models fill
    is about 1 wide."""
    fov: Annotated[float, Range(0.1, 170, "°", slider=(4, 60), step=0.1, logarithmic=True)] = (
        DEFAULT_FOV
    )
    """Opening angle of the lens; a smaller one magnifies."""
    pivot: tuple[Coordinate, Coordinate, Coordinate] = PIVOT
    """Point in the middle of the picture: x, y, z in world units."""
    lead: Coordinate = PIVOT[2]
    """How far the pivot lies in front of the point that the camera circles, in world units: 0.2 in
    the published cameras, 0 where the camera circles the pivot itself."""

    def camera(self) -> Camera:
        """The camera at this place."""
        return Camera.orbit(
            self.yaw,
            self.pitch,
            roll=self.roll,
            radius=self.radius,
            pivot=self.pivot,
            lead=self.lead,
            fov=self.fov,
        )

    @classmethod
    def around(cls, head: Head) -> Orbit:
        """The frontal camera of the training pictures, on an orbit around the head's vertical axis
        rather than a point behind the nose: at all angles the head stays in the picture."""
        z = head.middle[2]
        return cls(radius=RADIUS - z, pivot=(0.0, 0.0, z), lead=0.0)

    def framing(self, head: Head) -> Orbit:
        """The same direction with the whole head in the picture."""
        orbit = replace(self, pivot=head.middle)
        distance = _distance(orbit)
        if distance < _NEAREST * head.radius:
            orbit = replace(orbit, radius=RADIUS)
            distance = _distance(orbit)
        half = math.asin(min(_FRAME * head.radius / distance, 0.9))
        return replace(orbit, fov=2 * math.degrees(half))

    @classmethod
    def from_camera(cls, camera: Camera, near: Orbit | None = None) -> Orbit:
        """The orbit whose `camera()` is that camera, for square pixels and a centred lens.

        Its pivot is the point of the viewing axis that lies nearest to that of `near`, whose lead
        it takes; to the published one for None.
        """
        near = near or cls()
        forward = camera.rotation[:, 2]
        distance = max(float((np.asarray(near.pivot) - camera.position) @ forward), 1e-3)
        pivot = camera.position + distance * forward
        offset = np.array((0.0, 0.0, near.lead)) - distance * forward
        radius = float(np.linalg.norm(offset))
        yaw = math.degrees(math.atan2(offset[0], offset[2]))
        pitch = math.degrees(math.asin(min(max(offset[1] / radius, -1.0), 1.0)))
        place = (float(pivot[0]), float(pivot[1]), float(pivot[2]))
        level = cls(yaw, pitch, 0.0, radius, camera.fov, place, near.lead)
        turn = level.camera().rotation.T @ camera.rotation
        return replace(level, roll=math.degrees(math.atan2(turn[1, 0], turn[0, 0])))


def _distance(orbit: Orbit) -> float:
    """From the camera to the pivot, world units."""
    return float(np.linalg.norm(np.asarray(orbit.pivot) - orbit.camera().position))


@dataclass(frozen=True)
class Quality:
    """How carefully pictures are computed."""

    raw_resolution: Annotated[int, Range(4, 1024, "px")] | None = None
    """Side of the volume-rendered picture in pixels. Sizes other than the trained one cost time or
    detail.

    None is as trained.
    """
    depth_samples: Annotated[int, Range(2, 1024, slider=(4, 192))] | None = None
    """Samples that are spread evenly along each ray.

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
    processors, float16 on a GPU. Auto takes what a measurement on this machine found to be fastest
    without a visible difference."""
    mesh_resolution: Annotated[int, Range(8, 1024, "cells", slider=(32, 512))] = 128
    """Cells along each side of the grid that the mesh is found on; twice as many take eight times
    as long."""
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
    """Factor on the samples of a ray."""
    final_scale: Fraction = 1.0
    """Factor on the side of the picture that the super-resolution makes; what it makes is enlarged
    to the usual size."""
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


@dataclass(frozen=True)
class Probe:
    """A request to show one layer's activation."""

    layer: str
    """Name of a module of the generator."""
    channel: Annotated[int, Range(-1, 65_535)] = 0
    """Which channel of the activation is shown; -1 shows the mean of all."""
    spectrum: bool = False
    """Shows the power spectrum instead: low frequencies in the middle, on a logarithmic scale."""


@dataclass(frozen=True)
class RenderRequest:
    """What the worker is asked to show."""

    shots: tuple[Shot, ...]
    quality: Quality = Quality()
    preview: Preview | None = None
    """None for the full picture."""
    depth_range: tuple[float, float] | None = None
    """World distances at the two ends of the depth colours; None for those between which the camera
    sees the surface."""
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
    depth_ranges: tuple[tuple[float, float] | None, ...] = ()
    """World distances at the two ends of the depth colours, one per shot; None where the view is
    not depth."""
    probe: ProbeResult | None = None
    values: tuple[PixelValues | None, ...] = ()
    """One per shot if they were requested; None where the view is a mesh."""
    stage_ms: dict[str, float] = field(default_factory=dict[str, float])
    """Milliseconds by stage; a stage that was not run is absent."""
    total_ms: float = 0.0
    precision: str = "float32"
    """Number format in which the convolutions ran."""


@dataclass(frozen=True)
class LayerInfo:
    """A layer of the network, for the list of layers."""

    name: str
    kind: str
    shape: tuple[int, ...]
    """Shape of its output for one person, [C, h, w]."""
    parameters: int


@dataclass(frozen=True)
class ModelInfo:
    """The loaded model, as the interface shows it."""

    name: str
    """Short name: the file's, or that of the built-in random model."""
    path: str
    """Empty for the built-in random model."""
    format: str
    """"PV3D visualizer", "PV3D", "EG3D" or "random"."""
    parameters: int
    image_resolution: int
    raw_resolution: int
    depth_samples: int
    importance_samples: int
    ray_range: tuple[float, float]
    box_warp: float
    num_ws: int
    z_dim: int
    w_dim: int
    motion_dim: int
    """0 for a still model: time and motion do nothing."""
    plane_resolution: int
    superresolution: str
    device: str
    layers: tuple[LayerInfo, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences that the user should know about this model."""
    people: tuple[int, ...] = ()
    """Seeds of people that the model's makers recommend."""
    motions: tuple[int, ...] = ()
    """Seeds of motions that they recommend."""
    people_words: tuple[str, ...] = ()
    """A short description of each of these people; empty where there is none."""
    motions_words: tuple[str, ...] = ()
    """A short description of each of these motions; empty where there is none."""
    directions: tuple[NamedDirection, ...] = ()
    """Directions that the model's makers have named."""
    weights: str = ""
    """Fingerprint of the model's weights."""
    head: Head = Head()
    """Where the heads of its people lie."""
    trained_turn: tuple[float, float] | None = TRAINED_TURN
    """Degrees to each side, and up and down, that its training pictures go; None for no model that
    was trained."""

    @property
    def moves(self) -> bool:
        return self.motion_dim > 0


@dataclass(frozen=True)
class Playback:
    """How the clip plays."""

    loop: LoopMode = "loop"
    """What follows the end of the clip."""
    speed: Annotated[float, Range(0.01, 100, "\u00d7", logarithmic=True)] = 1.0
    """How fast the clip plays; 1 is real time."""
    start: ClipTime = 0.0
    """Time in the clip at which playing begins."""
    end: ClipTime = 1.0
    """Time in the clip at which playing ends."""


@dataclass(frozen=True)
class Display:
    """What the viewport shows."""

    layout: Layout = "single"
    """How many pictures are shown, and what differs between them."""
    view: View = "image"
    """Which of the model's outputs is shown.

    The grid layout has views of its own.
    """
    inset: Inset = "none"
    """Another view of the same as a small picture in the lower right corner, where one view is
    shown."""
    grid: tuple[View, View, View, View] = ("image", "depth", "normals", "raw")
    """What this picture shows.

    Views of the grid layout, row by row.
    """
    columns: Annotated[int, Range(1, 16, slider=(2, 12))] = 5
    """Number of pictures side by side; if one row is too narrow, they take several."""
    yaw_span: Annotated[float, Range(0, 360, "°", slider=(0, 180), step=1)] = 60.0
    """Angle between the first and the last picture."""
    split: Annotated[float, Range(0, 1, "%")] = 0.5
    """Where before ends and after begins, as a fraction of the picture's width."""
    nearest: bool = False
    """How a picture is enlarged: bilinear blends its pixels, nearest shows squares."""
    depth_range: tuple[Distance, Distance] | None = None
    """Distances at the two ends of the depth colours, in world units.

    None takes the range over which the camera sees the surface of the model's average person:
    constant while the clip plays, and following the camera.
    """
    mesh_style: MeshStyle = "shaded"
    """How the mesh view is drawn."""
    gizmo: bool = True
    """Draws the world axes in the corner of the picture: x, y up, z towards the viewer."""


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
    """How the path goes on to the next keyframe: smoothly, straight with sharp corners, or held
    until a jump at the next keyframe."""
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
    """Path of its model; empty for the one that comes with the program."""
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
    transition: Transition = "glide"
    """How the picture changes to this cue: at once, by gliding there, or by a cross-fade."""
    seconds: Annotated[float, Range(0, 60, "s", slider=(0, 5), step=0.1)] = 1.0
    """How long a glide or a cross-fade takes."""
    drive: Drive | None = None
    """What drives the person in place of the clip."""
    plays: CuePlay = "nothing"
    """What moves while the cue is shown."""
    title: str = ""
    """Caption that the audience reads, in large letters."""
    line: str = ""
    """Second, smaller line of the caption."""
    note: str = ""
    """For the speaker alone."""
    planned: Annotated[float, Range(0, 7200, "s", slider=(0, 600), step=1)] = 0.0
    """How long the cue is meant to stand. 0 plans nothing."""
    used: Annotated[float, Range(0, 86_400, "s")] = 0.0
    """How long it stood in the last rehearsal."""

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
    """Path of the model; empty for the one that comes with the program."""
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
        yaw = (self.orbit.yaw + drive.yaw + 180) % 360 - 180
        pitch = setting(Orbit, "pitch").range.clamp(self.orbit.pitch + drive.pitch)
        return replace(self.orbit, yaw=yaw, pitch=pitch)


_SHOWN = tuple(f.name for f in fields(Cue) if f.name in SessionState.__dataclass_fields__)
"""Fields of a state that a cue keeps."""
