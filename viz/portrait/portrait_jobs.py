"""Portraits as jobs of the worker, described by plain values, without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from viz.exports.table import deferred
from viz.portrait.face_marks import Box, Point
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.tracks.track_options import TrackOptions
from viz.state.jobs import Job, ReportingSteps
from viz.state.person import unfinished
from viz.state.types import SessionState


class ResumableJob(Job):
    """A job that, when stopped, stores beside its file what it needs to resume."""

    advice: ClassVar[str] = "Start it again: it continues where it stopped."
    path: str
    """The file it makes."""

    @property
    def resuming(self) -> str:
        return self.advice if unfinished(Path(self.path)).is_file() else ""


@dataclass(frozen=True)
class FindFacesJob(Job):
    """Finds the faces of a photo, or the one at a place marked by the user. Reports the photo as
    shown; the result is for `PhotoFaces.of_text`."""

    title: ClassVar[str] = "Looking for faces in {path.name}"
    loses: ClassVar[bool] = False

    path: str
    box: Box | None = None
    """Box of a face that was marked by hand."""
    eyes: tuple[Point, Point] | None = None
    """Eyes of that face."""


@dataclass(frozen=True)
class MakePersonJob(ResumableJob):
    """Makes the person file of a face in a photo. Reports the person as found so far; the result is
    the file. If it is stopped, the file holds the result so far, and the same job resumes from
    there."""

    title: ClassVar[str] = "Making {path.stem}"
    photo: str
    landmarks: tuple[Point, ...] = field(repr=False)
    """Landmarks of the face, in the photo's pixels."""
    options: InversionOptions
    path: str
    """The person file; an existing one is replaced."""
    model: str = ""
    """Name of the model's file."""


@dataclass(frozen=True)
class MakeDriverJob(ResumableJob):
    """Makes the person file of the person in the video of a motion track; otherwise the same."""

    title: ClassVar[str] = "Making the driver"
    track: str
    film: str
    """The track's video."""
    options: InversionOptions
    path: str
    """The person file; an existing one is replaced."""
    model: str = ""
    """Name of the model's file."""


@dataclass(frozen=True)
class LearnFacesJob(Job):
    """Learns the positions and motion of the model's faces from its own pictures, unless that is
    known. The result is the fingerprint of its weights, under which it is stored."""

    title: ClassVar[str] = "Learning this model's faces"
    loses: ClassVar[bool] = False


@dataclass(frozen=True)
class TrackVideoJob(ResumableJob):
    """Makes a motion track of a video, or of a folder of frames; the result is the file. If it is
    stopped, the same job continues at the frame that it had reached."""

    title: ClassVar[str] = "Following {video.name}"
    advice: ClassVar[str] = "Open the video again: it continues where it stopped."
    video: str
    path: str
    """The track; an existing one is replaced."""
    options: TrackOptions = field(default_factory=TrackOptions)


@dataclass(frozen=True)
class FitTrackJob(Job):
    """Fits the track of a session to its person; the result is the new track."""

    title: ClassVar[str] = "Fitting the track to the person"

    state: SessionState
    path: str
    """The new track; an existing one is replaced."""


@dataclass(frozen=True)
class IntoVideoJob(Job):
    """Puts the person of a session, moved by its track, into the track's video; the result is the
    file."""

    title: ClassVar[str] = "Exporting {path.name}"

    state: SessionState
    path: str
    """The video to write; an existing one is replaced."""
    film: str = ""
    """The track's video; empty to search for it."""


_find_faces = deferred("viz.portrait.photo_faces:find")
_make_person = deferred("viz.portrait.person_making:make_person")
_learn = deferred("viz.portrait.tracks.tracking:learn")
_make_track = deferred("viz.portrait.tracks.tracking:make_track")
_fit_track = deferred("viz.portrait.tracks.person_fit:fit_track")
_export_into_video = deferred("viz.portrait.tracks.pasted_video:export_into_video")

JOBS: dict[type[Any], Callable[[Any, Any], ReportingSteps[Any]]] = {
    FindFacesJob: lambda job, _: _find_faces(Path(job.path), job.box, job.eyes),
    MakePersonJob: lambda job, renderer: _make_person(
        renderer.G, Path(job.photo), job.landmarks, job.options, Path(job.path), job.model
    ),
    MakeDriverJob: lambda job, renderer: _make_person(
        renderer.G, Path(job.track), (), job.options, Path(job.path), job.model, film=job.film
    ),
    LearnFacesJob: lambda _, renderer: _learn(renderer.G),
    TrackVideoJob: lambda job, renderer: _make_track(
        renderer.G, Path(job.video), job.options, Path(job.path)
    ),
    FitTrackJob: lambda job, renderer: _fit_track(renderer, job.state, Path(job.path)),
    IntoVideoJob: lambda job, renderer: _export_into_video(
        renderer, job.state, Path(job.path), job.film, overwrite=True
    ),
}
"""How to run each job, for `viz.render.worker.Worker`."""
