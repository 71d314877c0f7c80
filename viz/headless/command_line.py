"""The export commands of the command line: one for each exporter."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, get_args, get_origin

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from training.quick_imports import quick_imports
from training.terminal import OPTIONAL, examples, typed_name, with_lists
from viz.exports.frame_options import MOST_TILES
from viz.exports.options import Options
from viz.exports.table import EXPORTERS
from viz.headless.export_source import Source
from viz.state import settings
from viz.state.person import parse_seeds

COMMANDS = {
    exporter.command or name.replace(" ", "-"): name for name, exporter in EXPORTERS.items()
}
"""Names of exporters by command."""
_TEXTS = ("--seeds", "--motion-seeds")
"""Options whose words are joined into one text."""
_PEOPLE = "--people"


def run(command: str, arguments: list[str]) -> int:
    """Runs a command.

    Args:
        command: key of COMMANDS.
        arguments: the arguments after it.

    Returns:
        the exit status.

    Raises:
        UserError: when the arguments make no sense, or the export cannot be made.
    """
    source, options = parse(command, arguments)
    source.require_files()
    with quick_imports():
        from viz.headless.export_runs import export

    made = export(COMMANDS[command], source, options, show=True)
    if len(made) == 1:
        print(f"Saved {made[0]}")
    elif made:  # each of several processes reports its own
        print(f"Saved {len(made)} exports in {source.output}")
    return 0


def parse(command: str, arguments: list[str]) -> tuple[Source, Any]:
    """A command's source and its exporter's options.

    Raises:
        UserError: when a list of seeds cannot be read.
    """
    exporter = EXPORTERS[COMMANDS[command]]
    arguments = _with_seeds(with_lists(arguments, _lists(exporter.options), _TEXTS))
    parts = [("source", Source), ("export", exporter.options)]  # titles in the help
    both = dataclasses.make_dataclass("Command", parts)
    parsed = tyro.cli(
        tyro.conf.OmitArgPrefixes[tyro.conf.DisallowNone[both]],  # "None" is the absent option
        args=arguments,
        prog=f"{typed_name()} {command}",
        description=f"{exporter.help} Made without a window, as the application makes it.\n\n"
        + examples(typed_name(), *(f"{command} {words}" for words in exporter.examples)),
        registry=registry,
    )
    return parsed.source, parsed.export


def _lists(kind: type[Options]) -> set[str]:
    """Options of an exporter that take any number of words on the command line."""
    found: set[str] = set()
    for name, hint in settings.hints(kind).items():
        if isinstance(hint, type) and issubclass(hint, Options):
            found |= _lists(hint)
        elif get_origin(hint) is tuple and get_args(hint)[-1] is Ellipsis:
            found.add(f"--{name}")
    return found


def _with_seeds(arguments: list[str]) -> list[str]:
    """The arguments with ranges in the list of people expanded, as in the other lists of seeds."""
    if _PEOPLE not in arguments:
        return arguments
    begin = arguments.index(_PEOPLE) + 1
    rest = range(begin, len(arguments))
    end = next((k for k in rest if arguments[k].startswith("--")), len(arguments))
    seeds = parse_seeds(",".join(arguments[begin:end]), MOST_TILES, _PEOPLE)
    return [*arguments[:begin], *map(str, seeds), *arguments[end:]]


registry = ConstructorRegistry()
"""Rules of all commands."""


@registry.struct_rule
def _settings_rule(info: StructTypeInfo) -> StructConstructorSpec | None:
    """Describes fields in the help by their declarations: docstrings without their line breaks, and
    the ranges of settings."""
    kind = info.type
    known = isinstance(kind, type) and dataclasses.is_dataclass(kind)
    if not (known and kind.__module__.startswith("viz.")):
        return None
    hints = settings.hints(kind)
    fields: list[StructFieldSpec] = []
    for field in dataclasses.fields(kind):
        setting = settings.setting(kind, field.name)
        hint: Any = hints[field.name]
        required = field.default is field.default_factory is dataclasses.MISSING
        default = tyro.MISSING if required else setting.default
        default = getattr(info.default, field.name, default)
        hint = Annotated[hint, OPTIONAL] if default == () else hint
        fields.append(StructFieldSpec(field.name, hint, default, helptext=setting.help or None))
    return StructConstructorSpec(instantiate=kind, fields=tuple(fields))
