"""Portraits as jobs of the worker, described by plain values, without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from viz.portrait.face_marks import Box, Point
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.tracks.track_options import TrackOptions
from viz.state.jobs import Job, ReportingSteps
from viz.state.types import SessionState

if TYPE_CHECKING:
    from viz.render.renderer import Renderer


@dataclass(frozen=True)
class FindFacesJob(Job):
    """Finds the faces of a photo, or the one at a place marked by the user. Reports the photo as
    shown; the result is for `PhotoFaces.of_text`."""

    path: str
    box: Box | None = None
    """Box of a face that was marked by hand."""
    eyes: tuple[Point, Point] | None = None
    """Eyes of that face."""

    @property
    def name(self) -> str:
        return f"Looking for faces in {Path(self.path).name}"


@dataclass(frozen=True)
class MakePersonJob(Job):
    """Makes the person file of a face in a photo. Reports the person as found so far; the result is
    the file. If it is stopped, the file holds the result so far, and the same job resumes from
    there."""

    advice: ClassVar[str] = "Start it again: it continues where it stopped."
    photo: str
    landmarks: tuple[Point, ...] = field(repr=False)
    """Landmarks of the face, in the photo's pixels."""
    options: InversionOptions
    path: str
    """The person file; an existing one is replaced."""
    model: str = ""
    """Name of the model's file."""

    @property
    def name(self) -> str:
        return f"Making {Path(self.path).stem}"


@dataclass(frozen=True)
class LearnFacesJob(Job):
    """Learns the positions and motion of the model's faces from its own pictures, unless that is
    known. The result is the fingerprint of its weights, under which it is stored."""

    loses: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return "Learning this model's faces"


@dataclass(frozen=True)
class TrackVideoJob(Job):
    """Makes a motion track of a video, or of a folder of frames; the result is the file. If it is
    stopped, the same job continues at the frame that it had reached."""

    advice: ClassVar[str] = "Open the video again: it continues where it stopped."
    video: str
    path: str
    """The track; an existing one is replaced."""
    options: TrackOptions = field(default_factory=TrackOptions)

    @property
    def name(self) -> str:
        return f"Following {Path(self.video).name}"


@dataclass(frozen=True)
class FitTrackJob(Job):
    """Fits the track of a session to its person; its outcome is the new track."""

    state: SessionState
    path: str
    """The new track; one that is there is replaced."""

    @property
    def name(self) -> str:
        return f"Fitting {Path(self.path).stem}"


@dataclass(frozen=True)
class IntoVideoJob(Job):
    """Puts the person of a session, moved by its track, into the track's video; the result is the
    file."""

    state: SessionState
    path: str
    """The video to write; an existing one is replaced."""
    film: str = ""
    """The track's video; empty to search for it."""

    @property
    def name(self) -> str:
        return f"Exporting {Path(self.path).name}"


def _find_faces(job: FindFacesJob, _: Renderer) -> ReportingSteps[str]:
    from viz.portrait import photo_faces

    return photo_faces.find(Path(job.path), job.box, job.eyes)


def _make_person(job: MakePersonJob, renderer: Renderer) -> ReportingSteps[Path]:
    from viz.portrait import person_making

    return person_making.make_person(
        renderer.G, Path(job.photo), job.landmarks, job.options, Path(job.path), job.model
    )


def _learn_faces(_: LearnFacesJob, renderer: Renderer) -> ReportingSteps[str]:
    from viz.portrait.tracks import tracking

    return tracking.learn(renderer.G)


def _track_video(job: TrackVideoJob, renderer: Renderer) -> ReportingSteps[Path]:
    from viz.portrait.tracks import tracking

    return tracking.make_track(renderer.G, Path(job.video), job.options, Path(job.path))


def _fit_track(job: FitTrackJob, renderer: Renderer) -> ReportingSteps[Path]:
    from viz.portrait.tracks import person_fit

    return person_fit.fit_track(renderer, job.state, Path(job.path))


def _into_video(job: IntoVideoJob, renderer: Renderer) -> ReportingSteps[Path]:
    from viz.portrait.tracks import pasted_video

    return pasted_video.export_into_video(
        renderer, job.state, Path(job.path), job.film, overwrite=True
    )


JOBS: dict[type[Any], Callable[[Any, Any], ReportingSteps[Any]]] = {
    FindFacesJob: _find_faces,
    MakePersonJob: _make_person,
    LearnFacesJob: _learn_faces,
    TrackVideoJob: _track_video,
    FitTrackJob: _fit_track,
    IntoVideoJob: _into_video,
}
"""How to run each job, for `viz.render.worker.Worker`."""
