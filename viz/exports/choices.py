"""What the export panel chooses: kind, options and name, remembered between starts. No torch."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec

from training.user_folders import expanded
from viz.exports.naming import default_name, safe_name
from viz.exports.options import Estimate, Occasion
from viz.exports.table import EXPORTERS, Exporter
from viz.state import settings
from viz.state.types import ModelInfo, SessionState

FOLDER = ""
"""The "suffix" of exports that fill a folder."""


@dataclass
class ExportChoices:
    """What is exported next, and how."""

    what: str = "video"
    """Key of EXPORTERS."""
    name: str = ""
    """Name of the file or folder, without its suffix; empty for one made from the content."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """Changed options, by exporter."""
    suffixes: dict[str, str] = field(default_factory=dict[str, str])
    """Chosen suffixes, by exporter."""

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
    def fitting(self) -> Any:
        """Its options as far as files of the chosen suffix have them."""
        return self.current.for_files(self.suffix)

    @property
    def suffix(self) -> str:
        """The suffix of its files, such as ".mp4", or `FOLDER`."""
        chosen = self.suffixes.get(self.what)
        known = self.exporter.suffixes
        return chosen if chosen in known else known[0]

    def target(self, state: SessionState, folder: str, model: str) -> Path:
        """Path that the export would be written to, from the folder and the model's name."""
        name = safe_name(self.name) or default_name(
            state, self.what, model, with_time=self.exporter.moment
        )
        return expanded(folder) / f"{name}{self.suffix}"

    def plain(self) -> dict[str, Any]:
        """The choices to remember, as plain data for JSON."""
        data = {"what": self.what, "options": self.options, "suffixes": self.suffixes}
        return msgspec.to_builtins(data)

    def restore(self, data: dict[str, Any]) -> None:
        """Restores the choices that `plain` returned; those that no longer fit are ignored."""
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
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}


def estimate(
    choices: ExportChoices,
    state: SessionState,
    model: ModelInfo | None,
    stage_ms: dict[str, float],
) -> Estimate:
    """Size and duration of the chosen export of a session; `stage_ms` has the latest milliseconds
    of each stage of a full picture."""
    picture_ms = sum(ms for stage, ms in stage_ms.items() if stage not in ("mapping", "mesh"))
    occasion = Occasion(state, model, choices.suffix, picture_ms)
    return choices.exporter.estimate(choices.fitting, occasion)


def problems(
    choices: ExportChoices, state: SessionState, model: ModelInfo | None, path: Path
) -> list[str]:
    """Sentences on why the chosen export of a session cannot be written to a path; empty if it
    can."""
    options, occasion = choices.fitting, Occasion(state, model, choices.suffix)
    return [*options.problems_with(path), *choices.exporter.problems(options, occasion)]


def seconds_text(seconds: float) -> str:
    """A rounded duration for display: "about 2 min"."""
    if seconds < 1.5:
        return "a moment"
    for unit, factor in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * factor:
            return f"about {seconds / factor:.1f} {unit}".replace(".0 ", " ")
    return f"about {seconds:.0f} s"


def seconds_left(seconds: float) -> str:
    """Remaining time of an export, in short: "1:05 left"."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s left"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d} left" if minutes < 60 else f"{minutes / 60:.1f} h left"
