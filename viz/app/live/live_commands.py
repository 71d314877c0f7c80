"""Commands for driving the person shown with a face in front of the camera."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gui_utils import controls
from viz.app.live.camera_link import CameraLink, Serve
from viz.app.portraits.track_commands import VIDEO_FILES
from viz.app.sessions.session_files import SessionFiles
from viz.camera_process import run
from viz.portrait.live.camera_sources import source_problem, webcams
from viz.portrait.live.live_messages import (
    Calibrate,
    CameraFailed,
    CameraOpened,
    CameraTask,
    CloseCamera,
    Pace,
    Record,
    SaveTrack,
    SeenFace,
    SetDriving,
    TrackSaved,
)
from viz.portrait.portrait_jobs import LearnFacesJob
from viz.state.animation import path_editing
from viz.state.driving.drive import Drive, code_text
from viz.state.driving.motion_track import TRACK_SUFFIX
from viz.state.interface import Interface
from viz.state.types import RenderResult, SessionState

PANEL = "Live"
"""Title of the panel; closing it closes the camera."""
_LEAST_RATE = 20.0
"""Target rate of previews, pictures per second."""
_LEAST_SIDE = 1.0
"""Least quality of previews: of smaller ones, closed eyes cannot be told from open ones."""
_RATE_SECONDS = 2.0
"""Seconds over which rates and lags are averaged."""
_SAVING = 20.0
"""Seconds that the program waits at its end for a recording to be saved."""
_EARLY = 0.01
"""Seconds by which the next motion is to be ready before the renderer can use it."""


@dataclass(eq=False)
class LiveCamera:
    """The window's knowledge of the camera."""

    weights: str
    """Fingerprint of the model that is driven."""
    name: str = ""
    """Name of the camera or video; empty until it is open."""
    seen: SeenFace | None = field(default=None, repr=False)
    """The contents of the newest picture; None until there is one."""
    problem: str | None = None
    """Why it cannot be opened: empty if no reason was found, None if not checked yet."""
    calibrated: bool = False
    """Whether the user has shown the face at rest."""
    recording: float | None = None
    """Clock time at which the recording began; None while nothing is recorded."""
    saving: bool = False
    """Whether a recording is being saved."""
    rate: float = 0.0
    """Pictures of the person shown per second."""
    lag: float = 0.0
    """Mean seconds from a camera's picture to the person's."""


