"""What the command line exports, and where to. No torch here, so that --help is quick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from training.user_folders import expanded
from viz.exports.embedding import Opened, read_session
from viz.state import files, named_files, settings
from viz.state.comparing.comparison import Comparison
from viz.state.errors import UserError
from viz.state.person import Latent, Motion, parse_seeds
from viz.state.types import Head, Orbit, Precision, SessionState

MOST_ITEMS = 1_000_000
_DEVICE = "Where the model runs: auto, cpu, cuda, cuda:1 or mps."
Device = Annotated[str, tyro.conf.arg(help=_DEVICE)]
_SHARED = f"{_DEVICE} auto under torchrun: each process on its own GPU."
SharedDevice = Annotated[str, tyro.conf.arg(help=_SHARED)]
"""That of a command whose work the processes of torchrun share."""


@dataclass(frozen=True)
class Source:
    """What is exported, and where to."""

    output: Path
    """File to write, or folder where the export has several files. With seeds, the folder of all:
    each gets a file or a folder in it, such as seed0003_motion0001. For one person and motion it
    can be a file's name as well."""
    session: Path | None = None
    """Session to export: a .json, or anything that this program exported, such as a picture or a
    video. By default the state that the program starts with, on the model's first recommended
    person and motion."""
    checkpoint: str = ""
    """Model to use, or the folder of a training run. Without one, the session's, or the model that
    comes with the program."""
    person: str = ""
    """Person file (.person), or ws (.npy, .npz), to show instead of the session's person. Without a
    checkpoint and a session, a person's model is looked for beside it, among the models opened
    before and with the program."""
    compare: str = ""
    """Second model, or the folder of a training run, to show beside the first one: pictures are as
    the layout of two models shows them. Without one, the session's."""
    seeds: str = ""
    """Seeds of people, such as 0-31 or 3,5,8-11. Without any, the session's person."""
    motion_seeds: str = ""
    """Seeds of motions; each is combined with each person. Without any, the session's motion."""
    suffix: str = ""
    """Ending of the files where there are several seeds, such as .webp. Without one, the
    default."""
    psi: float | None = None
    """Truncation instead of the session's: 1 is the person as drawn, 0 the average person."""
    t: float | None = None
    """Time in the clip instead of the session's: 0 is the rest pose, 1 the last frame."""
    yaw: float | None = None
    """Degrees of the camera around the vertical, instead of the session's."""
    pitch: float | None = None
    """Degrees of the camera above the horizon, instead of the session's."""
    precision: Precision | None = None
    """Number format instead of the session's. auto is what measured fastest on this machine, so
    choose float32 where files from different machines must be equal."""
    cameras: Path | None = None
    """Data set whose cameras the frames take, as in the published protocol: clip k of the seeds
    takes those of window k. For frames and videos of the clip, 16 frames long."""
    device: SharedDevice = "auto"
    overwrite: bool = False
    """Whether existing files may be replaced. Without it, finished ones are kept: an export of
    frames or of several seeds resumes where it stopped."""

    def require_files(self) -> None:
        """Checks the files that are named, before torch and the model are loaded.

        Raises:
            UserError: naming one that cannot be read.
        """
        for path in filter(None, (self.session, self.cameras)):
            if (problem := named_files.problem_of(path)) not in ("", named_files.IS_FOLDER):
                raise UserError(f"Cannot load {path}: {problem}.")
        models = files.model_file(self.checkpoint), files.compared_file(self.compare)
        named_files.require_files(*models, self.person)


@dataclass(frozen=True)
class Item:
    """One export of a command."""

    state: SessionState
    path: Path
    number: int = 0
    """Its index among the command's exports."""


def named_model(checkpoint: str) -> str:
    """Path of the model that a command names, or of the one that comes with the program.

    Raises:
        UserError: when there is none.
    """
    if found := files.model_file(checkpoint) or files.default_checkpoint():
        return found
    raise UserError("There is no model: name one with --checkpoint.")


def opened_session(source: Source) -> Opened:
    """The session that the command names, or the one that the program starts with.

    Raises:
        UserError: when it cannot be read.
    """
    if source.session is None:
        return Opened(SessionState(), "", "", ())
    return read_session(source.session, named_files.opened_before())


def base_state(source: Source, state: SessionState) -> SessionState:
    """The session as the command line changes it.

    Raises:
        UserError: when a number is out of its range.
    """
    state = state.snapshot()
    if source.checkpoint:
        state.checkpoint = str(expanded(files.model_file(source.checkpoint)).absolute())
    if source.compare:
        path = str(expanded(files.compared_file(source.compare)).absolute())
        state.compare = replace(state.compare or Comparison(), path=path)
        state.display = replace(state.display, layout="models")
    if source.person:
        if source.seeds:
            raise UserError("--seeds and --person both choose who is shown: leave one out.")
        state.latent = Latent.of_file(str(expanded(source.person).absolute()))
    if source.psi is not None:
        state.latent = replace(state.latent, psi=source.psi)
    if source.t is not None:
        state.t = source.t
    if source.yaw is not None:
        state.orbit = replace(state.orbit, yaw=source.yaw)
    if source.pitch is not None:
        state.orbit = replace(state.orbit, pitch=source.pitch)
    if source.precision is not None:
        state.quality = replace(state.quality, precision=source.precision)
    if problems := settings.problems(state):
        raise UserError(f"The command cannot be used: {' '.join(problems)}")
    return state


def around_head(state: SessionState, head: Head) -> SessionState:
    """The state as the window begins it: with a camera that circles the model's head."""
    orbit = Orbit.around(head)
    return replace(state, orbit=replace(orbit, yaw=state.orbit.yaw, pitch=state.orbit.pitch))


def items(source: Source, state: SessionState, suffixes: tuple[str, ...]) -> list[Item]:
    """The exports of a command: one, or one per person and motion.

    Args:
        source: the command.
        state: from `base_state`.
        suffixes: endings that the files may have, the usual one first; "" where an export is a
            folder.

    Raises:
        UserError: when the seeds cannot be read.
    """
    if not (source.seeds or source.motion_seeds):
        return [Item(state, source.output)]
    people = parse_seeds(source.seeds, MOST_ITEMS, "--seeds") or [None]
    motions = parse_seeds(source.motion_seeds, MOST_ITEMS, "--motion-seeds") or [None]
    if len(people) * len(motions) > MOST_ITEMS:
        raise UserError(f"That would be more than {MOST_ITEMS:,} exports: choose fewer seeds.")
    ending = source.output.suffix.lower()
    if len(people) == len(motions) == 1 and ending and ending in suffixes:
        return [Item(_chosen(state, people[0], motions[0]), source.output)]
    found = []
    for person in people:
        for motion in motions:
            one = _chosen(state, person, motion)
            name = f"seed{one.latent.seed:04d}_motion{one.motion.seed:04d}"
            path = source.output / f"{name}{source.suffix or suffixes[0]}"
            found.append(Item(one, path, len(found)))
    return found


def _chosen(state: SessionState, person: int | None, motion: int | None) -> SessionState:
    latent, moves = state.latent, state.motion
    if person is not None:
        latent = Latent.at(person, latent)
    if motion is not None:
        moves = Motion.at(motion, moves)
    return replace(state, latent=latent, motion=moves)
