"""How the program behaves, apart from what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from viz.state.person import LAST_SEED, Shift
from viz.state.settings import Range
from viz.state.types import Keyframe, Probe

PanelGroup = Literal["Person", "Motion", "View", "Output", "Program"]
PANEL_GROUPS: tuple[PanelGroup, ...] = get_args(PanelGroup)
Inspect = Literal["off", "values", "ruler"]
INSPECTS: dict[Inspect, str] = {"off": "Off", "values": "Values", "ruler": "Ruler"}

OrbitPeriod = Annotated[float, Range(2, 60, "s", step=0.1, logarithmic=True)]
OrbitYaw = Annotated[float, Range(0, 90, "°", step=1)]
OrbitPitch = Annotated[float, Range(0, 45, "°", step=1)]
WanderSpeed = Annotated[float, Range(0.05, 5, "seeds/s", logarithmic=True)]


@dataclass(frozen=True)
class Swing:
    """A slider of a direction that moves back and forth."""

    shift: Shift
    """The direction."""
    moves: bool
    """Whether it belongs to the motion code, not to w."""


@dataclass
class Interface:
    """How the program behaves, apart from what it shows: not part of a session or of undo."""

    theme: Literal["dark", "light"] = "dark"
    """Colours of the interface."""
    ui_scale: Annotated[float, Range(0.5, 3, "%")] = 1.0
    """Size of the interface, on top of the monitor's own scale."""
    sidebar_width: Annotated[float, Range(260, 560, step=1)] = 340.0
    """Width of the sidebar in design pixels."""
    sidebar_visible: bool = True
    """False hides the whole interface but the picture (H)."""
    panels_visible: bool = True
    """False hides the panels and leaves the bar and the timeline (Shift+H)."""
    panel_group: PanelGroup = "Person"
    """Which group of panels the sidebar shows."""
    playing: bool = False
    """Whether the clip plays."""
    play_between: bool = False
    """Also plays times between the clip's frames, for slow motion; such pictures are not cached."""
    animate_person: bool = False
    """Whether the person moves over the pad automatically."""
    animate_speed: WanderSpeed = 0.5
    """How fast the person changes."""
    auto_orbit: bool = False
    """Swings the camera around the head on a slow figure of eight. Key O."""
    orbit_period: OrbitPeriod = 8.0
    """Duration of one round."""
    orbit_yaw: OrbitYaw = 25.0
    """Swing to each side."""
    orbit_pitch: OrbitPitch = 8.0
    """Swing up and down."""
    path_lane: bool = False
    """Whether the camera and time path is shown above the clip."""
    path_time: Annotated[float, Range(0, 72_000, "s")] = 0.0
    """Time of the path's playhead."""
    path_playing: bool = False
    """Whether the path plays."""
    path_view: Keyframe | None = None
    """What the path last showed, or the view that the session began with."""
    unkeyed: Keyframe | None = None
    """The view before the path took over, if no keyframe holds it; kept until the user is told."""
    path_shown: bool = False
    """Whether the pointer is on the path's lane, so that the path is drawn over the picture."""
    path_loop: bool = True
    """Whether the path begins again at its end when it plays here; exports show it once."""
    lock_motion: bool = True
    """On, a new random person keeps the motion; off, a random motion is drawn as well."""
    lock_person: bool = True
    """On, a new random motion keeps the person; off, a random person is drawn as well."""
    previews: bool = True
    """Makes pictures cheaper while you drag or the clip plays; the full picture follows at rest."""
    target_rate: Annotated[float, Range(2, 60, "frames/s", step=1)] = 20.0
    """Frame rate that previews aim at, as far as the least quality allows; a higher rate means
    lower quality."""
    preview_floor: Annotated[float, Range(0.5, 1, "%")] = 0.5
    """Lowest resolution of previews, as a fraction of the raw resolution; rather than going lower,
    the target rate is missed.

    The super-resolution always runs, and no fewer pixels go into it than half the trained side.
    """
    direction_kind: Literal["named", "components", "factors", "motions"] = "named"
    """Which directions are listed: those with names, principal components of w over people
    (GANSpace), factors of the style layers (SeFa), or directions of the motion code."""
    direction_pictures: bool = True
    """Shows what each direction does in three small pictures: a step back, none, and a step on."""
    show_hidden: bool = False
    """Lists hidden directions too."""
    swing: Swing | None = None
    """The direction whose slider swings by itself."""
    direction_layers: Literal["All", "Coarse", "Middle", "Fine"] = "All"
    """Layers whose w a direction shifts: coarse ones hold pose and shape, middle ones features and
    hair, fine ones colours and texture."""
    live_source: str = ""
    """The webcam, or the video in its place, that drives the person; empty for the system's first
    webcam."""
    live_mirrored: bool = True
    """Mirrors a webcam's picture, and the person with it; videos are not mirrored."""
    live_strength: Annotated[float, Range(0, 3, "\u00d7", slider=(0, 2))] = 1.0
    """Strength of the expression: 0 keeps the neutral face, 1 is as seen by the camera, 2
    exaggerates."""
    live_smoothing: Annotated[float, Range(0, 1, "%")] = 0.5
    """How much jitter is removed while the face is still (One Euro filter); more of it adds a
    little lag."""
    live_turns: bool = False
    """Turns the view with the head in front of the camera."""
    gallery_shown: bool = False
    """Whether the gallery lies beside the picture."""
    gallery_page: Literal["people", "motions", "favourites", "seen"] = "people"
    """What the gallery shows."""
    gallery_around: bool = False
    """Whether its people and motions are variations of one of them, instead of consecutive
    seeds."""
    gallery_first: Annotated[int, Range(0, LAST_SEED)] = 0
    """Seed that the gallery begins with."""
    gallery_radius: Annotated[float, Range(0.02, 1, "%")] = 0.3
    """How far its people differ from the one in the middle: the share of a random other person in
    each."""
    gallery_size: Annotated[float, Range(48, 256, step=1)] = 84.0
    """Least width of its pictures in design pixels."""
    reopen_last: bool = False
    """Starts with the session that was open when the program was last closed, including unsaved
    changes."""
    reload_on_change: bool = True
    """Loads the model again when its file changes on disk, as during training."""
    audience: str = ""
    """Name of the monitor that the audience sees during a show; "window" for a window of its own,
    "here" for this one. Empty takes a second monitor where there is one, else this window."""
    audience_view: Literal["all", "one"] = "all"
    """Whether the audience sees all pictures of the layout or the main one alone."""
    audience_names: bool = True
    """Shows the audience the names of two compared models, and the line between their pictures."""
    talk_minutes: Annotated[float, Range(0, 600, "min", slider=(0, 90), step=1)] = 0.0
    """Length of the talk, for the speaker's clock. 0 shows only the time elapsed."""
    kiosk_pause: Annotated[float, Range(1, 3600, "s", slider=(1, 60), step=1)] = 8.0
    """How long a kiosk shows a cue that has no planned time."""
    kiosk_idle: Annotated[float, Range(5, 3600, "s", slider=(5, 300), step=5)] = 60.0
    """How long after a visitor's last touch a kiosk continues by itself."""
    inspect: Inspect = "off"
    """Shows the values under the pointer, where a click copies the colour (key I), or measures
    between two clicked points of the surface (Shift+I)."""
    unit_cm: Annotated[float, Range(0, 1000, "cm", slider=(0, 100), step=0.1)] = 51.3
    """Centimetres in a world unit, for the ruler; 0 shows world units alone. 51.3 makes the average
    head as large as a real one."""
    probe: Probe | None = None
    """Layer whose activation is shown."""
    layer_filter: str = ""
    """Lists only layers whose name or kind contains all these words."""
