"""Figures of the present state: the job of measuring them, and its result. No torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from viz.state.jobs import Job
from viz.state.types import SessionState

MEASURING = "Measuring this moment"


@dataclass(frozen=True)
class TurnFigures:
    """How well the present view agrees with one from the side."""

    yaw: float
    """Degrees from the present view; above 0 the camera moves to the viewer's right."""
    warping: float | None
    """Warping error, 0..1: the difference of the colours where both see the same; None where they
    see nothing in common."""
    depth: float | None
    """Chamfer distance of the two surfaces, world units; None where one of them is empty."""


@dataclass(frozen=True)
class MomentFigures:
    """What was measured."""

    side: int
    """Side of the compared pictures, pixels."""
    flicker: float | None
    """Change from frame to frame on a small circle of the camera, 0..1, beyond what the surface's
    movement explains; None where nothing is visible."""
    turns: tuple[TurnFigures, ...]

    def table(self) -> list[tuple[str, str, str]]:
        """The turns as texts: yaw, warping error and distance of the surfaces."""
        return [
            (
                f"{turn.yaw:+.0f}\u00b0".replace("-", "\u2212"),
                figure_text(turn.warping),
                figure_text(turn.depth),
            )
            for turn in self.turns
        ]

    def text(self) -> str:
        """All of it for a spreadsheet, with tabs between the columns."""
        lines = [
            ("figure", "yaw, degrees", "value", "unit"),
            ("flicker", "", figure_text(self.flicker), ""),
        ]
        for turn in self.turns:
            yaw = f"{turn.yaw:g}"
            lines.append(("warping error", yaw, figure_text(turn.warping), ""))
            lines.append(("chamfer distance", yaw, figure_text(turn.depth), "world units"))
        return "".join("\t".join(line) + "\n" for line in lines)


def figure_text(value: float | None) -> str:
    """A figure with three digits; a dash where there is none."""
    return "\u2013" if value is None or not math.isfinite(value) else f"{value:.3g}"


@dataclass(frozen=True)
class MomentJob(Job):
    """Measures how well the views of a state agree; the outcome is for `msgspec.json`, as
    `MomentFigures`."""

    title: ClassVar[str] = MEASURING
    loses: ClassVar[bool] = False
    state: SessionState
