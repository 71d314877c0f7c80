"""Values read from the picture: colours to copy, and a ruler between points of the surface."""

from __future__ import annotations

import math
from dataclasses import replace

from training.camera import FRONTAL
from viz.app.sessions.session_files import SessionFiles
from viz.app.viewport.readings import Point
from viz.state.interface import Inspect
from viz.state.types import Shot


class InspectCommands(SessionFiles):
    """Commands for values under the pointer."""

    ruler: tuple[Point, ...] = ()
    """World coordinates of the measured points: none, one, or both ends."""
    _measured: tuple[str, Shot] | None = None
    """The surface that the points lie on, see `_surface`."""

    def toggle_inspect(self, what: Inspect = "values") -> None:
        """Switches to values under the pointer, to the ruler, or to neither."""
        self.interface.inspect = "off" if self.interface.inspect == what else what

    def copy_color(self, code: str) -> None:
        """Copies a colour, "#rrggbb", to the clipboard."""
        self.shell.clipboard = code
        self.notify("success", f"The colour {code} was copied to the clipboard.")

    def measure(self, point: Point, shot: Shot) -> None:
        """Sets an end of the ruler; if both are set already, removes it. `point` is in world
        coordinates, on the surface that `shot` shows."""
        if len(self.ruler) == 2:
            self.ruler = ()
        elif self.ruler and self.ruler_fits(shot):
            self.ruler = (*self.ruler, point)
        else:
            self.ruler, self._measured = (point,), self._surface(shot)

    def ruler_fits(self, shot: Shot) -> bool:
        """Whether a picture shows the surface that the ruler lies on, from any side."""
        return bool(self.ruler) and self._surface(shot) == self._measured

    def length_text(self, points: tuple[Point, ...]) -> str:
        """The distance of the two points in world units, and in centimetres if a scale is set;
        empty with fewer than two points."""
        if len(points) < 2:
            return ""
        length, scale = math.dist(*points), self.interface.unit_cm
        text = f"{length:.4f} units"
        return f"{text} \u00b7 {length * scale:.2f} cm" if scale else text

    def leave(self) -> None:
        if self.interface.inspect == "ruler" and self.ruler:
            self.ruler = ()
        elif self.interface.inspect != "off":
            self.interface.inspect = "off"
        else:
            super().leave()

    def _surface(self, shot: Shot) -> tuple[str, Shot]:
        """The part of a shot that all pictures of one surface share. If the mapping network's
        camera follows the view, the view changes the person as well."""
        weights = self.model.weights if self.model else ""
        return weights, replace(shot, camera=FRONTAL, view="image")