class LiveCommands(SessionFiles):
    """Commands for the camera, which is off by default: none of its pictures leave the program or
    are stored."""

    live: LiveCamera | None = None
    """None while the camera is closed and is not about to be opened."""
    webcams: Mapping[str, str] | None = None
    """The cameras that can be opened, with names for the user; None until known."""
    _looked_for_webcams = False
    camera_process: Serve = staticmethod(run)
    """The function that runs in the camera's process."""
    camera_link: CameraLink | None = None
    """The process that reads the camera; None while there is none."""
    _last_saves: tuple[CameraLink, ...] = ()
    """Closed cameras whose recordings are still being saved."""
    _driven: Drive | None = None
    """The last motion that the face asked for; None while it drives nothing."""
    _own: Drive | None = None
    """The drive without the camera, restored when it is closed."""
    _sent: SetDriving | None = None
    _times: deque[tuple[str, float]]
    """Codes whose pictures are still to be shown, and when the camera saw the faces."""
    _shown: deque[tuple[float, float]]
    """When pictures of the person were shown, and their lags."""

    @property
    def live_thing(self) -> str:
        """What is opened next, or open now: "camera", or "video" where one stands in for it."""
        source = Path(self.interface.live_source)
        return "video" if source.is_absolute() and source.suffix else "camera"

    def choose_camera(self, source: str) -> None:
        """Selects the webcam or video to open next; if one is open, switches to it at once."""
        self.interface.live_source = source
        if self.live is not None:
            self.open_camera()

    @property
    def camera_on(self) -> bool:
        """Whether the device is open, or about to be."""
        return self.camera_link is not None

    @property
    def live_drives(self) -> bool:
        """Whether a face moves the person."""
        return self._driven is not None

    def look_for_webcams(self) -> None:
        """Lists the webcams, once and in the background."""
        if not self._looked_for_webcams:
            self._check_camera(None)

    def _check_camera(self, camera: LiveCamera | None) -> None:
        """Likewise, and checks whether the chosen one can be opened before opening it."""
        source = self.interface.live_source
        self._looked_for_webcams = True

        def look() -> None:
            self.webcams = webcams()
            if camera is not None:
                camera.problem = source_problem(source)
            self.worker.wake()

        threading.Thread(target=look, name="webcams", daemon=True).start()

    def live_video_dialog(self) -> None:
        """Opens a video in place of a webcam; it plays in real time, again and again."""
        self._ask_for_file(
            "open", "A video in place of a webcam", VIDEO_FILES, self.open_live_video
        )

    def open_live_video(self, path: str) -> None:
        """Opens a video in place of a webcam."""
        self.interface.live_source = str(Path(path).absolute())
        self.open_camera()

    def open_camera(self) -> None:
        """Opens the camera, once it is known how the model's faces move."""
        model = self.model
        if model is None:
            return
        if not model.moves:
            self.notify("info", "This model makes still pictures: nothing can drive them.")
            return
        self.close_camera()
        self.open_panel(PANEL)
        self.live = LiveCamera(model.weights)
        self._check_camera(self.live)

    def _learn(self, camera: LiveCamera) -> None:
        """Learns how the model's faces move, unless that is known, then opens the camera."""
        camera.problem = None

        def done(mark: str) -> None:
            if self.live is camera:
                self._begin(mark)

        def ended() -> None:
            if self.live is camera:
                self.live = None

        self.worker.start(LearnFacesJob(), done, ended)

    def _begin(self, mark: str) -> None:
        task = CameraTask(self.interface.live_source, self.interface.live_mirrored, mark)
        self._times, self._shown = deque(maxlen=64), deque(maxlen=256)
        self._sent = None
        self.camera_link = CameraLink(type(self).camera_process, task, self.shell.nudge)

    def close_camera(self) -> None:
        """Closes the camera and restores the previous motion. A recording is saved."""
        if self.live is not None and self.live.recording is not None:
            self.toggle_recording()
        if self.camera_link is not None and self.live is not None and self.live.saving:
            self.camera_link.send(CloseCamera())  # ending the process could cut the saving short
            self._last_saves += (self.camera_link,)
        elif self.camera_link is not None:
            self.camera_link.close()
        self.camera_link = self.live = None
        self._let_go()

    def toggle_camera(self) -> None:
        """Opens or closes the camera."""
        if self.live is None:
            self.open_camera()
        else:
            self.close_camera()

    def calibrate(self) -> None:
        """Takes your face now as the neutral one: look ahead with your mouth closed and press.
        Until then, the calmest face of the first seconds counts as neutral."""
        if self.live is not None and self.live.seen is not None and self.camera_link is not None:
            self.camera_link.send(Calibrate())
            self.live.calibrated = True

    def toggle_recording(self) -> None:
        """Starts a recording, or ends it and saves it as a motion track."""
        if self.camera_link is None or self.live is None:
            return
        if self.live.recording is None:
            path = Path(self.preferences.capture_folder) / f"live{TRACK_SUFFIX}"
            self.camera_link.send(Record(str(path)))
            self.live.recording = time.perf_counter()
        else:
            self.camera_link.send(SaveTrack())
            self.live.recording, self.live.saving = None, True

    def follow_camera(self, now: float) -> bool:
        """Processes what the camera has seen between two frames of the window, and requests the
        person's picture at once; returns whether a frame must be drawn before that picture
        arrives."""
        self.advance_live()
        if self.live_drives:
            self.ask(True, now)
        return not self.live_drives

    def advance_live(self) -> None:
        """Processes what the camera has seen, and moves the person."""
        self._tell_last_saves()
        if self.live is None:
            return
        if not controls.open_sections.get(PANEL, False):
            self.close_camera()
            return
        if self.model is None or self.model.weights != self.live.weights:
            self.close_camera()
            self.notify("info", f"The {self.live_thing} was closed: another model is shown.")
            return
        if self.live.problem:
            self.notify("error", self.live.problem)
            self.live = None
            return
        if self.live.problem is not None:
            self._learn(self.live)
        if self.camera_link is None:
            return  # it is being checked, or the model's faces are being learnt
        how = SetDriving(self.interface.live_strength, self.interface.live_smoothing)
        if how != self._sent:
            self.camera_link.send(how)
            self._sent = how
        for event in self.camera_link.poll():
            self._take_event(event)

    def finish_recordings(self) -> None:
        """Waits until recordings of closed cameras are saved, before the program ends."""
        for link in self._last_saves:
            link.process.join(_SAVING)

    def _tell_last_saves(self) -> None:
        for link in self._last_saves:
            for event in link.poll():
                if isinstance(event, (TrackSaved, CameraFailed)):
                    self._last_saves = tuple(k for k in self._last_saves if k is not link)
                    self._tell_saving(event)
                    link.close()
                    break

    def _tell_saving(self, event: TrackSaved | CameraFailed) -> None:
        if isinstance(event, TrackSaved):
            self.tell_saved(event.path)
        elif event.over:
            self.notify("error", "The recording was lost: the camera failed.", event.details)
        else:
            self.notify("error", event.sentence, event.details)

    def _take_event(self, event: Any) -> None:
        if self.live is None:
            return
        if isinstance(event, CameraOpened):
            self.live.name = event.name
        elif isinstance(event, SeenFace):
            self.live.seen = event
            if event.code is not None:
                self._drive(event, event.code)
        elif isinstance(event, TrackSaved):
            self._end_recording(self.live)
            self.tell_saved(event.path)
        elif isinstance(event, CameraFailed):
            lost = event.over and (self.live.recording is not None or self.live.saving)
            self._end_recording(self.live)
            sentence = f"{event.sentence} The recording was lost." if lost else event.sentence
            self.notify("error", sentence, event.details)
            if event.over:
                self.close_camera()

    @staticmethod
    def _end_recording(live: LiveCamera) -> None:
        """Notes that the recording that was ended was saved, or else the one under way, which is
        saved when the camera fails."""
        if live.saving:
            live.saving = False
        else:
            live.recording = None

    def _drive(self, seen: SeenFace, code: np.ndarray) -> None:
        state, interface = self.state, self.interface
        # the setting was changed before, or meanwhile: keep it for later
        if state.drive is not self._driven:
            self._own = state.drive
        if interface.playing or interface.path_playing:
            interface.playing = False
            path_editing.pause(interface)
            if self._driven is not None:
                thing = self.live_thing
                self.notify(
                    "info", f"A face drives the motion: close the {thing} to play the clip."
                )
        yaw, pitch = seen.turn if interface.live_turns else (0.0, 0.0)
        drive = Drive(code_text(code), yaw, pitch)
        if drive != state.drive:  # otherwise the face holds still
            state.drive = drive
            self._times.append((drive.code, seen.time))
        self._driven = state.drive

    def _let_go(self) -> None:
        """Restores what is shown without the camera."""
        self.state = self._users_state()
        self._own = self._driven = None

    def _users_state(self) -> SessionState:
        state = super()._users_state()
        is_driven = self._driven is not None and state.drive is self._driven
        return replace(state, drive=self._own) if is_driven else state

    @property
    def _pace(self) -> Interface:
        if not self.live_drives:
            return self.interface
        rate = max(self.interface.target_rate, _LEAST_RATE)
        floor = max(self.interface.preview_floor, _LEAST_SIDE)
        return replace(self.interface, target_rate=rate, preview_floor=floor)

    def show(self, result: RenderResult) -> None:
        super().show(result)
        if self.live is None or not self.live_drives or not result.request.shots:
            return
        driven, now = result.request.shots[0].driven, time.perf_counter()
        code = "" if driven is None else driven.code
        seen = next((at for known, at in self._times if known == code), None)
        if seen is None:
            return
        self._shown.append((now, now - seen))
        recent = [(at, lag) for at, lag in self._shown if now - at < _RATE_SECONDS]
        self.live.rate = (len(recent) - 1) / max(now - recent[0][0], 1e-3)
        self.live.lag = sum(lag for _, lag in recent) / len(recent)
        if self.camera_link is not None:
            takes = result.total_ms / 1000
            # Without a newer motion the renderer waits; otherwise it renders that now.
            waits = self.state.drive is not None and self.state.drive.code == code
            self.camera_link.send(Pace(now if waits else now + takes - _EARLY, takes))
