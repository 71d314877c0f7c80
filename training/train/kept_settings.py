"""The settings of a resumed run: those in its folder, overridden by the command line."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec
import torch
from torch import nn

from training.reasons import reason
from training.train.run_folder import RunError, RunFolder, changed_settings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")
"""A dataclass with the fields `resume` and `out`."""

_OF_A_SESSION = ("resume", "stop_after", "profile")
"""Settings of one session rather than of the run: they are not read from the folder."""
_OF_NETWORKS = ("generator.", "discriminator.")


def to_resume(arguments: Sequence[str], defaults: Settings, complete: bool) -> Settings | None:
    """The settings of the run to resume, for the command line to override; None for a new run.

    Args:
        arguments: the command line, without the program's name.
        defaults: settings of a new run.
        complete: whether the arguments suffice to begin a new run.

    Raises:
        RunError: when there is no run to resume and the arguments do not suffice for a new one, or
            the folder has states but no settings that can be read.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", nargs="?", default=getattr(defaults, "out", None))
    known, _ = parser.parse_known_args(arguments)
    if not known.resume or known.out is None:
        return None
    kept = read_settings(RunFolder(known.out), type(defaults))
    if kept is None:
        if complete or {"-h", "--help"} & set(arguments):
            return None
        raise RunError(
            f"There is no run to resume in {known.out}: name its folder with --out, or begin a new "
            "run as the examples of --help do."
        )
    anew = {f.name: f.default for f in dataclasses.fields(kept) if f.name in _OF_A_SESSION}
    return dataclasses.replace(kept, **anew, out=known.out)


def read_settings(folder: RunFolder, kind: type[Settings]) -> Settings | None:
    """The settings in a run's folder; None if no run was started there.

    Args:
        folder: of the run.
        kind: the dataclass of the settings; those missing from the file take their defaults.

    Raises:
        RunError: when there are states, but no usable settings.
    """
    path = folder.path / "config.json"
    try:
        # Parsed by `json`, because msgspec rejects file names that are not UTF-8.
        return msgspec.convert(json.loads(path.read_bytes()), kind)
    except FileNotFoundError as e:
        if not folder.states():
            return None
        raise RunError(f"{path} is missing: the run cannot continue without it.") from e
    except OSError as e:
        raise RunError(f"{path} cannot be read: {reason(e)}.") from e
    except (msgspec.DecodeError, ValueError, RecursionError) as e:
        raise RunError(f"{path} cannot be used: {str(e).rstrip('.')}.") from e


def require_same_networks(
    folder: RunFolder, config: Settings, networks: Callable[[Settings], Iterable[nn.Module]]
) -> None:
    """Checks that the settings of a resumed run match its networks; `networks` builds those that
    given settings make.

    Raises:
        RunError: naming the settings that cannot change.
    """
    before = read_settings(folder, type(config))
    if before is None or not folder.states():
        return
    if _shapes(before, networks) == _shapes(config, networks):
        return
    tables = (dataclasses.asdict(before), dataclasses.asdict(config))
    changes = changed_settings(*tables, lambda name: name.startswith(_OF_NETWORKS))
    raise RunError(
        f"The run in {folder.path} has networks of different sizes ({', '.join(changes)}): leave "
        "these settings out, or choose another --out for a new run."
    )


def _shapes(
    settings: Settings, networks: Callable[[Settings], Iterable[nn.Module]]
) -> list[dict[str, torch.Size]]:
    with torch.device("meta"):
        built = networks(settings)
        return [{k: x.shape for k, x in module.state_dict().items()} for module in built]
