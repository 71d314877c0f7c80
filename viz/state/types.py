"""Values that the parts of the application exchange. No torch and no interface code here.

Everything but `SessionState` is frozen, so a value can be kept, compared, hashed as a cache key and
handed to the worker thread without copying.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from training.camera import FOCAL_LENGTH, PIVOT, RADIUS, Camera, fov_from_focal

FRAMES = 16
"""Frames of a clip as trained; frame k is at t = k / 15."""
FRAME_RATE = 25.0
"""Frames a second of a clip."""
CLIP_SECONDS = (FRAMES - 1) / FRAME_RATE
"""Time between the first and the last frame of a clip."""
LAST_SEED = 2**32 - 1
"""The greatest seed."""
SEEDS_A_ROW = 100
"""Seeds on the pads: one to the right is the next seed, one up is this many further."""
DEFAULT_FOV = fov_from_focal(FOCAL_LENGTH)

View = Literal["image", "raw", "depth", "normals", "opacity", "mesh"]
VIEWS: dict[View, str] = {
    "image": "Image",
    "raw": "Raw picture",
    "depth": "Depth",
    "normals": "Normals",
    "opacity": "Opacity",
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


@dataclass(frozen=True)
class Latent:
    """Who: the appearance code, as the user chooses it."""

    x: float = 0.0
    """Place on the seed pad. Whole numbers are seeds; between them the four neighbours' w blend."""
    y: float = 0.0
    """One up is `SEEDS_A_ROW` seeds further."""
    psi: float = 1.0
    """Truncation: 1 is the person as drawn, 0 the average person; 0..1, beyond it exaggerates."""
    cutoff: int | None = None
    """Number of leading layers that psi acts on; None for all."""
    mix_seed: int = 1
    """Second seed whose w replaces those of `mix_layers`: style mixing."""
    mix_layers: tuple[int, ...] = ()
    """Indices of the layers that take the second seed's w, ascending."""
    blend_seed: int = 2
    """Another person to blend to."""
    blend: float = 0.0
    """0 is this person, 1 the other."""
    ws_file: str = ""
    """File with ws [num_ws, w_dim] (.npy, or .npz with the key ws) to show instead of a seed."""
    others: tuple[LatentShare, ...] = ()
    """People whose ws have a share, as on the way between two keys of a path; the rest of the 1
    that shares add up to is this person's own."""

    @property
    def seed(self) -> int:
        """The nearest seed."""
        return lattice_seed(round(self.x), round(self.y))


@dataclass(frozen=True)
class LatentShare:
    """A person's share in a blend."""

    latent: Latent
    share: float
    """Factor on the ws, 0..1."""


@dataclass(frozen=True)
class Motion:
    """How they move: the motion code, as the user chooses it."""

    x: float = 0.0
    """Place on the motion pad; between whole numbers the four neighbours blend."""
    y: float = 0.0
    """One up is `SEEDS_A_ROW` seeds further."""
    strength: float = 1.0
    """Factor on the motion code, 0..2; 0 keeps the rest pose."""
    blend_seed: int = 1
    """Another motion to blend to."""
    blend: float = 0.0
    """0 is this motion, 1 the other."""
    others: tuple[MotionShare, ...] = ()
    """Motions whose codes have a share, as in `Latent.others`; the strength is this one's."""

    @property
    def seed(self) -> int:
        """The nearest seed."""
        return lattice_seed(round(self.x), round(self.y))


@dataclass(frozen=True)
class MotionShare:
    """A motion's share in a blend."""

    motion: Motion
    share: float
    """Factor on the motion code, 0..1."""


def lattice_seed(column: int, row: int) -> int:
    """Seed at a whole place of a pad, 0 to 2**32 - 1."""
    return (column + SEEDS_A_ROW * row) % 2**32


def lattice_corners(x: float, y: float) -> list[tuple[int, float]]:
    """The seeds around a place on a pad with their bilinear weights; a whole place gives one."""
    column, row = int(np.floor(x)), int(np.floor(y))
    u, v = x - column, y - row
    corners = [
        (lattice_seed(column + i, row + j), (u if i else 1 - u) * (v if j else 1 - v))
        for j in (0, 1)
        for i in (0, 1)
    ]
    return [(seed, weight) for seed, weight in corners if weight > 0]


