"""Figures of the present state, measured on request."""

from __future__ import annotations

import msgspec

from viz.app.sessions.session_files import SessionFiles
from viz.exports.figures.figure_job import MomentFigures, MomentJob
from viz.state.types import Shot


class MomentCommands(SessionFiles):
    """Commands for figures of the present state."""

    moment_figures: MomentFigures | None = None
    """The figures measured last."""
    measures_moment = False
    """Whether a measurement is running."""
    _moment_of: tuple[str, Shot] | None = None
    """The model and the picture that the figures belong to."""

    def measure_moment(self) -> None:
        """Measures how well the views of the present state agree."""
        if self.model is None or self.measures_moment:
            return
        state, subject = self.state.snapshot(), self._subject()
        self.measures_moment = True

        def done(text: str) -> None:
            self.measures_moment = False
            self.moment_figures = msgspec.json.decode(text, type=MomentFigures)
            self._moment_of = subject

        def ended() -> None:
            self.measures_moment = False

        self.worker.start(MomentJob(state), done, ended)

    def copy_moment_figures(self) -> None:
        """Copies the figures as a table with tabs, for a spreadsheet."""
        if self.moment_figures is not None:
            self.shell.clipboard = self.moment_figures.text()
            self.notify("success", "The figures are on the clipboard.")

    @property
    def moment_is_old(self) -> bool:
        """Whether the state has changed since the measurement."""
        return self._moment_of != self._subject()

    def _subject(self) -> tuple[str, Shot]:
        return self.model.weights if self.model else "", self.state.shot("image")
