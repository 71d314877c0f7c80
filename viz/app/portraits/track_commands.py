"""Commands for videos and motion tracks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gui_utils.files.file_dialogs import Filters
from viz.app.portraits.portrait_commands import PortraitCommands
from viz.app.sessions.session_files import completed
from viz.exports import embedding, naming
from viz.portrait.portrait_jobs import FitTrackJob, IntoVideoJob, MakeDriverJob, TrackVideoJob
from viz.portrait.tracks.track_options import TrackOptions
from viz.state.animation import path_editing
from viz.state.driving import driven
from viz.state.driving.motion_track import TRACK_SUFFIX, MotionTrack
from viz.state.errors import UserError
from viz.state.person import PERSON_SUFFIX

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg")
"""Extensions of files that may be videos of a face."""
_TRACKS: Filters = (("Motion tracks", (f"*{TRACK_SUFFIX}",)),)
VIDEO_FILES: Filters = (
    ("Videos", tuple(f"*{suffix}" for suffix in VIDEOS)),
    ("All files", ("*",)),
)


class TrackCommands(PortraitCommands):
    """Commands that turn videos into motion tracks and people, and let tracks drive the person."""

    track_options = TrackOptions()
    """Options for following the next video."""
    following = ""
    """The video being followed; empty while none is."""

    @property
    def track(self) -> MotionTrack | None:
        """The track of the session; None if there is none, or its file cannot be read."""
        return driven.loaded(self.state.drive)

    def open_track_dialog(self) -> None:
        """Moves the person shown by a motion track; dropping it on the window does the same."""
        self._ask_for_file("open", "Open a motion track", _TRACKS, self.open_track)

    def open_track(self, path: str) -> None:
        """Lets a motion track drive the person, starting at its first frame."""
        path = str(Path(path).absolute())
        self.guarded(lambda: self._drive_by(path))

    def _drive_by(self, path: str) -> None:
        track = driven.load(path)
        if self.model is not None and track.weights != self.model.weights:
            raise UserError(
                f"{Path(path).name} was made with another model: open that one, or open the video "
                f"{track.source} to make a track for this model."
            )
        path_editing.pause(self.interface)
        state = self.state
        state.drive = driven.begin(path, state.drive)
        if state.latent.is_portrait:
            # The photo's expression would be added to the driver's.
            state.latent = replace(state.latent, expression=0.0)
        self.open_panel("Motion track")
        self.preferences.loaded_ws(path)
        self.remember()

    def close_track(self) -> None:
        """Closes the motion track; the clip moves the person again."""
        self.interface.playing = False
        self.state.drive = None

    def fit_track(self) -> None:
        """Makes another track whose cameras and expressions bring the face of the person shown as
        close as possible to the driver's: best for the driver, or for a person made from a photo of
        the driver. Takes about two seconds for each frame, and may lose blinks; others follow the
        first track better."""
        drive = self.state.drive
        if drive is None or self.track is None:
            return
        name = f"{Path(drive.track).stem} fitted"
        path = naming.unused(Path(self.preferences.capture_folder) / f"{name}{TRACK_SUFFIX}")

        def done(made: str) -> None:
            self.when_free(lambda: self._take_fitted(made, drive.track))

        self.worker.start(FitTrackJob(self.state.snapshot(), str(path)), done)

    def _take_fitted(self, made: str, origin: str) -> None:
        """Opens a fitted track in place of the one it was made from, `origin`; offers it if that is
        no longer open."""

        def take() -> bool:
            self.open_track(made)
            return True

        sentence, now = f"{Path(made).name} is ready.", self.state.drive
        if now is not None and now.track == origin:
            self.notify("success", sentence, made)
            take()
        else:
            self.notify("success", sentence, made, (("Open", take),))

    def make_driver(self) -> None:
        """Makes the person in the track's video from several of its frames, as from a photo, and
        shows it moved by the track, with the Likeness and Steps chosen under Portrait. Takes some
        minutes; what was stopped is resumed.

        First asks for the video if it was not found.
        """
        drive, model = self.state.drive, self.model
        if drive is None or model is None:
            return

        def start(film: str) -> None:
            path = self._target(f"{_name(film)} person{PERSON_SUFFIX}")
            options = self.portrait.options
            job = MakeDriverJob(drive.track, film, options, str(path), model.name)
            self.worker.start(job, done)

        def done(made: str) -> None:
            self.notify("success", f"{Path(made).stem} is ready.", made)
            self.when_free(lambda: self._show_driver(made))

        self._with_film(start)

    def _show_driver(self, path: str) -> None:
        """Shows a person, moved by the track as before."""
        self._show_person(path)
        self.state.latent = replace(self.state.latent, expression=0.0)

    def show_track_frame(self, frame: int) -> None:
        """Shows a frame of the track, which then drives the person."""
        drive = self.state.drive
        if drive is not None:
            path_editing.pause(self.interface)
            with suppress(UserError):
                self.state.drive = driven.at(replace(drive, active=True), frame)

    def open_video_dialog(self) -> None:
        """Follows the face of a video and makes a motion track of it, which moves the person shown;
        dropping the video on the window does the same."""
        self._ask_for_file("open", "Open a video of a face", VIDEO_FILES, self.open_video)

    def open_video(self, path: str) -> None:
        """Follows the face of a video in the background; its motion track drives the person once it
        is made. A video that was stopped is resumed."""
        if self.following:
            self.notify("info", "A video is being followed: stop that first, or wait for it.")
            return
        path = str(Path(path).absolute())
        target = self._target(f"{_name(path)}{TRACK_SUFFIX}")
        self.following = path
        self.preferences.loaded_ws(path)  # exports use its sound and its frames
        self.remember()
        self.open_panel("Motion track")

        def done(made: str) -> None:
            self.following = ""
            self.notify("success", f"{Path(made).name} is ready.", made)
            self.when_free(lambda: self.open_track(made))

        def ended() -> None:
            self.following = ""

        self.worker.start(TrackVideoJob(path, str(target), self.track_options), done, ended)

    def into_video_dialog(self) -> None:
        """Saves the track's video, including its sound, with the driver's head replaced by that of
        the person shown, seen from the video's camera.

        First asks for the video if it was not found.
        """
        self._with_film(self._ask_into_video)

    def _with_film(self, then: Callable[[str], None]) -> None:
        """Calls `then` with the track's video, for which the user is asked if it was not found."""
        drive, track = self.state.drive, self.track
        if drive is None or track is None:
            return

        def take(film: str) -> None:
            self.preferences.loaded_ws(film)  # its sound is found again
            self.remember()
            then(film)

        film = driven.film_of(drive.track, track)
        if film:
            take(film)
        else:
            title = f"Choose the video {track.source}, which the track was made from"
            self._ask_for_file("open", title, VIDEO_FILES, take)

    def _ask_into_video(self, film: str) -> None:
        state = self.state.snapshot()

        def start(path: str) -> None:
            job = IntoVideoJob(state, completed(path, ".mp4", ".mov"), film)
            self.worker.start(job, self.tell_saved)

        name = f"{_name(film)} driven.mp4"
        filters: Filters = (("Videos", ("*.mp4", "*.mov")),)
        self._ask_for_file("save", "Save the video", filters, start, name)


def is_video(path: str) -> bool:
    """Whether a file is a video that holds no session."""
    return embedding.is_foreign(path, VIDEOS)


def _name(video: str) -> str:
    """What files made of a video are called."""
    return naming.safe_name(Path(video).stem) or "video"
