"""Directions that the model has learnt, and those that other tools have found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from viz.app.sessions.session_files import SessionFiles
from viz.exports.export_jobs import FindDirectionsJob
from viz.render.directions import direction_files
from viz.render.directions.direction_files import Directions
from viz.state.person import Shift, with_shift


class DirectionCommands(SessionFiles):
    """What can be done with directions in the spaces of the codes."""

    found_directions: Directions | None = None
    """Those that were found last; see `directions`."""
    _found_for = _sought_for = ""
    """Marks of the weights of the models that they were found, and sought, for."""

    @property
    def directions(self) -> Directions | None:
        """The directions of the model; None until they are found."""
        is_found = self.model is not None and self.model.weights == self._found_for
        return self.found_directions if is_found else None

    def find_directions(self) -> None:
        """Finds the directions of the model in the background, or reads those found before; asked
        again, it does nothing."""
        model = self.model
        if model is None or model.weights == self._sought_for:
            return
        self._sought_for = model.weights

        def found(path: str) -> None:
            self.found_directions = direction_files.load(Path(path))
            self._found_for = model.weights

        self.worker.start(FindDirectionsJob(), found)

    def load_direction_dialog(self) -> None:
        """Asks for a direction in w that another tool has found, as a .npy file."""
        filters = (("NumPy", ("*.npy",)),)
        self._ask_for_file("open", "Load a direction in w", filters, self._load_direction)

    def _load_direction(self, path: str) -> None:
        if self.model is not None:
            vector = direction_files.load_vector(Path(path), self.model.w_dim)
            shift = Shift.along(Path(path).stem, vector, 1.0)
            latent = self.state.latent
            self.state.latent = replace(latent, shifts=with_shift(latent.shifts, shift))

    def clear_shifts(self) -> None:
        """Takes all steps along directions back."""
        self.state.latent = replace(self.state.latent, shifts=())
        self.state.motion = replace(self.state.motion, shifts=())
