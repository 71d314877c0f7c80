"""The generators in a training run's folder. No torch here: the window uses this."""

from __future__ import annotations

import re
from pathlib import Path

AVERAGED = "generator.safetensors"
"""The averaged generator, as saved last."""
BEST = "best.safetensors"
"""The one with the best score so far."""
CODES = "codes.safetensors"
"""The bases of codes (`training.warmup.known_codes`); not a generator."""
STATES = "states"
"""Folder of the states in a run's folder."""
STATE_SUFFIX = ".state"
MOST_LISTED = 1000
"""Most files that `saved_generators` lists."""
_ENDINGS = (".safetensors", ".ckpt", ".pt", ".pth", ".pkl")


def newest_generator(folder: str | Path) -> Path | None:
    """The generator written last in the folder of a run of `training.train` or `training.warmup`;
    None if there is none, or the folder cannot be read."""
    try:
        found = [path for name in (AVERAGED, BEST) if (path := Path(folder) / name).is_file()]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None


def saved_generators(folder: str | Path) -> list[Path]:
    """Files in a run's folder that may hold a generator, in the order of training: first those
    with a number in their names (states, snapshots), by that number, then the others by date.

    Runs of `training.train` and `training.warmup` keep states in a folder of their own; published
    PV3D and EG3D runs keep numbered checkpoints side by side.
    """
    folder = Path(folder)
    found: list[tuple[bool, int, float, Path]] = []
    for place, endings in ((folder, _ENDINGS), (folder / STATES, (STATE_SUFFIX,))):
        try:
            for path in place.iterdir():
                if path.suffix.lower() in endings and path.name != CODES and path.is_file():
                    digits = re.findall(r"\d+", path.stem)
                    number = int(digits[-1]) if digits else 0
                    found.append((not digits, number, path.stat().st_mtime, path))
        except OSError:
            continue
    return [path for *_, path in sorted(found)[-MOST_LISTED:]]


def run_folder_of(path: str | Path) -> Path:
    """The folder of the run that a generator or a state belongs to."""
    folder = Path(path).parent
    return folder.parent if folder.name == STATES else folder
