"""What the export panel chooses: kind, options and name, remembered between starts. No torch."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.user_folders import expanded
from viz.exports.frame_layout import (
    frame_size,
    pictures_a_frame,
    problems_of_size,
    problems_of_view,
)
from viz.exports.frame_options import VideoOptions
from viz.exports.naming import default_name, safe_name
from viz.exports.schedule import Take, take
from viz.exports.table import EXPORTERS, Exporter
from viz.state import settings
from viz.state.errors import UserError
from viz.state.types import ModelInfo, SessionState

FOLDER = ""
"""The "suffix" of exports that fill a folder."""


@dataclass
class ExportChoices:
    """What is exported next, and how."""

    what: str = "video"
    """Key of EXPORTERS."""
    name: str = ""
    """Of the file or folder, without its ending; empty for one that tells what it holds."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options that were changed, by exporter."""
    suffixes: dict[str, str] = field(default_factory=dict)
    """Endings that were chosen, by exporter."""

    @property
    def exporter(self) -> Exporter:
        """The kind of export."""
        return EXPORTERS[self.what]

    @property
    def current(self) -> Any:
        """Its options."""
        return self.options.get(self.what) or self.exporter.options()

    @current.setter
    def current(self, options: Any) -> None:
        self.options[self.what] = options

    @property
    def suffix(self) -> str:
        """Its files' ending, such as ".mp4", or `FOLDER`."""
        chosen = self.suffixes.get(self.what)
        known = self.exporter.suffixes
        return chosen if chosen in known else known[0]

    def target(self, state: SessionState, folder: str, model: str) -> Path:
        """Where the export would go; `folder` and the model's name as shown."""
        name = safe_name(self.name) or default_name(
            state, self.what, model, with_time=self.exporter.moment
        )
        return expanded(folder) / f"{name}{self.suffix}"

    def plain(self) -> dict[str, Any]:
        """What is worth remembering, as JSON has it."""
        options = {name: asdict(value) for name, value in self.options.items()}
        data = {"what": self.what, "options": options, "suffixes": self.suffixes}
        return json.loads(json.dumps(data))

    def restore(self, data: dict[str, Any]) -> None:
        """Take over what `plain` gave; what does not fit any more is passed over."""
        what = data.get("what")
        if isinstance(what, str) and what in EXPORTERS:
            self.what = what
        for name, exporter in EXPORTERS.items():
            with suppress(ValueError):
                found = settings.read(exporter.options, _table(data, "options").get(name))
                if not found.conflicts():
                    self.options[name] = found
            suffix = _table(data, "suffixes").get(name)
            if suffix in exporter.suffixes:
                self.suffixes[name] = suffix


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Estimate:
    """What an export would be."""

    facts: tuple[str, ...]
    """Short statements, such as "75 frames"."""
    seconds: float | None = None
    """How long it would take; None where that is not known."""
    file_bytes: int | None = None
    """How large the file would be; None where that is not known."""


def estimate(
    choices: ExportChoices,
    state: SessionState,
    model: ModelInfo | None,
    stage_ms: dict[str, float],
) -> Estimate:
    """What the chosen export would be.

    Args:
        choices: what is exported.
        state: from which session.
        model: of which sizes are known.
        stage_ms: milliseconds of the stages of a full picture, as measured lately.
    """
    options = choices.current
    facts: list[str] = []
    frames = 1
    if hasattr(options, "movement"):
        frames_taken = _taken(state, options.movement)
        if frames_taken is None:
            return Estimate(())
        frames = frames_taken.count
        facts += [f"{frames:,} frames", f"{frames_taken.seconds:.3g} s of video"]
    if hasattr(options, "look"):
        if model is not None:
            size = frame_size(state, options.look, model)
            if isinstance(options, VideoOptions):
                size = options.file_size(choices.suffix, size)
            facts.append("{} \u00d7 {} px".format(*size))
        pictures = pictures_a_frame(state, options.look)
        one = sum(ms for stage, ms in stage_ms.items() if stage not in ("mapping", "mesh"))
        seconds = frames * pictures * one / 1000 if one else None
        return Estimate(tuple(facts), seconds)
    if choices.what == "mesh sequence":
        facts.append(f"{options.sequence.frames:,} meshes")
        facts.append(_grid(options.mesh.resolution))
    elif hasattr(options, "resolution"):
        facts.append(_grid(options.resolution))
    size = None
    if choices.what == "volume":
        size = options.resolution**3 * (2 if options.half else 4)
    return Estimate(tuple(facts), file_bytes=size)


def problems(
    choices: ExportChoices, state: SessionState, model: ModelInfo | None, path: Path
) -> list[str]:
    """Sentences on why the chosen export cannot be made; nothing where all is well.

    Args:
        choices: what is exported.
        state: from which session.
        model: of which sizes are known.
        path: where to.
    """
    options = choices.current
    found = list(options.problems_with(path))
    if hasattr(options, "movement") and not options.movement.problems():
        try:
            take(state, options.movement)
        except UserError as e:
            found.append(str(e))
    if hasattr(options, "look"):
        found += problems_of_view(state, options.look)
        if model is not None and not found:
            found += problems_of_size(frame_size(state, options.look, model))
    return found


def _taken(state: SessionState, movement: Any) -> Take | None:
    try:
        return take(state, movement)
    except UserError:
        return None


def _grid(resolution: int) -> str:
    return f"{resolution}\u00b3 grid"


def seconds_text(seconds: float) -> str:
    """A length of time for people, rounded: "about 2 min"."""
    if seconds < 1.5:
        return "a moment"
    for unit, factor in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * factor:
            return f"about {seconds / factor:.1f} {unit}".replace(".0 ", " ")
    return f"about {seconds:.0f} s"


def seconds_left(seconds: float) -> str:
    """What is left of an export, short: "1:05 left"."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s left"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d} left" if minutes < 60 else f"{minutes / 60:.1f} h left"
