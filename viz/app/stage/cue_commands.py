"""The list of cues: making, changing and ordering them, and which of them can be shown."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gui_utils.gl.atlas import AtlasImage
from viz.app.sessions.session_files import SessionFiles
from viz.scheduling.cue_pictures import small_picture
from viz.state import files, named_files
from viz.state.types import Cue, CuePlay, SessionState

_LOOK_SECONDS = 2.0
"""Time between two looks at which models are there."""
_MOST_NAMED = 5
"""Cues that are told by their numbers, where one sentence is about many."""


def second_of(shown: Cue | SessionState) -> str:
    """Path of the model that is compared with the first one; empty where none is."""
    compares = shown.compare is not None and shown.display.layout == "models"
    return shown.compare.path if compares and shown.compare else ""


class CueCommands(SessionFiles):
    """Commands for cues."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cue_index = 0
        """Index of the cue chosen in the list."""
        self._weights: dict[str, str] = {}
        """Fingerprints of the models that were loaded, by path."""
        self._was_at: dict[str, str] = {}
        """Where the models that cues name were found last."""
        self._missing: dict[str, str] = {}
        """Why models that cues name are not there, by their names; empty where they are."""
        self._looked = -_LOOK_SECONDS
        """When these were looked for; clock time, seconds."""

    def add_cue(self) -> None:
        """Saves what is shown, and what is moving, as a cue after the chosen one."""
        cues = list(self.state.cues)
        place = min(self.cue_index + 1, len(cues))
        names = {cue.name for cue in cues}
        name = next(name for k in itertools.count(1) if (name := f"Cue {k}") not in names)
        cues.insert(place, self._present_cue(name))
        self.state.cues, self.cue_index = tuple(cues), place
        self._renumber(lambda k: k + (k >= place))
        self.notify("success", f"Added cue {place + 1} to the Show panel.")

    def update_cue(self) -> None:
        """Replaces what the chosen cue shows with the present view; its texts and transition
        stay."""
        cue = self.chosen_cue
        if cue is not None:
            shown = self._present_cue(cue.name)
            kept = ("transition", "seconds", "title", "line", "note", "planned", "used")
            self.edit_cue(replace(shown, **{name: getattr(cue, name) for name in kept}))

    def _present_cue(self, name: str) -> Cue:
        interface, moving = self.interface, "nothing"
        plays: dict[CuePlay, bool] = {
            "clip": interface.playing,
            "path": interface.path_playing,
            "orbit": interface.auto_orbit,
            "wander": interface.animate_person,
        }
        moving = next((kind for kind, on in plays.items() if on), "nothing")
        bundled = self.model_path == files.default_checkpoint()
        cue = Cue.of(self.state, name=name, plays=moving)
        compare = self.state.compare and self.state.compare.unloaded
        return replace(cue, checkpoint="" if bundled else self.model_path, compare=compare)

    @property
    def chosen_cue(self) -> Cue | None:
        """The cue chosen in the list; None if there are none."""
        cues = self.state.cues
        return cues[min(self.cue_index, len(cues) - 1)] if cues else None

    def edit_cue(self, cue: Cue) -> None:
        """Replaces the chosen cue."""
        cues = list(self.state.cues)
        if cues:
            self.cue_index = min(self.cue_index, len(cues) - 1)
            cues[self.cue_index] = cue
            self.state.cues = tuple(cues)

    def move_cue(self, start: int, end: int) -> None:
        """Moves a cue to another place in the list; the chosen one stays chosen."""
        cues = self.state.cues
        order = list(range(len(cues)))
        order.insert(end, order.pop(start))
        self.cue_index = min(self.cue_index, len(cues) - 1)
        self.state.cues = tuple(cues[k] for k in order)
        self.cue_index = order.index(self.cue_index)
        self._renumber(order.index)

    def _renumber(self, number: Callable[[int], int]) -> None:
        """Follows changes of the list's order; `number` maps old indices of cues to new ones."""

    def delete_cue(self) -> None:
        """Deletes the chosen cue."""
        cues = list(self.state.cues)
        if cues:
            place = min(self.cue_index, len(cues) - 1)
            del cues[place]
            self.state.cues = tuple(cues)
            self.cue_index = max(min(place, len(cues) - 1), 0)
            self._renumber(lambda k: k - (k > place))

    def _model_of(self, cue: Cue) -> str | None:
        """Path of a cue's model; None if it may not be opened, see `named_files`."""
        if not cue.checkpoint:
            return files.default_checkpoint()
        found = self._located(cue.checkpoint)
        if found:
            self._was_at[cue.checkpoint] = found
        # A file that has gone since may still be in the worker's memory.
        return found or self._was_at.get(cue.checkpoint)

    def _located(self, name: str) -> str:
        folder = Path(self.session_path).parent if self.session_path else files.CHECKPOINTS
        return named_files.located_again(name, folder, list(self.preferences.recent))

    def cue_problem(self, cue: Cue) -> str:
        """Which model of a cue is not there, and why; empty where all are. The disk is looked at
        every two seconds at most, once for each file."""
        now = time.perf_counter()
        if now - self._looked >= _LOOK_SECONDS:
            self._missing.clear()
            self._looked = now
        for name in filter(None, (cue.checkpoint, second_of(cue))):
            if name not in self._missing:
                here = name == self.model_path or self._located(name)
                why = f"{Path(name).name} {named_files.why_not(name)}"
                self._missing[name] = "" if here else why
            if self._missing[name]:
                return self._missing[name]
        return ""

    def cue_problems(self) -> list[str]:
        """Sentences on the cues that cannot be shown, as models of theirs are not there."""
        self._looked = -_LOOK_SECONDS
        found: dict[str, list[int]] = {}
        for number, cue in enumerate(self.state.cues, start=1):
            if problem := self.cue_problem(cue):
                found.setdefault(problem, []).append(number)
        return [f"{_cues(numbers)} cannot be shown: {why}." for why, numbers in found.items()]

    def cue_image(self, cue: Cue) -> AtlasImage | None:
        """A cue's small picture; None until it has been rendered."""
        path = self._was_at.get(cue.checkpoint, cue.checkpoint) or files.default_checkpoint()
        if self.model is None:
            return None
        self._weights[self.model.path] = self.model.weights
        weights = self._weights.get(path, "another model")
        return self.small_pictures.image(small_picture(cue), model=weights)


def _cues(numbers: list[int]) -> str:
    """The numbers of cues in words."""
    if len(numbers) == 1:
        return f"Cue {numbers[0]}"
    first, last = numbers[:-1][:_MOST_NAMED], numbers[-1]
    more = len(numbers) - 1 - len(first)
    end = f"{more + 1} more" if more else str(last)
    return f"Cues {', '.join(map(str, first))} and {end}"
