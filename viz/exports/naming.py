"""Names of the files that the program writes."""

from __future__ import annotations

from pathlib import Path

from viz.exports.writing import exists
from viz.state.types import SessionState

_MOST_BYTES = 200
"""File systems allow 255, including the suffix and that of a session file beside it."""


def safe_name(text: str) -> str:
    """A typed name made into a file name: no folders, and no characters that any system forbids."""
    kept = "".join("-" if c in '/\\:*?"<>|' or ord(c) < 32 else c for c in text)
    whole = kept.strip(" .").encode(errors="ignore")
    return whole[:_MOST_BYTES].decode(errors="ignore").strip(" .")


def default_name(state: SessionState, kind: str, model: str, with_time: bool = True) -> str:
    """A name, without suffix, that describes a file's content: the model, the seeds and, for a
    single moment, the time."""
    person = Path(state.latent.ws_file).stem or f"seed{state.latent.seed:04d}"
    stem = Path(model).stem.lower() or "model"
    moment = f"_t{state.t:.3f}" if with_time else ""
    name = f"{stem}_{person}_motion{state.motion.seed:04d}{moment}_{kind}"
    return safe_name(name).replace(" ", "-")


def unused(path: Path) -> Path:
    """The path, or one with a number added if it is taken."""
    number, candidate = 1, path
    while exists(candidate):
        number += 1
        candidate = path.with_stem(f"{path.stem}_{number}")
    return candidate
