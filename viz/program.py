"""The command line: the application, the exports without a window, and the doctor."""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass, replace
from typing import Annotated

import tyro

import viz
from training.quick_imports import quick_imports
from training.terminal import described, typed_name
from training.user_folders import expanded
from viz.headless.drive_command import DriveOptions
from viz.headless.export_source import Device
from viz.headless.invert_command import InvertOptions
from viz.headless.track_command import TrackCommandOptions
from viz.state.errors import UserError


@dataclass
class AppOptions:
    """Open the application in a window.

    Other commands: "render" (a picture), "frames", "video", "show", "mesh", "mesh-sequence",
    "points" and "volume" export without a window; "invert" finds the people in photos, "track"
    follows the face in a video, and "drive" moves a person by such a track; "doctor" reports what
    this machine has. Each has its --help. --version alone prints the version.
    """

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """Model to open: .safetensors, PV3D's .ckpt, EG3D's .pkl, or the folder of a training run.
    Without one, the bundled model. A photo, a video, or any other file opens as if dropped on the
    window."""
    person: str = ""
    """Person file (.person) to show. Its model is opened as well, if none is named."""
    session: str = ""
    """Session to restore: a .json, or a picture saved by this program."""
    kiosk: str = ""
    """Session whose cues run full screen without end, for an exhibition: visitors can turn the
    head, scrub the clip and see another person. Ctrl+Shift+Q quits."""
    compare: str = ""
    """Second model to show beside it, or the folder of a training run."""
    device: Device = "auto"


def run_app(options: AppOptions) -> int:
    """Opens the window and stays until it is closed."""
    from viz.exports.embedding import read_session
    from viz.render.connection import WorkerConnection
    from viz.render.worker_host import in_process
    from viz.state import files, named_files
    from viz.state.person import PERSON_SUFFIX
    from viz.worker_process import run as run_worker

    opened, state = None, None
    if options.checkpoint.lower().endswith(PERSON_SUFFIX):
        options = replace(options, checkpoint="", person=options.checkpoint)
    other = expanded(options.checkpoint)
    is_other = other.is_file() and other.suffix.lower() not in named_files.MODELS
    if is_other:
        options = replace(options, checkpoint="")
    options = replace(options, checkpoint=files.model_file(options.checkpoint))
    named_files.require_files(
        options.checkpoint, options.person, files.compared_file(options.compare)
    )
    if session := options.kiosk or options.session:
        opened = read_session(session, named_files.opened_before())
        state = replace(opened.state, checkpoint=opened.model)
        if options.kiosk and not state.cues:
            raise UserError(f"{session} has no cues: a kiosk needs at least one.")
    # The worker takes longest to begin, so it does while the window's libraries are loaded.
    worker = WorkerConnection(in_process(run_worker), options.device)
    with quick_imports():
        from gui_utils.window.imgui_window import DisplayError
        from viz.app.application import App

    try:
        app = App(worker, options.checkpoint, state, kiosk=bool(options.kiosk))
    except DisplayError as error:
        print(f"{error}\nWithout a window: {typed_name()} render --help", file=sys.stderr)
        return 1
    if opened is not None and not options.checkpoint:
        app.commands.bring_model(opened, options.kiosk or options.session)
    if options.session and not options.kiosk:
        app.commands.mark_restored(str(expanded(options.session)))
    if options.compare:
        app.commands.begin_comparing(options.compare)
    if options.person:
        person = str(expanded(options.person))
        app.commands.open_person(person, with_model=not (options.checkpoint or options.session))
    if is_other:
        app.commands.open(str(other))
    app.run()
    return 0


@dataclass
class DoctorOptions:
    """Report what this machine has, what works, and how to fix what does not."""


def run_doctor(_: DoctorOptions) -> int:
    """Prints the findings; the exit status is 1 where the application cannot run."""
    from viz.doctor import examine, report

    findings = examine()
    print(report(findings))
    return 0 if all(f.ok or not f.needed for f in findings) else 1


