"""The generators in a training run's folder; without torch, for programs that open one."""

from __future__ import annotations

from pathlib import Path

AVERAGED = "generator.safetensors"
"""The averaged generator, as it was saved last."""
BEST = "best.safetensors"
"""The one with the best score so far."""


def newest_generator(folder: str | Path) -> Path | None:
    """The generator that was written last in the folder of a run of `training.train` or
    `training.warmup`; None where there is none, or none that can be reached."""
    try:
        found = [path for name in (AVERAGED, BEST) if (path := Path(folder) / name).is_file()]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None
