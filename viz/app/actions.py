"""What panels may ask of the application, and the interface's own settings. No torch here."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from viz.exports.choices import ExportChoices
from viz.state.types import ModelInfo, Probe

CaptureKind = Literal["picture", "raw", "depth", "window"]
ToastLevel = Literal["info", "success", "warning", "error"]


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
    target_rate: float = 15.0
    """Previews a second to hold while something moves."""
    preview_floor: float = 0.25
    """Least factor on the raw resolution that a preview may take, 0.25..1."""
    reload_on_change: bool = True
    """Whether a checkpoint that changes on disk is loaded again."""
    probe: Probe | None = None
    """Layer whose activation is shown."""
    layer_filter: str = ""
    """Words that the list of layers is narrowed to."""
    exports: ExportChoices = field(default_factory=ExportChoices)
    """What is exported next, and how."""


@dataclass(frozen=True)
class JobStatus:
    """A long job under way."""

    name: str
    """What is being done, for the user: "Loading NAME"."""
    fraction: float | None
    """0..1, or None while the length is unknown."""
    detail: str = ""


@dataclass
class PerformanceLog:
    """Recent measurements, newest last."""

    frame_ms: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    """Work of the window's frames, milliseconds."""
    render_ms: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    """Whole renders, milliseconds."""
    window_rate: float = 0.0
    """Frames of the window in the last second."""
    render_rate: float = 0.0
    """Pictures from the renderer in the last second."""
    stage_ms: dict[str, float] = field(default_factory=dict)
    """Latest milliseconds by stage: mapping, planes, render, superresolution, copy."""
    full_ms: dict[str, float] = field(default_factory=dict)
    """Latest milliseconds by stage of one picture at full quality."""
    precision: str = ""
    preview_level: str = ""
    """What the last preview left out, in words; empty before the first."""
    process_bytes: int = 0
    """Memory of this process."""
    device_bytes: int = 0
    """Memory that torch holds on the GPU; 0 without one."""
    cache_bytes: int = 0
    """Memory of the renderer's kept stages."""


class Actions(Protocol):
    """The application, as panels see it."""

    @property
    def interface(self) -> Interface: ...
    @property
    def model(self) -> ModelInfo | None:
        """What is loaded; None while the first model loads."""
        ...

    @property
    def job(self) -> JobStatus | None:
        """The long job under way, if any."""
        ...

    @property
    def job_left(self) -> float | None:
        """Seconds that it will take on; None while that is not known."""
        ...

    @property
    def recent(self) -> Sequence[str]:
        """Paths of models opened before, newest first."""
        ...

    @property
    def performance(self) -> PerformanceLog: ...
    @property
    def probe_texture(self) -> object | None:
        """Picture of the activation under `interface.probe`, as Dear ImGui draws it."""
        ...

    def open_model(self, path: str) -> None: ...
    def open_model_dialog(self) -> None: ...
    def reload_model(self) -> None: ...
    def cancel_job(self) -> None: ...
    def random_person(self) -> None: ...
    def random_motion(self) -> None: ...
    def save_ws_dialog(self) -> None:
        """Saves the ws of the person shown (.npz with the key ws, or .npy)."""
        ...

    def load_ws_dialog(self) -> None: ...
    def open_session_dialog(self) -> None: ...
    def save_session_dialog(self) -> None: ...
    def copy_camera(self) -> None:
        """Puts the camera on the clipboard as JSON."""
        ...

    def paste_camera(self) -> None: ...
    def set_conditioning(self) -> None:
        """Keeps the camera of the view as the conditioning camera."""
        ...

    def set_before(self) -> None:
        """Keeps the picture shown as the left side of before / after."""
        ...

    def glide_to(self, yaw: float, pitch: float) -> None:
        """Turns the camera there smoothly; degrees."""
        ...

    def reset_camera(self) -> None: ...
    def capture(self, kind: CaptureKind) -> None: ...
    def capture_folder_dialog(self) -> None: ...
    def export(self) -> None:
        """Exports what `interface.exports` says of the present state."""
        ...

    @property
    def capture_folder(self) -> str: ...
    def toast(self, level: ToastLevel, sentence: str, details: str = "") -> None: ...
    def undo(self) -> None: ...
    def redo(self) -> None: ...
    def can_undo(self) -> bool: ...
    def can_redo(self) -> bool: ...
    def store_bookmark(self, digit: int) -> None: ...
    def recall_bookmark(self, digit: int) -> None: ...
    def bookmarks(self) -> Sequence[int]:
        """Digits 1-9 that hold a state."""
        ...
