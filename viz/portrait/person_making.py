"""Makes a person file from a face in a photo, or in a video, step by step: it can be stopped and
resumed.

Until it is finished, everything that the next steps depend on is stored beside the person file,
with the ending .unfinished; the same photo, face, model and options resume from there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from training.checkpoint import weights_mark
from training.networks.generator import Generator
from viz.portrait.camera.camera_fit import fit_camera
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.camera.self_calibration import find_template
from viz.portrait.faces.photo import read_photo
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.inverting import FittedPerson, Inversion
from viz.portrait.inversion.photo_target import FacePhoto
from viz.portrait.key_frames import read_key_frames
from viz.portrait.unfinished_work import keep, kept
from viz.render import person_file
from viz.render.person_file import PersonFile
from viz.state.driving import driven
from viz.state.driving.motion_track import TRACK_SUFFIX
from viz.state.errors import UserError
from viz.state.jobs import Report, ReportingSteps, Steps
from viz.state.person import unfinished

_KEEP_SECONDS = 60.0
"""Seconds between saved states, in case the process ends."""
_VERSION = "3"
"""Version of the stored states: raise it when the same numbers no longer give the same person."""
_LANDMARKS = "landmarks"
_SAME_FACE = 0.5
"""Difference in pixels up to which landmarks count as those of one face: with another number of
threads they differ by less than 0.001."""
_STAGES = {
    "comparing": "Comparing with random people",
    "searching": "Searching the person",
    "fitting": "Fitting the weights",
}


def make_person(
    G: Generator,
    source: Path,
    landmarks: Sequence[tuple[float, float]],
    options: InversionOptions,
    path: Path,
    model: str = "",
    *,
    film: str = "",
    anew: bool = True,
) -> ReportingSteps[Path]:
    """Steps of making the person file of a face in a photo, or of the face that a motion track
    follows, from several frames of its video. If they are stopped early, it holds the result so
    far.

    Args:
        G: the model, which stays as it is.
        source: the photo, or the motion track.
        landmarks: of the face, in pixels of the photo as `read_photo` gives it; none for a track,
            which has them.
        options: of the inversion.
        path: the person file; an existing one is replaced.
        model: name of the model's file.
        film: the track's video; empty to search for it beside the track and among opened files.
        anew: whether to replace a person file that cannot be resumed.

    Returns:
        the path.

    Raises:
        UserError: when the photo, the track or its video cannot be used, or a file cannot be
            written.
    """
    yield "Reading", None
    if any(weight.is_inference() for weight in G.parameters()):
        raise UserError("The model is untrained and cannot show a person: open a trained one.")
    template, photos = yield from _read(G, source, landmarks, film)
    about = _about(photos, weights_mark(G.state_dict()), options)
    points = np.stack([photo.landmarks for photo in photos])
    state, points = _kept(unfinished(path), about, points)
    if state is None and path.exists() and not anew:
        raise UserError(
            f"{path} is unfinished and belongs to another photo, face, model or other options: "
            "choose another folder, or allow it to be overwritten."
        )
    if state is not None:
        photos = [
            replace(photo, landmarks=marks, fit=fit_camera(template, marks))
            for photo, marks in zip(photos, points, strict=True)
        ]
    inversion = Inversion(G, photos, options, state)
    steps = _invert(inversion, points, about, path, model, begun=state is not None)
    return (yield from steps)


def _read(
    G: Generator, source: Path, landmarks: Sequence[tuple[float, float]], film: str
) -> Steps[tuple[FaceTemplate, list[FacePhoto]]]:
    """Steps of reading the photo or the frames of the track's video."""
    if source.suffix.lower() == TRACK_SUFFIX:
        track = driven.load(str(source.absolute()))
        if track.weights != weights_mark(G.state_dict()):
            raise UserError(f"{source.name} was made with another model: track the video again.")
        film = film or driven.require_film(str(source.absolute()), track)
        template = yield from find_template(G)
        return template, read_key_frames(track, Path(film), template)
    points = np.array(landmarks, np.float32)
    with torch.inference_mode(False):  # otherwise no gradient could flow through it
        pixels = read_photo(source).pixels
    template = yield from find_template(G)
    return template, [FacePhoto(pixels, points, fit_camera(template, points))]


def _about(
    photos: Sequence[FacePhoto], weights: str, options: InversionOptions
) -> Mapping[str, str]:
    """What must be the same for an inversion to be resumed."""
    content = hashlib.sha256()
    for photo in photos:
        content.update(photo.pixels.numpy().tobytes())
    return {
        "version": _VERSION,
        "photo": content.hexdigest(),
        "weights": weights,
        "options": msgspec.json.encode(options).decode(),
    }


def _invert(
    inversion: Inversion,
    points: np.ndarray,
    about: Mapping[str, str],
    path: Path,
    model: str,
    begun: bool,
) -> ReportingSteps[Path]:
    """Steps of an inversion that began with landmarks [N, 468, 2 or 3]; writes the person file."""

    def write() -> None:
        person_file.write(path, _content(inversion.person(), about["weights"], model, path.stem))

    def keep_state() -> None:
        with suppress(OSError):  # so that it can be resumed if it is stopped
            state = inversion.state() | {_LANDMARKS: torch.from_numpy(points)}
            keep(unfinished(path), state, about)

    kept_at = time.monotonic()
    try:
        for step in inversion.run():
            begun = begun or step.stage != "comparing"
            yield Report(_STAGES[step.stage], step.fraction, step.picture, step.seconds_left)
            if begun and time.monotonic() - kept_at > _KEEP_SECONDS:
                keep_state()
                kept_at = time.monotonic()
        yield "Writing", 1.0
    except (GeneratorExit, KeyboardInterrupt):
        if begun:
            keep_state()
            write()
        raise
    write()
    with suppress(OSError):
        unfinished(path).unlink(missing_ok=True)
    return path


def _kept(
    path: Path, about: Mapping[str, str], points: np.ndarray
) -> tuple[dict[str, Tensor] | None, np.ndarray]:
    """The stored state, with the landmarks that it started with [N, 468, 2 or 3]; None with the
    given landmarks if there is none for the same face."""
    state = kept(path, about)
    if state is not None and _LANDMARKS in state:
        before = state.pop(_LANDMARKS).numpy()
        if before.shape == points.shape and np.abs(before - points).max() < _SAME_FACE:
            return state, before
    return None, points


def _content(person: FittedPerson, weights: str, model: str, name: str) -> PersonFile:
    """A person in the form of its file."""
    fit = person.fit
    return PersonFile(
        person.ws.numpy(),
        person.motion.numpy(),
        weights,
        model=model,
        name=name,
        yaw=fit.yaw,
        pitch=fit.pitch,
        crop=(*fit.centre, fit.side, fit.angle),
        picture=person_file.png(np.ascontiguousarray(person.picture)),
        tuned={key: change.numpy() for key, change in (person.tuned or {}).items()},
    )
