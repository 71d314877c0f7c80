"""Starting and ending command-line programs."""

from __future__ import annotations

import errno
import inspect
import io
import os
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

import tyro

Config = TypeVar("Config")
_READER_GONE = 128 + 13  # as shells report SIGPIPE
_PLACES = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "its name is too long",
}
"""Errors for a file or folder named by the user that cannot be used."""
OPTIONAL = tyro.conf.arg(help_behavior_hint="(optional)")
"""Mark of a list that may be empty, whose default would otherwise be shown as nothing."""
_ENDINGS = ("SIGTERM", "SIGHUP")
"""Signals of schedulers, and of terminals that are closed."""


def run_command(main: Callable[[], int]) -> NoReturn:
    """Runs a command line and ends the program with its status.

    It ends quietly if nobody reads its output any more (`--help | head`) and after Ctrl+C, and
    removes half-written files when it is terminated or its terminal is closed. For a file or folder
    that may not be accessed, or whose name is too long for any file, it prints a sentence and ends
    with status 1. Characters that the terminal cannot show are printed as escapes.
    """
    _print_everything()
    _end_in_order()
    status: int | str | None
    try:
        try:
            status = main()
        except SystemExit as end:  # tyro's, after --help or a wrong option
            status = end.code
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _READER_GONE
    except KeyboardInterrupt:
        status = 130
    except OSError as error:
        if error.errno not in _PLACES or error.filename is None:
            raise
        reason = _PLACES[error.errno]
        print(f"{os.fsdecode(error.filename)} cannot be used: {reason}.", file=sys.stderr)
        status = 1
    sys.exit(status)


def with_lists(
    arguments: Sequence[str], separate: Collection[str], together: Collection[str] = ()
) -> list[str]:
    """Arguments in which lists may be written with spaces and with commas alike.

    Args:
        arguments: as typed.
        separate: options that take words one by one, "--people": "1,2" becomes two of them.
        together: options that take one text: several words become one, with commas between them.
    """
    found: list[str] = []
    words: list[str] = []

    def end_list() -> None:
        if words and _option(found[-1]) in together:
            found.append(",".join(words))
        else:
            found.extend(part for word in words for part in word.split(",") if part)
        words.clear()

    for argument in arguments:
        option, equals, value = argument.partition("=")
        if argument.startswith("--"):
            end_list()
            listed = _option(option) in (*separate, *together)
            found.append(option if listed else argument)
            if listed and equals:
                words.append(value)
        elif found and _option(found[-1]) in (*separate, *together):
            words.append(argument)
        else:
            found.append(argument)
    end_list()
    return found


def _option(word: str) -> str:
    return word.replace("_", "-")


def examples(program: str, *lines: str) -> str:
    """Command lines after a program's name, formatted for a help text; empty without any."""
    if not lines:
        return ""
    return "\n".join(("Examples:", *(f"  {program} {line}".rstrip() for line in lines)))


def described(config: type, program: str, *lines: str) -> str:
    """A command's help text: the docstring of its settings, and examples."""
    paragraphs = (inspect.getdoc(config) or "").split("\n\n")
    text = "\n\n".join(" ".join(part.split()) for part in paragraphs)
    return f"{text}\n\n{examples(program, *lines)}"


def parsed(
    config: type[Config], program: str, arguments: Sequence[str] | None, *lines: str
) -> Config:
    """The settings that a command line gives.

    Args:
        config: their dataclass, whose docstring is the help text.
        program: the command as the user types it.
        arguments: the command line; None for this program's.
        lines: examples for the help text.
    """
    return tyro.cli(
        config,
        prog=program,
        description=described(config, program, *lines),
        args=arguments,
        config=(tyro.conf.DisallowNone,),
    )


def report_seconds() -> float:
    """Seconds between two updates of a progress bar: few lines if it is written to a file."""
    return 0.5 if sys.stderr.isatty() else 30


def typed_name() -> str:
    """The command as the user types it: the installed program, or a Python file or module."""
    name = Path(sys.argv[0]).name.removesuffix(".exe")
    return name if name == "pv3d-visualizer" else "python visualizer.py"


def _print_everything() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _end_in_order() -> None:
    def end(number: int, _: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)  # a second signal ends it at once
        sys.exit(128 + number)

    for name in _ENDINGS:
        number = getattr(signal, name, None)
        # nohup ignores the closed terminal, and so do its children.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
