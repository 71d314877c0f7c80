"""Making cues and giving a show, one method an act, without any drawing."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from viz.app.sessions.autosave import SavedSession
from viz.app.sessions.session_files import SessionFiles
from viz.state import files, layouts, named_files
from viz.state.types import Cue, CuePlay

Blank = Literal["", "black", "white"]

_PATIENCE = 10.0
"""Seconds that a cue's first picture may take before the show goes on without it."""
_ENDING = 1.5
"""Seconds within which Escape is pressed twice to end a show."""
_MODEL_FADE = 0.5
"""Seconds of the fade that takes the place of a glide from one model to another."""


@dataclass
class Show:
    """A show under way."""

    begun: float
    """Clock time of its beginning, seconds."""
    index: int = 0
    """The cue that stands, or is on its way."""
    blank: Blank = ""
    """What covers the audience's picture."""
    frozen: bool = False
    """Whether the audience's picture stays while the speaker prepares another one."""
    loading: str = ""
    """Path of the model that the cue waits for; empty where it waits for none."""
    awaited: float = math.inf
    """Clock time until which the cue's first full picture is waited for; infinite where none is."""
    fade: float = 0.0
    """Seconds over which that picture will fade in."""
    gliding: bool = False
    """Whether the view moves to the cue."""
    message: str = ""
    """The last notice, for the speaker."""
    escaped: float = -math.inf
    """Clock time of the last Escape."""
    typed: str = ""
    """Digits of the number of a cue to go to."""
    typed_at: float = 0.0
    """Clock time of the last of them."""

    @property
    def holds(self) -> bool:
        """Whether the audience keeps the last cue's picture until the next one's is ready."""
        return self.frozen or bool(self.loading) or self.awaited < math.inf

    @property
    def word(self) -> str:
        """What the audience sees, in a word."""
        if self.blank:
            return self.blank.upper()
        return "FROZEN" if self.frozen else "LIVE"


