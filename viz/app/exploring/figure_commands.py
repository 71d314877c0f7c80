"""Figures of the present state, measured on request."""

from __future__ import annotations

import msgspec

from viz.app.sessions.session_files import SessionFiles
from viz.exports.figures.figure_job import Figures, FiguresJob
from viz.state.types import Shot


class FigureCommands(SessionFiles):
    """What can be done with figures of the present state."""

    figures: Figures | None = None
    """Those measured last."""
    measures_figures = False
    """Whether they are being measured."""
    _figures_of: tuple[str, Shot] | None = None
    """The model and the picture that they belong to."""

    def measure_figures(self) -> None:
        """Measures how well the views of what is shown agree."""
        if self.model is None or self.measures_figures:
            return
        state, subject = self.state.snapshot(), self._subject()
        self.measures_figures = True

        def done(text: str) -> None:
            self.measures_figures = False
            self.figures = msgspec.json.decode(text, type=Figures)
            self._figures_of = subject

        def ended() -> None:
            self.measures_figures = False

        self.worker.start(FiguresJob(state), done, ended)

    def copy_figures(self) -> None:
        """Puts the figures on the clipboard, for a spreadsheet."""
        if self.figures is not None:
            self.shell.clipboard = self.figures.text()
            self.notify("success", "The figures are on the clipboard.")

    @property
    def figures_are_old(self) -> bool:
        """Whether something else is shown than what was measured."""
        return self._figures_of != self._subject()

    def _subject(self) -> tuple[str, Shot]:
        return self.model.weights if self.model else "", self.state.shot("image")
