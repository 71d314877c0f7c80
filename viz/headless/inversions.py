"""Finds the people of photos and videos without a window."""

from __future__ import annotations

import sys
from pathlib import Path

from training.networks.generator import Generator
from training.reasons import reason
from viz.headless.export_runs import load, pick_device
from viz.headless.export_source import named_model
from viz.headless.invert_command import InvertOptions
from viz.headless.progress_bar import shown
from viz.headless.ranks import from_environment
from viz.portrait import photo_faces
from viz.portrait.face_marks import FaceMark, PhotoFaces
from viz.portrait.faces.face import NO_FACE
from viz.portrait.person_making import make_person
from viz.render import memory
from viz.state import named_files, settings
from viz.state.driving.motion_track import TRACK_SUFFIX
from viz.state.errors import UserError
from viz.state.jobs import finish
from viz.state.person import PERSON_SUFFIX, unfinished


def invert(options: InvertOptions, *, show: bool = False) -> bool:
    """Makes person files of photos and of the videos of motion tracks; as many processes as there
    are share them.

    Args:
        show: whether progress and what was saved are printed.

    Returns:
        whether every photo of this process has its person file. What is wrong with a photo is
        printed, and the next one follows.

    Raises:
        UserError: when nothing can be made.
    """
    if problems := settings.problems(options):
        raise UserError(f"The command cannot be used: {' '.join(problems)}")
    if not options.photos:
        raise UserError("Name at least one photo.")
    ranks = from_environment()
    waiting, all_made = [], True
    for photo, path in ranks.share(targets(options)):
        if problem := named_files.problem_of(photo):
            all_made = False
            print(f"{photo} cannot be read: {problem}.", file=sys.stderr)
            continue
        if options.overwrite or unfinished(path).exists() or not path.exists():
            waiting.append((photo, path))
        elif show:
            print(f"{path} already exists: add --overwrite to make it again.")
    if not waiting:
        return all_made
    checkpoint = named_model(options.checkpoint)
    device = pick_device(options.device, ranks)
    model = load(checkpoint, device)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {options.output} cannot be made: {reason(error)}.") from error
    for photo, path in waiting:
        try:
            _make(model.G, photo, path, Path(checkpoint).name, options, show and not ranks.rank)
        except UserError as error:
            all_made = False
            named = photo.name in str(error)
            print(error if named else f"{photo.name}: {error}", file=sys.stderr)
        except (RuntimeError, MemoryError) as error:
            if not memory.is_lacking(error):
                raise
            raise UserError(
                "There is not enough memory for this model here: try --device cpu, or a smaller "
                "model."
            ) from error
        else:
            if show:
                print(f"Saved {path}")
    return all_made


def targets(options: InvertOptions) -> list[tuple[Path, Path]]:
    """The photos with their person files; photos of the same name get different ones."""
    found: dict[Path, Path] = {}
    for photo in dict.fromkeys(options.photos):
        path, number = options.output / f"{photo.stem}{PERSON_SUFFIX}", 2
        while path in found:
            path = options.output / f"{photo.stem}_{number}{PERSON_SUFFIX}"
            number += 1
        found[path] = photo
    return [(photo, path) for path, photo in found.items()]


def _make(
    G: Generator, photo: Path, path: Path, model: str, options: InvertOptions, show: bool
) -> None:
    """Makes one person file.

    Raises:
        UserError: when the photo cannot be used or the file cannot be written.
    """
    is_track = photo.suffix.lower() == TRACK_SUFFIX
    landmarks = () if is_track else _face(photo, options.face).landmarks
    steps = make_person(G, photo, landmarks, options.inversion, path, model, anew=options.overwrite)
    try:
        shown(steps, photo.name, show)
    except KeyboardInterrupt:
        if unfinished(path).exists():
            print("Stopped. Run the same command again to continue.", file=sys.stderr)
        raise


def _face(photo: Path, number: int) -> FaceMark:
    """A face of a photo, the largest being the first; what the user should know is printed.

    Raises:
        UserError: when the photo cannot be read or has no face of this number.
    """
    found = PhotoFaces.of_text(finish(photo_faces.find(photo, None, None)))
    if not found.faces:
        raise UserError(NO_FACE)
    if number > len(found.faces):
        has = "one face" if len(found.faces) == 1 else f"{len(found.faces)} faces"
        raise UserError(f"This picture has {has}: there is no number {number}.")
    face = found.faces[number - 1]
    for note in filter(None, (*found.notes, face.remark)):
        print(note, file=sys.stderr)
    return face
