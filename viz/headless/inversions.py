"""Finds the people of photos without a window."""

from __future__ import annotations

import hashlib
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from training.checkpoint import weights_mark
from training.networks.generator import Generator
from viz.headless.export_runs import load, pick_device
from viz.headless.invert_command import InvertOptions
from viz.headless.ranks import Ranks, from_environment
from viz.portrait.camera.camera_fit import fit_camera
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.camera.self_calibration import find_template
from viz.portrait.faces.face import NO_FACE, Face
from viz.portrait.faces.finding import find_faces
from viz.portrait.faces.photo import read_photo
from viz.portrait.inversion.inverting import FittedPerson, Inversion
from viz.portrait.inversion.unfinished import keep, kept
from viz.render import person_file
from viz.render.person_file import PersonFile
from viz.state import files, settings
from viz.state.errors import UserError
from viz.state.jobs import finish
from viz.state.person import PERSON_SUFFIX

_KEEP_SECONDS = 60.0
"""Time between states of the search that are written."""
_STATE_SUFFIX = ".unfinished"


def invert(options: InvertOptions, *, ranks: Ranks | None = None, show: bool = False) -> bool:
    """Makes person files of photos; as many processes as there are share them.

    Args:
        options: of the command.
        ranks: this process; None asks the environment.
        show: whether progress and what was saved are told.

    Returns:
        whether every photo of this process has its person file. What is wrong with one is printed,
        and the others go on.

    Raises:
        UserError: when nothing can be made.
    """
    if problems := settings.problems(options):
        raise UserError(f"The command cannot be used: {' '.join(problems)}")
    if not options.photos:
        raise UserError("There is nothing to do: name one photo or several.")
    ranks = ranks or from_environment()
    waiting = []
    for photo, path in ranks.share(targets(options)):
        if options.overwrite or not path.exists():
            waiting.append((photo, path))
        elif show:
            print(f"{path} is there already: --overwrite makes it anew.")
    if not waiting:
        return True
    checkpoint = options.checkpoint or files.default_checkpoint()
    if not checkpoint:
        raise UserError(
            "There is no model: name one by --checkpoint, as none came with the program."
        )
    device = pick_device(options.device, ranks)
    model = load(checkpoint, device)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder {options.output} cannot be made: {files.reason(error)}."
        ) from error
    maker = _Maker(
        model.G,
        Path(checkpoint).name,
        finish(find_template(model.G)),
        options,
        show and not ranks.rank,
    )
    all_made = True
    for photo, path in waiting:
        try:
            maker.make(photo, path)
        except UserError as error:
            all_made = False
            print(f"{photo.name}: {error}", file=sys.stderr)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise UserError(
                "There is not enough memory for this model here: try --device cpu, or a smaller "
                "model."
            ) from error
        else:
            if show:
                print(f"Saved {path}")
    return all_made


def targets(options: InvertOptions) -> list[tuple[Path, Path]]:
    """The photos with their person files; of equal names each gets its own."""
    found: dict[Path, Path] = {}
    for photo in dict.fromkeys(options.photos):
        path, number = options.output / f"{photo.stem}{PERSON_SUFFIX}", 2
        while path in found:
            path = options.output / f"{photo.stem}_{number}{PERSON_SUFFIX}"
            number += 1
        found[path] = photo
    return [(photo, path) for path, photo in found.items()]


@dataclass(frozen=True)
class _Maker:
    """Makes person files of one model."""

    G: Generator
    model: str
    template: FaceTemplate
    options: InvertOptions
    show: bool

    def make(self, source: Path, path: Path) -> None:
        """Makes one.

        Raises:
            UserError: when the photo cannot be used or the file cannot be written.
        """
        photo = read_photo(source)
        face = _face(photo.pixels, self.options.face)
        for note in filter(None, (*photo.notes, face.remark)):
            print(note, file=sys.stderr)
        fit = fit_camera(self.template, face.landmarks)
        mark = weights_mark(self.G.state_dict())
        about = {
            "photo": hashlib.sha256(photo.pixels.numpy().tobytes()).hexdigest(),
            "face": str(self.options.face),
            "weights": mark,
            "options": msgspec.json.encode(self.options.inversion).decode(),
        }
        state_path = path.with_suffix(_STATE_SUFFIX)
        state = kept(state_path, about)
        made = Inversion(self.G, photo.pixels, face.landmarks, fit, self.options.inversion, state)
        try:
            self._run(made, source.name, state_path, about)
        except KeyboardInterrupt:
            _keep(made, state_path, about)
            print("Stopped. The same command goes on from here.", file=sys.stderr)
            raise
        person_file.write(path, _content(made.person(), mark, self.model, source.stem))
        with suppress(OSError):
            state_path.unlink(missing_ok=True)

    def _run(self, made: Inversion, name: str, path: Path, about: dict[str, str]) -> None:
        kept_at = time.monotonic()
        bar_format = "{l_bar}{bar}| {elapsed}<{postfix}"
        with tqdm(
            total=1.0,
            desc=name,
            disable=not self.show,
            bar_format=bar_format,
            mininterval=0.2 if sys.stderr.isatty() else 10,
        ) as bar:
            for progress in made.run():
                left = progress.seconds_left
                ahead = "?" if left is None else tqdm.format_interval(left)
                bar.set_postfix_str(f"{ahead} {progress.stage}", refresh=False)
                bar.update(progress.fraction - bar.n)
                if time.monotonic() - kept_at > _KEEP_SECONDS:
                    _keep(made, path, about)
                    kept_at = time.monotonic()


def _keep(made: Inversion, path: Path, about: dict[str, str]) -> None:
    with suppress(OSError):  # then it begins anew if it is stopped
        keep(path, made.state(), about)


def _face(pixels: Tensor, number: int) -> Face:
    """A face of a photo, the largest being the first.

    Raises:
        UserError: when it has none of this number.
    """
    faces = find_faces(pixels)
    if not faces:
        raise UserError(NO_FACE)
    if number > len(faces):
        has = "one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise UserError(f"This picture has {has}: there is no number {number}.")
    return faces[number - 1]


def _content(person: FittedPerson, weights: str, model: str, name: str) -> PersonFile:
    """A person as a file keeps it."""
    fit = person.fit
    return PersonFile(
        person.ws.numpy(),
        person.motion.numpy(),
        weights,
        model,
        name,
        fit.yaw,
        fit.pitch,
        (*fit.centre, fit.side, fit.angle),
        person_file.png(np.ascontiguousarray(person.picture)),
        {key: change.numpy() for key, change in (person.tuned or {}).items()},
    )