class ShowCommands(SessionFiles):
    """What can be done with cues, and during a show."""

    current_show: Show | None = None
    """The show under way, if any."""
    cue_index: int = 0
    """The cue chosen in the list."""

    # The list of cues -------------------------------------------------------------------------

    def add_cue(self) -> None:
        """Keeps what is shown, and what moves, as a cue behind the chosen one."""
        cues = list(self.state.cues)
        place = min(self.cue_index + 1, len(cues))
        cues.insert(place, self._present_cue(f"Cue {len(cues) + 1}"))
        self.state.cues, self.cue_index = tuple(cues), place

    def update_cue(self) -> None:
        """Keeps what is shown in the chosen cue; its words and its transition stay."""
        cue = self.chosen_cue
        if cue is not None:
            shown = self._present_cue(cue.name)
            kept = ("transition", "seconds", "title", "line", "note")
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
        path = self.model.path if self.model else ""
        checkpoint = "" if path == files.default_checkpoint() else path
        return replace(Cue.of(self.state, name=name, plays=moving), checkpoint=checkpoint)

    @property
    def chosen_cue(self) -> Cue | None:
        """The cue chosen in the list; None where there are none."""
        cues = self.state.cues
        return cues[min(self.cue_index, len(cues) - 1)] if cues else None

    def edit_cue(self, cue: Cue) -> None:
        """Puts a cue in the place of the chosen one."""
        cues = list(self.state.cues)
        if cues:
            self.cue_index = min(self.cue_index, len(cues) - 1)
            cues[self.cue_index] = cue
            self.state.cues = tuple(cues)

    def move_cue(self, start: int, end: int) -> None:
        """Moves a cue to another place in the list."""
        cues = list(self.state.cues)
        cues.insert(end, cues.pop(start))
        self.state.cues, self.cue_index = tuple(cues), end

    def delete_cue(self) -> None:
        """Deletes the chosen cue."""
        cues = list(self.state.cues)
        if cues:
            del cues[min(self.cue_index, len(cues) - 1)]
            self.state.cues = tuple(cues)
            self.cue_index = max(min(self.cue_index, len(cues) - 1), 0)

    # The show ---------------------------------------------------------------------------------

    def start_show(self) -> None:
        """Begins a show at the chosen cue."""
        if not self.state.cues:
            self.notify("info", "There are no cues yet: keep what is shown as a cue first.")
            return
        if self.current_show is None:
            self.current_show = Show(begun=time.perf_counter())
            self.go_to_cue(min(self.cue_index, len(self.state.cues) - 1))

    def end_show(self) -> None:
        """Ends the show; what it showed last stays."""
        self.current_show = None
        self._note_cue(None)
        self._rest()

    def escape_show(self) -> None:
        """Ends the show when it is asked for twice."""
        if self.current_show is None:
            return
        now = time.perf_counter()
        if now - self.current_show.escaped < _ENDING:
            self.end_show()
        else:
            self.current_show.escaped = now
            self.current_show.message = "Escape once more ends the show."

    def next_cue(self) -> None:
        """Goes on to the next cue; a blank picture comes back first."""
        self._step_cue(1)

    def previous_cue(self) -> None:
        """Goes back to the cue before."""
        self._step_cue(-1)

    def _step_cue(self, step: int) -> None:
        if self.current_show is None:
            return
        index = self.current_show.index + step
        if 0 <= index < len(self.state.cues):
            self.go_to_cue(index)
        else:
            self.current_show.message = (
                "This is the last cue." if step > 0 else "This is the first cue."
            )

    def blank(self, kind: Blank) -> None:
        """Covers the audience's picture, or uncovers it again."""
        if self.current_show is not None:
            self.current_show.blank = "" if self.current_show.blank == kind else kind

    def toggle_speaker(self) -> None:
        """Hides or shows everything but the picture in the speaker's window."""
        self.interface.sidebar_visible = not self.interface.sidebar_visible

    def toggle_freeze(self) -> None:
        """Keeps the audience's picture as it is, or lets it follow again."""
        if self.current_show is not None:
            self.current_show.frozen = not self.current_show.frozen

    def go_to_cue(self, index: int) -> None:
        """Goes to a cue, during a show by its transition and else by a short glide."""
        if not 0 <= index < len(self.state.cues):
            return
        cue = self.state.cues[index]
        self.cue_index = index
        show = self.current_show
        if show is not None:
            show.index, show.blank, show.message = index, "", ""
            show.loading, show.awaited, show.gliding = "", math.inf, False
            self._note_cue(index)
        path = self._model_of(cue)
        if path is None:
            name = Path(cue.checkpoint).name
            self.notify("warning", f"{name}, the model of this cue, is not here; open it first.")
            path = self.model.path if self.model else ""
        self._rest()
        if self.model is None or self.model.path == path:
            self._arrive(cue)
        else:
            if show is not None:
                show.loading = path
            else:
                self.take_state(replace(cue.applied_to(self.state), checkpoint=self.model.path))
            self.worker.load(path, keep=True)

    def _note_cue(self, index: int | None) -> None:
        """Lets the session that saves itself know how far the show is."""
        self.origin = replace(self.origin, cue=index)
        self.autosave.save_soon()

    def resume(self, kept: SavedSession) -> None:
        """Goes on with a session that saved itself, and with the show that was under way."""
        super().resume(kept)
        cue = kept.origin.cue
        if cue is not None:
            self.cue_index = cue
            self.start_show()

    def _model_of(self, cue: Cue) -> str | None:
        """Path of a cue's model; None where it may not be opened, see `named_files`."""
        if not cue.checkpoint:
            return files.default_checkpoint()
        folder = Path(self.session_path).parent if self.session_path else files.CHECKPOINTS
        known = list(self.preferences.recent)
        return named_files.located(cue.checkpoint, folder, known) or None

    def _rest(self) -> None:
        """Stops all that moves by itself."""
        self.animator.stop_glide()
        interface = self.interface
        interface.playing = interface.path_playing = False
        interface.auto_orbit = interface.animate_person = False

    def _arrive(self, cue: Cue, transition: str = "") -> None:
        """Begins the change to a cue whose model is there."""
        now, show = time.perf_counter(), self.current_show
        transition = transition or cue.transition
        end = replace(cue.applied_to(self.state), checkpoint=self.state.checkpoint)
        if show is None:
            self.animator.glide_to(self.state, end, now)
        elif transition == "glide" and cue.seconds > 0:
            self.animator.glide_to(self.state, end, now, cue.seconds)
            show.gliding = True
        else:
            self.take_state(end)
            show.awaited = now + _PATIENCE
            show.fade = 0.0 if transition == "cut" else cue.seconds

    def advance_show(self, now: float) -> None:
        """Takes the show a frame on: what a cue waited for is there, or has failed."""
        show = self.current_show
        if show is None:
            return
        if not self.state.cues:
            self.end_show()
            return
        show.index = min(show.index, len(self.state.cues) - 1)
        cue = self.state.cues[show.index]
        if show.loading:
            if self.model is not None and self.model.path == show.loading:
                show.loading = ""
                faded = replace(cue, seconds=_MODEL_FADE) if cue.transition == "glide" else cue
                self._arrive(faded, "cut" if cue.transition == "cut" else "fade")
            elif self.job is None:
                show.loading = ""  # it failed, which the speaker has been told of
        elif show.awaited < math.inf:
            if self._is_shown_fully() or now > show.awaited:
                show.awaited = math.inf
                self._begin_to_play(cue)
                self._load_ahead()
        elif show.gliding and not self.animator.gliding:
            show.gliding = False
            self._begin_to_play(cue)
            self._load_ahead()

    def _is_shown_fully(self) -> bool:
        """Whether the newest picture is the state's at full quality."""
        if self.result is None or self.result.request.preview is not None:
            return False
        return self.result.request.shots == layouts.shots(self.state)

    def _begin_to_play(self, cue: Cue) -> None:
        interface = self.interface
        if cue.plays == "clip":
            self.toggle_play()
        elif cue.plays == "path":
            self.toggle_path()
        interface.auto_orbit = cue.plays == "orbit"
        interface.animate_person = cue.plays == "wander"

    def _load_ahead(self) -> None:
        """Lets the worker load the next cue's model while this one stands."""
        assert self.current_show is not None
        following = self.state.cues[self.current_show.index + 1 : self.current_show.index + 2]
        for cue in following:
            path = self._model_of(cue)
            if path and self.model is not None and path != self.model.path:
                self.worker.load_ahead(path)