def run_invert(options: InvertOptions) -> int:
    """Makes person files of photos; the exit status is 1 where one could not be made."""
    from viz.headless.inversions import invert

    return 0 if invert(options, show=True) else 1


def run_track(options: TrackCommandOptions) -> int:
    """Makes a motion track of a video."""
    options.check()
    from viz.headless.tracks_made import make_track

    path, sentence = make_track(options)
    print(f"Saved {path}\n{sentence}")
    return 0


def run_drive(options: DriveOptions) -> int:
    """Moves a person by a motion track."""
    options.check()
    from viz.headless.driven_exports import drive

    print(f"Saved {drive(options, show=True)}")
    return 0


COMMANDS = {
    "app": (AppOptions, run_app),
    "invert": (InvertOptions, run_invert),
    "track": (TrackCommandOptions, run_track),
    "drive": (DriveOptions, run_drive),
    "doctor": (DoctorOptions, run_doctor),
}
_EXAMPLES = {
    "app": (
        "",
        "model.ckpt",
        "model.ckpt --compare runs/mine",
        "--session session.json",
        "render --output head.png",
        "video --moving orbit --output orbit.mp4",
        "mesh --help",
        "invert photo.jpg --output people",
        "track video.mp4",
        "drive --track video.track --person anna.person --output anna.mp4",
        "doctor",
    ),
    "invert": (
        "invert photo.jpg --output people",
        "invert photos/*.jpg --checkpoint model.ckpt --no-tuning --output people",
    ),
    "track": (
        "track video.mp4",
        "track frames/ --fps 25 --checkpoint model.ckpt --output talk.track",
    ),
    "drive": (
        "drive --track video.track --person anna.person --output anna.mp4",
        "drive --track video.track --seed 7 --turning 0 --yaw 25 --output side.mp4",
        "drive --track video.track --person anna.person --into-video --output pasted.mp4",
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Runs the command named first, or the application; a user's mistake gets a sentence, and the
    exit status is 1."""
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except UserError as error:
        hint = f" On the command line: {error.option}." if error.option else ""
        print(f"{error}{hint}", file=sys.stderr)
        return 1


def _run(arguments: list[str]) -> int:
    from viz.headless import command_line

    if arguments[:1] == ["help"]:  # alone, or before a command
        arguments = [*arguments[1:2], "--help"]
    if arguments == ["--version"]:
        print(f"PV3D visualizer {viz.__version__}".rstrip())
        return 0
    name, rest = (arguments[0], arguments[1:]) if arguments else ("app", [])
    if name in command_line.COMMANDS:
        return command_line.run(name, rest)
    if name not in COMMANDS:
        if unknown := _unknown(name):
            print(unknown, file=sys.stderr)
            return 2
        name, rest = "app", arguments
    options, command = COMMANDS[name]
    parsed = tyro.cli(
        tyro.conf.OmitArgPrefixes[tyro.conf.DisallowNone[options]],
        args=rest,
        prog=typed_name() if name == "app" else f"{typed_name()} {name}",
        description=described(options, typed_name(), *_EXAMPLES.get(name, ())),
        registry=command_line.registry,
    )
    return command(parsed)


def _unknown(name: str) -> str:
    """A sentence on a first word that is neither a command nor a file; empty where it may be one.

    A word with an ending or a folder is meant to be a file."""
    from viz.headless import command_line
    from viz.state.named_files import problem_of

    plain = name.replace("-", "").isalnum() and not name.startswith("-")
    if not plain or not problem_of(name).startswith("no such file"):
        return ""
    exporters = {what: command for command, what in command_line.COMMANDS.items()}
    known = {**{command: command for command in (*command_line.COMMANDS, *COMMANDS)}, **exporters}
    near = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"Did you mean {known[near[0]]}? " if near else ""
    commands = ", ".join((*command_line.COMMANDS, *(c for c in COMMANDS if c != "app")))
    return f"There is no command or file {name}. {meant}The commands are {commands}."
