"""Command line of the training data: `python -m training.dataset check|convert ...`."""

from __future__ import annotations

import sys
from typing import Annotated

import tyro

from training.data.check import CheckOptions, check
from training.data.convert import ConvertOptions, convert
from training.data.source import DatasetError
from training.terminal import examples, run_command

Command = (
    Annotated[CheckOptions, tyro.conf.subcommand("check")]
    | Annotated[ConvertOptions, tyro.conf.subcommand("convert")]
)

_PROG = "python -m training.dataset"


def run_check(options: CheckOptions) -> int:
    """Prints what was found; the exit status is 1 where a clip cannot be used."""
    report = check(options)
    print(report)
    return 1 if report.problems else 0


def run_convert(options: ConvertOptions) -> int:
    """Writes the data set and prints how many videos are in it and which are not."""
    done = convert(options)
    print(f"Saved {options.output}: {done.clips} clips, {done.frames} frames")
    if done.rejects:
        first = done.rejects[0]
        print(f"{len(done.rejects)} videos were rejected, {first.clip}: {first.reason}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; a data set that cannot be used ends in one sentence and status 1."""
    options = tyro.cli(
        Command,  # pyright: ignore[reportArgumentType, reportCallIssue]
        args=arguments,
        prog=_PROG,
        description="Check or convert the data that a model is trained on.\n\n"
        + examples(_PROG, "check clips.zip", "convert videos clips.zip --cameras frontal"),
        config=(tyro.conf.DisallowNone,),
    )
    try:
        if isinstance(options, CheckOptions):
            return run_check(options)
        return run_convert(options)
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Run the same command again to continue.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    run_command(main)