@dataclass(frozen=True)
class Orbit:
    """Where from: a camera around the head, in the terms of its sliders."""

    yaw: float = 0.0
    """Degrees around the vertical; positive moves the camera to the picture's right."""
    pitch: float = 0.0
    """Degrees above the horizon, -89..89."""
    roll: float = 0.0
    """Degrees around the viewing direction; positive turns the camera clockwise."""
    radius: float = RADIUS
    """Distance from the middle of the head's box, world units."""
    fov: float = DEFAULT_FOV
    """Field of view, degrees."""
    pivot: tuple[float, float, float] = PIVOT
    """Point in the middle of the picture, world units."""

    def camera(self) -> Camera:
        """The camera that stands there."""
        return Camera.orbit(
            self.yaw,
            self.pitch,
            roll=self.roll,
            radius=self.radius,
            pivot=self.pivot,
            fov=self.fov,
        )

    @classmethod
    def from_camera(cls, camera: Camera) -> Orbit:
        """The orbit whose `camera()` is that camera, for square pixels and a centred lens.

        Its pivot is the point of the viewing axis that lies nearest to the usual one.
        """
        forward = camera.rotation[:, 2]
        distance = max(float((np.asarray(PIVOT) - camera.position) @ forward), 1e-3)
        pivot = camera.position + distance * forward
        offset = np.asarray(PIVOT) - distance * forward
        radius = float(np.linalg.norm(offset))
        yaw = math.degrees(math.atan2(offset[0], offset[2]))
        pitch = math.degrees(math.asin(min(max(offset[1] / radius, -1.0), 1.0)))
        place = (float(pivot[0]), float(pivot[1]), float(pivot[2]))
        level = cls(yaw, pitch, 0.0, radius, camera.fov, place)
        turn = level.camera().rotation.T @ camera.rotation
        return replace(level, roll=math.degrees(math.atan2(turn[1, 0], turn[0, 0])))


@dataclass(frozen=True)
class Quality:
    """How carefully pictures are computed."""

    raw_resolution: int | None = None
    """Side of the volume-rendered picture, pixels; None as trained."""
    depth_samples: int | None = None
    """Stratified samples a ray; None as trained."""
    importance_samples: int | None = None
    """Importance samples a ray; None as trained."""
    superresolution: bool = True
    """Whether the image view goes through the super-resolution."""
    precision: Precision = "auto"
    """Number format of the convolutions; auto takes what suits the device."""
    mesh_resolution: int = 128
    """Cells along each side of the mesh's grid."""
    mesh_level: float = 10.0
    """Density on the mesh's surface, in 1 / world units."""


@dataclass(frozen=True)
class Preview:
    """How much cheaper than `Quality` a picture may be while something moves."""

    scale: float = 1.0
    """Factor on the raw resolution, 0..1."""
    samples: float = 1.0
    """Factor on the samples of a ray, 0..1."""
    superresolution: bool = True
    """Whether the super-resolution still runs."""
    coarse_mesh: bool = False
    """Whether meshes come from a coarser grid."""


@dataclass(frozen=True)
class Shot:
    """One picture: who, doing what, when, seen from where, shown how."""

    latent: Latent
    motion: Motion
    t: float
    """Time in the clip: 0 is the rest pose, 1 the last frame; beyond, the model extrapolates."""
    camera: Camera
    conditioning: Camera
    """The mapping network's camera."""
    view: View = "image"


@dataclass(frozen=True)
class Probe:
    """A look at one layer's activation."""

    layer: str
    """Name of a module of the generator."""
    channel: int = 0
    """Channel shown; -1 shows the mean of all."""
    spectrum: bool = False
    """Whether its power spectrum is shown instead (log scale)."""


@dataclass(frozen=True)
class RenderRequest:
    """What the worker is asked to show."""

    shots: tuple[Shot, ...]
    quality: Quality = Quality()
    preview: Preview | None = None
    """None for the full picture."""
    depth_range: tuple[float, float] | None = None
    """World distances at the two ends of the depth colours; None for the range of the rays."""
    probe: Probe | None = None
    """Layer of the first shot to look into."""


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
    """What a probe saw."""

    probe: Probe
    picture: np.ndarray
    """uint8 [h, w, 3]."""
    shape: tuple[int, ...]
    """Of the activation, [C, h, w]."""
    lo: float
    """Value of the darkest colour."""
    hi: float
    """Value of the brightest colour."""
    mean: float
    std: float


