"""Commands for directions: those that the model has learnt, and those named by its makers, the user
or other tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.named_directions import NamedDirection, encoded
from viz.app.exploring.direction_shelf import (
    Direction,
    DirectionKind,
    DirectionShelf,
    load_shelf,
    save_shelf,
    shelf_path,
)
from viz.app.sessions.session_files import SessionFiles
from viz.exports.export_jobs import FindDirectionsJob
from viz.render.directions import direction_files
from viz.render.directions.direction_files import Directions
from viz.state.errors import UserError
from viz.state.interface import Swing
from viz.state.person import Shift, with_shift
from viz.state.types import ModelInfo

_KINDS: tuple[DirectionKind, ...] = ("named", "components", "factors", "motions")
_NAMES: dict[DirectionKind, str] = {
    "components": "Component",
    "factors": "Factor",
    "motions": "Motion",
}
_REST_SECONDS = 2.0
"""Idle seconds after which the model's directions are searched for."""
_AT_REST = (
    "At the beginning of the clip every face is at rest, whatever its expression, so the end of "
    "the clip is shown instead."
)
_NUMPY = (("Directions of NumPy", ("*.npz", "*.npy")),)


class DirectionCommands(SessionFiles):
    """Commands for directions in the spaces of the codes."""

    found_directions: Directions | None = None
    """The directions found last; see `directions`."""
    chosen_direction = ""
    """Key of the direction selected while arranging."""
    seeks_directions = False
    """Whether the search is running."""
    _rests_since = 0.0
    """Clock time at which the program was last busy."""
    _found_for = _sought_for = ""
    """Fingerprints of the models for which directions were found, and searched for."""
    _shelf = DirectionShelf()
    _shelf_for = ""
    """Fingerprint of the model that the shelf belongs to."""
    _listed: dict[DirectionKind, list[Direction]] | None = None
    """Cached results of `listed_directions`, until something changes."""

    @property
    def directions(self) -> Directions | None:
        """The directions of the model; None until they are found."""
        is_found = self.model is not None and self.model.weights == self._found_for
        return self.found_directions if is_found else None

    def find_directions(self) -> None:
        """Finds the directions that the model has learnt.

        This takes seconds, once for each model.
        """
        model = self.model
        if model is None or self.seeks_directions or self.directions is not None:
            return
        self._sought_for, self.seeks_directions = model.weights, True

        def ended() -> None:
            self.seeks_directions = False

        def found(path: str) -> None:
            ended()
            self.found_directions = direction_files.load(Path(path))
            self._found_for, self._listed = model.weights, None

        self.worker.start(FindDirectionsJob(), found, ended)

    def stop_finding_directions(self) -> None:
        """Stops the search for directions until it is requested again."""
        self.worker.cancel(idle=True)

    def ask(self, moving: bool, now: float) -> None:
        """As in `ProgramCommands`; also searches for a model's directions once its picture is shown
        and nothing else happens."""
        super().ask(moving, now)
        model, scheduler = self.model, self.scheduler
        busy = moving or self.job is not None or scheduler.waiting_since is not None
        if busy or self.result is None:
            self._rests_since = now
        elif (
            now - self._rests_since > _REST_SECONDS
            and model is not None
            and self._sought_for != model.weights  # only once: it may have been stopped
        ):
            self.find_directions()

    @property
    def direction_shelf(self) -> DirectionShelf:
        """The user's changes to the model's directions."""
        model = self.model
        if model is not None and model.weights != self._shelf_for:
            self._shelf = load_shelf(self._shelf_path(model), _dims(model))
            self._shelf_for, self._listed = model.weights, None
        return self._shelf

    def listed_directions(self, kind: DirectionKind) -> Sequence[Direction]:
        """The directions of a kind in the user's order, hidden ones included."""
        shelf = self.direction_shelf
        if self._listed is None:
            self._listed = {k: shelf.arranged(self._given(k)) for k in _KINDS}
        return self._listed[kind]

    def name_of(self, shift: Shift) -> str:
        """The user's name for a step's direction; the step's own name if it is not listed."""
        listed = (d for kind in _KINDS for d in self.listed_directions(kind))
        own = shift.vector, shift.base
        names = (d.name for d in listed if (d.given.vector, d.given.base) == own)
        return next(names, shift.name)

    def _given(self, kind: DirectionKind) -> list[Direction]:
        """Directions of a kind as they come from the model and from files."""
        if kind == "named":
            made = self.model.directions if self.model else ()
            pairs = [("made", d) for d in made] + [("own", d) for d in self._shelf.own]
            return [Direction(f"{origin} {d.code} {d.name}", d) for origin, d in pairs]
        found = self.directions
        if found is None:
            return []
        code = "motion" if kind == "motions" else "person"
        return [
            Direction(
                f"{kind} {k + 1}",
                NamedDirection(
                    f"{_NAMES[kind]} {k + 1}", code, encoded(vector), about=found.about(kind, k)
                ),
            )
            for k, vector in enumerate(getattr(found, kind))
        ]

    def rename_direction(self, direction: Direction, name: str) -> None:
        """Renames a direction; an empty name restores its own."""
        self.direction_shelf.rename(direction.key, name)
        self._keep_shelf()

    def star_direction(self, direction: Direction) -> None:
        """Stars a direction, which moves it to the top of its list, or unstars it."""
        _toggle(self.direction_shelf.starred, direction.key)
        self._keep_shelf()

    def hide_direction(self, direction: Direction) -> None:
        """Hides a direction in its list, or shows it again."""
        _toggle(self.direction_shelf.hidden, direction.key)
        self._keep_shelf()

    def move_direction(self, kind: DirectionKind, direction: Direction, to: Direction) -> None:
        """Moves a direction to the place of another one in its list."""
        keys = [d.key for d in self.listed_directions(kind)]
        place = keys.index(to.key)
        keys.remove(direction.key)
        keys.insert(place, direction.key)
        others = [key for key in self.direction_shelf.order if key not in keys]
        self.direction_shelf.order = [*others, *keys]
        self._keep_shelf()

    def remove_direction(self, direction: Direction) -> None:
        """Removes a loaded direction from its list."""
        shelf = self.direction_shelf
        shelf.own = [d for d in shelf.own if f"own {d.code} {d.name}" != direction.key]
        self._keep_shelf()

    def _keep_shelf(self) -> None:
        self._listed = None
        if self.model is not None:
            path = self._shelf_path(self.model)
            self.guarded(lambda: save_shelf(path, self._shelf))

    def _shelf_path(self, model: ModelInfo) -> Path:
        return shelf_path(self._settings.parent, model.weights)

    def step_along(self, shift: Shift, moves: bool) -> None:
        """Takes a step along a direction, of the motion code or of w. At the beginning of the clip
        expressions have no effect: then its end is shown, and the user is told."""
        state = self.state
        if moves:
            state.motion = replace(state.motion, shifts=with_shift(state.motion.shifts, shift))
            self._leave_rest()
        else:
            state.latent = replace(state.latent, shifts=with_shift(state.latent.shifts, shift))

    def swing_along(self, shift: Shift, moves: bool) -> None:
        """Swings the slider of a direction back and forth, or stops it."""
        swing = Swing(replace(shift, amount=0.0, muted=False), moves)
        self.interface.swing = None if self.interface.swing == swing else swing
        if moves and self.interface.swing:
            self._leave_rest()

    def _leave_rest(self) -> None:
        """Shows the end of the clip if its beginning is shown, where each face is at rest."""
        if self.state.t == 0 and not self.interface.playing:
            self.state.t = 1.0
            self.notify("info", _AT_REST)

    def is_solo(self, shift: Shift) -> bool:
        """Whether a step is the only one of several that is not muted."""
        shifts = (*self.state.latent.shifts, *self.state.motion.shifts)
        others = [s for s in shifts if s.direction != shift.direction]
        return bool(others) and not shift.muted and all(s.muted for s in others)

    def solo_shift(self, shift: Shift) -> None:
        """Mutes all steps but one, or unmutes all if that is already so."""
        state = self.state
        alone = self.is_solo(shift)

        def muted(shifts: tuple[Shift, ...]) -> tuple[Shift, ...]:
            mutes = [not alone and s.direction != shift.direction for s in shifts]
            return tuple(replace(s, muted=m) for s, m in zip(shifts, mutes, strict=True))

        state.latent = replace(state.latent, shifts=muted(state.latent.shifts))
        state.motion = replace(state.motion, shifts=muted(state.motion.shifts))

    def clear_shifts(self) -> None:
        """Resets all directions."""
        self.interface.swing = None
        self.state.latent = replace(self.state.latent, shifts=())
        self.state.motion = replace(self.state.motion, shifts=())

    def load_direction_dialog(self) -> None:
        """Adds directions saved by this program (.npz), or a direction in w found by another tool
        (.npy)."""
        self._ask_for_file("open", "Load directions", _NUMPY, self._load_directions)

    def _load_directions(self, path: str) -> None:
        if self.model is None:
            return
        file, dims = Path(path), _dims(self.model)
        if file.suffix.lower() == ".npz":
            loaded = direction_files.load_named(file, dims)
        else:
            vector = direction_files.load_vector(file, dims["person"])
            name = file.stem if file.stem.isprintable() else "Loaded"
            loaded = [NamedDirection(name, "person", encoded(vector))]
        self.direction_shelf.add(loaded)
        self._keep_shelf()
        self.interface.direction_kind = "named"
        count = f"{len(loaded)} directions" if len(loaded) > 1 else loaded[0].name
        self.notify("success", f"Loaded {count}: they are listed under Named.")

    def save_directions_dialog(self) -> None:
        """Saves all directions that are listed, with their names, as .npz."""
        filters = (("Directions of NumPy", ("*.npz",)),)
        name = "directions.npz"
        self._ask_for_file("save", "Save the directions", filters, self._save_directions, name)

    def _save_directions(self, path: str) -> None:
        hidden = self.direction_shelf.hidden
        shown = [d.given for k in _KINDS for d in self.listed_directions(k) if d.key not in hidden]
        if not shown:
            raise UserError("There are no directions to save.")
        target = Path(path)
        if target.suffix.lower() != ".npz":
            target = target.with_name(f"{target.name}.npz")
        direction_files.save_named(target, shown)
        self.notify("success", f"Saved {len(shown)} directions in {target.name}.")


def _dims(model: ModelInfo) -> dict[str, int]:
    return {"person": model.w_dim, "motion": model.motion_dim}


def _toggle(keys: list[str], key: str) -> None:
    if key in keys:
        keys.remove(key)
    else:
        keys.append(key)
