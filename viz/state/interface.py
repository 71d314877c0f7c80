"""How the program behaves, apart from what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from viz.state.types import Probe


@dataclass
class Interface:
    """How the program behaves, apart from what it shows: not part of a session or of undo."""

    theme: Literal["dark", "light"] = "dark"
    ui_scale: float = 1.0
    """Size of the interface on top of the monitor's own scale, 0.5..3."""
    sidebar_width: float = 340.0
    """Design pixels."""
    sidebar_visible: bool = True
    """False hides the whole interface but the picture (H)."""
    playing: bool = False
    play_between: bool = False
    """Whether playing also shows times between the clip's frames; their pictures are not kept."""
    animate_person: bool = False
    """Whether the appearance wanders over the pad by itself."""
    animate_speed: float = 0.5
    """Seeds a second."""
    auto_orbit: bool = False
    """Whether the camera swings on a slow figure of eight."""
    orbit_period: float = 8.0
    """Seconds a round."""
    orbit_yaw: float = 25.0
    """Swing to each side, degrees."""
    orbit_pitch: float = 8.0
    """Swing up and down, degrees."""
    path_lane: bool = False
    """Whether the camera and time path is shown below the timeline."""
    path_time: float = 0.0
    """Where the path's playhead stands, seconds."""
    path_playing: bool = False
    path_shown: bool = False
    """Whether the pointer is on the path's lane, so that the path is drawn over the picture."""
    path_loop: bool = True
    """Whether a path that plays begins anew at its end."""
    lock_motion: bool = True
    """Whether a new random person keeps the motion."""
    lock_person: bool = True
    """Whether a new random motion keeps the person."""
    previews: bool = True
    """Whether pictures get cheaper while something moves."""
    target_rate: float = 12.0
    """Previews a second to hold while something moves, as far as the least preview allows."""
    preview_floor: float = 0.5
    """Least factor on the raw resolution that a preview may take, 0.5..1; the super-resolution
    always runs, and no fewer pixels go into it than half the trained side."""
    reload_on_change: bool = True
    """Whether a checkpoint that changes on disk is loaded again."""
    probe: Probe | None = None
    """Layer whose activation is shown."""
    layer_filter: str = ""
    """Words that the list of layers is narrowed to."""