@dataclass(frozen=True)
class RenderResult:
    """What the worker answers to a request."""

    request: RenderRequest
    pictures: tuple[np.ndarray | None, ...]
    """One a shot, uint8 [H, W, 3], top row first; None where the view is a mesh."""
    meshes: tuple[MeshData | None, ...] = ()
    """One a shot; None where the view is a picture."""
    problems: tuple[str, ...] = ()
    """Sentences on what could not be shown, such as a mesh at a density that nothing reaches."""
    probe: ProbeResult | None = None
    stage_ms: dict[str, float] = field(default_factory=dict)
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
    """Of its output for one person, [C, h, w]."""
    parameters: int


@dataclass(frozen=True)
class ModelInfo:
    """What is loaded, as the interface shows it."""

    name: str
    """Short name: the file's, or of the built-in random model."""
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

    @property
    def moves(self) -> bool:
        return self.motion_dim > 0


@dataclass(frozen=True)
class Playback:
    """How the clip plays."""

    loop: LoopMode = "loop"
    speed: float = 1.0
    """1 is real time."""
    start: float = 0.0
    """First t that plays."""
    end: float = 1.0
    """Last t that plays."""


@dataclass(frozen=True)
class Display:
    """What the viewport shows."""

    layout: Layout = "single"
    view: View = "image"
    """The view of the single, yaws, times and split layouts."""
    grid: tuple[View, View, View, View] = ("image", "depth", "normals", "raw")
    """Views of the grid layout, row by row."""
    columns: int = 5
    """Pictures in a row of the yaws and times layouts."""
    yaw_span: float = 60.0
    """Degrees between the first and the last picture of the yaws layout."""
    split: float = 0.5
    """Where before ends and after begins, as a fraction of the picture's width."""
    nearest: bool = False
    """Show pixels as squares instead of blending them."""
    depth_range: tuple[float, float] | None = None
    """World distances at the ends of the depth colours; None for the range of the rays."""
    mesh_style: MeshStyle = "shaded"
    gizmo: bool = True
    """Whether the small axes are drawn."""


Ease = Literal["smooth", "linear", "hold"]
EASES: dict[Ease, str] = {"smooth": "Smooth", "linear": "Linear", "hold": "Hold"}
PathClip = Literal["keys", "plays"]
PATH_CLIPS: dict[PathClip, str] = {"keys": "By the keys", "plays": "Plays"}


@dataclass(frozen=True)
class Keyframe:
    """A moment of a path: who, doing what, when in the clip, seen from where."""

    time: float
    """Seconds from the path's beginning."""
    latent: Latent = Latent()
    motion: Motion = Motion()
    t: float = 0.0
    """Time in the clip, as in `SessionState.t`."""
    orbit: Orbit = Orbit()
    ease: Ease = "smooth"
    """The way on to the next key: gentle, straight with sharp corners, or a jump at its end."""
    turns: int = 0
    """Whole turns of the yaw on the way to the next key, beside the shorter way there."""


@dataclass(frozen=True)
class PathOptions:
    """How the path through the keys is gone."""

    closed: bool = False
    """Whether it leads from the last key back to the first, and on without a stop."""
    closing: float = 2.0
    """Seconds of that way back."""
    clip: PathClip = "keys"
    """Whether the clip's time goes from key to key, or the clip plays by itself from the first
    key's time on, as `Playback` says."""


@dataclass
class SessionState:
    """All that defines what is shown: edited by panels, saved, undone and replayed."""

    checkpoint: str = ""
    """Path of the model; empty for the one that the program brings."""
    latent: Latent = Latent()
    motion: Motion = Motion()
    t: float = 0.0
    orbit: Orbit = Orbit()
    conditioning: Conditioning = "frontal"
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

    def snapshot(self) -> SessionState:
        """A copy that later edits do not change: all parts are frozen."""
        return replace(self)

    def shot(self, view: View | None = None) -> Shot:
        """The picture of the present state."""
        camera = self.orbit.camera()
        conditioning = {
            "frontal": Orbit().camera,
            "follow": lambda: camera,
            "set": self.conditioning_orbit.camera,
        }[self.conditioning]()
        return Shot(
            self.latent, self.motion, self.t, camera, conditioning, view or self.display.view
        )
